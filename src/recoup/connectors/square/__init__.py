"""Square: the Payments API, JSON, with the API's version pinned.

Square takes no card numbers: a page of the shop's makes a token of one use (`cnon:…`) with Square's own script, which
also plays 3-D Secure there, or the card is on file (`ccof:…`). A token to remember is put on file first, in a
customer's name, and the card on file is charged.

Where the account says so (credential `three_d_secure`, with `application_id` and `location_id`), a customer is sent to
a page of ours that loads Square's script and has them verified (`verifying`): `always` before anything is charged, or
`when_asked` where Square declined for want of it, which it can for cards on file alone. The charge goes on with the
verification token, with which Square is to agree; a token that it refuses is a decline. Nothing is taken until then.
**Not run against the real script**: what it is called with is documented, where else it loads from and posts to is not.

A charge is one request with our key as `idempotency_key` and `reference_id`. A refund carries it as `idempotency_key`
and as its reason. Completing and cancelling take no key: a payment's own state lets each happen once, and completing
names the version it has seen. There our key goes along as a header, which Square's log keeps and nothing obeys.

Square captures the whole amount of a payment. To capture a part, the amount is lowered first, which lets go of the rest
(allowed where the payment can `EDIT_AMOUNT_DOWN`), and then the payment is completed.

**No withdrawing.** `CancelPaymentByIdempotencyKey` sounds like it, but it answers success where there is no such
payment and says that the same request may be sent again afterwards: a request of ours that is still on its way would
be carried out. Nor can a key be burnt by another request, since Square does not publish for how long it keeps them
(read 2026-11-22).

Amounts are in the smallest unit, as ISO 4217 counts it; a seller has the one currency of their country.

Disputes: see `disputing` for what can be handed in; webhooks tell of no fee, nor when money moved.

Not verified against Square itself: whether lists show failed payments; that a refund's reason comes back unchanged;
that it names the field of a verification token that it refuses (else the outcome is unknown). A charge that
got lost after its customer came back is looked for among the newest 300 payments; beyond these, the webhook tells.
Square gives neither network codes nor network transaction ids. Without `location_id`, Square takes the main location.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from recoup.connectors.base import (
    Account,
    Addresses,
    Authentic,
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
from recoup.connectors.base.scripted import WISH, When, brought, credential, failure, wish
from recoup.connectors.square import asking, verifying, webhooks
from recoup.connectors.square.asking import AROUND, address, counted, named, send, window
from recoup.connectors.square.disputing import Disputing
from recoup.connectors.square.reading import (
    BRANDS,
    Asked,
    CardAnswer,
    CardObject,
    CustomerAnswer,
    Payment,
    PaymentAnswer,
    PaymentsAnswer,
    RefundAnswer,
    charged,
    evidence,
    not_charged,
    read,
    refunded,
    refusal_of,
    saved,
    unchanged,
)
from recoup.outcomes.core import (
    Approved,
    Declined,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Unknown,
    Unprocessed,
)

_ON_FILE: Final = "ccof:"
_PAGES_MAX: Final = 3
_REFUNDS_MAX: Final = 6
_CURRENCIES: Final = frozenset({"AUD", "CAD", "EUR", "GBP", "JPY", "USD"})

_TAKES_NO_CARDS: Final = Unprocessed("not sent: Square takes no card numbers")
_NOT_FOUND: Final = Unknown("the payment does not show it")

T = TypeVar("T")
_Steps = Generator[HttpRequest, HttpResponse, T]


class Square(Disputing, Defaults):
    """The connector."""

    name = "square"
    addresses: Final = Addresses(
        test="https://connect.squareupsandbox.com", live="https://connect.squareup.com"
    )
    credentials: Final[Mapping[str, Credential]] = {
        "access_token": Credential(
            "The access token of the seller, with rights on payments, cards, customers and disputes."
        ),
        "location_id": Credential("The location that takes the payments.", required=False, secret=False),
        "application_id": Credential(
            "The application's id, for Square's script in a customer's browser.", required=False, secret=False
        ),
        WISH: credential(When.ALWAYS, When.WHEN_ASKED),
        "webhook_signature_key": Credential("The signature key of the webhook subscription.", required=False),
    }
    capabilities: Final = Capabilities(
        currencies=_CURRENCIES,
        countries=None,
        brands=frozenset(BRANDS.values()) | {"unknown"},
        manual_capture=True,
        multiple_captures=False,
        partial_refunds=True,
        stored_credentials=True,
        lookup=True,
        withdraw=False,
        cards=False,
        processor_tokens=True,
        gives_tokens=True,
        three_d_secure=True,
        wants_card_again=True,
        goes_on_with_us=True,
        verification=True,
        webhooks=True,
        idempotency=Idempotency.KEY,
        disputes=ALL_VERBS,
    )

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money."""
        token = charge.source
        if isinstance(token, Card):
            return _TAKES_NO_CARDS
        if charge.amount.currency not in _CURRENCIES:
            return Unprocessed(f"not sent: Square takes no {charge.amount.currency}")
        asked = Asked(charge.key, token.brand, charge.today, charge.amount)
        kept: CardObject | None = None
        if charge.remember and not _is_on_file(token):
            saved_card = yield from _save(account, charge, asked)
            if not isinstance(saved_card, CardObject):
                return saved_card
            kept = saved_card
        mode = verifying.mode(account, charge, on_file=kept is not None or _is_on_file(token))
        if mode is When.ALWAYS:
            return verifying.first(account, charge, token, kept=kept)
        body = asking.charge(account, charge, token, kept=kept)
        said = charged((yield send(account, "POST", "payments", body=body)), asked)
        waits = verifying.second(account, charge, token, said, kept=kept) if mode is When.WHEN_ASKED else None
        if waits is not None:
            return waits
        return _with_token(said, kept) if kept is not None and isinstance(said, Approved) else said

    def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
        """Charge with the verification token that Square's script made."""
        charge = completion.charge
        token = None if charge is None else verifying.source_of(charge, completion)
        if charge is None or token is None:
            return (yield from super().complete(account, completion))
        made, why = brought(completion, verifying.BROUGHT), failure(completion)
        if not made:
            is_back = why is not None or verifying.BROUGHT in completion.returned
            return (
                verifying.unverified(completion, why or "failed")
                if is_back
                else verifying.again(account, charge, token, completion)
            )
        body = verifying.body_of(asking.charge(account, charge, token, kept=None), completion, made)
        response = yield send(account, "POST", "payments", body=body)
        if why := verifying.token_refused(response):
            return verifying.unverified(completion, why)
        said = charged(response, Asked(charge.key, token.brand, completion.today, charge.amount))
        return Unknown(said.why) if isinstance(said, Unprocessed) else verifying.with_token(said, completion)

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """Put the card on file, which checks it; what is not to be remembered is disabled again."""
        token = verification.source
        if isinstance(token, Card):
            return _TAKES_NO_CARDS
        asked = Asked(verification.key, token.brand, verification.today)
        if _is_on_file(token):
            return Unprocessed("not sent: a card on file was checked when it was put there")
        card = yield from _save(account, verification, asked)
        if not isinstance(card, CardObject):
            return card
        if verification.remember:
            return _with_token(Approved(asked.key), card)
        response = yield send(account, "POST", f"cards/{named(card.id or '')}/disable", body={})
        gone = read(response, CardAnswer)
        is_gone = gone is not None and gone.card.id == card.id
        return Approved(asked.key) if is_gone else no_readable_answer(response)

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take what is held: the whole, or, after lowering it, a part."""
        path = f"payments/{named(change.charge_reference)}"
        response = yield send(account, "GET", path)
        held = _same(response, change)
        if held is None or held.amount_money.currency != change.amount.currency:
            return Unprocessed("not sent: the payment could not be read")
        if held.amount_money.amount < change.amount.minor:
            return Unprocessed("not sent: less is held")
        if held.amount_money.amount > change.amount.minor:
            lower = {"amount_money": counted(change.amount), "version_token": held.version_token}
            body = {"idempotency_key": f"{change.key}-amount", "payment": lower}
            response = yield send(account, "PUT", path, body=body)
            held = _same(response, change)
            if held is None or held.amount_money.money != change.amount:
                return Unprocessed("not sent: the amount could not be lowered to what is to be captured")
        body = {"version_token": held.version_token} if held.version_token is not None else {}
        response = yield send(account, "POST", f"{path}/complete", body=body, key=change.key)
        taken = _same(response, change)
        if taken is None:
            return unchanged(response)
        is_all = taken.status == "COMPLETED" and taken.amount_money.money == change.amount
        return Done(taken.id) if is_all else Unknown("the payment does not show the capture")

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of what is held."""
        path = f"payments/{named(change.charge_reference)}/cancel"
        response = yield send(account, "POST", path, body={}, key=change.key)
        payment = _same(response, change)
        if payment is None:
            return unchanged(response)
        return Done(payment.id) if payment.status == "CANCELED" else Unknown("the payment is not cancelled")

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all of what was taken."""
        body = {
            "idempotency_key": change.key,
            "payment_id": change.charge_reference,
            "amount_money": counted(change.amount),
            "reason": change.key,
        }
        response = yield send(account, "POST", "refunds", body=body)
        answer = read(response, RefundAnswer)
        if answer is None:
            return unchanged(response)
        refund = answer.refund
        if refund.payment_id != change.charge_reference or refund.amount_money.money != change.amount:
            return Unknown("the answer is about another refund")
        return refunded(refund)

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a charge: by Square's name for it, else among the payments of that time."""
        asked = Asked(question.key, question.brand, question.today, question.amount)
        waited = verifying.waited(question)
        if question.reference is not None and not waited:
            asked = replace(asked, reference=question.reference)
            response = yield send(account, "GET", f"payments/{named(question.reference)}")
            answer = read(response, PaymentAnswer)
            return evidence(answer.payment, asked) if answer is not None else no_readable_answer(response)
        ours: list[Payment] = []
        cursor: str | None = None
        for _ in range(_PAGES_MAX):
            asked_for = window(account, question, cursor, until=None if waited else AROUND)
            response = yield send(account, "GET", f"payments?{asked_for}")
            page = read(response, PaymentsAnswer)
            if page is None:
                return no_readable_answer(response)
            ours += [each for each in page.payments if each.reference_id == question.key]
            found = verifying.payments_of(ours, question)
            if len(found) == 1:
                return evidence(found[0], asked)
            cursor = page.cursor
            if found or cursor is None:
                break
        return Unknown("no payment with our key was found")

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a capture, cancellation or refund."""
        if question.change == ChangeKind.REFUND and question.reference is not None:
            return (yield from _refund(account, question, question.reference)) or _NOT_FOUND
        path = f"payments/{named(question.charge_reference or '')}"
        response = yield send(account, "GET", path)
        answer = read(response, PaymentAnswer)
        if answer is None or answer.payment.id != question.charge_reference:
            return no_readable_answer(response)
        payment = answer.payment
        if question.change == ChangeKind.REFUND:
            for reference in payment.refund_ids[-_REFUNDS_MAX:]:
                found = yield from _refund(account, question, reference)
                if found is not None:
                    return found
            return _NOT_FOUND
        if question.change == ChangeKind.CANCEL:
            return Done(payment.id) if payment.status == "CANCELED" else _NOT_FOUND
        is_all = question.amount in (None, payment.amount_money.money)
        return Done(payment.id) if payment.status == "COMPLETED" and is_all else _NOT_FOUND

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged]:
        """Whether Square signed it, for this address."""
        yield from ()
        return webhooks.authenticated(account.credential("webhook_signature_key"), delivery)

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """What an event says."""
        told = webhooks.notices(delivery)
        return told if wish(account) is None else tuple(verifying.without_first(one) for one in told)


def _save(
    account: Account, asked: Charge | Verification, about: Asked
) -> _Steps[CardObject | Declined | Unprocessed]:
    """Put a token's card on file, in the name of its customer or of a new one. No money moves."""
    token = asked.source
    assert isinstance(token, Token), "cards were refused before"
    customer = token.customer
    if customer is None:
        response = yield send(account, "POST", "customers", body=asking.customer(asked))
        made = read(response, CustomerAnswer)
        if made is None:
            return Unprocessed("not sent: Square made no customer to save the card for")
        customer = made.customer.id
    body = {
        "idempotency_key": f"{asked.key}-card",
        "source_id": token.value.reveal(),
        "card": {
            "customer_id": customer,
            "reference_id": asked.key,
            "cardholder_name": asked.billing.name,
            "billing_address": address(asked.billing),
        },
    }
    response = yield send(account, "POST", "cards", body=body)
    answer = read(response, CardAnswer)
    if answer is not None and answer.card.id is not None and answer.card.customer_id == customer:
        return answer.card
    refusal = refusal_of(response)
    said = not_charged(response, refusal.errors[0], about) if refusal is not None else None
    return said if isinstance(said, Declined) else Unprocessed("not sent: the card was not put on file")


def _refund(account: Account, question: Question, reference: str) -> _Steps[FollowUpEvidence | None]:
    """The refund of that name, if it carries our key."""
    response = yield send(account, "GET", f"refunds/{named(reference)}")
    answer = read(response, RefundAnswer)
    if answer is None or answer.refund.id != reference or answer.refund.reason != question.key:
        return None
    if question.amount not in (None, answer.refund.amount_money.money):
        return Unknown("the answer is about another amount")
    return refunded(answer.refund)


def _same(response: HttpResponse, change: Change) -> Payment | None:
    """The payment, if it is the one that was to be changed."""
    answer = read(response, PaymentAnswer)
    return answer.payment if answer is not None and answer.payment.id == change.charge_reference else None


def _with_token(said: Approved, card: CardObject) -> Approved:
    return replace(said, token=saved(card), token_customer=card.customer_id)


def _is_on_file(token: Token) -> bool:
    return token.value.reveal().startswith(_ON_FILE)


SQUARE: Final = Square()
CONNECTORS: Final = (SQUARE,)
"""What the registry lists."""
