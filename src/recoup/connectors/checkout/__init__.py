"""Checkout.com: the payments API, JSON; what becomes of changes comes by webhook or is read among a payment's actions.

`answers` reads what Checkout.com answers, `webhooks` what it tells unasked; here is what is asked.

* Keys: our key is the `reference` and the `Cko-Idempotency-Key`. A payment is found by its reference. A key is kept for
  24 hours and only where the first request succeeded, so it cannot be burnt, and a payment cannot be withdrawn: no
  request that takes no money would hold the key.
* Amounts are minor units; the Chilean peso has two decimals there, and the last of three decimals must be 0.
* A payment that the risk engine flags is approved and not captured before somebody looked.
* 3-D Secure is by redirect. The customer comes back to the same address whether it went well or not: the payment tells.
* The result of an authentication made elsewhere goes along in `3ds`, and nobody is redirected.
* Captures, voids and refunds are accepted first (202). Each bears our key as its own `reference`, by which it is found
  among the actions of the payment.
* A payment asked for later does not say what was asked of it, so `metadata` carries that there and back.
* `previous_payment_id` takes the network's transaction id of the payment that was agreed to, whoever processed that.
* An invalid key (401) and too many requests (429) are answered without a body. They count as not processed where they
  bear Checkout.com's own request number, which nobody in between would add; else they are `Unknown`.
* Disputes: see `disputing` for what can be handed in; webhooks tell of no fee, nor when money moved.

Not verified: the names of error codes for what is wrong with a card (`card_expired` was seen, the others are taken from
their like); whether events about saved cards say anything of cards that were closed but `reason_type`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from recoup.connectors.base import (
    Account,
    Addresses,
    Agreement,
    Authentic,
    Authentication,
    Billing,
    Browser,
    Capabilities,
    Card,
    Change,
    Charge,
    Credential,
    Defaults,
    Delivery,
    Exchange,
    Forged,
    HttpRequest,
    Idempotency,
    Initiator,
    Notice,
    Question,
    Source,
    Token,
    Verification,
    no_readable_answer,
)
from recoup.connectors.base.disputes import ALL_VERBS
from recoup.connectors.base.webhooks import body_digest
from recoup.connectors.checkout.answers import (
    AUTOMATIC,
    CAPTURE,
    CURRENCIES,
    NAME,
    REMEMBER,
    Asked,
    Listing,
    Payment,
    accepted,
    actions_in,
    amount_of,
    change_among,
    needs_its_actions,
    payment_answer,
    read,
    why_no_amount,
)
from recoup.connectors.checkout.disputing import Disputing
from recoup.connectors.checkout.doors import change_refused, refused_at_the_door
from recoup.connectors.checkout.webhooks import is_genuine, notices_in
from recoup.kit.money import Money
from recoup.outcomes.core import Evidence, FollowUp, FollowUpEvidence, Outcome, Unknown, Unprocessed

_LISTED_MAX: Final = 10
_METADATA_MAX: Final = 255


class Checkout(Disputing, Defaults):
    """The connector."""

    name: Final = NAME
    credentials: Final = {
        "secret_key": Credential(
            "The secret API key: sk_… for live, sk_sbox_… for test.", test=("sk_sbox_",)
        ),
        "prefix": Credential(
            "The prefix of your base URL: your client id without cli_, or its first eight characters.",
            secret=False,
        ),
        "processing_channel_id": Credential(
            "The processing channel, pc_…, where the key is good for more than one.",
            required=False,
            secret=False,
        ),
        "webhook_key": Credential("The signature key of the webhook.", required=False),
    }
    addresses: Final = Addresses(
        test="https://{prefix}.api.sandbox.checkout.com", live="https://{prefix}.api.checkout.com"
    )
    capabilities: Final = Capabilities(
        currencies=CURRENCIES,
        countries=None,
        brands=frozenset(
            {
                *("visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "maestro"),
                *("cartes_bancaires", "unknown"),
            }
        ),
        manual_capture=True,
        multiple_captures=True,
        partial_refunds=True,
        stored_credentials=True,
        lookup=True,
        withdraw=False,
        processor_tokens=True,
        gives_tokens=True,
        network_transaction_ids=True,
        three_d_secure=True,
        takes_authentication=True,
        verification=True,
        webhooks=True,
        idempotency=Idempotency.KEY,
        disputes=ALL_VERBS,
    )

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money: one request."""
        amount = amount_of(charge.amount)
        if amount is None:
            return Unprocessed(f"not sent: {why_no_amount(charge.amount.currency)}")
        asked = Asked(
            charge.key,
            charge.amount,
            charge.source.brand,
            charge.today,
            capture=charge.capture,
            remember=charge.remember,
        )
        return (yield from _pay(account, asked, _charge_body(account, charge, amount)))

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """A payment of nothing."""
        if verification.currency not in CURRENCIES:
            return Unprocessed(f"not sent: {why_no_amount(verification.currency)}")
        asked = Asked(
            verification.key,
            Money(0, verification.currency),
            verification.source.brand,
            verification.today,
            capture=False,
            remember=verification.remember,
        )
        return (yield from _pay(account, asked, _verification_body(account, verification)))

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held."""
        return _change(account, change, "captures", {"capture_type": "Final" if change.final else "NonFinal"})

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of all that is not captured."""
        return _change(account, change, "voids", None)

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all of what was taken."""
        return _change(account, change, "refunds", {})

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a charge: found by our key, read by its own name, and, if declined, why by its actions."""
        reference = question.reference or (yield from _payment_id(account, question.key))
        if isinstance(reference, Unknown):
            return reference
        path = f"payments/{quote(reference, safe='')}"
        response = yield _get(account, path)
        answer = read(response, Payment, 200)
        if answer is None:
            return no_readable_answer(response)
        if answer.reference != question.key:
            return Unknown("the payment does not bear our key")
        asked = Asked(question.key, question.amount, question.brand, question.today)
        if not needs_its_actions(answer):
            return payment_answer(answer, asked)
        response = yield _get(account, f"{path}/actions")
        return payment_answer(answer, asked, actions_in(response))

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a capture, void or refund: the action that bears our key."""
        reference = question.charge_reference
        if reference is None and question.charge_key is not None:
            found = yield from _payment_id(account, question.charge_key)
            if isinstance(found, Unknown):
                return found
            reference = found
        if reference is None:
            return Unknown("of which charge is not known")
        response = yield _get(account, f"payments/{quote(reference, safe='')}/actions")
        return change_among(actions_in(response), question.key, kind=question.change, amount=question.amount)

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged]:
        """The signature covers the whole body, and no time."""
        yield from ()
        key = account.credential("webhook_key")
        if not key:
            return Forged("the account has no signature key")
        if not is_genuine(delivery, key):
            return Forged("the signature is not that of our key")
        return Authentic(body_digest(delivery))

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """What the event says."""
        return notices_in(delivery)


CHECKOUT: Final = Checkout()
CONNECTORS: Final = (CHECKOUT,)


def _pay(account: Account, asked: Asked, body: Mapping[str, object]) -> Exchange[Outcome]:
    response = yield _post(account, "payments", key=asked.key, body=body)
    if refused := refused_at_the_door(response, asked):
        return refused
    answer = read(response, Payment, 200, 201, 202)
    return no_readable_answer(response) if answer is None else payment_answer(answer, asked)


def _change(
    account: Account, change: Change, what: str, more: Mapping[str, object] | None
) -> Exchange[FollowUp]:
    """A void takes no amount: what is not captured is let go as a whole."""
    amount = amount_of(change.amount)
    if amount is None:
        return Unprocessed(f"not sent: {why_no_amount(change.amount.currency)}")
    body: dict[str, object] = {"reference": change.key}
    if more is not None:
        body |= {"amount": amount, **more}
    path = f"payments/{quote(change.charge_reference, safe='')}/{what}"
    response = yield _post(account, path, key=change.key, body=body)
    return change_refused(response) or accepted(response, change.key)


def _payment_id(account: Account, key: str) -> Exchange[str | Unknown]:
    """Checkout.com's name for the one payment under our key."""
    asked = urlencode({"limit": _LISTED_MAX, "skip": 0, "reference": key})
    response = yield _get(account, f"payments?{asked}")
    listing = read(response, Listing, 200)
    if listing is None:
        return no_readable_answer(response)
    found = [each.id for each in listing.data if each.reference == key]
    if len(found) != 1 or listing.total_count != 1:
        return Unknown(f"{listing.total_count} payments bear our key")
    return found[0]


def _get(account: Account, path: str) -> HttpRequest:
    return HttpRequest("GET", f"{account.base_url}/{path}", secret_headers=_authorization(account))


def _post(account: Account, path: str, *, key: str, body: Mapping[str, object]) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=f"{account.base_url}/{path}",
        headers={"Content-Type": "application/json", "Cko-Idempotency-Key": key},
        secret_headers=_authorization(account),
        body=msgspec.json.encode(body),
    )


def _authorization(account: Account) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.credential('secret_key')}"}


def _charge_body(account: Account, charge: Charge, amount: int) -> dict[str, object]:
    by_merchant = charge.initiator is Initiator.MERCHANT
    source = _source(charge.source, charge.billing, remember=charge.remember)
    if by_merchant and isinstance(charge.source, Card):
        source["stored"] = True
    body = _common(account, charge.key, billing=charge.billing, browser=charge.browser)
    body |= {
        "source": source,
        "amount": amount,
        "currency": charge.amount.currency,
        "capture": charge.capture,
        "merchant_initiated": by_merchant,
        "payment_type": _payment_type(charge.agreement) if by_merchant or charge.remember else "Regular",
        "metadata": _metadata(charge),
    }
    if charge.network_transaction_id is not None:
        body["previous_payment_id"] = charge.network_transaction_id
    if charge.authentication is not None:
        return body | _authentication(charge.authentication)
    return body | _three_d_secure(None if by_merchant else charge.return_url, remember=charge.remember)


def _verification_body(account: Account, asked: Verification) -> dict[str, object]:
    body = _common(account, asked.key, billing=asked.billing, browser=asked.browser)
    body |= {
        "source": _source(asked.source, asked.billing, remember=asked.remember),
        "amount": 0,
        "currency": asked.currency,
        "merchant_initiated": False,
        "payment_type": "Unscheduled" if asked.remember else "Regular",
        "metadata": {REMEMBER: "true"} if asked.remember else {},
    }
    return body | _three_d_secure(asked.return_url, remember=asked.remember)


def _common(account: Account, key: str, *, billing: Billing, browser: Browser | None) -> dict[str, object]:
    body: dict[str, object] = {"reference": key}
    if channel := account.credential("processing_channel_id"):
        body["processing_channel_id"] = channel
    if billing.email is not None:
        body["customer"] = {"email": billing.email} | ({"name": billing.name} if billing.name else {})
    if browser is not None and browser.ip is not None:
        body["payment_ip"] = browser.ip
    return body


def _source(source: Source, billing: Billing, *, remember: bool) -> dict[str, object]:
    if isinstance(source, Token):
        name = source.value.reveal()
        fields: dict[str, object] = {"type": "id", "id": name}
        if name.startswith("tok_"):
            fields = {"type": "token", "token": name}
    else:
        fields = {
            "type": "card",
            "number": source.number.reveal(),
            "expiry_month": source.exp_month,
            "expiry_year": source.exp_year,
        }
        if source.cvc is not None:
            fields["cvv"] = source.cvc.reveal()
        if (holder := source.holder or billing.name) is not None:
            fields["name"] = holder
    if remember:
        fields["store_for_future_use"] = True
    if address := _address(billing):
        fields["billing_address"] = address
    return fields


def _address(billing: Billing) -> dict[str, str]:
    known = {
        "address_line1": billing.line1,
        "address_line2": billing.line2,
        "city": billing.city,
        "state": billing.state,
        "zip": billing.postal_code,
        "country": billing.country,
    }
    return {name: value for name, value in known.items() if value is not None}


def _payment_type(agreement: Agreement) -> str:
    return "Recurring" if agreement is Agreement.RECURRING else "Unscheduled"


def _metadata(charge: Charge) -> dict[str, str]:
    metadata = {CAPTURE: AUTOMATIC if charge.capture else "manual", "payment": charge.payment_key}
    if charge.remember:
        metadata[REMEMBER] = "true"
    if charge.merchant_reference is not None and len(charge.merchant_reference) <= _METADATA_MAX:
        metadata["merchant_reference"] = charge.merchant_reference
    return metadata


def _authentication(known: Authentication) -> dict[str, object]:
    """What the customer's authentication came to elsewhere: nobody is redirected."""
    result = {
        "enabled": True,
        "eci": known.eci,
        "cryptogram": known.cryptogram.reveal(),
        "xid": known.ds_transaction_id,
        "version": known.version,
        "status": known.status,
    }
    return {"3ds": result}


def _three_d_secure(return_url: str | None, *, remember: bool) -> dict[str, object]:
    """With where the customer comes back to; a card that knows no challenge is charged without one."""
    if return_url is None:
        return {"3ds": {"enabled": False}}
    challenge = "challenge_requested_mandate" if remember else "no_preference"
    return {
        "3ds": {"enabled": True, "attempt_n3d": True, "challenge_indicator": challenge},
        "success_url": return_url,
        "failure_url": return_url,
    }
