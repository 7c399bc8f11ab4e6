"""NMI (Network Merchants): form-encoded Direct Post, its Query API in XML, and webhooks.

Our key is the `orderid` of a sale, authorisation, validation or refund, and comes back with the answer. A capture or a
void is a further act on the same transaction, whose order id it could overwrite: it carries our key as a
merchant-defined field, and is looked up by the acts of its charge. NMI's duplicate check compares card and amount and
not our key, so it would refuse a customer's second purchase: it is switched off (`dup_seconds`). Where it still speaks
up, one exists: unknown.

Code 300 says that the gateway rejected the request itself, 420 that it lost the processor: then nobody knows. Only an
authentication failure is certain to have reached nothing.

A payment by the merchant says so, and names no earlier one: NMI takes its own transaction id for that, never a
network's. Amounts have two decimals, so only such currencies are taken. 3-D Secure needs NMI's script in the merchant's
page, or is made elsewhere: its result goes along.

A form has no end by which one cut off could be told; the transport's own length is what guards the fields after the
code. A webhook's `t` is a nonce and no time, so nothing there grows stale. Not verified: the lists in chargeback and
card-updater webhooks (they are told as such, and change nothing here); which acquirers behind NMI take `validate`.
"""

from __future__ import annotations

from typing import Final

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
    Notice,
    Question,
    Verification,
)
from recoup.connectors.base.webhooks import hmac_hex, same
from recoup.connectors.nmi import answers, requests, told
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
        takes_authentication=True,
        verification=True,
        webhooks=True,
    )

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money."""
        if charge.amount.currency not in (self.capabilities.currencies or ()):
            return Unprocessed(f"not sent: NMI takes two decimals, and {charge.amount.currency} has others")
        response = yield requests.post(account, requests.sale(charge))
        return answers.charged(
            response,
            key=charge.key,
            amount=charge.amount,
            brand=charge.source.brand,
            today=charge.today,
            captured=charge.capture,
        )

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


NMI: Final = Nmi()
CONNECTORS: Final = (NMI,)
