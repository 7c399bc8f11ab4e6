"""CyberSource: REST with signed requests; our key is the client reference of everything that it is asked to do.

An answer is believed where it has the status of a created thing, repeats our reference and, of a payment, the amount.
The processor's duplicate check goes by time and by its own settings, so a duplicate means that one exists: unknown.
Requests are signed with the time that the account tells (`Account.now`).

By our key alone, the transaction search finds what was sent, minutes after it happened; not found is unknown. The
time-out reversal by merchant transaction id is left alone: an answer to it does not promise that the payment cannot
still arrive.

Payer authentication needs a form post in the customer's browser, so where an issuer insists on it the payment is
declined as `authentication_required`. The result of one made elsewhere goes along.

Webhooks are signed over time and body. Events of payments may come encrypted for a key of the merchant's; such a one
is authentic and says nothing here. What the payload of each event holds is documented for few: a charge, capture or
refund is asked about again by its id or our key. Disputes are reported in files only. Not verified: which acquirers
behind CyberSource take a zero-amount authorisation, and several partial captures (so one is offered).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final
from urllib.parse import quote

from recoup.connectors.base import (
    Account,
    Addresses,
    Authentic,
    Capabilities,
    Change,
    Charge,
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
)
from recoup.connectors.cybersource import meanings, requests, wire
from recoup.connectors.cybersource.signing import signed, verdict
from recoup.connectors.cybersource.wire import Details, Found
from recoup.outcomes.core import Evidence, FollowUp, FollowUpEvidence, Outcome, Unknown


class CyberSource(Defaults):
    """The platform of that name, at its REST address."""

    name = meanings.NAME
    addresses = Addresses(test="https://apitest.cybersource.com", live="https://api.cybersource.com")
    credentials: Final = {
        "merchant_id": Credential("Merchant id (organisation id of the transacting merchant).", secret=False),
        "key_id": Credential("Id of a REST shared secret key: Key Management, in the Business Center."),
        "shared_secret": Credential("That key, in base64."),
        "webhook_key": Credential("Digital signature key of webhooks, in base64.", required=False),
    }
    capabilities = Capabilities(
        currencies=None,
        countries=None,
        brands=frozenset(requests.CARD_TYPES) | {"unknown"},
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
    )

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money."""
        response = yield signed(account, "POST", "/pts/v2/payments", requests.payment(charge))
        return meanings.charged(
            response,
            key=charge.key,
            amount=charge.amount,
            brand=charge.source.brand,
            today=charge.today,
            captured=charge.capture,
        )

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """A zero-amount authorisation."""
        response = yield signed(account, "POST", "/pts/v2/payments", requests.zero_amount(verification))
        return meanings.charged(
            response,
            key=verification.key,
            amount=None,
            brand=verification.source.brand,
            today=verification.today,
            captured=False,
        )

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held, once."""
        path = f"/pts/v2/payments/{_name(change.charge_reference)}/captures"
        response = yield signed(account, "POST", path, requests.amount_of(change))
        return meanings.changed(response, key=change.key)

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of what is held."""
        path = f"/pts/v2/payments/{_name(change.charge_reference)}/reversals"
        response = yield signed(account, "POST", path, requests.reversal(change))
        return meanings.changed(response, key=change.key)

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back what was captured: of a capture of its own, else of the payment that captured at once."""
        if change.capture_reference and change.capture_reference != change.charge_reference:
            path = f"/pts/v2/captures/{_name(change.capture_reference)}/refunds"
        else:
            path = f"/pts/v2/payments/{_name(change.charge_reference)}/refunds"
        response = yield signed(account, "POST", path, requests.amount_of(change))
        return meanings.changed(response, key=change.key)

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a charge."""
        found = yield from _found(account, question)
        return Unknown(_NOT_FOUND) if found is None else meanings.evidence(found, question)

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a capture, reversal or refund: each is a transaction of its own."""
        found = yield from _found(account, question)
        return Unknown(_NOT_FOUND) if found is None else meanings.change_found(found, question)

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged]:
        """HMAC-SHA256 over time and body."""
        yield from ()
        return verdict(account, delivery, meanings.delivery_id(delivery))

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """What changed."""
        return meanings.notices(delivery)


_NOT_FOUND: Final = "the transaction search shows nothing that carries our key"


def _found(account: Account, question: Question) -> Generator[HttpRequest, HttpResponse, Details | None]:
    """The transaction that carries our key: by the processor's id, else by a search for our key."""
    transaction_id = question.reference
    if transaction_id is None:
        response = yield signed(account, "POST", "/tss/v2/searches", requests.search(question.key))
        answer = wire.read(response, Found, 200, 201)
        listed = () if answer is None else answer.embedded.transaction_summaries
        ids = {one.id for one in listed if one.client_reference_information.code == question.key}
        if len(ids) != 1:
            return None
        transaction_id = ids.pop()
    response = yield signed(account, "GET", f"/tss/v2/transactions/{_name(transaction_id)}")
    found = wire.read(response, Details, 200)
    if found is None or found.id != transaction_id:
        return None
    return found if found.client_reference_information.code == question.key else None


def _name(reference: str) -> str:
    return quote(reference, safe="")


CYBERSOURCE: Final = CyberSource()
CONNECTORS: Final = (CYBERSOURCE,)
