"""GoCardless: direct debit from bank accounts (SEPA, Bacs, ACH and others), version 2015-07-06 of its API.

A payment is made on a mandate (`MD…`), which the customer gave in GoCardless's own pages: the merchant makes a
customer and a billing request with a mandate, sends the customer to its flow, and hands us the mandate's id as a
processor token, with the customer's id (`CU…`) beside it. So no card and no bank account comes here, and nothing is
ever held.

Money takes days. What was created is `Pending`; `confirmed` or `paid_out` is an approval, `failed` a decline, and one
may come after the other (a late failure). GoCardless's own retries are switched off; a failure which it says it will
retry all the same stays pending, for the money may still be taken. The cause of a failure stands in its events, not
in the payment.

Our key is the idempotency key, and stands in the metadata (`recoup_key`) of payments, refunds and cancellations, which
webhooks give back. A key that was used before is answered with the id of what was made under it, and makes nothing
new; but sending again is no harmless question, as it creates what was not there. So a lookup by key lists what was
created around the time of sending, and reads the metadata.

Checking a mandate reads the mandates of its customer, so it needs the customer's id; the mandate's own id, a saved
credential, does not go into a URL. Not verified: which reasons besides those in our table an `invalid_state` refusal
of a new payment can have; they are declines with a code that nobody knows, which never fail over.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode

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
    Notice,
    Question,
    Token,
    Verification,
    no_readable_answer,
)
from recoup.connectors.base.webhooks import body_digest, hmac_hex, same
from recoup.connectors.gocardless.listing import Listing
from recoup.connectors.gocardless.news import notices_of
from recoup.connectors.gocardless.replies import (
    DEAD_MANDATE,
    LIVE_MANDATE,
    NAME,
    NOT_TAKEN,
    ON_THE_WAY,
    TAKEN,
    VERSION,
    Details,
    EventList,
    MandateList,
    Payment,
    PaymentAnswer,
    PaymentList,
    Refund,
    RefundAnswer,
    RefundList,
    at_the_door,
    cancelled,
    change_refused,
    error_of,
    named,
    not_created,
    read,
    refunded,
    with_key,
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
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.classify import declined

CURRENCIES: Final = frozenset({"AUD", "CAD", "DKK", "EUR", "GBP", "NZD", "SEK", "USD"})
PAGE: Final = 500
PAGES_MAX: Final = 7
"""How much is listed to find a key: 3500 payments of the hour in which it was sent; one request more tells why."""
SENT_BEFORE: Final = timedelta(minutes=10)
SENT_AFTER: Final = timedelta(minutes=50)


class GoCardless(Listing, Defaults):
    """GoCardless's translator."""

    name: Final = NAME
    capabilities: Final = Capabilities(
        currencies=CURRENCIES,
        countries=None,
        brands=frozenset({"sepa_debit", "bacs_debit", "ach_debit", "unknown"}),
        manual_capture=False,
        multiple_captures=False,
        partial_refunds=True,
        stored_credentials=True,
        lookup=True,
        withdraw=False,
        cards=False,
        processor_tokens=True,
        verification=True,
        webhooks=True,
        idempotency=Idempotency.KEY,
    )
    credentials: Final = {
        "access_token": Credential(
            "An access token with read and write access, from Developers > Create.",
            test=("sandbox_",),
            live=("live_",),
        ),
        "webhook_secret": Credential("The secret of the webhook endpoint.", required=False),
    }
    addresses = Addresses(test="https://api-sandbox.gocardless.com", live="https://api.gocardless.com")

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Collect from a mandate, as soon as its scheme can."""
        mandate = charge.source
        if not isinstance(mandate, Token):
            return Unprocessed("not sent: GoCardless collects from mandates only, and takes no cards")
        if not charge.capture:
            return Unprocessed("not sent: a direct debit cannot be held and captured later")
        if charge.amount.currency not in CURRENCIES:
            return Unprocessed(f"not sent: GoCardless does not collect in {charge.amount.currency}")
        response = yield _post(account, "payments", key=charge.key, body=_payment_body(charge, mandate))
        error = error_of(response)
        if error is not None:
            return not_created(error, charge.today)
        answer = read(response, PaymentAnswer, status=201)
        if answer is None:
            return no_readable_answer(response)
        if not answer.payments.is_about(charge.key, charge.amount):
            return Unknown("the answer is about another payment")
        return Pending(answer.payments.id)

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """Whether the mandate can be charged; it is looked for among its customer's."""
        mandate = verification.source
        if not isinstance(mandate, Token) or mandate.customer is None:
            return Unprocessed("not sent: to check a mandate, the id of its customer is needed")
        response = yield _get(account, "mandates", customer=mandate.customer, limit=str(PAGE))
        if error := error_of(response):
            return at_the_door(error) or no_readable_answer(response)
        answer = read(response, MandateList)
        found = None if answer is None else named(answer.mandates, mandate.value)
        if found is None:
            return no_readable_answer(response)
        if found.status in LIVE_MANDATE:
            return Approved(found.reference or mandate.customer)
        if found.status in DEAD_MANDATE:
            return declined(self.name, DEAD_MANDATE[found.status], on=verification.today, brand=mandate.brand)
        return no_readable_answer(response)

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Nothing is ever held."""
        yield from ()
        return Unprocessed("not sent: a direct debit is collected by itself")

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Stop a payment that was not yet submitted to the banks."""
        path = f"payments/{quote(change.charge_reference, safe='')}/actions/cancel"
        body = {"data": {"metadata": {"recoup_key": change.key}}}
        response = yield _post(account, path, key=change.key, body=body)
        if error := error_of(response):
            return change_refused(error) or no_readable_answer(response)
        match read(response, PaymentAnswer):
            case PaymentAnswer(payments=Payment(status="cancelled", id=reference)) if (
                reference == change.charge_reference
            ):
                return Done(reference)
            case _:
                return no_readable_answer(response)

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Pay back. GoCardless wants the total of all refunds confirmed, so how much was refunded is asked first."""
        asked = yield _get(account, f"payments/{quote(change.charge_reference, safe='')}")
        before = read(asked, PaymentAnswer)
        if before is None or before.payments.id != change.charge_reference:
            return Unprocessed(f"not sent: the payment to refund could not be read (HTTP {asked.status})")
        body = _refund_body(change, refunded=before.payments.amount_refunded or 0)
        response = yield _post(account, "refunds", key=change.key, body=body)
        if error := error_of(response):
            return change_refused(error) or no_readable_answer(response)
        answer = read(response, RefundAnswer, status=201)
        if answer is None:
            return no_readable_answer(response)
        return refunded(answer.refunds, key=change.key, amount=change.amount, charge=change.charge_reference)

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a payment, and of one that was not collected, why."""
        found = yield from _payment(account, question)
        if isinstance(found, Unknown):
            return found
        if found.status in ON_THE_WAY:
            return Pending(found.id)
        if found.status in TAKEN:
            return Approved(found.id, captured=True)
        if found.status not in NOT_TAKEN:
            return Unknown("the payment is in a state that is not known")
        response = yield _get(account, "events", payment=found.id, action=found.status, limit="1")
        events = read(response, EventList)
        if events is None:
            return no_readable_answer(response)
        details = next(
            (each.details for each in events.events if each.links.get("payment") == found.id),
            Details(cause=found.status if found.status != "cancelled" else "payment_cancelled"),
        )
        if details.will_attempt_retry:
            return Pending(found.id)
        return details.declined(question.today, found.id)

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a refund or a cancellation."""
        charge = question.charge_reference
        match question.change:
            case ChangeKind.REFUND if question.reference is not None:
                response = yield _get(account, f"refunds/{quote(question.reference, safe='')}")
                answer = read(response, RefundAnswer)
                found: list[Refund | None] = [] if answer is None else [answer.refunds]
            case ChangeKind.REFUND if charge is not None:
                response = yield _get(account, "refunds", payment=charge, limit=str(PAGE))
                listed = read(response, RefundList)
                found = [] if listed is None else with_key(question.key, listed.refunds, Refund)
            case ChangeKind.CANCEL if charge is not None:
                response = yield _get(account, f"payments/{quote(charge, safe='')}")
                return cancelled(response, charge)
            case _:
                return Unknown("there is no change of this kind that can be asked about")
        if len(found) != 1 or found[0] is None:
            return Unknown("no refund under our key was found")
        return refunded(found[0], key=question.key, amount=question.amount, charge=charge)

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged]:
        """Whether the signature is the body's, by our secret."""
        yield from ()
        secret = account.credential("webhook_secret")
        given = delivery.headers.get("webhook-signature")
        if not secret or not given:
            return Forged("there is no signature, or no secret to check it with")
        if not same(hmac_hex(secret.encode(), delivery.body), given):
            return Forged("the signature is not the body's")
        return Authentic(body_digest(delivery))

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """One notice an event."""
        return notices_of(delivery)


GOCARDLESS: Final = GoCardless()
CONNECTORS: Final[tuple[Connector, ...]] = (GOCARDLESS,)


def _headers(account: Account) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.credential('access_token')}"}


def _get(account: Account, path: str, **query: str) -> HttpRequest:
    url = f"{account.base_url}/{path}"
    return HttpRequest(
        method="GET",
        url=f"{url}?{urlencode(query)}" if query else url,
        headers={"GoCardless-Version": VERSION},
        secret_headers=_headers(account),
    )


def _post(account: Account, path: str, *, key: str, body: Mapping[str, object]) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=f"{account.base_url}/{path}",
        headers={
            "GoCardless-Version": VERSION,
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        },
        secret_headers=_headers(account),
        body=msgspec.json.encode(body),
    )


def _payment_body(charge: Charge, mandate: Token) -> dict[str, object]:
    labels = {"recoup_key": charge.key, "recoup_payment": charge.payment_key}
    payment: dict[str, object] = {
        "amount": charge.amount.minor,
        "currency": charge.amount.currency,
        "retry_if_possible": False,
        "metadata": labels,
        "links": {"mandate": mandate.value.reveal()},
    }
    if charge.merchant_reference:
        labels["merchant_reference"] = charge.merchant_reference[:500]
        payment["description"] = charge.merchant_reference[:500]
    return {"payments": payment}


def _refund_body(change: Change, *, refunded: int) -> dict[str, object]:
    return {
        "refunds": {
            "amount": change.amount.minor,
            "total_amount_confirmation": refunded + change.amount.minor,
            "metadata": {"recoup_key": change.key, "recoup_charge": change.charge_key},
            "links": {"payment": change.charge_reference},
        }
    }


def _payment(account: Account, question: Question) -> Exchange[Payment | Unknown]:
    """The payment asked about: by its id, or by our key among those created when it was sent."""
    if question.reference is not None:
        response = yield _get(account, f"payments/{quote(question.reference, safe='')}")
        answer = read(response, PaymentAnswer)
        if answer is None:
            return no_readable_answer(response)
        ours = answer.payments.id == question.reference and answer.payments.is_about(
            question.key, question.amount, named=True
        )
        return answer.payments if ours else Unknown("the answer is about another payment")
    if question.sent_at is None:
        return Unknown("without the time of sending, a payment cannot be found by our key")
    window = {
        "created_at[gte]": rfc3339(question.sent_at - SENT_BEFORE),
        "created_at[lte]": rfc3339(question.sent_at + SENT_AFTER),
        "limit": str(PAGE),
    }
    for _ in range(PAGES_MAX):
        response = yield _get(account, "payments", **window)
        listed = read(response, PaymentList)
        if listed is None:
            return no_readable_answer(response)
        found = with_key(question.key, listed.payments, Payment)
        if found:
            (payment, *_) = found
            ours = payment is not None and payment.is_about(question.key, question.amount)
            return (
                payment if payment is not None and ours else Unknown("the payment under our key is another")
            )
        if listed.meta.cursors.after is None:
            break
        window["after"] = listed.meta.cursors.after
    return Unknown("no payment under our key was found")
