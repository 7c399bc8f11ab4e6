"""What is done about a subscription that falls behind: the policy, and how far it has come.

A policy says how long access is kept, by what the money is won back meanwhile, and what becomes of the subscription
where that fails. What holds is copied when the subscription falls behind, so that an edit moves nothing that runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

DUNNING: Final = "subscription.dunning"
"""The kind of due row that says: see how far the dunning of this subscription has come."""
GRACE_DAYS_MAX: Final = 365
RECOVERY_OPENS_WITHIN: Final = timedelta(hours=1)
"""How long after a refusal a payment without a recovery may still get one: it opens within moments, but never before
whoever hears of refusals is there again."""


class FinalAction(StrEnum):
    """What becomes of a subscription where nothing has brought the money."""

    CANCEL = "cancel"
    PAUSE = "pause"
    MARK_UNPAID = "mark_unpaid"
    KEEP = "keep"


class OpenInvoices(StrEnum):
    """What becomes of the invoices that it owes then."""

    KEEP_OPEN = "keep_open"
    UNCOLLECTIBLE = "uncollectible"


class Rules(Struct, frozen=True, kw_only=True):
    """What a policy says. `recovery_policy`: by which one payments recover; None: by the one for those that name none.

    As it stands here it is built in. Seven days of access cover one payday of whoever is paid weekly. `unpaid` charges
    nothing more, and paying undoes it: nobody loses a customer for good who never said what is to be done.
    """

    recovery_policy: str | None = None
    messages: bool = True
    grace_days: int = 7
    final_action: FinalAction = FinalAction.MARK_UNPAID
    open_invoices: OpenInvoices = OpenInvoices.KEEP_OPEN

    @property
    def contradicts(self) -> bool:
        """Whether it would mark unpaid what owes nothing any more, which nobody could ever pay."""
        marks = self.final_action is FinalAction.MARK_UNPAID
        return marks and self.open_invoices is OpenInvoices.UNCOLLECTIBLE


class DunningPolicy(Struct, frozen=True, kw_only=True):
    """Rules by a name. Of a merchant's policies one at most is the default."""

    merchant_id: UUID
    id: UUID
    version: int
    events_count: int
    name: str
    rules: Rules
    is_default: bool
    metadata: dict[str, str]
    created_at: datetime
    updated_at: datetime


class Ruling(Struct, frozen=True):
    """What holds for a subscription, and by which policy; without one, what is built in."""

    policy_id: UUID | None
    rules: Rules


BUILT_IN: Final = Ruling(None, Rules())


class Dunning(Struct, frozen=True, kw_only=True):
    """How far it has come: since when something is owed, how long access is kept, when the final action was done."""

    since: datetime
    grace_until: datetime
    grace_over: bool
    ruling: Ruling
    acted_at: datetime | None = None

    @property
    def rules(self) -> Rules:
        """The rules that hold."""
        return self.ruling.rules


def begun(ruling: Ruling, now: datetime) -> Dunning:
    """The dunning of what falls behind now."""
    until = now + timedelta(days=ruling.rules.grace_days)
    return Dunning(since=now, grace_until=until, grace_over=until <= now, ruling=ruling)


def look_at(dunning: Dunning) -> datetime:
    """When one that begins is to be looked at."""
    return max(dunning.grace_until, dunning.since + RECOVERY_OPENS_WITHIN)


def after_grace(dunning: Dunning) -> Dunning:
    """The same, once access need not be kept any more."""
    return replace(dunning, grace_over=True)


def acted(dunning: Dunning, now: datetime) -> Dunning:
    """The same, once the final action is done."""
    return replace(dunning, grace_over=True, acted_at=now)


class Hope(StrEnum):
    """What is still to be expected for an invoice that was refused."""

    LIVES = "lives"
    """Its recovery goes on."""
    UNDER_WAY = "under_way"
    """Somebody is paying it just now, or nobody knows yet what came of that."""
    GONE = "gone"
    """Nothing is tried for it any more by itself."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected for one invoice, and when to look again should no news come before."""

    hope: Hope
    until: datetime


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do before `until`, unless news come."""

    until: datetime


@dataclass(frozen=True, slots=True)
class EndGrace:
    """Access need not be kept any more."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The final action is due."""


Next: TypeAlias = Rest | EndGrace | GiveUp


def next_step(dunning: Dunning, outlooks: Sequence[Outlook], *, now: datetime) -> Next:
    """What follows for a subscription that is behind; `outlooks` are those of what it owes.

    It is given up once access need not be kept and nothing is tried any more for one of its invoices, unless one is
    just being paid. It does not wait for all of them: short periods would bring new ones with new recoveries for ever.
    """
    assert dunning.acted_at is None, "it is given up once"
    if now < dunning.grace_until:
        return Rest(dunning.grace_until)
    hopes = {one.hope for one in outlooks}
    if Hope.GONE in hopes and Hope.UNDER_WAY not in hopes:
        return GiveUp()
    if not dunning.grace_over:
        return EndGrace()
    assert outlooks, "what is behind owes something"
    return Rest(min(one.until for one in outlooks if one.hope is not Hope.GONE))
