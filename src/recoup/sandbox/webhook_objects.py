"""What Recoup's API shows and takes of what the simulated processors tell."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.sandbox.core.news import LATE_MAX_S, WHOLE, Telling
from recoup.sandbox.worlds.tellings import Told

Share = Annotated[float, Meta(ge=0, le=1, description="A part of all: 0.05 is one in twenty.")]


class SetSandboxWebhooks(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """How much is told from now on."""

    enabled: Annotated[
        bool,
        Meta(
            description="Whether all that happens is told; otherwise only disputes are, which nothing else tells."
        ),
    ]
    lost: Share = 0
    doubled: Share = 0
    reordered: Annotated[
        float,
        Meta(ge=0, le=1, description="A part of all that comes late, and so after what happened later."),
    ] = 0
    reordered_by_s: Annotated[
        int, Meta(ge=1, le=LATE_MAX_S, description="By how much at most, in the merchant's time.")
    ] = 86_400
    seed: Annotated[int, Meta(ge=0, le=2**53, description="The luck of what gets lost, doubled or late.")] = 0

    def telling(self) -> Telling | None:
        """The same as the flow takes it."""
        if not self.enabled:
            return None
        return Telling(
            lost=round(self.lost * WHOLE),
            doubled=round(self.doubled * WHOLE),
            reordered=round(self.reordered * WHOLE),
            reordered_by_s=self.reordered_by_s,
            seed=self.seed,
        )


class SandboxWebhooksObject(Struct, kw_only=True, frozen=True):
    """What the simulated processors tell, and how much they have still to tell."""

    object: Literal["sandbox_webhooks"] = "sandbox_webhooks"
    enabled: bool
    lost: float
    doubled: float
    reordered: float
    reordered_by_s: int
    seed: int
    waiting: Annotated[
        int,
        Meta(description="Webhooks that are not due yet, or that nobody took; counted up to 100,000."),
    ]


def webhooks_object(told: Told) -> SandboxWebhooksObject:
    """The settings as the API shows them."""
    telling = told.telling or Telling()
    return SandboxWebhooksObject(
        enabled=told.telling is not None,
        lost=telling.lost / WHOLE,
        doubled=telling.doubled / WHOLE,
        reordered=telling.reordered / WHOLE,
        reordered_by_s=telling.reordered_by_s,
        seed=telling.seed,
        waiting=told.waiting,
    )
