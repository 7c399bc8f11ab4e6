"""A direct acquirer link: ISO 8583 messages over a lasting TCP connection.

The dialect stands in `docs/explanation/iso8583.md`. 0100 authorises, 0200 sells and refunds, 0220 completes, 0400
reverses what was approved, and 0420 (repeated as 0421) undoes what nobody knows the outcome of.

There is no question that could be asked about a message, so `lookup` knows nothing and `withdraw` is the only way out
of the unknown: a reversal advice, sent again until it is acknowledged. With its acknowledgement (0430, response code
00) the acquirer promises that the original is undone if it came, and will not be approved if it still comes. Any
other code is no such promise. The advice says everything again from the key alone, so a process can send it that
never knew the one which sent the original. An unknown cancellation cannot be undone, only finished: its withdrawal
advises the reversal of the charge once more.

Not verified: acquirers give their field lists to their customers only, so the private field 48 is this project's own,
after the manner of the networks. Acquirers differ in it, in the fields that they demand, and in what follow-ups carry:
here those name the charge by its references, never by its card.
"""

from __future__ import annotations

from typing import Final

from recoup.connectors.base import (
    Account,
    Addresses,
    Capabilities,
    Change,
    ChangeKind,
    Charge,
    Credential,
    Defaults,
    Exchange,
    Idempotency,
    Question,
    Verification,
    iso8583,
)
from recoup.connectors.iso8583 import messages
from recoup.connectors.iso8583.answers import (
    APPROVED,
    NOT_REFUSED,
    carried_out,
    done_reference,
    judged,
    withdrawn,
)
from recoup.connectors.iso8583.messages import Asked, terms_of
from recoup.outcomes.core import (
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Unknown,
    Unprocessed,
    Withdrawn,
)

_KINDS: Final = {"cap": ChangeKind.CAPTURE, "can": ChangeKind.CANCEL, "ref": ChangeKind.REFUND}
_CANNOT_ASK: Final = "an acquirer link has no message that asks; it can only be told to reverse"
_BRANDS: Final = frozenset(
    {"visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "maestro", "elo", "unknown"}
)


def _public(about: str) -> Credential:
    return Credential(about, secret=False)


def _optional(about: str) -> Credential:
    return Credential(about, required=False, secret=False)


class Iso8583(Defaults):
    """An acquirer that is spoken to directly."""

    name = "iso8583"
    credentials: Final = {
        "transport": _public("`tls` or `tcp`."),
        "host": _public("The acquirer's host name or address."),
        "port": _public("The acquirer's port."),
        "acquirer_id": _public("The acquiring institution's number, field 32: up to 11 digits."),
        "terminal_id": _public("The terminal's id, field 41: up to 8 letters and digits."),
        "merchant_id": _public("The merchant's id at the acquirer, field 42: up to 15 letters and digits."),
        "merchant_category": _optional("The merchant category code, field 18; 5999 where it is left out."),
        "name_and_place": _optional(
            "What statements show, field 43: name, city and country in 25, 13 and 2 characters."
        ),
        "length_header": _optional(
            "How long the length header is, in bytes: 2, or 4; 2 where it is left out."
        ),
        "sign_on_key": Credential("What the acquirer wants to be told at sign-on.", required=False),
    }
    addresses = Addresses("{transport}://{host}:{port}", "{transport}://{host}:{port}")
    capabilities = Capabilities(
        currencies=frozenset(iso8583.NUMBERS),
        countries=None,
        brands=_BRANDS,
        manual_capture=True,
        multiple_captures=True,
        partial_refunds=True,
        stored_credentials=True,
        lookup=False,
        withdraw=True,
        network_transaction_ids=True,
        takes_authentication=True,
        verification=True,
        idempotency=Idempotency.REFERENCE,
    )

    def __repr__(self) -> str:
        return "Iso8583()"

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """0200 where the money is taken at once, else 0100."""
        asked = messages.charge(terms_of(account), charge)
        if isinstance(asked, str):
            return Unprocessed(f"not sent: {asked}")
        response = yield asked.request
        return judged(
            response,
            asked,
            brand=charge.source.brand,
            today=charge.today,
            captured=charge.capture,
            approvals=APPROVED,
        )

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """0100 over nothing, under the condition that asks about the account only."""
        asked = messages.verification(terms_of(account), verification)
        if isinstance(asked, str):
            return Unprocessed(f"not sent: {asked}")
        response = yield asked.request
        return judged(
            response,
            asked,
            brand=verification.source.brand,
            today=verification.today,
            captured=False,
            approvals=APPROVED | NOT_REFUSED,
        )

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """0220: the sale of what 0100 held is complete."""
        return self._change(messages.capture(terms_of(account), change))

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """0400 for the charge, with the amount that stays where some was taken."""
        return self._change(messages.cancel(terms_of(account), change))

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """0200 with the processing code of a refund."""
        return self._change(messages.refund(terms_of(account), change))

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """No message asks."""
        yield from ()
        return Unknown(_CANNOT_ASK)

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """No message asks."""
        yield from ()
        return Unknown(_CANNOT_ASK)

    def withdraw(self, account: Account, question: Question) -> Exchange[Evidence | Withdrawn]:
        """0420 for the charge, whatever became of it."""
        return self._reverse(messages.reversal(terms_of(account), question, kind=None))

    def withdraw_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence | Withdrawn]:
        """0420 for a capture or refund; for a cancellation 0420 for the charge, which finishes it."""
        kind = question.change or _KINDS.get(question.key.partition("_")[0])
        if kind is not ChangeKind.CANCEL:
            return (yield from self._reverse(messages.reversal(terms_of(account), question, kind=kind)))
        asked = messages.finished_cancel(terms_of(account), question)
        ended = yield from self._reverse(asked)
        return (
            Done(done_reference(asked))
            if isinstance(asked, Asked) and isinstance(ended, Withdrawn)
            else ended
        )

    @staticmethod
    def _change(asked: Asked | str) -> Exchange[FollowUp]:
        if isinstance(asked, str):
            return Unprocessed(f"not sent: {asked}")
        response = yield asked.request
        return carried_out(response, asked)

    @staticmethod
    def _reverse(asked: Asked | str) -> Exchange[Unknown | Withdrawn]:
        if isinstance(asked, str):
            return Unknown(f"the reversal was not sent: {asked}")
        response = yield asked.request
        return withdrawn(response, asked)


CONNECTORS: Final = (Iso8583(),)
