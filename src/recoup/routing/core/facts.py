"""What a route is chosen by: the payment as far as it matters, and the accounts that could take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from recoup.merchants.core import AmountLimits, Fees

UNKNOWN_BRAND: Final = "unknown"
UNKNOWN_FUNDING: Final = "unknown"


class RoutableAccount(Protocol):
    """What a route needs to know of a processor account; a set that is None allows everything."""

    @property
    def id(self) -> UUID:
        """Names the account."""
        ...

    @property
    def label(self) -> str:
        """The merchant's own name for it."""
        ...

    @property
    def enabled(self) -> bool:
        """Whether the merchant wants it used."""
        ...

    @property
    def currencies(self) -> frozenset[str] | None:
        """Currencies that the merchant's contract covers."""
        ...

    @property
    def countries(self) -> frozenset[str] | None:
        """Issuer countries that the merchant's contract covers."""
        ...

    @property
    def brands(self) -> frozenset[str] | None:
        """Card brands that the merchant's contract covers."""
        ...

    @property
    def connector(self) -> str:
        """The name of the processor."""
        ...

    @property
    def country(self) -> str | None:
        """Where it acquires; None where nobody said."""
        ...

    @property
    def acquirer(self) -> str | None:
        """Who carries its payments to the issuers; None: the processor itself (see `acquirer_of`)."""
        ...

    @property
    def fundings(self) -> frozenset[str] | None:
        """Card fundings that the merchant's contract covers."""
        ...

    @property
    def amount_limits(self) -> Mapping[str, AmountLimits] | None:
        """By currency, the least and the most of one payment; a currency that is not named has no limit."""
        ...

    @property
    def merchant_categories(self) -> frozenset[str] | None:
        """ISO 18245 categories that the merchant's contract covers."""
        ...

    @property
    def drained(self) -> bool:
        """Whether it is asked only where no other account can do the payment."""
        ...

    @property
    def three_d_secure(self) -> bool | None:
        """Whether customers can be authenticated here; None: whatever the connector can do."""
        ...

    @property
    def fees(self) -> Fees | None:
        """What the processor takes; None where nobody said."""
        ...


def acquirer_of(account: RoutableAccount) -> str:
    """Who an issuer sees behind an account: the same name, however it is written, is the same acquirer."""
    return (account.acquirer or account.connector).strip().casefold()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a route is chosen by.

    `amount` is in minor units of `currency`, 0 where no money is wanted. `attempt_number` counts the payment's attempts
    from 1. `at` is the merchant's present. `bin` is the card's first digits, as far as they may be kept.
    """

    currency: str
    brand: str
    issuer_country: str | None
    capture: str
    initiator: str
    card_in_vault: bool = True
    saved_at: frozenset[UUID] = frozenset()
    """The accounts whose processor keeps the payment method: they are asked with its token, not with the card."""
    charges: bool = True
    """Whether money is wanted, or only to know if the payment method is good."""
    amount: int = 0
    funding: str = UNKNOWN_FUNDING
    """`credit`, `debit`, `prepaid` or `unknown`."""
    bin: str | None = None
    attempt_number: int = 1
    at: datetime | None = None
    customer_id: UUID | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    agreement: str | None = None
    merchant_category: str | None = None
    """ISO 18245 category of what is sold, where the caller says so."""
    network_transaction_id: bool = False
    """Whether the network's name of the customer's first payment is known."""
    can_challenge: bool = False
    """Whether the customer is there and has somewhere to come back to after 3-D Secure."""
    authenticated: bool = False
    """Whether a 3-D Secure result, made elsewhere, travels with the payment."""
    needs_challenge: bool = False
    """Whether the payment can only go on with a customer who was challenged."""
