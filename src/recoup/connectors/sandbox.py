"""The simulated processors alpha, bravo and charlie: one wire (see `recoup.sandbox.wire`), three sets of capabilities.

Every verb is one request. An answer is believed where its status is 200, its object is the one asked about, and it
carries our key; a refusal is believed only where the processor itself promises `"processed": false`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from recoup.connectors.base import (
    Account,
    Addresses,
    Capabilities,
    Card,
    Change,
    Charge,
    Connector,
    Credential,
    Defaults,
    Exchange,
    HttpRequest,
    HttpResponse,
    Idempotency,
    Question,
    Source,
    Verification,
    no_readable_answer,
)
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Checks,
    Declined,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
    Withdrawn,
)
from recoup.outcomes.core.classify import declined

_CAPTURE: Final = "capture"
_CANCELLATION: Final = "cancellation"
_REFUND: Final = "refund"

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+\Z")]
Code = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
Text = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*\Z")]
Url = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[!-~]+\Z")]
Check = Literal["pass", "fail", "unavailable"]


class _Checks(Struct, frozen=True):
    cvc: Check | None = None
    postal_code: Check | None = None
    address: Check | None = None

    def checks(self) -> Checks:
        return Checks(cvc=self.cvc, postal_code=self.postal_code, address=self.address)


class _Decline(Struct, frozen=True):
    code: Code
    network_code: Code | None = None
    advice_code: Code | None = None


class _Answer(Struct, frozen=True, kw_only=True):
    id: Name
    key: str
    state: str
    checks: _Checks = _Checks()
    decline: _Decline | None = None
    network_transaction_id: Name | None = None
    token: Name | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, state={self.state!r})"

    def approved(self, *, captured: bool) -> Approved:
        """What an approval says."""
        return Approved(
            self.id,
            captured=captured,
            network_transaction_id=self.network_transaction_id,
            checks=self.checks.checks(),
            token=None if self.token is None else Secret(self.token),
        )


class _ChargeAnswer(_Answer, frozen=True, kw_only=True):
    object: Literal["charge"]
    amount: int
    currency: str
    capture: bool
    authentication_url: Url | None = None


class _VerificationAnswer(_Answer, frozen=True, kw_only=True):
    object: Literal["verification"]


class _ChangeAnswer(Struct, frozen=True, kw_only=True):
    object: Literal["capture", "cancellation", "refund"]
    id: Name
    key: str
    state: str
    code: Code | None = None
    message: Text | None = None


class _WithdrawalAnswer(Struct, frozen=True, kw_only=True):
    object: Literal["withdrawal"]
    key: str
    state: Literal["withdrawn"]


class _Error(Struct, frozen=True):
    code: Code


class _ErrorAnswer(Struct, frozen=True):
    """Where `processed` is false, and only there, the processor promises that nothing was done."""

    error: _Error
    processed: bool


AnswerT = TypeVar("AnswerT", _ChargeAnswer, _VerificationAnswer, _ChangeAnswer, _WithdrawalAnswer)


class Sandbox(Defaults):
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
        response = yield self._post(account, "charges", key=charge.key, body=_charge_body(charge))
        if refused := _refused_at_the_door(response):
            return refused
        answer = _read(response, _ChargeAnswer, key=charge.key)
        if answer and (answer.amount, answer.currency) != (charge.amount.minor, charge.amount.currency):
            return Unknown("the answer is about another amount")
        return self._charged(response, key=charge.key, brand=charge.source.brand, today=charge.today)

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """Ask the card's issuer, without taking money."""
        source = _source_body(verification.source, remember=verification.remember)
        about = {"currency": verification.currency, "postal_code": verification.billing.postal_code}
        response = yield self._post(account, "verifications", key=verification.key, body=about | source)
        if refused := _refused_at_the_door(response):
            return refused
        match _read(response, _VerificationAnswer, key=verification.key):
            case _VerificationAnswer(state="approved") as answer:
                return answer.approved(captured=False)
            case _VerificationAnswer(state="declined", decline=_Decline() as said) as answer:
                return self._declined(answer, said, brand=verification.source.brand, today=verification.today)
            case _:
                return no_readable_answer(response)

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
        response = yield self._about(account, question)
        return self._charged(response, key=question.key, brand=question.brand, today=question.today)

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a capture, cancellation or refund."""
        response = yield self._about(account, question)
        return _changed(response, key=question.key)

    def withdraw(self, account: Account, question: Question) -> Exchange[Evidence | Withdrawn]:
        """Burn our key, unless there is a charge under it."""
        response = yield self._burn(account, question)
        if _read(response, _WithdrawalAnswer, key=question.key):
            return Withdrawn()
        return self._charged(response, key=question.key, brand=question.brand, today=question.today)

    def withdraw_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence | Withdrawn]:
        """Burn our key, unless there is a capture, cancellation or refund under it."""
        response = yield self._burn(account, question)
        if _read(response, _WithdrawalAnswer, key=question.key):
            return Withdrawn()
        return _changed(response, key=question.key)

    def _change(
        self, account: Account, change: Change, object_: str, *, body: Mapping[str, int]
    ) -> Exchange[FollowUp]:
        path = f"charges/{quote(change.charge_reference, safe='')}/{object_}s"
        response = yield self._post(account, path, key=change.key, body=body)
        return _refused_at_the_door(response) or _changed(response, key=change.key, object_=object_)

    def _post(self, account: Account, path: str, *, key: str, body: Mapping[str, object]) -> HttpRequest:
        return HttpRequest(
            method="POST",
            url=f"{account.base_url}/{self.name}/{path}",
            headers={"Idempotency-Key": key, "Content-Type": "application/json"},
            secret_headers=_authorization(account),
            body=msgspec.json.encode(body),
        )

    def _about(self, account: Account, question: Question) -> HttpRequest:
        url = f"{account.base_url}/{self.name}/operations/{quote(question.key, safe='')}"
        return HttpRequest(method="GET", url=url, secret_headers=_authorization(account))

    def _burn(self, account: Account, question: Question) -> HttpRequest:
        url = f"{account.base_url}/{self.name}/operations/{quote(question.key, safe='')}/withdraw"
        return HttpRequest(method="POST", url=url, secret_headers=_authorization(account))

    def _charged(self, response: HttpResponse, *, key: str, brand: str, today: date) -> Evidence:
        """What an answer about a charge means."""
        match _read(response, _ChargeAnswer, key=key):
            case _ChargeAnswer(state="approved") as answer:
                return answer.approved(captured=answer.capture)
            case _ChargeAnswer(state="declined", decline=_Decline() as said) as answer:
                return self._declined(answer, said, brand=brand, today=today)
            case _ChargeAnswer(state="requires_action", id=reference, authentication_url=str(url)):
                return ActionRequired(reference, url)
            case _ChargeAnswer(state="pending", id=reference):
                return Pending(reference)
            case _:
                return no_readable_answer(response)

    def _declined(self, answer: _Answer, said: _Decline, *, brand: str, today: date) -> Declined:
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
    answer = _read(response, _ChangeAnswer, key=key)
    if answer is not None and object_ is not None and answer.object != object_:
        return Unknown(f"the answer is about a {answer.object}")
    match answer:
        case _ChangeAnswer(state="done", id=reference):
            return Done(reference)
        case _ChangeAnswer(state="pending", id=reference):
            return Pending(reference)
        case _ChangeAnswer(state="refused" | "failed", code=str(code), message=message):
            return Refused(code, message or "The processor gave no reason.")
        case _:
            return no_readable_answer(response)


def _read(response: HttpResponse, type_: type[AnswerT], *, key: str) -> AnswerT | None:
    """The answer, if it is one of this type and carries our key."""
    if response.status != 200:
        return None
    try:
        answer = msgspec.convert(response.json(), type_)
    except msgspec.ValidationError:
        return None
    return answer if answer.key == key else None


def _refused_at_the_door(response: HttpResponse) -> Unprocessed | None:
    """The processor's own promise that nothing was done; no status alone is one."""
    if response.status < 400:
        return None
    try:
        error = msgspec.convert(response.json(), _ErrorAnswer)
    except msgspec.ValidationError:
        return None
    return None if error.processed else Unprocessed(f"HTTP {response.status}: {error.error.code}")


def _authorization(account: Account) -> dict[str, str]:
    key = account.credentials.get("api_key", Secret(""))
    return {"Authorization": f"Bearer {key.reveal()}"}


def _charge_body(charge: Charge) -> dict[str, object]:
    return {
        "order": charge.payment_key,
        "amount": charge.amount.minor,
        "currency": charge.amount.currency,
        **_source_body(charge.source, remember=charge.remember),
        "capture": charge.capture,
        "initiator": charge.initiator.value,
        "network_transaction_id": charge.network_transaction_id,
        "merchant_reference": charge.merchant_reference,
        "return_url": charge.return_url,
        "country": charge.billing.country,
        "postal_code": charge.billing.postal_code,
    }


def _source_body(source: Source, *, remember: bool) -> dict[str, object]:
    kept: dict[str, object] = {"remember": True} if remember else {}
    if not isinstance(source, Card):
        return {"token": source.value.reveal(), **kept}
    card: dict[str, object] = {"number": source.number.reveal(), "holder": source.holder}
    card |= {"exp_month": source.exp_month, "exp_year": source.exp_year}
    return {"card": card | {"cvc": source.cvc.reveal() if source.cvc is not None else None}, **kept}


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
        verification=True,
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
