"""NMI (Network Merchants): form-encoded Direct Post, its Query API in XML, and webhooks.

Our key is the `orderid` of a sale, authorisation, validation or refund, and comes back with the answer. A capture or a
void is a further act on the same transaction, whose order id it could overwrite: it carries our key as a
merchant-defined field, and is looked up by the acts of its charge. NMI's duplicate check compares card and amount and
not our key, so it would refuse a customer's second purchase: it is switched off (`dup_seconds`). Where it still speaks
up, one exists: unknown.

Code 300 says that the gateway rejected the request itself, 420 that it lost the processor: then nobody knows. Only an
authentication failure is certain to have reached nothing.

A payment by the merchant says so, and names no earlier one: NMI takes its own transaction id for that, never a
network's. Amounts have two decimals, so only such currencies are taken. The result of an authentication made elsewhere
goes along.

Where the account says so (credential `three_d_secure`, with a public `checkout_key`), a customer is sent to a page of
ours that loads NMI's script (`payer`), before anything is charged: `always`, for a card in NMI's vault or one that is
to be remembered. No answer of NMI's says that an issuer wants its customer to authenticate, so it cannot be done only
where asked. What the script says goes with the charge. A browser can make it up, and the issuer, who made the
cryptogram, then declines, or takes no liability. **Not run against the real script.**

A form has no end by which one cut off could be told; the transport's own length is what guards the fields after the
code. A webhook's `t` is a nonce and no time, so nothing there grows stale. Chargebacks are told in batches, without
their transaction or currency, so such a dispute is shown without its payment; they are answered at the acquirer. Not
verified: the lists in card-updater webhooks (they are told as such, and change nothing here); which acquirers behind
NMI take `validate`; where else than NMI's two hosts its script loads from.
"""

from __future__ import annotations

from typing import Final

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
    HttpResponse,
    Notice,
    Question,
    Verification,
)
from recoup.connectors.base.scripted import WISH, When, credential, failure
from recoup.connectors.base.webhooks import hmac_hex, same
from recoup.connectors.nmi import answers, payer, requests, told
from recoup.kit.currencies import DECIMALS
from recoup.outcomes.core import (
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Refused,
    Unknown,
    Unprocessed,
)


class Nmi(Defaults):
    """The gateway of that name, also behind its resellers' own addresses (`base_url`)."""

    name = answers.NAME
    addresses = Addresses(test="https://secure.nmi.com", live="https://secure.nmi.com")
    credentials: Final = {
        "security_key": Credential(
            "Security key with the permissions API and query: Settings, Security Keys."
        ),
        "signing_key": Credential("Signing key of webhooks: Settings, Webhooks.", required=False),
        payer.KEY: Credential(
            "Public checkout key, for NMI's script in a customer's browser: Settings, Security Keys.",
            required=False,
            secret=False,
        ),
        WISH: credential(When.ALWAYS),
    }
    capabilities = Capabilities(
        currencies=frozenset(code for code, decimals in DECIMALS.items() if decimals == 2),
        countries=None,
        brands=frozenset({"visa", "mastercard", "amex", "discover", "diners", "jcb", "unknown"}),
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
        wants_card_again=True,
        goes_on_with_us=True,
        verification=True,
        webhooks=True,
    )

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money."""
        if charge.amount.currency not in (self.capabilities.currencies or ()):
            return Unprocessed(f"not sent: NMI takes two decimals, and {charge.amount.currency} has others")
        if payer.is_wanted(account, charge):
            vault_id: str | None
            if isinstance(charge.source, Card):
                vault_id = payer.saved((yield requests.post(account, requests.saving(charge))))
            else:
                vault_id = charge.source.value.reveal()
            if vault_id is None:
                return Unprocessed("not charged: the card was not put into the vault")
            return payer.asks(account, charge, vault_id)
        response = yield requests.post(account, requests.sale(charge))
        return _charged(response, charge)

    def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
        """Charge with what NMI's script said of the customer's authentication."""
        if completion.charge is None or payer.VAULT_ID not in completion.kept:
            return (yield from super().complete(account, completion))
        result, why = payer.result(completion), failure(completion)
        if not result:
            if why is None and not payer.came_back(completion):
                return payer.asks(account, completion.charge, completion.kept[payer.VAULT_ID])
            return payer.unauthenticated(completion, why or "failed")
        charge = payer.charge_of(completion.charge, completion)
        response = yield requests.post(account, {**requests.sale(charge), **result})
        said = payer.with_token(_charged(response, charge), charge)
        return Unknown(said.why) if isinstance(said, Unprocessed) else said

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """A validation: no amount is held."""
        response = yield requests.post(account, requests.validation(verification))
        return answers.charged(
            response,
            key=verification.key,
            amount=None,
            brand=verification.source.brand,
            today=verification.today,
            captured=False,
        )

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held, once."""
        response = yield requests.post(account, requests.capture(change))
        return answers.changed(response, change)

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of what is held."""
        response = yield requests.post(account, requests.void(change))
        return answers.changed(response, change)

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all of what was taken, settled or not: a transaction of its own."""
        response = yield requests.post(account, requests.refund(change))
        return answers.changed(response, change)

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a charge: the one transaction with our order id that is a sale or an authorisation."""
        found = told.transactions((yield requests.query(account, order_id=question.key)))
        charges = [one for one in found if one.act("sale", "auth") and one.order_id == question.key]
        if len(charges) != 1:
            return Unknown(f"the gateway shows {len(charges)} charges with our order id")
        return told.evidence(charges[0], question)

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a change: a refund by its own order id, the others by the acts of their charge."""
        if question.change is ChangeKind.REFUND:
            found = told.transactions((yield requests.query(account, order_id=question.key)))
            refunds = [one for one in found if one.act("refund") and one.order_id == question.key]
            if len(refunds) != 1:
                return Unknown(f"the gateway shows {len(refunds)} refunds with our order id")
            return told.refund_found(refunds[0], question)
        if question.charge_reference is None or question.change is None:
            return Unknown("a change whose charge is not named cannot be asked about")
        found = told.transactions((yield requests.query(account, transaction_id=question.charge_reference)))
        charge = next((one for one in found if one.id == question.charge_reference), None)
        if charge is None:
            return Unknown("the gateway did not tell what happened to the charge")
        captures = [one for one in charge.acts if one.kind == "capture" and one.done]
        if question.change is ChangeKind.CANCEL:
            return Done(charge.id) if charge.voided else Unknown("the charge has not been voided yet")
        if any(one.is_for(question.amount) for one in captures):
            return Done(charge.id)
        if charge.voided and not captures:
            return Refused("voided", "Nothing is held any more that could be captured.")
        return Unknown("the charge has not been captured for that amount yet")

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged]:
        """HMAC-SHA256 over nonce and body."""
        yield from ()
        key = account.credential("signing_key")
        if not key:
            return Forged("the account has no signing_key")
        header = delivery.headers.get("webhook-signature", "")
        parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
        nonce = parts.get("t", "")
        expected = hmac_hex(key.encode(), f"{nonce}.".encode() + delivery.body)
        if not nonce or not same(expected, parts.get("s", "")):
            return Forged("the signature does not fit")
        return Authentic(told.event(delivery).id)

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """What happened to a transaction; other news is told as such."""
        return told.notices(delivery)


def _charged(response: HttpResponse, charge: Charge) -> Outcome:
    return answers.charged(
        response,
        key=charge.key,
        amount=charge.amount,
        brand=charge.source.brand,
        today=charge.today,
        captured=charge.capture,
    )


NMI: Final = Nmi()
CONNECTORS: Final = (NMI,)
