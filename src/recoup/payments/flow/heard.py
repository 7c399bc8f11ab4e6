"""What can become of what a processor tells unasked of a payment.

A notice is a reason to look, and evidence where nothing better can be had. `Payments.hear(merchant, account_id,
notice)` takes it, may be called again with the same, and answers with one of these. `Payments.place(merchant,
account_id, notice)` only says where it belongs, disputes included, or None where that is nowhere.

* `Known`: we hold what it says already, or it says nothing of a payment.
* `Applied`: it moved the payment; the events are written.
* `Contradiction`: it says another end of something closed. The payment did not move; a person should look.
* `NotYet`: whoever made the attempt is still at work on it. Hear the same notice again at `again_at`.
* `Foreign`: there is nothing of ours at that account by its key or reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

CONTRADICTED: Final = "payment.contradicted"
"""The kind of due row that says: we asked, and were told of this payment what contradicts its closed state."""


@dataclass(frozen=True, slots=True)
class Known:
    """Nothing changed, and nothing is wrong. `payment_id` is None for news that is not about a payment's money."""

    payment_id: UUID | None


@dataclass(frozen=True, slots=True)
class Applied:
    """The payment moved; `happened` are the event types that were written."""

    payment_id: UUID
    happened: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Evidence against what is closed. Nothing moved.

    `about` is our id of the attempt, capture, cancellation or refund as the API shows it; `known` and `told` are one
    word each; `remedy` is a sentence for a person.
    """

    payment_id: UUID
    about: str
    known: str
    told: str
    remedy: str


@dataclass(frozen=True, slots=True)
class NotYet:
    """It cannot be judged now; nothing changed. The same notice is to be heard again at `again_at`, or later."""

    payment_id: UUID
    again_at: datetime


@dataclass(frozen=True, slots=True)
class Foreign:
    """Not ours: `why` says what was looked for."""

    why: str


Heard: TypeAlias = Known | Applied | Contradiction | NotYet | Foreign
"""What became of a notice."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a notice is about: a payment's attempt, or with `operation_id` a capture, cancellation or refund of it."""

    payment_id: UUID
    attempt_id: UUID
    operation_id: UUID | None = None
