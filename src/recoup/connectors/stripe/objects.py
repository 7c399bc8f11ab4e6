"""What Stripe answers with, as typed values."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.connectors.stripe.asking import KEY, money
from recoup.kit.money import Money
from recoup.outcomes.core import Checks

Id = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+\Z")]
Code = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
Url = Annotated[str, Meta(max_length=5000, pattern=r"^https?://[!-~]+\Z")]
Metadata = dict[str, str]

_PASS_OR_FAIL: Final = {"pass": "pass", "fail": "fail", "unavailable": "unavailable"}


class CardChecks(Struct, frozen=True):
    """What the issuer said of security code and address."""

    cvc_check: str | None = None
    address_postal_code_check: str | None = None
    address_line1_check: str | None = None

    def checks(self) -> Checks:
        """In our words."""
        return Checks(
            cvc=_PASS_OR_FAIL.get(self.cvc_check or ""),
            postal_code=_PASS_OR_FAIL.get(self.address_postal_code_check or ""),
            address=_PASS_OR_FAIL.get(self.address_line1_check or ""),
        )


class CardObject(Struct, frozen=True):
    """A card."""

    brand: str | None = None
    last4: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    checks: CardChecks | None = None
    network_transaction_id: Id | None = None


class Method(Struct, frozen=True):
    """A payment method, whole."""

    id: Id
    card: CardObject | None = None


class Details(Struct, frozen=True):
    """With what was paid."""

    card: CardObject | None = None


class ChargeOutcome(Struct, frozen=True):
    """Who decided on a charge, and why."""

    type: str | None = None
    reason: str | None = None
    network_status: str | None = None
    risk_level: str | None = None
    advice_code: Code | None = None
    network_advice_code: Code | None = None
    network_decline_code: Code | None = None


class ChargeObject(Struct, frozen=True):
    """What an intent's confirmation came to, whole."""

    id: Id
    payment_method_details: Details | None = None
    outcome: ChargeOutcome | None = None

    @property
    def card(self) -> CardObject:
        """The card as it was charged."""
        return (self.payment_method_details and self.payment_method_details.card) or CardObject()


class Failure(Struct, frozen=True):
    """Why the last attempt came to nothing."""

    code: Code | None = None
    decline_code: Code | None = None
    advice_code: Code | None = None
    network_advice_code: Code | None = None
    network_decline_code: Code | None = None
    message: str | None = None
    payment_method: Method | None = None


class Redirect(Struct, frozen=True):
    """Where the customer must go."""

    url: Url


class NextAction(Struct, frozen=True):
    """What the customer must do."""

    redirect_to_url: Redirect | None = None


class Intent(Struct, frozen=True, kw_only=True):
    """A PaymentIntent."""

    object: Literal["payment_intent"]
    id: Id
    status: str
    amount: int
    currency: str
    created: int = 0
    amount_received: int | None = None
    metadata: Metadata = {}
    latest_charge: ChargeObject | str | None = None
    last_payment_error: Failure | None = None
    next_action: NextAction | None = None
    setup_future_usage: str | None = None
    payment_method: Method | str | None = None
    customer: str | None = None
    cancellation_reason: str | None = None

    @property
    def key(self) -> str | None:
        """Ours."""
        return self.metadata.get(KEY)

    @property
    def money(self) -> Money | None:
        """What it is to take."""
        return money(self.amount, self.currency)

    @property
    def is_partial(self) -> bool:
        """Whether less was taken than it was to take."""
        return self.amount_received is not None and self.amount_received < self.amount

    @property
    def charge(self) -> ChargeObject | None:
        """The latest charge, where Stripe was asked to show it."""
        return self.latest_charge if isinstance(self.latest_charge, ChargeObject) else None


class SetupIntent(Struct, frozen=True, kw_only=True):
    """A SetupIntent."""

    object: Literal["setup_intent"]
    id: Id
    status: str
    metadata: Metadata = {}
    last_setup_error: Failure | None = None
    next_action: NextAction | None = None
    payment_method: Method | str | None = None
    customer: str | None = None


class RefundObject(Struct, frozen=True, kw_only=True):
    """A refund."""

    object: Literal["refund"]
    id: Id
    status: str
    amount: int
    currency: str
    payment_intent: str | None = None
    metadata: Metadata = {}
    failure_reason: Code | None = None


class Customer(Struct, frozen=True):
    """A customer."""

    object: Literal["customer"]
    id: Id


class Intents(Struct, frozen=True):
    """A page of intents, found or listed."""

    object: Literal["search_result", "list"]
    data: list[Intent]


class Refunds(Struct, frozen=True):
    """A page of refunds."""

    object: Literal["list"]
    data: list[RefundObject]


class Error(Failure, frozen=True, kw_only=True):
    """What Stripe says where it says no."""

    type: str
    payment_intent: Intent | None = None
    charge: str | None = None


class Refusal(Struct, frozen=True):
    """An answer that says no."""

    error: Error
