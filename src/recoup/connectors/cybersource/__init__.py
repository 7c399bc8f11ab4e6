"""CyberSource: REST with signed requests; our key is the client reference of everything that it is asked to do.

An answer is believed where it has the status of a created thing, repeats our reference and, of a payment, the amount.
The processor's duplicate check goes by time and by its own settings, so a duplicate means that one exists: unknown.
Requests are signed with the time that the account tells (`Account.now`).

By our key alone, the transaction search finds what was sent, minutes after it happened; not found is unknown. The
time-out reversal by merchant transaction id is left alone: an answer to it does not promise that the payment cannot
still arrive.

Where the account has Payer Authentication and says so (credential `payer_authentication`), a payment by a customer
whose browser we know is authenticated in the same request that charges it. Where the issuer wants a challenge nothing
is authorised: the customer's browser posts a signed form to the address told, and the payment is asked for again, under
the same key, with the card and the number of that challenge. Which challenge that was we keep ourselves; what the
browser brings back is not needed. Without the service, an issuer that insists means a decline,
`authentication_required`. The result of an authentication made elsewhere goes along.

Webhooks are signed over time and body. Events of payments may come encrypted for a key of the merchant's; such a one
is authentic and says nothing here. What the payload of each event holds is documented for few: a charge, capture or
refund is asked about again by its id or our key. Disputes are reported in files only. Not verified: which acquirers
behind CyberSource take a zero-amount authorisation, and several partial captures (so one is offered); that every
issuer authenticates by what the browser says of itself, without collecting data of the device first; that the search
shows a challenge as `ics_pa_enroll` with reason 475.
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
    Completion,
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
from recoup.connectors.cybersource import meanings, payer, requests, wire
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
        payer.ENROLLED: Credential(
            "`on` where the account has Payer Authentication: customers whose browser you send are authenticated.",
            required=False,
            secret=False,
        ),
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
        three_d_secure=True,
        takes_authentication=True,
        wants_card_again=True,
        goes_on_with_us=True,
        verification=True,
        webhooks=True,
    )

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money; where its customer must be challenged first, say where."""
        response = yield signed(account, "POST", "/pts/v2/payments", payer.payment(account, charge))
        if payer.known_browser(account, charge) is not None:
            answer = wire.read(response, wire.Answer, 201)
            if answer is not None and meanings.is_challenge(answer, key=charge.key):
                return payer.challenge(answer) or meanings.charge_answered(response, charge)
        return meanings.charge_answered(response, charge)

    def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
        """Have the challenge validated and the payment carried out; without the card, ask what became of it."""
        charge = completion.charge
        asked = None if charge is None else payer.completion(charge, completion.kept)
        if charge is None or asked is None:
            return (yield from super().complete(account, completion))
        response = yield signed(account, "POST", "/pts/v2/payments", asked)
        return meanings.completed(response, charge)

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
    """The transaction that carries our key: by the processor's id, else by a search for our key.

    One that ended with a challenge of the customer is followed by another, once the challenge was met.
    """
    if question.reference is None:
        ids = yield from _listed(account, question.key)
        return (yield from _details(account, question, ids.pop())) if len(ids) == 1 else None
    found = yield from _details(account, question, question.reference)
    if found is None or not meanings.waits(found):
        return found
    ids = (yield from _listed(account, question.key)) - {found.id}
    return (yield from _details(account, question, ids.pop())) if len(ids) == 1 else found


def _listed(account: Account, key: str) -> Generator[HttpRequest, HttpResponse, set[str]]:
    """The ids of the transactions that carry a key."""
    response = yield signed(account, "POST", "/tss/v2/searches", requests.search(key))
    answer = wire.read(response, Found, 200, 201)
    listed = () if answer is None else answer.embedded.transaction_summaries
    return {one.id for one in listed if one.client_reference_information.code == key}


def _details(
    account: Account, question: Question, transaction_id: str
) -> Generator[HttpRequest, HttpResponse, Details | None]:
    """A transaction, where it carries our key."""
    response = yield signed(account, "GET", f"/tss/v2/transactions/{_name(transaction_id)}")
    found = wire.read(response, Details, 200)
    if found is None or found.id != transaction_id:
        return None
    return found if found.client_reference_information.code == question.key else None


def _name(reference: str) -> str:
    return quote(reference, safe="")


CYBERSOURCE: Final = CyberSource()
CONNECTORS: Final = (CYBERSOURCE,)
