"""PayPal by its Orders v2 and Payments v2 APIs: cards, saved cards and saved PayPal accounts.

Connectors keep no state, so every exchange begins with the OAuth step: one more request, of some hundred milliseconds.
A cache of access tokens in the gateway, by account and until `expires_in`, would save it.

A charge is then two requests. The first makes an order that nobody has said yet with what to pay: it moves nothing, and
PayPal gives the same order for the same `PayPal-Request-Id` for six hours. The second pays that order, once: it carries
our key as `PayPal-Request-Id`, and PayPal takes one payment an order, whatever comes twice. So an unknown charge is
found by our key: the first request is made again, which shows the order, and the order shows what was paid. Had all
been sent in one request, asking again would have been charging again. After six hours the request would make a new and
empty order, which nobody can pay without us, and which reads as nothing found; two days after the charge it is not made
any more.

* The order carries our key as `custom_id` and `invoice_id`; a capture or refund of it as its own `invoice_id`, by which
  it is found on the order. PayPal keeps the keys of those for 45 days.
* An error is believed where its name says that nothing was done; issues like DUPLICATE_INVOICE_ID may speak of this
  very request, and are unknown.
* 3-D Secure is asked for where the customer can be sent back; after it the order is paid without the card, under a key
  of its own (`-3ds`), since PayPal has answered ours already. That can be asked for again when its answer got lost: the
  order is read first, and takes one payment whatever comes twice.
* A card is checked by a setup token, which PayPal forgets after three days; to be remembered it becomes a payment
  token.
* A token whose brand is `paypal` is a PayPal account, every other a card.
* HUF, JPY and TWD are counted in whole units.
* Disputes: see `disputing` for what can be handed in; webhooks tell of no fee, nor when money moved.

Not verified against a live account: that a claim can be accepted by JSON, as PayPal's examples show; that orders are
shown again by their key whatever their intent; that PayPal answers an authentication that is required with a link in
the error of the second request, as its reference says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from recoup.connectors.base import (
    Account,
    Addresses,
    Authentic,
    Capabilities,
    Card,
    Change,
    Charge,
    Completion,
    Credential,
    Defaults,
    Delivery,
    Exchange,
    Forged,
    HttpRequest,
    Idempotency,
    Notice,
    Question,
    Undecided,
    Verification,
    no_readable_answer,
)
from recoup.connectors.base.disputes import ALL_VERBS
from recoup.connectors.paypal import asked, meant, told, wire
from recoup.connectors.paypal.disputing import Disputing
from recoup.kit.secret import Secret
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
from recoup.outcomes.core.classify import declined

_ORDERS: Final = ("v2", "checkout", "orders")
_PAYMENTS: Final = ("v2", "payments")
_NO_ACCESS: Final = "PayPal let us not in"
DAYS_SHOWN_MAX: Final = 1
"""How long after a charge its order is asked for by our key; PayPal remembers the key for six hours."""


class PayPal(Disputing, Defaults):
    """PayPal itself."""

    name = meant.NAME
    capabilities = Capabilities(
        currencies=asked.CURRENCIES,
        countries=None,
        brands=frozenset(
            {
                *("visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "maestro", "elo"),
                *("cartes_bancaires", "paypal", "unknown"),
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
        resumable_completion=True,
        verification=True,
        webhooks=True,
        idempotency=Idempotency.KEY,
        disputes=ALL_VERBS,
    )
    credentials: Final[Mapping[str, Credential]] = {
        "client_id": Credential(
            "The client id of a REST app, from PayPal's developer dashboard.", secret=False
        ),
        "client_secret": Credential("The secret of the same app."),
        "webhook_id": Credential(
            "The id of the app's webhook that points here; without it no webhook is believed.", required=False
        ),
    }
    addresses = Addresses(test="https://api-m.sandbox.paypal.com", live="https://api-m.paypal.com")

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Make an order, then pay it."""
        if not asked.can_be_said(charge.amount):
            return Unprocessed(f"not sent: PayPal takes no {charge.amount}")
        access = yield from _access(account)
        if access is None:
            return Unprocessed(f"not sent: {_NO_ACCESS}")
        response = yield asked.order(
            account, access, key=charge.key, amount=charge.amount, capture=charge.capture
        )
        order = wire.read(response, wire.Order)
        if order is None:
            return Unprocessed(f"not charged: PayPal made no order, HTTP {response.status}")
        body = {"payment_source": asked.source(charge)}
        response = yield _pay(account, access, order.id, key=charge.key, capture=charge.capture, body=body)
        brand, today = charge.source.brand, charge.today
        if failure := wire.refused(response):
            return meant.not_charged(failure, order=order.id, brand=brand, today=today)
        paid = wire.read(response, wire.Order)
        if paid is None or paid.id != order.id:
            return no_readable_answer(response)
        return meant.charged(paid, key=charge.key, amount=charge.amount, brand=brand, today=today)

    def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
        """The customer came back: pay the order, unless that was done or they did not show that it is them."""
        access = yield from _access(account)
        if access is None:
            return Unknown(_NO_ACCESS)
        response = yield asked.get(account, access, asked.path(*_ORDERS, completion.reference))
        order = wire.read(response, wire.Order)
        if order is None or order.id != completion.reference:
            return no_readable_answer(response)
        amount, brand, today = completion.amount, completion.brand, completion.today
        now = meant.charged(order, key=completion.key, amount=amount, brand=brand, today=today)
        if not isinstance(now, Unknown) or not _may_be_paid(order, completion):
            return now
        if meant.is_not_authenticated(order):
            return declined(meant.NAME, "AUTHENTICATION_FAILED", on=today, brand=brand, reference=order.id)
        key = f"{completion.key}-3ds"
        response = yield _pay(account, access, order.id, key=key, capture=completion.capture, body={})
        if failure := wire.refused(response):
            said = meant.not_charged(failure, order=order.id, brand=brand, today=today)
            return Unknown(said.why) if isinstance(said, Unprocessed) else said
        paid = wire.read(response, wire.Order)
        if paid is None or paid.id != order.id:
            return no_readable_answer(response)
        return meant.charged(paid, key=completion.key, amount=amount, brand=brand, today=today)

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """A setup token of the card, made a payment token where it is to be remembered."""
        if not isinstance(verification.source, Card):
            return Unprocessed("not sent: PayPal does not check a saved method without charging it")
        access = yield from _access(account)
        if access is None:
            return Unprocessed(f"not sent: {_NO_ACCESS}")
        brand, today = verification.source.brand, verification.today
        card = asked.card(verification.source, verification.billing)
        body: asked.Body = {"payment_source": {"card": card}}
        response = yield asked.post(
            account, access, "/v3/vault/setup-tokens", key=verification.key, body=body
        )
        if failure := wire.refused(response):
            refusal = meant.not_charged(failure, order="", brand=brand, today=today)
            return replace(refusal, reference=None) if isinstance(refusal, Declined) else refusal
        saved = wire.read(response, wire.Saved)
        checked = saved.payment_source.method() if saved else wire.Method()
        if saved is None or checked.verification_status not in {"VERIFIED", "FAILED"}:
            return no_readable_answer(response)
        said = checked.verification.processor_response or wire.Processor()
        checks = meant.checks(said, brand=brand)
        if checked.verification_status == "FAILED":
            code = said.response_code or "DECLINED"
            return declined(meant.NAME, code, on=today, brand=brand, reference=saved.id, checks=checks)
        good = Approved(saved.id, checks=checks)
        if not verification.remember:
            return good
        body = {"payment_source": {"token": {"id": saved.id, "type": "SETUP_TOKEN"}}}
        response = yield asked.post(
            account, access, "/v3/vault/payment-tokens", key=f"{verification.key}-keep", body=body
        )
        kept = wire.read(response, wire.Saved)
        if kept is None:
            return Unknown("the card is good, but PayPal did not say whether it is kept")
        customer = kept.customer.id if kept.customer else None
        return replace(good, token=Secret(kept.id), token_customer=customer)

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held."""
        path = asked.path(*_PAYMENTS, "authorizations", change.charge_reference, "capture")
        body = {"amount": asked.money(change.amount), "invoice_id": change.key, "final_capture": change.final}
        return (yield from _changed(account, change, path, body=body))

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Void what is held."""
        access = yield from _access(account)
        if access is None:
            return Unprocessed(f"not sent: {_NO_ACCESS}")
        path = asked.path(*_PAYMENTS, "authorizations", change.charge_reference, "void")
        response = yield asked.post(account, access, path, key=change.key, body={})
        if failure := wire.refused(response):
            return meant.not_changed(failure)
        voided = wire.read(response, wire.Payment)
        if voided is None or (voided.id, voided.status) != (change.charge_reference, "VOIDED"):
            return no_readable_answer(response)
        return Done(voided.id)

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all of a capture."""
        capture = change.capture_reference or change.charge_reference
        path = asked.path(*_PAYMENTS, "captures", capture, "refund")
        body = {"amount": asked.money(change.amount), "invoice_id": change.key, "custom_id": change.key}
        return (yield from _changed(account, change, path, body=body))

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """The order: by PayPal's name for it or its payment, else by the key that it was made with."""
        if question.reference is None and (question.amount is None or _was_long_ago(question)):
            return Unknown("PayPal does not know our key any more")
        access = yield from _access(account)
        if access is None:
            return Unknown(_NO_ACCESS)
        if question.reference is not None:
            order = yield from _order_of(account, access, question.reference)
        else:
            assert question.amount is not None, "asked above"
            capture = question.capture is not False
            response = yield asked.order(
                account, access, key=question.key, amount=question.amount, capture=capture
            )
            made = wire.read(response, wire.Order)
            order = (yield from _order_of(account, access, made.id)) if made else None
        if order is None:
            return Unknown("no order is found")
        return meant.charged(
            order, key=question.key, amount=question.amount, brand=question.brand, today=question.today
        )

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What carries our key on the order of its charge."""
        access = yield from _access(account)
        if access is None:
            return Unknown(_NO_ACCESS)
        charge = question.charge_reference or ""
        order = yield from _order_of(account, access, charge)
        if order is None:
            return Unknown("the charge's order is not found")
        return meant.found(
            order, key=question.key, kind=question.change, authorization=charge, amount=question.amount
        )

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged | Undecided]:
        """The signature, by the certificate that PayPal shows."""
        url, text = told.certificate_url(account, delivery), told.signed_text(account, delivery)
        if url is None or text is None:
            return Forged("it is not signed for this webhook, now, with a certificate of PayPal's")
        response = yield HttpRequest(method="GET", url=url)
        if response.status == 429 or response.status >= 500:
            return Undecided(f"PayPal answered HTTP {response.status}")
        key = told.key_of(response.body, delivery.received_at) if response.status == 200 else None
        if key is None or not told.is_signed(key, delivery, text):
            return Forged("the signature is not PayPal's")
        return Authentic(delivery.headers["paypal-transmission-id"])

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """The one event."""
        return told.read_notices(delivery)


PAYPAL: Final = PayPal()
CONNECTORS: Final = (PAYPAL,)


def _access(account: Account) -> Exchange[str | None]:
    """The OAuth step."""
    response = yield asked.token(account)
    given = wire.read(response, wire.AccessToken)
    return given.access_token if given and given.token_type.lower() == "bearer" else None


def _pay(
    account: Account, access: str, order: str, *, key: str, capture: bool, body: Mapping[str, object]
) -> HttpRequest:
    path = asked.path(*_ORDERS, order, "capture" if capture else "authorize")
    return asked.post(account, access, path, key=key, body=body)


def _may_be_paid(order: wire.Order, completion: Completion) -> bool:
    """Whether it is our order, of this amount, and nothing was paid on it."""
    unit = order.purchase_units[0] if len(order.purchase_units) == 1 else wire.Unit()
    is_ours = unit.custom_id == completion.key and unit.amount is not None
    nothing_paid = unit.payments == wire.Payments()
    return bool(
        is_ours
        and nothing_paid
        and order.status in {"APPROVED", "CREATED"}
        and unit.amount
        and unit.amount.money() == completion.amount
    )


def _changed(
    account: Account, change: Change, path: str, *, body: Mapping[str, object]
) -> Exchange[FollowUp]:
    """A capture or refund, by our key."""
    if not asked.can_be_said(change.amount):
        return Unprocessed(f"not sent: PayPal takes no {change.amount}")
    access = yield from _access(account)
    if access is None:
        return Unprocessed(f"not sent: {_NO_ACCESS}")
    response = yield asked.post(account, access, path, key=change.key, body=body)
    if failure := wire.refused(response):
        return meant.not_changed(failure)
    done = wire.read(response, wire.Payment)
    if done is None or not done.carries(change.key):
        return no_readable_answer(response)
    return meant.changed(done, amount=change.amount)


def _order_of(account: Account, access: str, reference: str) -> Exchange[wire.Order | None]:
    """The order that this names, or whose capture or authorization this names."""
    response = yield asked.get(account, access, asked.path(*_ORDERS, reference))
    order = wire.read(response, wire.Order)
    if order is not None and order.id == reference:
        return order
    for kind in ("captures", "authorizations"):
        response = yield asked.get(account, access, asked.path(*_PAYMENTS, kind, reference))
        paid = wire.read(response, wire.Payment)
        if paid is not None and paid.id == reference and paid.supplementary_data.related_ids.order_id:
            path = asked.path(*_ORDERS, paid.supplementary_data.related_ids.order_id)
            response = yield asked.get(account, access, path)
            return wire.read(response, wire.Order)
    return None


def _was_long_ago(question: Question) -> bool:
    if question.sent_at is None:
        return True
    return (question.today - question.sent_at.date()).days > DAYS_SHOWN_MAX
