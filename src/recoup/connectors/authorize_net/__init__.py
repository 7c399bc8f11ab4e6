"""Authorize.Net: one JSON address for everything, the credentials in the body, keys in the order of the schema.

Our key is longer than the fields that can be searched, so a charge carries it twice: whole in `order.description`, and
as a digest of twenty letters in `invoiceNumber` and `refId`. An answer is believed where it repeats our `refId`. A
lookup without the gateway's transaction id finds the digest among the newest unsettled transactions, then among those
of the batches settled in the days after sending, and believes the transaction whose description is our key. A capture
or void carries the key in a user field only, since an `order` there could overwrite that of the charge.

The invoice number is part of what the gateway compares to find duplicates, so with the longest window it allows it
refuses our own request sent twice, and nothing else of ours. Such a refusal (reason 11) says that one exists: unknown.

A charge that is captured and not yet settled cannot be refunded; a refund of all of it is then a void. Only the
gateway's own errors without a transaction, and of those only the ones about credentials, permissions or the shape of
the request, say that nothing was done. Disputes are not told by webhook. Authorize.Net has no 3-D Secure service of its
own, so nobody is sent anywhere: the result of an authentication made elsewhere goes along.

Not verified against the gateway: whether `authenticationIndicator` wants both digits of the indicator; that
`createProfile` works beside a zero amount; that a webhook is signed with the text of the key and not with its bytes in
hexadecimal (two independent vectors say so).
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Final

from recoup.connectors.authorize_net import meanings, requests, wire
from recoup.connectors.authorize_net.wire import (
    Batches,
    Details,
    Summaries,
    Summary,
)
from recoup.connectors.base import (
    Account,
    Addresses,
    Authentic,
    Capabilities,
    Change,
    ChangeKind,
    Charge,
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
    Source,
    Token,
    Verification,
)
from recoup.connectors.base.webhooks import body_digest, hmac_hex, same
from recoup.outcomes.core import (
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Unknown,
    Unprocessed,
)

BATCHES_MAX: Final = 4
SETTLES_WITHIN: Final = timedelta(days=4)


class AuthorizeNet(Defaults):
    """The gateway of that name, at its JSON address."""

    name = meanings.NAME
    addresses = Addresses(test="https://apitest.authorize.net", live="https://api.authorize.net")
    credentials: Final = {
        "api_login_id": Credential("API Login ID: Account, Settings, API Credentials and Keys."),
        "transaction_key": Credential("Transaction Key, from the same page."),
        "signature_key": Credential("Signature Key, from the same page: signs webhooks.", required=False),
    }
    capabilities = Capabilities(
        currencies=frozenset({"USD", "CAD", "GBP", "EUR", "AUD", "NZD", "CHF", "DKK", "NOK", "SEK", "PLN"}),
        countries=None,
        brands=frozenset({"visa", "mastercard", "amex", "discover", "diners", "jcb"}),
        manual_capture=True,
        multiple_captures=False,
        partial_refunds=True,
        stored_credentials=True,
        lookup=True,
        withdraw=False,
        processor_tokens=True,
        gives_tokens=True,
        network_transaction_ids=True,
        takes_authentication=True,
        verification=True,
        webhooks=True,
        idempotency=Idempotency.REFERENCE,
    )

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money."""
        if refused := self._not_taken(charge.amount.currency, charge.source):
            return refused
        response = yield requests.transaction(account, charge.key, requests.sale(charge))
        return meanings.charged(
            response, key=charge.key, brand=charge.source.brand, today=charge.today, captured=charge.capture
        )

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """A zero-amount authorisation, which some of the gateway's processors refuse."""
        if refused := self._not_taken(verification.currency, verification.source):
            return refused
        key, brand = verification.key, verification.source.brand
        response = yield requests.transaction(account, key, requests.zero_amount(verification))
        return meanings.charged(response, key=key, brand=brand, today=verification.today, captured=False)

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held, once: the rest is let go."""
        response = yield requests.transaction(account, change.key, requests.capture(change))
        return meanings.changed(response, key=change.key)

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of all that is held."""
        response = yield requests.transaction(account, change.key, requests.void(change))
        return meanings.changed(response, key=change.key)

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back what was settled; before settlement, void the whole."""
        charge = wire.details((yield requests.details(account, change.charge_reference)))
        if charge is None or charge.trans_id != change.charge_reference:
            return Unprocessed("not sent: the gateway did not tell in what state the charge is")
        unsettled = charge.transaction_status == "capturedPendingSettlement"
        if unsettled and change.whole and charge.settles(change.amount):
            asked = requests.void(change)
        else:
            last4 = change.last4 or charge.payment.credit_card.card_number[-4:]
            asked = requests.credit(change, last4=last4)
        response = yield requests.transaction(account, change.key, asked)
        return meanings.changed(response, key=change.key)

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a charge: by the gateway's id, else by the digest of our key."""
        found = yield from _found(account, question)
        if found is None or found.order.description != question.key:
            return Unknown("the gateway shows no transaction that carries our key")
        return meanings.evidence(found, question)

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a change: by the state of its charge, for a refund also by a transaction of its own."""
        if question.charge_reference is None:
            return Unknown("a change whose charge is not named cannot be asked about")
        charge = wire.details((yield requests.details(account, question.charge_reference)))
        if charge is None or charge.trans_id != question.charge_reference:
            return Unknown("the gateway did not tell in what state the charge is")
        match question.change:
            case ChangeKind.CAPTURE:
                return meanings.capture_found(charge, question)
            case ChangeKind.CANCEL:
                return meanings.cancel_found(charge)
            case ChangeKind.REFUND if charge.transaction_status == "voided" and charge.settles(
                question.amount
            ):
                return Done(charge.trans_id)
            case ChangeKind.REFUND:
                return meanings.refund_found((yield from _found(account, question)), question)
            case None:
                return Unknown("it is not known which change is asked about")

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged]:
        """HMAC-SHA512 over the body; no time is signed."""
        yield from ()
        key = account.credential("signature_key")
        if not key:
            return Forged("the account has no signature_key")
        expected = hmac_hex(key.encode(), delivery.body, "sha512")
        if not same(f"sha512={expected}", delivery.headers.get("x-anet-signature", "").lower()):
            return Forged("the signature does not fit")
        told = wire.event(delivery)
        return Authentic(body_digest(delivery) if told is None else told.notification_id)

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """The gateway tells its own id and an amount without a currency: what happened must be asked."""
        told = wire.event(delivery)
        return () if told is None else (meanings.notice(told),)

    def _not_taken(self, currency: str, source: Source) -> Unprocessed | None:
        if currency not in (self.capabilities.currencies or ()):
            return Unprocessed(f"not sent: Authorize.Net does not take {currency}")
        if isinstance(source, Token) and not source.customer:
            return Unprocessed("not sent: a saved method needs the id of its customer profile")
        return None


def _found(account: Account, question: Question) -> Generator[HttpRequest, HttpResponse, Details | None]:
    """The transaction that is asked about; None where there is none, or more than one."""
    transaction_id = question.reference
    if transaction_id is None:
        transaction_id = yield from _search(account, question)
    if transaction_id is None:
        return None
    found = wire.details((yield requests.details(account, transaction_id)))
    return found if found is not None and found.trans_id == transaction_id else None


def _search(account: Account, question: Question) -> Generator[HttpRequest, HttpResponse, str | None]:
    """The id of the transaction with our invoice number: among those of today, then those settled since."""
    invoice = requests.digest(question.key)
    newest = wire.read((yield requests.newest(account)), Summaries)
    if newest is None or newest.messages.result_code != "Ok":
        return None
    if found := _with_invoice(newest.transactions, invoice):
        return _only(found)
    for batch in (yield from _batches(account, question.sent_at)):
        settled = wire.read((yield requests.newest(account, batch)), Summaries)
        if settled is not None and (found := _with_invoice(settled.transactions, invoice)):
            return _only(found)
    return None


def _with_invoice(transactions: tuple[Summary, ...], invoice: str) -> set[str]:
    return {one.trans_id for one in transactions if one.invoice_number == invoice}


def _only(found: set[str]) -> str | None:
    return found.pop() if len(found) == 1 else None


def _batches(
    account: Account, sent_at: datetime | None
) -> Generator[HttpRequest, HttpResponse, tuple[str, ...]]:
    """The first batches that were settled after sending."""
    if sent_at is None:
        return ()
    since = sent_at.astimezone(UTC)
    asked = {
        "firstSettlementDate": f"{since:%Y-%m-%dT%H:%M:%SZ}",
        "lastSettlementDate": f"{since + SETTLES_WITHIN:%Y-%m-%dT%H:%M:%SZ}",
    }
    answer = wire.read((yield requests.ask(account, "getSettledBatchListRequest", asked)), Batches)
    listed = () if answer is None else answer.batch_list
    return tuple(sorted((one.batch_id for one in listed), key=lambda id_: (len(id_), id_))[:BATCHES_MAX])


AUTHORIZE_NET: Final = AuthorizeNet()
CONNECTORS: Final = (AUTHORIZE_NET,)
