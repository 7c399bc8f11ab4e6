"""Stripe: PaymentIntents, form-encoded, with the API's version pinned (see `asking.VERSION`).

A charge is one request that creates an intent and confirms it, with our key as `Idempotency-Key` and in the metadata.
Amounts are in the currency's smallest unit, with Stripe's own exceptions (`asking.counted`).

**Withdrawing.** For API v1, Stripe keeps the answer to the first request that it began to carry out under a key, for 24
hours at least, and answers `idempotency_error` to any later request with that key whose endpoint or parameters differ
("Idempotent requests" and "Errors" in its API reference, read 2026-11-22). So a key is burnt by sending under it what
can take no money: an intent without a payment method that nobody confirms. There are four cases.

* Our request was carried out: the burning is answered `idempotency_error`. What became of it is then looked up.
* It is being carried out: `idempotency_key_in_use`, which is no evidence.
* It never arrived, or was refused at the door (those answers keep no key): the burning is carried out, the key is its
  own, and our request, should it still arrive, gets `idempotency_error`. This alone is `Withdrawn`.
* It was carried out and Stripe has forgotten the key since: the burning would be carried out too. So it counts only
  where the burning intent's `created`, which is Stripe's own time, lies within 23 hours of when we sent ours. Where a
  question does not say when that was, no key is burnt.

Keys are one space for all endpoints of an account, so captures, cancellations and refunds are withdrawn the same way.

**Several captures** need a feature that Stripe grants by contract; an account that has it says so (`multicapture`).
Without it a capture that is not the last is not sent, since Stripe would let go of the rest.

Not verified against Stripe itself: `payment_method_options[card][mit_exemption][network_transaction_id]`, which goes
along when the merchant charges a card from our vault, is not in Stripe's public reference and is granted on request; an
account without it gets a refusal at the door. Nor is how an intent reads whose rest is cancelled after several captures
(both `canceled` and `succeeded` are taken), nor that a capture which fails leaves no mark in the metadata, by which
captures are looked up. The result of an authentication made elsewhere is imported with the charge. A challenge that
only Stripe.js can play is not offered: with `return_url` Stripe redirects, without one it declines. No UGX is taken.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from recoup.connectors.base import (
    Account,
    Addresses,
    Authentic,
    Capabilities,
    Change,
    ChangeKind,
    Charge,
    Completion,
    Credential,
    Defaults,
    Delivery,
    Exchange,
    Forged,
    HttpRequest,
    HttpResponse,
    Idempotency,
    Notice,
    Question,
    Token,
    Verification,
    no_readable_answer,
)
from recoup.connectors.base.disputes import ALL_VERBS
from recoup.connectors.stripe import asking, webhooks
from recoup.connectors.stripe.asking import KEY, counted, get, has_multicapture, money, named, post
from recoup.connectors.stripe.disputing import Disputing
from recoup.connectors.stripe.objects import (
    Customer,
    Intent,
    Intents,
    RefundObject,
    Refunds,
    SetupIntent,
)
from recoup.connectors.stripe.reading import (
    BRANDS,
    Asked,
    charged,
    error_of,
    evidence,
    is_burnt,
    read,
    refunded,
    set_up,
    unchanged,
    verified,
)
from recoup.kit.money import Money
from recoup.outcomes.core import (
    ActionRequired,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Unknown,
    Unprocessed,
    Withdrawn,
)

_KEPT: Final = timedelta(hours=23)
_CLOCKS_APART: Final = timedelta(minutes=5)
_AROUND: Final = timedelta(minutes=10)
_PAGE: Final = ("limit", 100)
_BURNT_AMOUNT: Final = Money(1000, "USD")
_SETUP: Final = "seti_"
_OPEN: Final = frozenset({"requires_action", "requires_confirmation", "requires_payment_method"})

T = TypeVar("T")
_Steps = Generator[HttpRequest, HttpResponse, T]


class Stripe(Disputing, Defaults):
    """The connector."""

    name = "stripe"
    addresses: Final = Addresses(test="https://api.stripe.com", live="https://api.stripe.com")
    credentials: Final[Mapping[str, Credential]] = {
        "api_key": Credential(
            "The secret key (`sk_…`), or a restricted one (`rk_…`) that may write payment intents, setup intents, "
            "refunds, customers, files and disputes. Cards from the vault need Stripe's permission for raw card data.",
            test=("sk_test_", "rk_test_"),
            live=("sk_live_", "rk_live_"),
        ),
        "webhook_secret": Credential(
            "The signing secret (`whsec_…`) of the webhook endpoint.", required=False
        ),
        "multicapture": Credential(
            "`yes` where Stripe has switched multicapture on for the account.", required=False, secret=False
        ),
    }
    capabilities: Final = Capabilities(
        currencies=asking.CURRENCIES,
        countries=None,
        brands=BRANDS | {"unknown"},
        manual_capture=True,
        multiple_captures=True,
        partial_refunds=True,
        stored_credentials=True,
        lookup=True,
        withdraw=True,
        processor_tokens=True,
        gives_tokens=True,
        network_transaction_ids=True,
        three_d_secure=True,
        takes_authentication=True,
        verification=True,
        webhooks=True,
        idempotency=Idempotency.KEY,
        disputes=ALL_VERBS,
        dispute_fees=True,
    )

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money."""
        amount = counted(charge.amount)
        if amount is None:
            return _cannot_say(charge.amount)
        customer = yield from _customer(account, charge)
        if isinstance(customer, Unprocessed):
            return customer
        body = asking.charge(account, charge, amount=amount, customer_id=customer)
        response = yield post(account, "payment_intents", body, key=charge.key)
        return charged(response, Asked(charge.key, charge.source.brand, charge.today, charge.amount))

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """Set the card up without charging it."""
        customer = yield from _customer(account, verification)
        if isinstance(customer, Unprocessed):
            return customer
        body = asking.verification(verification, customer_id=customer)
        response = yield post(account, "setup_intents", body, key=verification.key)
        return verified(response, Asked(verification.key, verification.source.brand, verification.today))

    def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
        """Stripe goes on by itself once the customer has authenticated: ask what became of it."""
        asked = Asked(completion.key, completion.brand, completion.today)
        if not completion.reference.startswith(_SETUP):
            return (yield from super().complete(account, completion))
        path = f"setup_intents/{named(completion.reference)}"
        response = yield get(account, path, [("expand[0]", "payment_method")])
        intent = read(response, SetupIntent)
        if intent is None or intent.id != completion.reference:
            return no_readable_answer(response)
        return set_up(intent, asked)

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held."""
        amount = counted(change.amount)
        if amount is None:
            return _cannot_say(change.amount)
        if not (change.final or change.whole or has_multicapture(account)):
            return Unprocessed(
                "not sent: this account has no multicapture; capture with `final`, or set its `multicapture`"
            )
        path = f"payment_intents/{named(change.charge_reference)}/capture"
        body = asking.capture(account, change, amount=amount)
        response = yield post(account, path, body, key=change.key)
        intent = _same(read(response, Intent), change)
        if intent is None:
            return unchanged(response)
        return Done(intent.id) if _holds_capture(intent, amount) else _in_another_state()

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of what is still held."""
        path = f"payment_intents/{named(change.charge_reference)}/cancel"
        response = yield post(account, path, (), key=change.key)
        intent = _same(read(response, Intent), change)
        if intent is None:
            return unchanged(response)
        return Done(intent.id) if intent.status in {"canceled", "succeeded"} else _in_another_state()

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all of what was taken."""
        amount = counted(change.amount)
        if amount is None:
            return _cannot_say(change.amount)
        response = yield post(account, "refunds", asking.refund(change, amount=amount), key=change.key)
        refund = read(response, RefundObject)
        if refund is None:
            return unchanged(response)
        is_ours = refund.payment_intent == change.charge_reference and refund.metadata.get(KEY) == change.key
        if not is_ours or money(refund.amount, refund.currency) != change.amount:
            return Unknown("the answer is about another refund")
        return refunded(refund)

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a charge: by Stripe's name for it, else by our key."""
        intent = yield from _find(account, question)
        return evidence(intent, _asked(question)) if isinstance(intent, Intent) else intent

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a capture, cancellation or refund: by the mark that it left."""
        if question.change == ChangeKind.REFUND:
            return (yield from _lookup_refund(account, question))
        if question.charge_reference is None:
            return Unknown("nobody said which charge it is about")
        response = yield get(account, f"payment_intents/{named(question.charge_reference)}")
        intent = read(response, Intent)
        if intent is None or intent.id != question.charge_reference:
            return no_readable_answer(response)
        if question.change == ChangeKind.CANCEL:
            return Done(intent.id) if intent.status == "canceled" else _in_another_state()
        amount = counted(question.amount) if question.amount is not None else None
        is_marked = intent.metadata.get(question.key) == "capture"
        return Done(intent.id) if is_marked and _holds_capture(intent, amount or 1) else _in_another_state()

    def withdraw(self, account: Account, question: Question) -> Exchange[Evidence | Withdrawn]:
        """Burn our key; a charge that there is after all is ended where it waits for its customer."""
        if question.reference is None:
            burnt = yield from _burn(account, question)
            if burnt is not None:
                return burnt
        found = yield from _find(account, question)
        if isinstance(found, Unknown):
            return found
        said = evidence(found, _asked(question))
        waits = found.status in _OPEN and found.last_payment_error is None
        if not _asked(question).is_about(found) or not (waits or isinstance(said, ActionRequired)):
            return said
        response = yield _ending(account, found, key=question.key)
        error = error_of(response)
        ended = error.payment_intent if error is not None else read(response, Intent)
        if ended is None or ended.id != found.id:
            return no_readable_answer(response)
        if ended.status == "canceled":
            return Withdrawn("Stripe cancelled the payment before its customer authenticated")
        return evidence(ended, _asked(question))

    def withdraw_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence | Withdrawn]:
        """Burn our key, unless it was used."""
        burnt = yield from _burn(account, question)
        return burnt if burnt is not None else (yield from self.lookup_change(account, question))

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged]:
        """Whether Stripe signed it, for this endpoint, now."""
        yield from ()
        return webhooks.authenticated(account.credential("webhook_secret"), delivery)

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """What an event says."""
        return webhooks.notices(delivery)


def _customer(account: Account, asked: Charge | Verification) -> _Steps[str | Unprocessed | None]:
    """Whose the card is: Stripe saves cards for customers only, so one is made where there is none."""
    known = asked.source.customer if isinstance(asked.source, Token) else None
    if known is not None or not asked.remember:
        return known
    response = yield post(account, "customers", asking.customer(asked), key=f"{asked.key}-customer")
    customer = read(response, Customer)
    return (
        customer.id if customer is not None else Unprocessed("not sent: Stripe made no customer to save for")
    )


def _find(account: Account, question: Question) -> _Steps[Intent | Unknown]:
    """By reference; else by searching, which lags a minute behind; else among all of around that time."""
    if question.reference is not None:
        path = f"payment_intents/{named(question.reference)}"
        response = yield get(account, path, [("expand[0]", "latest_charge")])
        intent = read(response, Intent)
        return (
            intent if intent is not None and intent.id == question.reference else no_readable_answer(response)
        )
    query = f"metadata['{KEY}']:'{question.key}'"
    expand = ("expand[0]", "data.latest_charge")
    response = yield get(account, "payment_intents/search", [("query", query), expand])
    found = _ours(read(response, Intents), question)
    if found is None and question.sent_at is not None:
        since, until = (int((question.sent_at + by).timestamp()) for by in (-_AROUND, _AROUND))
        window = [("created[gte]", since), ("created[lte]", until), _PAGE, expand]
        response = yield get(account, "payment_intents", window)
        found = _ours(read(response, Intents), question)
    if found is None and read(response, Intents) is not None:
        return Unknown("no payment intent with our key was found")
    return found or no_readable_answer(response)


def _ours(page: Intents | None, question: Question) -> Intent | None:
    """The one intent with our key."""
    ours = [intent for intent in page.data if intent.key == question.key] if page is not None else []
    return ours[0] if len(ours) == 1 else None


def _lookup_refund(account: Account, question: Question) -> Exchange[FollowUpEvidence]:
    if question.reference is not None:
        response = yield get(account, f"refunds/{named(question.reference)}")
        refund = read(response, RefundObject)
        ours = [refund] if refund is not None and refund.id == question.reference else []
    else:
        query = [("payment_intent", question.charge_reference or ""), _PAGE]
        response = yield get(account, "refunds", query)
        page = read(response, Refunds)
        ours = page.data if page is not None else []
    ours = [refund for refund in ours if refund.metadata.get(KEY) == question.key]
    if len(ours) != 1:
        return no_readable_answer(response)
    if question.amount not in (None, money(ours[0].amount, ours[0].currency)):
        return Unknown("the answer is about another amount")
    return refunded(ours[0])


def _burn(account: Account, question: Question) -> _Steps[Withdrawn | Unknown | None]:
    """Take the key for an intent that never pays, and end that; None where the key was used before."""
    if question.sent_at is None:
        return Unknown("nobody said when it was sent, so the key may be forgotten")
    amount = question.amount if question.change is None else None
    if amount is None or counted(amount) is None:
        amount = _BURNT_AMOUNT
    response = yield post(account, "payment_intents", asking.burning(question.key, amount), key=question.key)
    intent = read(response, Intent)
    if intent is None:
        error = error_of(response)
        is_used = error is not None and error.type == "idempotency_error" and response.status == 400
        return None if is_used else no_readable_answer(response)
    if not is_burnt(intent, question.key) or intent.status != "requires_payment_method":
        return no_readable_answer(response)
    response = yield _ending(account, intent, key=question.key)
    error = error_of(response)
    ended = error.payment_intent if error is not None else read(response, Intent)
    if ended is None or ended.id != intent.id or ended.status != "canceled":
        return no_readable_answer(response)
    age = datetime.fromtimestamp(intent.created, UTC) - question.sent_at
    if -_CLOCKS_APART <= age <= _KEPT:
        return Withdrawn("Stripe gave our key to an intent that never pays")
    return Unknown("the key was burnt too late to be sure that it had not been forgotten")


def _ending(account: Account, intent: Intent, *, key: str) -> HttpRequest:
    """Cancel an intent that has taken nothing."""
    return post(account, f"payment_intents/{named(intent.id)}/cancel", (), key=f"{key}-withdrawn")


def _asked(question: Question) -> Asked:
    return Asked(question.key, question.brand, question.today, question.amount, question.reference)


def _same(intent: Intent | None, change: Change) -> Intent | None:
    """The intent, if it is the one that was to be changed."""
    if intent is None or intent.id != change.charge_reference:
        return None
    return intent if intent.currency.upper() == change.amount.currency else None


def _holds_capture(intent: Intent, amount: int) -> bool:
    """Whether at least as much was taken."""
    taken = intent.amount_received
    return intent.status in {"succeeded", "requires_capture"} and (taken is None or taken >= amount)


def _in_another_state() -> Unknown:
    return Unknown("the payment intent does not show it")


def _cannot_say(amount: Money) -> Unprocessed:
    return Unprocessed(f"not sent: Stripe takes no such amount of {amount.currency}")


STRIPE: Final = Stripe()
CONNECTORS: Final = (STRIPE,)
"""What the registry lists."""
