"""The simulated processors alpha, bravo and charlie: one wire (see `recoup.sandbox.wire`), three sets of capabilities.

Every verb is one request. An answer is believed where its status is 200, its object is the one asked about, and it
carries our key; a refusal is believed only where the processor itself promises `"processed": false`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final
from urllib.parse import quote

import msgspec

from recoup.connectors.base import (
    AcceptDispute,
    Account,
    Addresses,
    Authentic,
    Capabilities,
    Change,
    Charge,
    Completion,
    Connector,
    Credential,
    Defaults,
    Delivery,
    DisputeVerb,
    Exchange,
    Forged,
    HttpRequest,
    HttpResponse,
    Idempotency,
    Notice,
    Question,
    SubmitEvidence,
    Undecided,
    Verification,
    no_readable_answer,
)
from recoup.connectors.base.disputes import unfit
from recoup.connectors.sandbox import news
from recoup.connectors.sandbox.listing import Listing
from recoup.connectors.sandbox.wire import (
    Answer,
    CardNewsAnswer,
    ChangeAnswer,
    ChargeAnswer,
    Decline,
    DisputeAnswer,
    DisputeNewsAnswer,
    VerificationAnswer,
    WithdrawalAnswer,
    authorization,
    charge_body,
    evidence_body,
    meant_by,
    read,
    refused_at_the_door,
    verification_body,
)
from recoup.outcomes.core import (
    ActionRequired,
    Declined,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Pending,
    Refused,
    Unknown,
    Withdrawn,
)
from recoup.outcomes.core.classify import declined

_CAPTURE: Final = "capture"
_CANCELLATION: Final = "cancellation"
_REFUND: Final = "refund"


class Sandbox(Listing, Defaults):
    """One simulated processor."""

    test_mode_only = True
    credentials: Final = {"api_key": Credential("Any text: it names the simulated world.")}
    addresses = Addresses(test=None, live=None)

    def __init__(self, name: str, capabilities: Capabilities) -> None:
        self.name = name
        self.capabilities = capabilities

    def __repr__(self) -> str:
        return f"Sandbox({self.name!r})"

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money."""
        response = yield self._post(account, "charges", key=charge.key, body=charge_body(charge))
        if refused := refused_at_the_door(response):
            return refused
        answer = read(response, ChargeAnswer, key=charge.key)
        if answer and (answer.amount, answer.currency) != (charge.amount.minor, charge.amount.currency):
            return Unknown("the answer is about another amount")
        return self._charged(response, key=charge.key, brand=charge.source.brand, today=charge.today)

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """Ask the card's issuer, without taking money."""
        body, key = verification_body(verification), verification.key
        response = yield self._post(account, "verifications", key=key, body=body)
        brand, today = verification.source.brand, verification.today
        return refused_at_the_door(response) or self._verified(response, key=key, brand=brand, today=today)

    def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
        """The customer's own page did everything: ask what became of the charge, or of the verification."""
        response = yield self._about(account, completion.key)
        key, brand, today = completion.key, completion.brand, completion.today
        if read(response, VerificationAnswer, key=key):
            return self._verified(response, key=key, brand=brand, today=today)
        return self._charged(response, key=key, brand=brand, today=today)

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held."""
        return self._change(account, change, _CAPTURE, body={"amount": change.amount.minor})

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of all that is held."""
        return self._change(account, change, _CANCELLATION, body={})

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all of what was taken."""
        return self._change(account, change, _REFUND, body={"amount": change.amount.minor})

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a charge."""
        response = yield self._about(account, question.key)
        return self._charged(response, key=question.key, brand=question.brand, today=question.today)

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a capture, cancellation or refund."""
        response = yield self._about(account, question.key)
        return _changed(response, key=question.key)

    def withdraw(self, account: Account, question: Question) -> Exchange[Evidence | Withdrawn]:
        """Burn our key, unless there is a charge under it."""
        response = yield self._burn(account, question)
        if read(response, WithdrawalAnswer, key=question.key):
            return Withdrawn()
        return self._charged(response, key=question.key, brand=question.brand, today=question.today)

    def withdraw_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence | Withdrawn]:
        """Burn our key, unless there is a capture, cancellation or refund under it."""
        response = yield self._burn(account, question)
        if read(response, WithdrawalAnswer, key=question.key):
            return Withdrawn()
        return _changed(response, key=question.key)

    def submit_evidence(self, account: Account, asked: SubmitEvidence) -> Exchange[FollowUp]:
        """Answer a dispute, once. Evidence that says `winning_evidence` wins it, `losing_evidence` loses it."""
        if why_not := unfit(asked.evidence):
            return why_not
        body = evidence_body(asked.evidence)
        return (
            yield from self._answer(account, asked.dispute_reference, "evidence", key=asked.key, body=body)
        )

    def accept_dispute(self, account: Account, asked: AcceptDispute) -> Exchange[FollowUp]:
        """Give the disputed money up."""
        return self._answer(account, asked.dispute_reference, "acceptance", key=asked.key, body={})

    def _answer(
        self, account: Account, dispute: str, answer: str, *, key: str, body: Mapping[str, object]
    ) -> Exchange[FollowUp]:
        path = f"disputes/{quote(dispute, safe='')}/{answer}"
        response = yield self._post(account, path, key=key, body=body)
        if refused := refused_at_the_door(response):
            return refused
        match read(response, DisputeAnswer, key=key):
            case DisputeAnswer(state="done", dispute=reference) if reference == dispute:
                return Done(reference)
            case DisputeAnswer(state="refused", code=str(code), message=message):
                return Refused(code, message or "The processor gave no reason.")
            case _:
                return no_readable_answer(response)

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged | Undecided]:
        """Whether it was signed with the world's key, just now."""
        yield from ()
        return news.judged(account, delivery)

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """What happened to a charge, to a change of one, to a dispute, or to a card that is remembered."""
        said = news.read_news(delivery)
        if said is None:
            return ()
        match said.about:
            case ChargeAnswer() as charge:
                today = delivery.received_at.date()
                return (news.of_charge(said, charge, self._charge(charge, brand="", today=today)),)
            case ChangeAnswer() as change:
                return (news.of_change(said, change),)
            case DisputeNewsAnswer() as dispute:
                return (news.of_dispute(said, dispute),)
            case CardNewsAnswer() as card:
                return (news.of_card(said, card),)

    def _change(
        self, account: Account, change: Change, object_: str, *, body: Mapping[str, int]
    ) -> Exchange[FollowUp]:
        path = f"charges/{quote(change.charge_reference, safe='')}/{object_}s"
        response = yield self._post(account, path, key=change.key, body=body)
        return refused_at_the_door(response) or _changed(response, key=change.key, object_=object_)

    def _post(self, account: Account, path: str, *, key: str, body: Mapping[str, object]) -> HttpRequest:
        return HttpRequest(
            method="POST",
            url=f"{account.base_url}/{self.name}/{path}",
            headers={"Idempotency-Key": key, "Content-Type": "application/json"},
            secret_headers=authorization(account),
            body=msgspec.json.encode(body),
        )

    def _about(self, account: Account, key: str) -> HttpRequest:
        url = f"{account.base_url}/{self.name}/operations/{quote(key, safe='')}"
        return HttpRequest(method="GET", url=url, secret_headers=authorization(account))

    def _burn(self, account: Account, question: Question) -> HttpRequest:
        url = f"{account.base_url}/{self.name}/operations/{quote(question.key, safe='')}/withdraw"
        return HttpRequest(method="POST", url=url, secret_headers=authorization(account))

    def _charged(self, response: HttpResponse, *, key: str, brand: str, today: date) -> Evidence:
        """What an answer about a charge means."""
        answer = read(response, ChargeAnswer, key=key)
        meant = None if answer is None else self._charge(answer, brand=brand, today=today)
        return meant or no_readable_answer(response)

    def _charge(self, answer: ChargeAnswer, *, brand: str, today: date) -> Evidence | None:
        match answer:
            case ChargeAnswer(state="approved"):
                return answer.approved(captured=answer.capture)
            case ChargeAnswer(state="declined", decline=Decline() as said):
                return self._declined(answer, said, brand=brand, today=today)
            case ChargeAnswer(state="requires_action", id=reference, authentication_url=str(url)):
                return ActionRequired(reference, url, answer.authentication_form)
            case ChargeAnswer(state="pending", id=reference):
                return Pending(reference)
            case _:
                return None

    def _verified(self, response: HttpResponse, *, key: str, brand: str, today: date) -> Evidence:
        """What an answer about a verification means."""
        match read(response, VerificationAnswer, key=key):
            case VerificationAnswer(state="approved") as answer:
                return answer.approved(captured=False)
            case VerificationAnswer(state="declined", decline=Decline() as said) as answer:
                return self._declined(answer, said, brand=brand, today=today)
            case VerificationAnswer(state="requires_action", id=reference, authentication_url=str(url)):
                return ActionRequired(reference, url)
            case _:
                return no_readable_answer(response)

    def _declined(self, answer: Answer, said: Decline, *, brand: str, today: date) -> Declined:
        return declined(
            self.name,
            said.code,
            on=today,
            network_code=said.network_code,
            advice_code=said.advice_code,
            brand=brand,
            reference=answer.id,
            checks=answer.checks.checks(),
        )


def _changed(response: HttpResponse, *, key: str, object_: str | None = None) -> FollowUpEvidence:
    """What an answer about a change means: about one of this kind, or of any where nobody knows which it was."""
    answer = read(response, ChangeAnswer, key=key)
    if answer is not None and object_ is not None and answer.object != object_:
        return Unknown(f"the answer is about a {answer.object}")
    return (None if answer is None else meant_by(answer)) or no_readable_answer(response)


_EEA: Final = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"}
) | frozenset({"IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"})
_BRANDS: Final = frozenset(
    {"visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "maestro", "unknown"}
)


def _capabilities(
    *,
    brands: frozenset[str],
    currencies: frozenset[str] | None = None,
    countries: frozenset[str] | None = None,
    multiple_captures: bool = True,
) -> Capabilities:
    return Capabilities(
        currencies=currencies,
        countries=countries,
        brands=brands,
        manual_capture=True,
        multiple_captures=multiple_captures,
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
        disputes=frozenset(DisputeVerb),
        dispute_fees=True,
        idempotency=Idempotency.KEY,
    )


ALPHA: Final = Sandbox("alpha", _capabilities(brands=_BRANDS))
"""American: every currency, country and brand."""

BRAVO: Final = Sandbox(
    "bravo",
    _capabilities(
        brands=_BRANDS - {"amex", "maestro", "unknown"},
        currencies=frozenset({"USD", "CAD", "GBP", "EUR", "CHF", "SEK", "NOK", "DKK", "PLN", "AUD"}),
    ),
)
"""British with a branch in America: ten currencies, no American Express."""

CHARLIE: Final = Sandbox(
    "charlie",
    _capabilities(
        brands=frozenset({"visa", "mastercard"}),
        currencies=frozenset({"EUR", "GBP"}),
        countries=_EEA | {"GB", "CH"},
        multiple_captures=False,
    ),
)
"""European: euros and pounds from European cards, one capture a charge."""

SANDBOXES: Final = (ALPHA, BRAVO, CHARLIE)
CONNECTORS: Final[tuple[Connector, ...]] = SANDBOXES
