"""Access Worldpay: cards by the Payments API of 2024-06-01, what became of them by Payment Queries.

Our key is the transaction reference, by which Worldpay names a payment in all its life: answers, queries and webhooks.
So it is the reference that we keep, too. Worldpay promises nothing about the same reference sent twice; it is never
sent twice. Captures and refunds carry their keys as `reference`; a cancellation has no place for one, so its key goes
along as the correlation id, and is known afterwards by being the payment's only one.

Each next step has an address of its own, long and opaque, that only Worldpay can tell. It is asked for by transaction
reference right before the step (`/payments/events`, of the Card Payments API, version 7), and of it only the path is
used. A step is accepted first and carried out later: it is pending until the queries or a webhook say more.

Where the entity has 3-D Secure and says so (credential `three_d_secure`), a payment by a customer whose browser we
know asks for it. Worldpay then wants a look at the browser, in a hidden frame, and perhaps a challenge, by a form;
after each the payment goes on at an address told for that step, under the same transaction reference. Nothing is
authorised before the last step. Where it asks for one without saying all of it, that is a decline: authentication is
required. The result of an authentication made elsewhere goes along as `threeDS` of type `external`. Currencies with
three decimals, and those about whose decimals Worldpay's own lists disagree with ISO 4217, are left out.

Not verified: the names inside `external`, which are those of Worldpay's other interfaces; that a challenge is met in a
whole window as well as in a frame; what the queries show of a payment that waits for its customer; the newest list of
refusal codes as a whole; that the advice code is a merchant advice code as Mastercard numbers them; the field `rawCode`
in refusals; that shared secrets of webhooks are used as they are written, and signatures in hexadecimal; the names of
disputes beyond `chargedBack` and `informationRequested`; that links told by transaction reference also lead on from the
Payments API; how soon the queries know of a payment (until then, what became of it is unknown).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import date
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from recoup.connectors.base import (
    Account,
    Addresses,
    Authentic,
    Capabilities,
    Change,
    Charge,
    Completion,
    Connector,
    Credential,
    Defaults,
    Delivery,
    Exchange,
    Forged,
    HttpRequest,
    HttpResponse,
    Notice,
    Question,
    Verification,
    no_readable_answer,
    shaped,
)
from recoup.connectors.base.webhooks import any_same, body_digest, hmac_hex
from recoup.connectors.worldpay import asking, challenges
from recoup.connectors.worldpay.news import notices_of
from recoup.connectors.worldpay.replies import (
    NAME,
    Accepted,
    Found,
    Payment,
    Shown,
    Steps,
    error_of,
    read,
)
from recoup.outcomes.core import (
    ActionRequired,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
)

VERSION: Final = "2024-06-01"
_STEPS: Final = "application/vnd.worldpay.payments-v7+json"
_QUERIES: Final = "application/vnd.worldpay.payment-queries-v1.hal+json"
_JSON: Final = "application/json"
_CURRENCIES: Final = """
    AED ARS AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS INR JPY KRW MXN MYR NOK NZD PEN PHP PLN RON SAR SEK SGD THB
    TRY USD ZAR
"""
CURRENCIES: Final = frozenset(_CURRENCIES.split())


class Worldpay(Defaults):
    """Access Worldpay's translator."""

    name: Final = NAME
    capabilities: Final = Capabilities(
        currencies=CURRENCIES,
        countries=None,
        brands=frozenset({"visa", "mastercard", "amex", "discover", "diners", "jcb", "maestro", "unknown"}),
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
        goes_on_with_us=True,
        takes_authentication=True,
        verification=True,
        webhooks=True,
    )
    credentials: Final = {
        "username": Credential("The user name of the API credentials."),
        "password": Credential("The password of the API credentials."),
        "entity": Credential(
            "The merchant entity that payments are billed to, such as `default`.", secret=False
        ),
        "narrative": Credential(
            "Your trading name, as it shows on the cardholder's statement.", secret=False
        ),
        challenges.ENROLLED: Credential(
            "`on` where the entity has 3-D Secure: customers whose browser you send are authenticated.",
            required=False,
            secret=False,
        ),
        "webhook_secret": Credential("The shared secret of the `Event-Signature` header.", required=False),
    }
    addresses = Addresses(test="https://try.access.worldpay.com", live="https://access.worldpay.com")

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money."""
        if charge.amount.currency not in CURRENCIES:
            return Unprocessed(f"not sent: Worldpay is not asked for {charge.amount.currency}")
        instruction = {
            **asking.instruction(account, charge.source, charge.billing),
            "value": {"currency": charge.amount.currency, "amount": charge.amount.minor},
            "settlement": {"auto": charge.capture},
        }
        agreement = asking.agreement(charge)
        if agreement is not None:
            instruction["customerAgreement"] = agreement
        if charge.remember:
            instruction["tokenCreation"] = {"type": "worldpay"}
        browser = challenges.known_browser(account, charge)
        if charge.authentication is not None:
            instruction["threeDS"] = asking.authentication(charge.authentication)
        elif browser is not None:
            instruction["threeDS"] = challenges.wish(browser, callback_url=charge.callback_url)
        response = yield _pay(account, charge.key, instruction)
        return (None if browser is None else _asked(response, charge.key)) or _paid(response, charge)

    def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
        """Take the next step of a payment that waited for its customer's browser; another may follow."""
        step = challenges.next_step(completion.kept, completion.returned)
        if step is None:
            return (yield from super().complete(account, completion))
        path, words = step
        response = yield _post(account, path, words)
        if error_of(response) is not None:
            return no_readable_answer(response)
        said = _asked(response, completion.key) or _answered(
            response, completion.key, today=completion.today, brand=completion.brand
        )
        return said

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """Ask for a payment of nothing, which Worldpay makes a check of the card."""
        if verification.currency not in CURRENCIES:
            return Unprocessed(f"not sent: Worldpay is not asked for {verification.currency}")
        first = {"type": "cardOnFile", "storedCardUsage": "first"}
        instruction = {
            **asking.instruction(account, verification.source, verification.billing),
            "value": {"currency": verification.currency, "amount": 0},
            "customerAgreement": first,
        }
        if verification.remember:
            instruction["tokenCreation"] = {"type": "worldpay"}
        response = yield _pay(account, verification.key, instruction)
        return _paid(response, verification)

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held."""
        return _step(account, change, "partialSettle")

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of all that is held."""
        return _step(account, change, "cancel")

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all of what was taken."""
        return _step(account, change, "partialRefund")

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a payment, by its transaction reference; of a refused one, why."""
        found = yield from _shown(account, question.key)
        if isinstance(found, Unknown):
            return found
        if not found.is_about(question.key, question.amount):
            return Unknown("the answer is about another payment")
        if found.was_refused:
            whole = yield from _whole(account, found)
            if isinstance(whole, Unknown):
                return whole
            found = whole
        return found.means(question.today, question.brand, capture=question.capture)

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a capture, cancellation or refund, by what happened to its payment."""
        charge = question.charge_key
        if charge is None or question.change is None:
            return Unknown("to ask about a change, its kind and its payment must be known")
        found = yield from _shown(account, charge)
        if isinstance(found, Unknown):
            return found
        whole = yield from _whole(account, found)
        if isinstance(whole, Unknown):
            return whole
        command = None if question.reference == question.key else question.reference
        return whole.change(question.change, question.key, question.amount, command=command)

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged]:
        """Whether one of the signatures is the body's, by our secret."""
        yield from ()
        secret = account.credential("webhook_secret")
        parts = [
            each.strip().split("/", 2) for each in delivery.headers.get("event-signature", "").split(",")
        ]
        signatures = [part[2].lower() for part in parts if len(part) == 3 and part[1].upper() == "SHA256"]
        if not secret or not signatures:
            return Forged("there is no signature, or no secret to check it with")
        if not any_same(hmac_hex(secret.encode(), delivery.body), signatures):
            return Forged("the signature is not the body's")
        return Authentic(body_digest(delivery))

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """What the event of a delivery says."""
        return notices_of(delivery)


WORLDPAY: Final = Worldpay()
CONNECTORS: Final[tuple[Connector, ...]] = (WORLDPAY,)


def _authorization(account: Account) -> dict[str, str]:
    pair = f"{account.credential('username')}:{account.credential('password')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _get(account: Account, path: str, *, accept: str) -> HttpRequest:
    return HttpRequest(
        method="GET",
        url=f"{account.base_url}{path}",
        headers={"Accept": accept},
        secret_headers=_authorization(account),
    )


def _pay(account: Account, key: str, instruction: Mapping[str, object]) -> HttpRequest:
    body = {
        "transactionReference": key,
        "merchant": {"entity": account.credential("entity")},
        "instruction": instruction,
    }
    return _post(account, "/api/payments", body)


def _post(account: Account, path: str, body: Mapping[str, object] | None) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=f"{account.base_url}{path}",
        headers={"WP-Api-Version": VERSION, "Content-Type": _JSON, "Accept": _JSON},
        secret_headers=_authorization(account),
        body=b"" if body is None else msgspec.json.encode(body),
    )


def _paid(response: HttpResponse, asked: Charge | Verification) -> Outcome:
    error = error_of(response)
    if error is not None:
        return error.at_the_door(response.status) or no_readable_answer(response)
    return _answered(response, asked.key, today=asked.today, brand=asked.source.brand)


def _answered(response: HttpResponse, key: str, *, today: date, brand: str) -> Evidence:
    payment = read(response, Payment)
    if payment is None:
        return no_readable_answer(response)
    if payment.transaction_reference != key:
        return Unknown("the answer is about another payment")
    return payment.means(today, brand)


def _asked(response: HttpResponse, key: str) -> ActionRequired | None:
    """What the customer is asked for; None where they are asked for nothing that is understood."""
    step = read(response, challenges.Step)
    return None if step is None or step.transaction_reference != key else step.asks()


def _step(account: Account, change: Change, step: str) -> Exchange[FollowUp]:
    """Ask where the next step is asked for, then ask for it."""
    query = urlencode({"transactionRef": change.charge_key, "entity": account.credential("entity")})
    asked = yield _get(account, f"/payments/events?{query}", accept=_STEPS)
    steps = read(asked, Steps)
    if steps is None:
        return Unprocessed(f"not sent: what can be done next could not be read (HTTP {asked.status})")
    path = steps.path(step)
    if path is None:
        return Refused("not_possible_now", f"After {steps.last_event}, Worldpay does not offer this.")
    body = {
        "value": {"amount": change.amount.minor, "currency": change.amount.currency},
        "reference": change.key,
    }
    response = yield HttpRequest(
        method="POST",
        url=f"{account.base_url}{path}",
        headers={"Content-Type": _STEPS, "Accept": _STEPS, "WP-CorrelationId": change.key},
        secret_headers=_authorization(account),
        body=b"" if step == "cancel" else msgspec.json.encode(body),
    )
    error = error_of(response)
    if error is not None:
        return error.at_the_door(response.status) or no_readable_answer(response)
    accepted = read(response, Accepted)
    if accepted is None or not accepted.is_one():
        return no_readable_answer(response)
    return Pending(accepted.command_id or change.key)


def _shown(account: Account, key: str) -> Exchange[Shown | Unknown]:
    """The one payment with this transaction reference, in short."""
    query = urlencode({"transactionReference": key})
    response = yield _get(account, f"/paymentQueries/payments?{query}", accept=_QUERIES)
    found = read(response, Found)
    if found is None:
        return no_readable_answer(response)
    payments = [shaped(each, Shown) for each in found.embedded.payments]
    if len(payments) != 1 or payments[0] is None or payments[0].transaction_reference != key:
        return Unknown("there is not one payment with our transaction reference")
    return payments[0]


def _whole(account: Account, short: Shown) -> Exchange[Shown | Unknown]:
    """The same payment, with all that happened to it."""
    link = short.links.get("self")
    payment_id = "" if link is None else link.href.rpartition("/")[2]
    if not payment_id:
        return Unknown("the payment has no address of its own")
    path = f"/paymentQueries/payments/{quote(payment_id, safe='')}"
    response = yield _get(account, path, accept=_QUERIES)
    whole = read(response, Shown)
    if whole is None or whole.transaction_reference != short.transaction_reference:
        return no_readable_answer(response)
    return whole
