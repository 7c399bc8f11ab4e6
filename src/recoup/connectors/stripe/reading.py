"""What Stripe answers, as typed values, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar

from msgspec import Struct

from recoup.connectors.base import (
    HttpResponse,
    no_readable_answer,
    shaped,
)
from recoup.connectors.stripe.asking import KEY, WITHDRAWN
from recoup.connectors.stripe.objects import (
    CardObject,
    ChargeOutcome,
    Error,
    Failure,
    Intent,
    Method,
    NextAction,
    Redirect,
    RefundObject,
    Refusal,
    SetupIntent,
)
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Checks,
    Declined,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.classify import declined

BRANDS: Final = frozenset(
    {"visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "cartes_bancaires", "eftpos_au"}
)
_DONE_AT_THE_DOOR: Final = {400, 401, 403, 404, 429}
_ENDED: Final = frozenset({"requires_payment_method", "canceled"})
"""The states of an intent that takes no money any more, unless somebody begins anew."""
_MAYBE_UNDER_WAY: Final = frozenset({"lock_timeout", "idempotency_key_in_use"})
_MERCHANTS_MISTAKE: Final = {401, 403, 429}
_WHY_NOT: Final = {
    "charge_already_captured": "The payment has been captured already.",
    "charge_already_refunded": "The payment has been refunded already.",
    "charge_expired_for_capture": "The authorisation has expired.",
    "capture_charge_authorization_expired": "The authorisation has expired.",
    "amount_too_large": "The amount is more than there is.",
    "charge_disputed": "The payment is disputed.",
    "refund_disputed_payment": "The payment is disputed.",
    "payment_intent_unexpected_state": "The payment is not in a state that allows this.",
    "lost_or_stolen_card": "The card was reported lost or stolen, so it takes no refund.",
    "expired_or_canceled_card": "The card has expired or was cancelled, so it takes no refund.",
    "charge_for_pending_refund_disputed": "The payment was disputed while the refund was under way.",
    "insufficient_funds": "The balance at Stripe does not cover the refund.",
    "declined": "The issuer declined the refund.",
    "merchant_request": "The refund was stopped at the merchant's request.",
}


T = TypeVar("T", bound=Struct)


def read(response: HttpResponse, type_: type[T]) -> T | None:
    """The answer, if it is one of this type."""
    return shaped(response.json(), type_) if response.status == 200 else None


def error_of(response: HttpResponse) -> Error | None:
    """What Stripe itself says against it; a status alone says nothing."""
    if response.status < 400:
        return None
    refusal = shaped(response.json(), Refusal)
    return refusal.error if refusal is not None else None


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer must be about to be believed."""

    key: str
    brand: str
    today: date
    amount: Money | None = None
    reference: str | None = None

    def is_about(self, intent: Intent) -> bool:
        """Whether it is."""
        return (
            intent.key == self.key
            and self.amount in (None, intent.money)
            and self.reference in (None, intent.id)
        )


def charged(response: HttpResponse, asked: Asked) -> Evidence | Unprocessed:
    """What the answer to a charge means."""
    if intent := read(response, Intent):
        return evidence(intent, asked)
    error = error_of(response)
    if error is None:
        return no_readable_answer(response)
    if error.payment_intent is not None and not asked.is_about(error.payment_intent):
        return Unknown("the answer is about another payment")
    stands = error.payment_intent is not None and error.payment_intent.status not in _ENDED
    if is_decline(response, error) and not stands:
        return _declined(error, error.payment_intent, asked)
    if error.payment_intent is not None:
        return evidence(error.payment_intent, asked)
    return at_the_door(response, error) or Unknown(f"HTTP {response.status}: {error.code or error.type}")


def is_decline(response: HttpResponse, error: Error) -> bool:
    """Whether somebody with a say said no to the card."""
    return response.status == 402 and (error.type == "card_error" or error.code == "card_declined")


def at_the_door(response: HttpResponse, error: Error) -> Unprocessed | None:
    """Stripe's word that it did not begin: a wrong key, a wrong parameter, too many requests."""
    if error.type not in {"invalid_request_error", "rate_limit_error", "authentication_error"}:
        return None
    if response.status not in _DONE_AT_THE_DOOR or error.code in _MAYBE_UNDER_WAY:
        return None
    return Unprocessed(f"HTTP {response.status}: {error.code or error.type}")


def evidence(intent: Intent, asked: Asked) -> Evidence:
    """What an intent means, if it is the one asked about."""
    return (
        meaning(intent, asked) if asked.is_about(intent) else Unknown("the answer is about another payment")
    )


def meaning(intent: Intent, asked: Asked) -> Evidence:
    """What an intent means."""
    match intent:
        case Intent(status="succeeded") if intent.is_partial:
            return Unknown("less was taken than asked")
        case Intent(status="succeeded" | "requires_capture"):
            return _approved(intent)
        case Intent(status="processing"):
            return Pending(intent.id)
        case Intent(status="requires_action", next_action=NextAction(redirect_to_url=Redirect(url=url))):
            return ActionRequired(intent.id, url)
        case Intent(status="requires_payment_method" | "canceled", last_payment_error=Failure() as failure):
            return _declined(failure, intent, asked)
        case Intent(status="canceled"):
            return _declined(Failure(code="canceled"), intent, asked)
        case _:
            return Unknown(f"the payment intent is {_word(intent.status)}")


def set_up(intent: SetupIntent, asked: Asked) -> Evidence:
    """What a set-up means."""
    if intent.metadata.get(KEY) != asked.key:
        return Unknown("the answer is about another card")
    match intent:
        case SetupIntent(status="succeeded"):
            method, card = _method(intent.payment_method)
            return Approved(
                intent.id,
                checks=_checked(card),
                token=Secret(method) if method and intent.customer else None,
                token_customer=intent.customer,
            )
        case SetupIntent(status="processing"):
            return Pending(intent.id)
        case SetupIntent(status="requires_action", next_action=NextAction(redirect_to_url=Redirect(url=url))):
            return ActionRequired(intent.id, url)
        case SetupIntent(status="requires_payment_method", last_setup_error=Failure() as failure):
            return _declined(failure, None, asked)
        case _:
            return Unknown(f"the set-up is {_word(intent.status)}")


def verified(response: HttpResponse, asked: Asked) -> Evidence | Unprocessed:
    """What the answer to a verification means."""
    if intent := read(response, SetupIntent):
        return set_up(intent, asked)
    error = error_of(response)
    if error is None:
        return no_readable_answer(response)
    if is_decline(response, error):
        return _declined(error, None, asked)
    return at_the_door(response, error) or Unknown(f"HTTP {response.status}: {error.code or error.type}")


def refunded(refund: RefundObject) -> FollowUpEvidence:
    """What a refund means."""
    match refund.status:
        case "succeeded":
            return Done(refund.id)
        case "pending" | "requires_action":
            return Pending(refund.id)
        case "failed" | "canceled" as status:
            return refused(refund.failure_reason or status)
        case _:
            return Unknown("the refund is in no known state")


def unchanged(response: HttpResponse) -> FollowUp:
    """What an answer means that is not the changed thing."""
    error = error_of(response)
    if error is None:
        return no_readable_answer(response)
    if is_decline(response, error):
        return refused(error.decline_code or error.code or "card_declined")
    said = at_the_door(response, error)
    if said is None:
        return Unknown(f"HTTP {response.status}: {error.code or error.type}")
    return said if response.status in _MERCHANTS_MISTAKE else refused(error.code or error.type)


def refused(code: str) -> Refused:
    """Stripe's code in our words."""
    return Refused(code, _WHY_NOT.get(code, "Stripe will not do this."))


def brand_of(word: str | None) -> str:
    """Our word for a brand."""
    return word if word in BRANDS else "unknown"


def is_burnt(intent: Intent, key: str) -> bool:
    """Whether this is the intent that stands in a key's place."""
    return intent.metadata.get(WITHDRAWN) == key


def _approved(intent: Intent) -> Approved:
    method, _ = _method(intent.payment_method)
    card = intent.charge.card if intent.charge is not None else None
    kept = method if intent.setup_future_usage and intent.customer else None
    return Approved(
        intent.id,
        captured=intent.status == "succeeded",
        network_transaction_id=card.network_transaction_id if card is not None else None,
        checks=_checked(card),
        token=Secret(kept) if kept else None,
        token_customer=intent.customer if kept else None,
    )


def _declined(failure: Failure, intent: Intent | None, asked: Asked) -> Declined:
    """A decline with every signal: the error's own, else the charge's."""
    charge = intent.charge if intent is not None else None
    outcome = (charge and charge.outcome) or ChargeOutcome()
    method = failure.payment_method
    card = charge.card if charge is not None else (method.card if method is not None else None)
    return declined(
        "stripe",
        failure.decline_code or failure.code,
        on=asked.today,
        network_code=failure.network_decline_code or outcome.network_decline_code,
        advice_code=failure.network_advice_code or outcome.network_advice_code,
        brand=asked.brand,
        text=failure.message,
        raw=_raw(failure, outcome, intent),
        reference=intent.id if intent is not None else None,
        checks=_checked(card),
    )


def _raw(failure: Failure, outcome: ChargeOutcome, intent: Intent | None) -> Mapping[str, str]:
    said = {
        "code": failure.code,
        "advice_code": failure.advice_code or outcome.advice_code,
        "outcome_type": outcome.type,
        "outcome_reason": outcome.reason,
        "network_status": outcome.network_status,
        "risk_level": outcome.risk_level,
        "cancellation_reason": intent.cancellation_reason if intent is not None else None,
    }
    return {name: value for name, value in said.items() if value}


def _method(method: Method | str | None) -> tuple[str | None, CardObject | None]:
    return (method.id, method.card) if isinstance(method, Method) else (method, None)


def _checked(card: CardObject | None) -> Checks:
    return card.checks.checks() if card is not None and card.checks is not None else Checks()


def _word(status: str) -> str:
    return status if status.isascii() and status.replace("_", "").isalpha() else "in no known state"
