"""What a file of subscriptions is read into: rows of text, lines that are understood, and what is wrong with others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from recoup.billing.core.periods import Interval
from recoup.billing.core.records import ManagedBy, Off
from recoup.kit.secret import Secret
from recoup.vault.core import CustomerDetails
from recoup.vault.wire import KnownCard

DIGEST_BYTES: Final = 16


class Late(StrEnum):
    """What is done where the next charge should have been by now."""

    CHARGE = "charge"
    """The period that it is now is billed at once; what was missed before it is not."""
    SKIP = "skip"
    """The first period that is billed is the next one."""


class Warn(StrEnum):
    """What a person should look at, though a line can be taken."""

    LATE_CHARGED = "late_charged"
    LATE_SKIPPED = "late_skipped"
    NO_PAYMENT_METHOD = "no_payment_method"
    NO_NETWORK_TRANSACTION_ID = "no_network_transaction_id"
    CARD_EXPIRED = "card_expired"
    CARD_UNKNOWN = "card_unknown"
    ACCOUNT_DISABLED = "account_disabled"
    CURRENCY_NOT_AT_ACCOUNT = "currency_not_at_account"
    MONTH_END = "month_end"
    ANCHOR_DIFFERS = "anchor_differs"
    ENDS_WITH_PERIOD = "ends_with_period"
    RESUME_BY_HAND = "resume_by_hand"
    OWES_ELSEWHERE = "owes_elsewhere"
    BALANCE_ELSEWHERE = "balance_elsewhere"
    SCHEDULE_LEFT_OUT = "schedule_left_out"
    TAX_INCLUDED = "tax_included"


WORDS: Final[Mapping[Warn, str]] = {
    Warn.LATE_CHARGED: "the next charge is overdue: the period that it is now is charged at once",
    Warn.LATE_SKIPPED: "the next charge is overdue: it is left out, and the period after it is charged",
    Warn.NO_PAYMENT_METHOD: "there is nothing to charge: its invoices wait to be paid by hand",
    Warn.NO_NETWORK_TRANSACTION_ID: "no network transaction id: issuers decline more of what follows no known consent",
    Warn.CARD_EXPIRED: "the card has expired by its next charge: ask for another, or have it updated",
    Warn.CARD_UNKNOWN: "nothing is known of the card behind the token: give brand, last4 and expiry too",
    Warn.ACCOUNT_DISABLED: "the processor account of the token is disabled: enable it before the next charge",
    Warn.CURRENCY_NOT_AT_ACCOUNT: "the processor account of the token does not take the currency",
    Warn.MONTH_END: "the next charge is on the last day of a short month, and is taken for the day of every month: "
    "say `anchor_day` where it is 29, 30 or 31",
    Warn.ANCHOR_DIFFERS: "the old anchor is another day of the month than the next charge, which is kept to",
    Warn.ENDS_WITH_PERIOD: "it ends with the period that it is in on `cancel_at`, not in the middle of it",
    Warn.RESUME_BY_HAND: "it is paused until a day: resume it yourself then",
    Warn.OWES_ELSEWHERE: "an invoice is unpaid at the old biller, and stays there: collect it there",
    Warn.BALANCE_ELSEWHERE: "the customer has a balance at the old biller, which does not come along",
    Warn.SCHEDULE_LEFT_OUT: "its schedule of later changes does not come along",
    Warn.TAX_INCLUDED: "tax is included in the price, and is charged with it; invoices show no tax",
}
"""Each warning for people."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line as text, by the columns of the table; empty ones are left out."""

    number: int
    cells: Mapping[str, str] = field(repr=False)
    warnings: tuple[Warn, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that cannot be taken. `column` names the field; what stood there is not repeated."""

    number: int
    external_id: str | None
    column: str
    what: str


@dataclass(frozen=True, slots=True)
class Left:
    """A line of which nothing is to be taken."""

    number: int
    external_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Over:
    """A subscription that the old biller says was canceled."""

    number: int
    external_id: str
    why: str


Read: TypeAlias = Row | Refused | Left | Over


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is said for a whole file. `zone`, `hour`, `account`, `managed_by`: where a line says nothing."""

    source: str
    livemode: bool
    managed_by: ManagedBy = ManagedBy.RECOUP
    late: Late | None = None
    zone: str | None = None
    hour: int
    account: UUID | None = None

    def digest(self, row: Row) -> bytes:
        """The same for a line that would become the same."""
        said = (self.managed_by, self.zone, self.hour, str(self.account), sorted(row.cells.items()))
        return blake2b(msgspec.json.encode(said), digest_size=DIGEST_BYTES).digest()


@dataclass(frozen=True, slots=True)
class PlanKey:
    """What makes two plans the same."""

    name: str
    amount: int
    currency: str
    interval: Interval

    @property
    def text(self) -> str:
        """The same as one text."""
        return f"{self.amount} {self.currency} {self.interval.count} {self.interval.unit} {self.name}"


@dataclass(frozen=True, slots=True)
class Token:
    """A processor's own saved payment method, at an account here."""

    account_id: UUID
    token: Secret
    processor_customer: str | None
    card: KnownCard
    network_transaction_id: str | None

    @property
    def key(self) -> bytes:
        """The same for the same token at the same account."""
        return blake2b(self.account_id.bytes + self.token.reveal().encode(), digest_size=32).digest()


@dataclass(frozen=True, slots=True)
class Stored:
    """A payment method that is here already, by its id."""

    method_id: UUID


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A card that is here already, by the fingerprint that the API shows of it."""

    shown: str


Means: TypeAlias = Token | Stored | Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A subscription, understood. Days are local days in `zone`.

    `next_on`: the first day that is to be charged here. `not_before`: where the file told an instant and not a day, no
    charge may come before it. `period_start`: since when what the old biller charged last counts.
    """

    number: int
    external_id: str
    customer: str
    details: CustomerDetails = field(repr=False)
    means: Means | None
    plan: PlanKey
    quantity: int
    zone: str
    hour: int
    next_on: date
    not_before: datetime | None
    anchor_day: int | None
    period_start: date | None
    trial_end: date | None
    cancel_at: date | None
    cancel_at_period_end: bool
    payments_left: int | None
    paused: bool
    discount: Off | None
    discount_until: date | None
    managed_by: ManagedBy
    metadata: Mapping[str, str]
    warnings: tuple[Warn, ...]
    digest: bytes = field(repr=False)
