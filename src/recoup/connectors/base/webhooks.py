"""What processors tell us unasked: a delivery, whether it is genuine, and the notices in it.

A connector first says whether a delivery is genuine (`authenticate`), then what it says (`notices`). Both are pure but
for processors that must be asked for a certificate or a verdict. A notice is evidence like an answer, and is applied by
the same tables of moves.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Evidence, FollowUpEvidence

TOLERANCE: Final = timedelta(minutes=5)
"""How old a signed timestamp may be, and how far ahead; the tolerance of the Standard Webhooks specification."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request that came in. Header names are in lower case; `url` is the address that the processor was told."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime
    url: str


@dataclass(frozen=True, slots=True)
class Authentic:
    """The processor signed it. `delivery_id` is the same when the same delivery comes again."""

    delivery_id: str


@dataclass(frozen=True, slots=True)
class Forged:
    """It is not proved to come from the processor; `why` says what is wrong with it, and quotes nothing of it."""

    why: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Who must be asked whether it is genuine could not say so just now: ask again later."""

    why: str


class Subject(StrEnum):
    """What a notice is about."""

    CHARGE = "charge"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    DISPUTE = "dispute"
    CREDENTIAL = "credential"
    OTHER = "other"


class DisputeState(StrEnum):
    """How far a dispute is, by what the processor told last."""

    INQUIRY = "inquiry"
    """The issuer asks for documents before it moves money: a retrieval request."""
    WARNING = "warning"
    """The issuer reported fraud (TC40, SAFE), or a dispute is announced: no money moves, nothing is asked."""
    RESOLVED_EARLY = "resolved_early"
    """It was settled before it became a chargeback, by a refund: rapid dispute resolution, an alert."""
    OPENED = "opened"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    WON = "won"
    LOST = "lost"
    REVERSED = "reversed"
    """What was won, or given back, is taken again: a second chargeback, a pre-arbitration."""
    EXPIRED = "expired"
    """The time for evidence ended without any."""
    CLOSED = "closed"
    """It ended without a loss or a win being told."""


class Alert(StrEnum):
    """What kind of early warning a dispute is, or began as."""

    FRAUD_REPORT = "fraud_report"
    """The issuer told the network of fraud: TC40 at Visa, SAFE at Mastercard."""
    RAPID_RESOLUTION = "rapid_resolution"
    """A dispute may be settled before it is one: Ethoca, Verifi's CDRN and RDR."""


@dataclass(frozen=True, slots=True)
class DisputeNews:
    """A dispute was opened, or moved; what is None was not told.

    `reason` is the processor's or network's code for it, as it came, `network` the network's name (`visa`). `fee` is
    what the processor takes for the dispute itself. `withdrawn` says whether the disputed money is out of the
    merchant's hands by this news: True taken, False never taken or given back. `alert` is what kind of early warning it
    is, or was before it was a dispute, `program` the word for who sent that (`tc40`, `visa_rdr`).
    """

    reference: str
    state: DisputeState
    amount: Money | None = None
    fee: Money | None = None
    reason: str | None = None
    network: str | None = None
    evidence_due: datetime | None = None
    withdrawn: bool | None = None
    alert: Alert | None = None
    program: str | None = None


@dataclass(frozen=True, slots=True)
class CredentialNews:
    """A saved card was renewed, replaced or closed, or a mandate ended; what is None was not told."""

    token: Secret
    new_token: Secret | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    last4: str | None = None
    brand: str | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The notice says only that something changed: what, is read by asking about `Notice.reference`."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One piece of news. `event_id` is the processor's name for it, unique at the account, the same when told again.

    `key` is ours where the processor gives it back; `reference` its own name for what the notice is about;
    `charge_reference` its name for the charge behind that. `meaning` None: news that changes nothing for us.
    """

    event_id: str
    about: Subject
    meaning: Evidence | FollowUpEvidence | DisputeNews | CredentialNews | AskAgain | None
    reference: str | None = None
    charge_reference: str | None = None
    key: str | None = None
    amount: Money | None = None
    occurred_at: datetime | None = None


def hmac_hex(key: bytes, message: bytes, digest: str = "sha256") -> str:
    """A keyed hash in lower-case hexadecimal."""
    return hmac.new(key, message, digest).hexdigest()


def hmac_bytes(key: bytes, message: bytes, digest: str = "sha256") -> bytes:
    """A keyed hash."""
    return hmac.new(key, message, digest).digest()


def same(expected: str, given: str) -> bool:
    """Whether two signatures are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode())


def any_same(expected: str, given: Iterable[str]) -> bool:
    """Whether one of several signatures is the expected one; all are compared."""
    return sum(same(expected, each) for each in given) > 0


def is_stale(signed_at: datetime, delivery: Delivery, tolerance: timedelta = TOLERANCE) -> bool:
    """Whether a signed time is too far from when the delivery came, either way."""
    return abs(delivery.received_at - signed_at) > tolerance


def body_digest(delivery: Delivery) -> str:
    """A name for a delivery whose processor gives it none: the same for the same bytes."""
    return hashlib.sha256(delivery.body).hexdigest()
