"""The contract of a connector: verbs are generators that yield requests and return meanings.

A connector sends nothing. Each verb yields an `HttpRequest`, is sent the `HttpResponse`, may yield again, and returns
what it all means; `recoup.gateway` drives it. Three promises, proved for every connector by `tests/connectors`:

1. A request that moves money is the last of its exchange.
2. An answer that is not understood is `Unknown`, never an exception and never `Unprocessed`.
3. Everything that moves money carries the key it was given, unchanged, as the processor's idempotency key or reference.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final, Protocol, TypeVar

import msgspec

from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Evidence, FollowUp, FollowUpEvidence, Outcome, Unknown, Withdrawn

REPLY_BYTES_MAX: Final = 1 << 20
"""The longest reply that is read; a longer one is not understood."""


class Initiator(StrEnum):
    """Who started the payment: the customer in session (CIT), or the merchant by agreement (MIT)."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request to a processor. `secret_headers` are sent like `headers`, and are never logged."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    def json(self) -> object:
        """The body as JSON, or None where it is none: a match on a shape then simply fails."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


T = TypeVar("T")
Exchange = Generator[HttpRequest, HttpResponse, T]
"""A conversation: yields requests, is sent responses, returns a meaning."""


@dataclass(frozen=True, slots=True)
class Account:
    """A merchant's account at a processor, as a connector sees it.

    `timeout_s` is how long one call may take, where the merchant wants less than the gateway allows.
    """

    base_url: str
    credentials: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A card in the clear, for as long as a request is built. `cvc` is there only in the customer's own session."""

    number: Secret
    exp_month: int
    exp_year: int
    brand: str
    cvc: Secret | None = None
    holder: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Charge:
    """What is asked of a processor: take or hold this amount from this card.

    `key` is the attempt's id; `payment_key` is the payment's, the same for every attempt at it, for processors that can
    show or count by it. `today` is the date on which declines are classified (tables have effective dates).
    """

    key: str
    payment_key: str
    amount: Money
    card: Card
    capture: bool
    initiator: Initiator
    today: date
    network_transaction_id: str | None = None
    merchant_reference: str | None = None
    return_url: str | None = None
    country: str | None = None
    postal_code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about something already sent: our key, and the processor's reference where we have one."""

    key: str
    brand: str
    today: date
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A capture, cancellation or refund of an approved charge. `charge_reference` is the processor's name for that."""

    key: str
    charge_key: str
    charge_reference: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a processor can do, as data: routing filters by it, `/v1/connectors` shows it. None means any."""

    currencies: frozenset[str] | None
    countries: frozenset[str] | None
    brands: frozenset[str]
    manual_capture: bool
    multiple_captures: bool
    partial_refunds: bool
    stored_credentials: bool
    lookup: bool
    withdraw: bool


class Connector(Protocol):
    """One processor's translator."""

    name: str
    test_mode_only: bool
    """Whether it speaks to a simulated processor, which no live account may name."""
    capabilities: Capabilities
    credentials: frozenset[str]

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money; the request that does so is the last."""
        ...

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held."""
        ...

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of what is still held."""
        ...

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all of what was taken."""
        ...

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a charge, by our key. Not found is `Unknown`."""
        ...

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a capture, cancellation or refund, by our key. Not found is `Unknown`."""
        ...

    def withdraw(self, account: Account, question: Question) -> Exchange[Evidence | Withdrawn]:
        """Make sure that a charge nobody can find never happens: burn our key at the processor.

        Answers what became of the charge where the processor has it after all; one that waits for its customer is ended
        first. Only for processors whose `capabilities.withdraw` says that they keep such a promise.
        """
        ...

    def withdraw_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence | Withdrawn]:
        """The same for a capture, cancellation or refund."""
        ...


def no_readable_answer(response: HttpResponse) -> Unknown:
    """What every connector falls through to. It names the status, never the body."""
    return Unknown(f"no readable answer: HTTP {response.status}")
