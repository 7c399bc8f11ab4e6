"""Mollie: Payments API v2, for one-off and recurring payments by card, direct debit and other European ways to pay.

No card number comes here. The first payment is made with a card token of Mollie Components (`tkn_…`, good once), and
leads over Mollie's checkout; asked to remember, it brings a mandate (`mdt_…`) of a customer (`cst_…`). Later payments
name both, and go through in the background. A token that does not begin with `tkn_` is a mandate.

Our key is the idempotency key, which Mollie remembers for an hour, and stands in the metadata (`recoup_key`) of
payments, captures and refunds. A lookup by key reads the newest payments back to the time of sending. Nothing is
promised by what is not there, so nothing can be withdrawn.

Webhooks: events of Mollie's webhook subscriptions are signed, and bring the whole payment, refund, capture or
chargeback. The classic webhook brings a payment's id and no signature: that it is ours is proved by asking Mollie for
it, and what changed is read by asking too. It says the same each time, so each time is news.

Checking a mandate reads the mandates of its customer; the mandate's own id, a saved credential, does not go into a URL.
A hold that cannot be cancelled is released; Mollie says no more than that it will try, so the outcome is unknown until
the payment is asked about. What a last capture leaves is held until it is released or runs out.
Not verified: which errors tell that a mandate is no more (those about the field `mandateId` are read so).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec

from recoup.connectors.base import (
    Account,
    Addresses,
    Authentic,
    Capabilities,
    Change,
    ChangeKind,
    Charge,
    Connector,
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
    Token,
    Undecided,
    Verification,
    no_readable_answer,
    shaped,
)
from recoup.connectors.base.webhooks import any_same, body_digest, hmac_hex
from recoup.connectors.mollie.listing import Listing
from recoup.connectors.mollie.news import classic_id, notices_of
from recoup.connectors.mollie.replies import (
    NAME,
    Customer,
    MandateList,
    Payment,
    PaymentList,
    Step,
    StepList,
    cancelled,
    error_of,
    key_in,
    oldest,
    read,
    with_key,
    written,
)
from recoup.kit.clock import rfc3339
from recoup.outcomes.core import (
    Approved,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.classify import declined

_CURRENCIES: Final = """
    AED AUD BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS ISK JPY MXN MYR NOK NZD PHP PLN RON SEK SGD THB TWD USD ZAR
"""
CURRENCIES: Final = frozenset(_CURRENCIES.split())
PAGE: Final = 200
PAGES_MAX: Final = 6
"""How much is listed to find a key: the newest 1200 payments."""
SENT_BEFORE: Final = timedelta(minutes=10)


class Mollie(Listing, Defaults):
    """Mollie's translator."""

    name: Final = NAME
    capabilities: Final = Capabilities(
        currencies=CURRENCIES,
        countries=None,
        brands=frozenset(
            {"visa", "mastercard", "amex", "maestro", "cartes_bancaires", "sepa_debit", "paypal", "unknown"}
        ),
        manual_capture=True,
        multiple_captures=True,
        partial_refunds=True,
        stored_credentials=True,
        lookup=True,
        withdraw=False,
        cards=False,
        processor_tokens=True,
        gives_tokens=True,
        three_d_secure=True,
        verification=True,
        webhooks=True,
        idempotency=Idempotency.KEY,
    )
    credentials: Final = {
        "api_key": Credential(
            "The API key of a profile (`live_…` or `test_…`), from Developers > API keys.",
            test=("test_",),
            live=("live_",),
        ),
        "webhook_secret": Credential("The signing secret of the webhook subscription.", required=False),
    }
    addresses = Addresses(test="https://api.mollie.com", live="https://api.mollie.com")

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money: from a mandate in the background, or with a card token over Mollie's checkout."""
        source = charge.source
        if not isinstance(source, Token):
            return Unprocessed("not sent: Mollie takes mandates and card tokens, and no card numbers")
        why_not = _not_sent(charge, source)
        if why_not is not None:
            return Unprocessed(f"not sent: {why_not}")
        customer = source.customer
        if customer is None and charge.remember:
            response = yield _post(
                account, "customers", key=f"{charge.key}-customer", body=_customer_body(charge)
            )
            made = read(response, Customer)
            if made is None or made.resource != "customer":
                return Unprocessed(f"not sent: no customer could be made (HTTP {response.status})")
            customer = made.id
        response = yield _post(
            account, "payments", key=charge.key, body=_payment_body(charge, source, customer=customer)
        )
        error = error_of(response)
        if error is not None and error.field == "mandateId" and error.status == 422:
            return declined(
                self.name, "mandate_invalid", on=charge.today, brand=source.brand, text=error.detail
            )
        if error is not None:
            return error.at_the_door() or no_readable_answer(response)
        payment = read(response, Payment)
        if payment is None:
            return no_readable_answer(response)
        if not payment.is_about(charge.key, charge.amount):
            return Unknown("the answer is about another payment")
        return payment.means(charge.today, source.brand)

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """Whether the mandate is valid; it is looked for among its customer's."""
        source = verification.source
        if not isinstance(source, Token) or source.customer is None:
            return Unprocessed("not sent: to check a mandate, the id of its customer is needed")
        response = yield _get(account, f"customers/{quote(source.customer, safe='')}/mandates", limit="250")
        error = error_of(response)
        if error is not None:
            return error.at_the_door() or no_readable_answer(response)
        listed = read(response, MandateList)
        wanted = source.value.reveal()
        found = (
            None if listed is None else next((m for m in listed.embedded.mandates if m.id == wanted), None)
        )
        match found:
            case None:
                return no_readable_answer(response)
            case _ if found.status == "valid":
                return Approved(found.mandate_reference or source.customer)
            case _ if found.status == "invalid":
                return declined(self.name, "mandate_invalid", on=verification.today, brand=source.brand)
            case _ if found.status == "pending":
                return Pending(found.mandate_reference or source.customer)
            case _:
                return no_readable_answer(response)

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held; the rest is let go."""
        return self._step(account, change, "capture")

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all of what was taken."""
        return self._step(account, change, "refund")

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of all that is held: by cancelling, or where that cannot be done any more, by releasing the hold."""
        path = _payment_path(change.charge_reference)
        asked = yield _get(account, path)
        before = read(asked, Payment)
        if before is None or before.id != change.charge_reference:
            return Unprocessed(f"not sent: the payment to cancel could not be read (HTTP {asked.status})")
        if before.status == "authorized" and not before.is_cancelable:
            response = yield _post(account, f"{path}/release-authorization", key=change.key, body={})
        else:
            response = yield _request(account, "DELETE", path, key=change.key)
        error = error_of(response)
        if error is not None and error.status == 422:
            return Refused("not_cancelable", error.detail)
        if error is not None:
            return error.at_the_door() or no_readable_answer(response)
        payment = read(response, Payment)
        if payment is not None and payment.id == change.charge_reference and payment.is_released:
            return Done(payment.id)
        return no_readable_answer(response)

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a payment: by its id, or by our key among the newest."""
        if question.reference is not None:
            response = yield _get(account, _payment_path(question.reference))
            payment = read(response, Payment)
            if payment is None or payment.id != question.reference:
                return no_readable_answer(response)
        else:
            found = yield from _by_key(account, question)
            if isinstance(found, Unknown):
                return found
            payment = found
        named = question.reference is not None
        if not payment.is_about(question.key, question.amount, named=named):
            return Unknown("the answer is about another payment")
        return payment.means(question.today, question.brand)

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a capture, cancellation or refund."""
        charge = question.charge_reference
        if charge is None or question.change is None:
            return Unknown("to ask about a change, its kind and its payment must be known")
        if question.change == ChangeKind.CANCEL:
            response = yield _get(account, _payment_path(charge))
            return cancelled(response, charge)
        path = f"{_payment_path(charge)}/{question.change}s"
        response = yield _get(account, path, limit="250")
        listed = read(response, StepList)
        if listed is None:
            return no_readable_answer(response)
        ours = with_key(question.key, [*listed.embedded.captures, *listed.embedded.refunds])
        step = shaped(ours[0], Step) if len(ours) == 1 else None
        if step is None or (step.resource, step.payment_id) != (question.change, charge):
            return Unknown(f"no {question.change} under our key was found")
        return step.means() if question.amount in {None, step.amount.money()} else Unknown("another amount")

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged | Undecided]:
        """By the signature of a subscription; where there is none, by asking for the payment that is named."""
        given = delivery.headers.get("x-mollie-signature")
        if given is None:
            payment = classic_id(delivery)
            if payment is None:
                return Forged("there is no signature")
            response = yield _get(account, _payment_path(payment))
            if response.status == 429 or response.status >= 500:
                return Undecided(f"Mollie answered HTTP {response.status}")
            found = read(response, Payment)
            if found is None or (found.resource, found.id) != ("payment", payment):
                return Forged("the payment is not this account's")
            return Authentic(f"{payment}@{rfc3339(delivery.received_at)}")
        secret = account.credential("webhook_secret")
        if not secret:
            return Forged("there is no secret to check the signature with")
        signatures = [each.strip().removeprefix("sha256=") for each in given.split(",")]
        if not any_same(hmac_hex(secret.encode(), delivery.body), signatures):
            return Forged("the signature is not the body's")
        return Authentic(body_digest(delivery))

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """What an event says, or that a payment is to be asked about."""
        return notices_of(delivery)

    def _step(self, account: Account, change: Change, kind: str) -> Exchange[FollowUp]:
        body = {
            "amount": written(change.amount),
            "description": change.key,
            "metadata": {"recoup_key": change.key, "recoup_charge": change.charge_key},
        }
        path = f"{_payment_path(change.charge_reference)}/{kind}s"
        response = yield _post(account, path, key=change.key, body=body)
        error = error_of(response)
        if error is not None:
            return error.refusal() or error.at_the_door() or no_readable_answer(response)
        step = read(response, Step)
        if step is None or step.resource != kind:
            return no_readable_answer(response)
        ours = key_in(step.metadata) == change.key and step.payment_id == change.charge_reference
        if not ours or step.amount.money() != change.amount:
            return Unknown(f"the answer is about another {kind}")
        return step.means()


MOLLIE: Final = Mollie()
CONNECTORS: Final[tuple[Connector, ...]] = (MOLLIE,)


def _request(
    account: Account, method: str, path: str, *, key: str | None = None, body: bytes = b""
) -> HttpRequest:
    headers = {} if key is None else {"Idempotency-Key": key}
    if body:
        headers["Content-Type"] = "application/json"
    return HttpRequest(
        method=method,
        url=f"{account.base_url}/v2/{path}",
        headers=headers,
        secret_headers={"Authorization": f"Bearer {account.credential('api_key')}"},
        body=body,
    )


def _get(account: Account, path: str, **query: str) -> HttpRequest:
    return _request(account, "GET", f"{path}?{urlencode(query)}" if query else path)


def _post(account: Account, path: str, *, key: str, body: Mapping[str, object]) -> HttpRequest:
    return _request(account, "POST", path, key=key, body=msgspec.json.encode(body))


def _payment_path(reference: str) -> str:
    return f"payments/{quote(reference, safe='')}"


def _is_card_token(source: Token) -> bool:
    return source.value.reveal().startswith("tkn_")


def _not_sent(charge: Charge, source: Token) -> str | None:
    """Why Mollie could not take this, known before it is asked."""
    if charge.amount.currency not in CURRENCIES:
        return f"Mollie does not take {charge.amount.currency}"
    if not _is_card_token(source):
        return None if source.customer is not None else "a mandate needs the id of its customer"
    if charge.initiator is Initiator.MERCHANT:
        return "a card token is good once, in its customer's session"
    return None if charge.return_url is not None else "a card token needs an address to come back to"


def _customer_body(charge: Charge) -> dict[str, object]:
    who = {"name": charge.billing.name, "email": charge.billing.email}
    known: dict[str, object] = {name: value for name, value in who.items() if value}
    return {**known, "metadata": {"recoup_customer": charge.customer_key}}


def _payment_body(charge: Charge, source: Token, *, customer: str | None) -> dict[str, object]:
    body: dict[str, object] = {
        "amount": written(charge.amount),
        "description": (charge.merchant_reference or charge.key)[:255],
        "metadata": {"recoup_key": charge.key, "recoup_payment": charge.payment_key},
    }
    if not charge.capture:
        body["captureMode"] = "manual"
    if customer is not None:
        body["customerId"] = customer
    if charge.return_url is not None:
        body["redirectUrl"] = charge.return_url
    if _is_card_token(source):
        sequence = "first" if charge.remember else "oneoff"
        return {**body, "sequenceType": sequence, "method": "creditcard", "cardToken": source.value.reveal()}
    return {**body, "sequenceType": "recurring", "mandateId": source.value.reveal()}


def _by_key(account: Account, question: Question) -> Exchange[Payment | Unknown]:
    """The payment under our key, among those not older than the sending."""
    if question.sent_at is None:
        return Unknown("without the time of sending, a payment cannot be found by our key")
    since = question.sent_at - SENT_BEFORE
    page = {"limit": str(PAGE), "sort": "desc"}
    for _ in range(PAGES_MAX):
        response = yield _get(account, "payments", **page)
        listed = read(response, PaymentList)
        if listed is None:
            return no_readable_answer(response)
        found = [shaped(each, Payment) for each in with_key(question.key, listed.embedded.payments)]
        if found:
            return found[0] or Unknown("the payment under our key could not be read")
        last = oldest(listed.embedded.payments)
        if last is not None and last < since:
            return Unknown("no payment under our key was found")
        following = listed.links.next
        start = None if following is None else parse_qs(urlsplit(following.href).query).get("from")
        if not start:
            return Unknown("no payment under our key was found")
        page["from"] = start[0]
    return Unknown("our key is not among the newest payments")
