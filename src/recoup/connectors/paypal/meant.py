"""What PayPal's statuses and errors mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from recoup.connectors.base import ChangeKind
from recoup.connectors.paypal import wire
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    ActionRequired,
    Advice,
    AdviceAction,
    Approved,
    Checks,
    Declined,
    Done,
    Evidence,
    FollowUpEvidence,
    Hardness,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.classify import declined

NAME: Final = "paypal"
_TAKEN: Final = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
_HELD: Final = frozenset({"CREATED", "CAPTURED", "PARTIALLY_CAPTURED"})
_NO: Final = frozenset({"DECLINED", "DENIED", "FAILED", "VOIDED"})
_APPROVING: Final = frozenset({"0000", "1000", "7600"})
_NOT_HEARD: Final = frozenset(
    {"AUTHENTICATION_FAILURE", "NOT_AUTHORIZED", "PERMISSION_DENIED", "RATE_LIMIT_REACHED"}
)
_NOT_AUTHENTICATED: Final = frozenset({"N", "R"})
DECLINING: Final = frozenset(
    {
        *(
            "AGREEMENT_ALREADY_CANCELLED",
            "CARD_BRAND_NOT_SUPPORTED",
            "CARD_CLOSED",
            "CARD_COUNTRY_NOT_SUPPORTED",
        ),
        *(
            "CARD_EXPIRED",
            "CARD_TYPE_NOT_SUPPORTED",
            "COMPLIANCE_VIOLATION",
            "CURRENCY_NOT_SUPPORTED_FOR_CARD_TYPE",
        ),
        *(
            "DOMESTIC_TRANSACTION_REQUIRED",
            "INSTRUMENT_DECLINED",
            "INVALID_CARD_NUMBER",
            "INVALID_SECURITY_CODE",
        ),
        *(
            "INVALID_SECURITY_CODE_LENGTH",
            "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
            "PAYEE_BLOCKED_TRANSACTION",
        ),
        *(
            "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
            "PAYER_ACCOUNT_RESTRICTED",
            "PAYER_ACTION_REQUIRED",
            "PAYER_CANNOT_PAY",
        ),
        *(
            "PAYER_COUNTRY_NOT_SUPPORTED",
            "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
            "TRANSACTION_BLOCKED_BY_PAYEE",
        ),
        *("TRANSACTION_LIMIT_EXCEEDED", "TRANSACTION_REFUSED"),
    }
)
"""Issues that are a decline; every other that PayPal refuses a payment with is about the request."""

_PASS, _FAIL, _UNAVAILABLE = "pass", "fail", "unavailable"
_CVV: Final = {
    **dict.fromkeys("M0", _PASS),
    **dict.fromkeys("N1", _FAIL),
    **dict.fromkeys("EISUX4", _UNAVAILABLE),
}
_AVS: Final[dict[str, tuple[str | None, str | None]]] = {
    **dict.fromkeys("DFMXY0", (_PASS, _PASS)),
    **dict.fromkeys("CN1", (_FAIL, _FAIL)),
    **dict.fromkeys("PWZ", (_PASS, _FAIL)),
    **dict.fromkeys("AB", (_FAIL, _PASS)),
    **dict.fromkeys("EGIRSU4", (_UNAVAILABLE, _UNAVAILABLE)),
}
"""Postal code and address, by the letters of Visa, Mastercard and Discover and the digits of Maestro."""
_AMEX: Final[dict[str, tuple[str | None, str | None]]] = {
    "E": (_PASS, _PASS),
    "F": (_FAIL, _PASS),
    "W": (_FAIL, _FAIL),
    "X": (_FAIL, _FAIL),
}
"""Where American Express means something else."""


def charged(order: wire.Order, *, key: str, amount: Money | None, brand: str, today: date) -> Evidence:
    """What an order came to, if it is ours."""
    unit = order.purchase_units[0] if len(order.purchase_units) == 1 else wire.Unit()
    payments = unit.payments.authorizations or unit.payments.captures
    if len(payments) > 1:
        return Unknown("the order has more than one payment")
    carried = {unit.custom_id, unit.invoice_id, *(one.custom_id for one in payments)}
    if key not in carried:
        return Unknown("the order does not carry our key")
    if not payments:
        return _open(order, brand=brand, today=today)
    paid = payments[0]
    if paid.money() is None or (amount is not None and paid.money() != amount):
        return Unknown("the payment is about another amount")
    if paid.status in _NO:
        return declined_payment(paid, brand=brand, today=today)
    if paid.status == "PENDING":
        return Pending(order.id)
    held = bool(unit.payments.authorizations)
    if paid.status not in (_HELD if held else _TAKEN):
        return Unknown(f"the payment is in a status that is not known: {paid.status[:40]}")
    vault = order.payment_source.method().attributes.vault or wire.Vault()
    return approved(paid, captured=not held, vault=vault, brand=brand)


def _open(order: wire.Order, *, brand: str, today: date) -> Evidence:
    """An order that nothing was paid on."""
    url = wire.payer_action(order.links)
    if order.status == "PAYER_ACTION_REQUIRED" and url:
        return ActionRequired(order.id, url)
    if order.status == "VOIDED":
        return declined(NAME, "VOIDED", on=today, brand=brand, reference=order.id)
    return Unknown(f"nothing is paid on the order yet: {order.status[:40]}")


def approved(
    paid: wire.Payment, *, captured: bool, vault: wire.Vault | None = None, brand: str = "unknown"
) -> Approved:
    """An authorization or capture that went well."""
    kept = vault or wire.Vault()
    return Approved(
        paid.id,
        captured=captured,
        network_transaction_id=_trace(paid.network_transaction_reference),
        checks=checks(paid.processor_response, brand=brand),
        token=Secret(kept.id) if kept.id else None,
        token_customer=kept.customer.id if kept.customer else None,
    )


def _trace(said: wire.NetworkTransaction | None) -> str | None:
    """Mastercard's trace id is its reference with the date."""
    if said is None:
        return None
    return f"{said.id}{said.date or ''}" if said.network == "MASTERCARD" else said.id


def declined_payment(paid: wire.Payment, *, brand: str, today: date) -> Declined:
    said = paid.processor_response or wire.Processor()
    reason = paid.status_details.reason if paid.status_details else None
    told = None if said.response_code in _APPROVING else said.response_code
    raw = {
        "status": paid.status,
        "status_details.reason": reason,
        "response_code": said.response_code,
        "payment_advice_code": said.payment_advice_code,
    }
    found = declined(
        NAME,
        told or (paid.status if paid.status == "VOIDED" else reason or paid.status),
        on=today,
        advice_code=said.payment_advice_code,
        brand=brand,
        raw={name: value for name, value in raw.items() if value},
        reference=paid.id,
        checks=checks(said, brand=brand),
    )
    if said.payment_advice_code == "02" and brand == "visa":
        return _not_again(found)
    return found


def _not_again(found: Declined) -> Declined:
    """Visa's 02 is a stop of this payment by the cardholder; Mastercard's, which the tables know, says try later."""
    decline = replace(found.decline, advice=Advice(AdviceAction.STOP), hardness=Hardness.HARD)
    return replace(found, decline=decline)


def checks(said: wire.Processor | None, *, brand: str) -> Checks:
    """What was not asked is None."""
    if said is None:
        return Checks()
    avs = said.avs_code or ""
    own = _AMEX if brand == "amex" else {}
    postal_code, address = own.get(avs) or _AVS.get(avs) or (None, None)
    return Checks(cvc=_CVV.get(said.cvv_code or ""), postal_code=postal_code, address=address)


def not_charged(
    failure: wire.Failure, *, order: str, brand: str, today: date
) -> ActionRequired | Declined | Unprocessed:
    """An error instead of a payment: the customer must act, PayPal or an issuer declined, or it was not processed."""
    code = next((one.issue for one in failure.details if one.issue in DECLINING), None)
    url = wire.payer_action(failure.links)
    if code == "PAYER_ACTION_REQUIRED" and url:
        return ActionRequired(order, url)
    if code is not None:
        return declined(NAME, code, on=today, brand=brand, text=failure.text, reference=order)
    return Unprocessed(f"PayPal refused the request: {failure.code}")


def not_changed(failure: wire.Failure) -> Refused | Unprocessed:
    """An error instead of a change."""
    if failure.name in _NOT_HEARD:
        return Unprocessed(f"PayPal refused the request: {failure.code}")
    return Refused(failure.code, f"PayPal does not do this: {failure.text}")


def is_not_authenticated(order: wire.Order) -> bool:
    """Whether the customer came back without having shown that it is them."""
    said = order.payment_source.method().authentication_result.three_d_secure
    return said.authentication_status in _NOT_AUTHENTICATED


def changed(one: wire.Payment, *, amount: Money | None) -> FollowUpEvidence:
    """What a capture or refund came to."""
    if amount is not None and one.money() != amount:
        return Unknown("the answer is about another amount")
    if one.status in _TAKEN:
        return Done(one.id)
    if one.status == "PENDING":
        return Pending(one.id)
    if one.status in _NO or one.status == "CANCELLED":
        said = one.processor_response or wire.Processor()
        reason = one.status_details.reason if one.status_details else None
        return Refused(said.response_code or reason or one.status, "PayPal did not carry it out.")
    return Unknown(f"it is in a status that is not known: {one.status[:40]}")


def found(
    order: wire.Order, *, key: str, kind: ChangeKind | None, authorization: str, amount: Money | None
) -> FollowUpEvidence:
    """A change among what became of its order."""
    payments = [unit.payments for unit in order.purchase_units]
    if kind == ChangeKind.CANCEL:
        voided = any(
            one.id == authorization and one.status == "VOIDED"
            for each in payments
            for one in each.authorizations
        )
        return Done(authorization) if voided else Unknown("the authorization is not voided")
    changes = [one for each in payments for one in (*each.captures, *each.refunds) if one.carries(key)]
    if len(changes) != 1:
        return Unknown("no one change is found by this key")
    return changed(changes[0], amount=amount)
