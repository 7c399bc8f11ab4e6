"""Braintree over its GraphQL API, with the schema of 2025-02-12; every request goes to one address.

A card is first tokenized, which is harmless, then charged: `orderId` is our key. Braintree repeats no answer by key,
so an unknown charge is found by searching for its order. A charge has the currency of its merchant account: therefore
an account says which merchant account has which currency, and a currency without one is refused unsent.

* A reply is believed if it names our key, amount and currency. An error is believed where its class says that nothing
  was done, and only if it is about the whole mutation: an error deeper in the answer comes after the deed.
* A duplicate is a decline only where Braintree names the other charge, or where a search finds no other by our key.
* A capture is one, of all or some: Braintree takes several only from PayPal and Venmo accounts. Our key goes with it
  as `clientMutationId`, which nobody can search for: a capture is looked up by the state of its charge, and so is a
  cancellation.
* What has not settled cannot be refunded, but voided: a refund of the whole asks first which it is.
* 3-D Secure: where the account says so (credential `three_d_secure`), a customer who pays with a card of our vault or
  one saved at Braintree is authenticated (`authenticating`). A token made by Braintree's script in a page of the shop's
  (a nonce) carries the result of that script, and is good for one charge, so have it remembered. The result of an
  authentication made elsewhere is passed through.
* A card can be checked only by storing it: unless it is to be remembered, it is deleted again.
* Disputes: see `disputing` for what can be handed in; webhooks tell of no fee, nor when money moved.

Not verified against a live account: from which `Braintree-Version` on the network transaction id is shown; whether a
webhook that is sent again is the same to the byte; that a result passed through has the directory server's id in
`threeDSecureServerTransactionId`, which is the one place that the schema has for an id; how a cancellation after a
partial capture is answered; a challenge met to its end, of which Braintree documents neither form nor way back (that
its answer is written on the method was seen by others, and that it comes about without Braintree's script); that the
frame then tells nothing to the page around it, so that a customer may have to press a button to come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final

from recoup.connectors.base import (
    Account,
    Addresses,
    Authentic,
    Billing,
    Capabilities,
    Card,
    Change,
    ChangeKind,
    Charge,
    Completion,
    Credential,
    Defaults,
    Delivery,
    Exchange,
    Forged,
    Notice,
    Question,
    Token,
    Verification,
    no_readable_answer,
)
from recoup.connectors.base.disputes import ALL_VERBS
from recoup.connectors.base.webhooks import body_digest
from recoup.connectors.braintree import asked, authenticating, meant, told, wire
from recoup.connectors.braintree.disputing import Disputing
from recoup.outcomes.core import (
    Approved,
    Declined,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Refused,
    Unknown,
    Unprocessed,
)


class Braintree(Disputing, Defaults):
    """PayPal's card processor."""

    name = meant.NAME
    capabilities = Capabilities(
        currencies=None,
        countries=None,
        brands=frozenset(
            {
                *("visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "maestro", "elo"),
                *("paypal", "unknown"),
            }
        ),
        manual_capture=True,
        multiple_captures=False,
        partial_refunds=True,
        stored_credentials=True,
        lookup=True,
        withdraw=False,
        processor_tokens=True,
        gives_tokens=True,
        three_d_secure=True,
        takes_authentication=True,
        goes_on_with_us=True,
        network_transaction_ids=True,
        verification=True,
        webhooks=True,
        disputes=ALL_VERBS,
    )
    credentials: Final[Mapping[str, Credential]] = {
        "public_key": Credential(
            "The public key of an API key, from the Control Panel under API.", secret=False
        ),
        "private_key": Credential("The private key of the same API key; it signs webhooks too."),
        "merchant_accounts": Credential(
            "The merchant account id of each currency you take, as in `EUR=acme_eur, USD=acme_usd`.",
            secret=False,
        ),
        authenticating.ENROLLED: Credential(
            "`on` where the account has 3-D Secure: customers whose browser you send are authenticated.",
            required=False,
            secret=False,
        ),
    }
    addresses = Addresses(
        test="https://payments.sandbox.braintree-api.com", live="https://payments.braintree-api.com"
    )

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Tokenize a card, then charge it; a token is charged at once."""
        merchant_account = asked.merchant_account(account, charge.amount.currency)
        if merchant_account is None or charge.amount.decimals > asked.DECIMALS_MAX:
            return Unprocessed(f"not sent: no merchant account for {charge.amount.currency}")
        method: str | Outcome
        if isinstance(charge.source, Card):
            method = yield from _tokenized(account, charge.source, charge.billing, today=charge.today)
            if not isinstance(method, str):
                return method
        else:
            method = charge.source.value.reveal()
        browser = authenticating.known_browser(account, charge)
        if browser is not None:
            method = yield from authenticating.looked_up(
                account, charge, browser, method=method, merchant_account=merchant_account
            )
            if not isinstance(method, str):
                return method
        # Of the two mutations only that for cards takes an authentication; a saved method that has one is a card.
        is_card = isinstance(charge.source, Card) or browser is not None or asked.authenticated(charge)
        input_ = asked.charge(charge, method=method, account=merchant_account)
        outcome = yield from _charged(account, charge, input_, is_card=is_card, brand=charge.source.brand)
        return _without_token(outcome) if isinstance(outcome, Approved) and not charge.remember else outcome

    def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
        """Read what the bank answered, then charge the method that carries it."""
        method = completion.kept.get(authenticating.METHOD)
        merchant_account = asked.merchant_account(account, completion.amount.currency)
        if method is None or merchant_account is None:
            return (yield from super().complete(account, completion))
        ended = yield from authenticating.came_of(account, completion, method=method)
        if ended is not None:
            return ended
        input_ = authenticating.input_of(completion, method=method, merchant_account=merchant_account)
        outcome = yield from _charged(account, completion, input_, is_card=True, brand=completion.brand)
        if isinstance(outcome, Unprocessed):
            return authenticating.again(completion)
        is_kept = authenticating.STORED in completion.kept
        return _without_token(outcome) if isinstance(outcome, Approved) and not is_kept else outcome

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """Have a saved card checked; store a card of ours, which checks it, and delete it unless it is wanted."""
        merchant_account = asked.merchant_account(account, verification.currency)
        if merchant_account is None:
            return Unprocessed(f"not sent: no merchant account for {verification.currency}")
        options: asked.Body = {"merchantAccountId": merchant_account}
        input_: asked.Body = {"clientMutationId": verification.key}
        if isinstance(verification.source, Token):
            saved = verification.source.value.reveal()
            response = yield asked.request(
                account, wire.VERIFY, input={**input_, "paymentMethodId": saved, "options": options}
            )
            return meant.verified(response, "verifyCreditCard", verification)
        method = yield from _tokenized(
            account, verification.source, verification.billing, today=verification.today
        )
        if not isinstance(method, str):
            return method
        response = yield asked.request(
            account, wire.VAULT, input={**input_, "paymentMethodId": method, "verification": options}
        )
        checked = meant.verified(response, "vaultCreditCard", verification)
        if verification.remember or not isinstance(checked, Approved) or checked.token is None:
            return checked
        stored = checked.token.reveal()
        response = yield asked.request(account, wire.FORGET, input={**input_, "paymentMethodId": stored})
        if wire.payload(response, "deletePaymentMethodFromVault") is None:
            return Unknown("the card was checked, and may still be stored")
        return _without_token(checked)

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take all or some of what is held, once; the rest is let go."""
        response = yield asked.request(
            account,
            wire.CAPTURE,
            input={
                "clientMutationId": change.key,
                "transactionId": change.charge_reference,
                "transaction": {"amount": asked.amount(change.amount)},
            },
        )
        if error := wire.refused(response):
            return meant.not_changed(error)
        payload = wire.payload(response, "captureTransaction")
        found = payload.transaction if payload and payload.client_mutation_id == change.key else None
        if found is None or found.id != change.charge_reference:
            return no_readable_answer(response)
        return meant.captured(found, change.amount)

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Void what is held; what was captured meanwhile is left alone, for Braintree would pay it back."""
        found = yield from _charge_now(account, change.charge_reference)
        if found is None:
            return Unprocessed("not sent: the charge could not be read")
        if found.status in meant.LET_GO:
            return Done(found.id)
        if found.status != meant.HELD:
            return Refused(found.status, "The charge is no longer held.")
        return (yield from _reversed(account, change))

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all; all of what has not settled is voided."""
        if change.whole:
            found = yield from _charge_now(account, change.charge_reference)
            if found is None:
                return Unprocessed("not sent: the charge could not be read")
            if found.status in meant.NOT_SETTLED and found.amount.money() == change.amount:
                return (yield from _reversed(account, change))
        response = yield asked.request(
            account,
            wire.REFUND,
            input={
                "clientMutationId": change.key,
                "transactionId": change.charge_reference,
                "refund": {"amount": asked.amount(change.amount), "orderId": change.key},
            },
        )
        if error := wire.refused(response):
            return meant.not_changed(error)
        payload = wire.payload(response, "refundTransaction")
        refund = payload.refund if payload else None
        if refund is None or refund.order_id != change.key:
            return no_readable_answer(response)
        return meant.refunded(refund, change.amount)

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """By Braintree's own id where we have it, else by our order."""
        found: tuple[wire.Transaction, ...]
        if question.reference and question.reference != question.key:
            one = yield from _charge_now(account, question.reference)
            found = (one,) if one is not None and one.order_id == question.key else ()
        else:
            response = yield asked.request(
                account, wire.CHARGE_BY_KEY, input={"orderId": {"is": question.key}}
            )
            found = wire.listed(response, "transactions", wire.Transaction, key=question.key)
        if question.amount is not None:
            found = tuple(one for one in found if one.asked() == question.amount)
        good = [one for one in found if one.status not in meant.REFUSED]
        if not found or len(good) > 1:
            return Unknown("no one charge is found by this key")
        return meant.charged((good or found)[0], brand=question.brand, today=question.today, alone=not good)

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """A refund by our key; a capture or cancellation by what became of its charge."""
        if question.change == ChangeKind.REFUND:
            response = yield asked.request(
                account, wire.REFUND_BY_KEY, input={"orderId": {"is": question.key}}
            )
            found = wire.listed(response, "refunds", wire.Refund, key=question.key)
            if len(found) == 1:
                return meant.refunded(found[0], question.amount)
        charge = yield from _charge_now(account, question.charge_reference or "")
        if charge is None:
            return Unknown("the charge could not be read")
        if question.change == ChangeKind.CAPTURE and question.amount is not None:
            return meant.captured(charge, question.amount)
        if question.change != ChangeKind.CAPTURE and charge.status in meant.LET_GO:
            return Done(charge.id)
        return Unknown(f"the charge is {charge.status}")

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged]:
        """The signature of the form."""
        yield from ()
        if not told.is_signed(account, delivery):
            return Forged("the signature is not made with this account's private key")
        return Authentic(body_digest(delivery))

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """The one notification."""
        return told.read_notices(delivery)


BRAINTREE: Final = Braintree()
CONNECTORS: Final = (BRAINTREE,)


def _tokenized(
    account: Account, card: Card, billing: Billing, *, today: date
) -> Exchange[str | Declined | Unprocessed]:
    """The card as a method for one use; nothing that moves money was sent yet."""
    response = yield asked.request(account, wire.TOKENIZE, input={"creditCard": asked.card(card, billing)})
    if error := wire.refused(response):
        return meant.not_charged(error, brand=card.brand, today=today)
    payload = wire.payload(response, "tokenizeCreditCard")
    if payload is None or payload.payment_method is None:
        return Unprocessed(f"not charged: the card was not tokenized, HTTP {response.status}")
    return payload.payment_method.id


def _charged(
    account: Account, one: Charge | Completion, input_: asked.Body, *, is_card: bool, brand: str
) -> Exchange[Outcome]:
    """Charge; the only request that takes or holds money."""
    mutation, query = wire.CHARGES[is_card, one.capture]
    response = yield asked.request(account, query, input=input_)
    if error := wire.refused(response):
        return meant.not_charged(error, brand=brand, today=one.today)
    payload = wire.payload(response, mutation)
    found = payload.transaction if payload else None
    if found is None:
        return no_readable_answer(response)
    if found.order_id != one.key or found.amount.money() != one.amount:
        return Unknown("the answer is about another charge or amount")
    return meant.charged(found, brand=brand, today=one.today)


def _without_token(approved: Approved) -> Approved:
    return replace(approved, token=None, token_customer=None)


def _charge_now(account: Account, reference: str) -> Exchange[wire.Transaction | None]:
    """How the charge is now, where that can be read."""
    response = yield asked.request(account, wire.CHARGE_BY_ID, id=reference)
    found = wire.read(wire.answered(response, "node"), wire.Transaction)
    return found if isinstance(found, wire.Transaction) and found.id == reference else None


def _reversed(account: Account, change: Change) -> Exchange[FollowUp]:
    """Void the charge."""
    input_ = {"clientMutationId": change.key, "transactionId": change.charge_reference}
    response = yield asked.request(account, wire.REVERSE, input=input_)
    if error := wire.refused(response):
        return meant.not_changed(error)
    payload = wire.payload(response, "reverseTransaction")
    if payload is None or payload.client_mutation_id != change.key:
        return no_readable_answer(response)
    return meant.reversed_(payload, charge=change.charge_reference, amount=change.amount)
