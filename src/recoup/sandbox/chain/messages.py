"""What acquirers, network and issuers of the sandbox say to each other: ISO 8583 messages to facts and back.

The dialect is the one of acquirer links (`recoup.connectors.base.iso8583`), with subelements of field 48 that tell a
simulated network what a real one knows otherwise: whose world it is, which card without its number, and the issuer's
own word for a refusal. 0100 asks for an authorisation; 0120, 0220 and 0420 are advices, which nobody refuses: money
approved in the issuer's place, money given back, and a charge undone. An advice never carries a card number, so it may
be kept until it is acknowledged.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.connectors.base import iso8583
from recoup.connectors.base.iso8583 import Message
from recoup.kit.money import Money
from recoup.sandbox.cards import Check
from recoup.sandbox.core import keys
from recoup.sandbox.core.codes import Codes, codes
from recoup.sandbox.core.issuer import Approval, Asked, Challenge, Checks, Refusal, Verdict
from recoup.sandbox.core.processors import PROCESSORS, ProcessorName

AMOUNT_MAX: Final = 10**12 - 1
"""The most that field 4 holds."""
SALE: Final = "000000"
RETURN: Final = "200000"

WORLD: Final = "61"
REASON: Final = "62"
MARK: Final = "63"
CARD: Final = "66"
GIVEN: Final = "93"
"""Subelements of field 48 of the network's own: the world in letters, the issuer's word, a fault, the card's name, and
what came with the charge (C security code, P postal code, G an earlier agreement, A an authenticated customer)."""

ISSUER_DOWN: Final = "D"
NETWORK_SILENT: Final = "S"
"""Marks that a fault puts on a message: its issuer cannot be reached; its answer gets lost."""

CHALLENGED: Final = "challenge"
NOT_AVAILABLE: Final = "issuer_not_available"
AUTHENTICATED: Final = "/authenticated"
"""Added to the key of a charge that is asked about a second time, when its customer has authenticated."""

_INSTITUTIONS: Final = {
    ProcessorName.ALPHA: "100001",
    ProcessorName.BRAVO: "100002",
    ProcessorName.CHARLIE: "100003",
}
ACQUIRERS: Final = {number: name for name, number in _INSTITUTIONS.items()}
"""The acquiring institutions by their numbers, field 32."""

_ON_FILE: Final = "102"
_TYPED: Final = "812"
"""Entry modes: from a stored card, and typed by the customer."""
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_CURRENCIES: Final = {number: letters for letters, number in iso8583.NUMBERS.items()}
_LETTERS: Final = {Check.PASS: "P", Check.FAIL: "F", Check.UNAVAILABLE: "U", None: "-"}
_CHECKS: Final = {letter: check for check, letter in _LETTERS.items()}
_WORDS: Final = {"91": NOT_AVAILABLE}
_FAILED: Final = "96"
_ANY: Final = "generic_decline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An authorisation that is asked for; one over nothing only asks whether the card is good.

    `key` is the charge's; `card` its card's name, without the number.
    """

    world_id: UUID
    acquirer: ProcessorName
    key: str
    card: str
    number: str = field(repr=False)
    amount: Money
    exp_month: int
    exp_year: int
    cvc_given: bool = False
    postal_code_given: bool = False
    by_merchant: bool = False
    agreed: bool = False
    authenticated: bool = False

    @property
    def checks_only(self) -> bool:
        """Whether nothing is to be held."""
        return self.amount.minor == 0

    def asked(self, now: datetime) -> Asked:
        """The payment as its issuer sees it."""
        return Asked(
            processor=PROCESSORS[self.acquirer],
            amount=self.amount,
            exp_month=self.exp_month,
            exp_year=self.exp_year,
            cvc_given=self.cvc_given,
            postal_code_given=self.postal_code_given,
            by_merchant=self.by_merchant,
            now=now,
            authenticated=self.authenticated,
            agreed=self.agreed,
        )


class AdviceKind(StrEnum):
    """What is told and not asked, by its message's type."""

    STOOD_IN = "0120"
    GIVEN_BACK = "0220"
    REVERSED = "0420"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Something that has happened. `key` is what it is done once by: for a reversal of a whole charge, the charge's.

    `issuer` is the receiving institution's number, and None where only the key of what is reversed is known; the same
    goes for card and amount.
    """

    kind: AdviceKind
    world_id: UUID
    acquirer: ProcessorName
    key: str
    issuer: str | None = None
    card: str | None = None
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was answered to an authorisation, and the network's name for it where it was approved."""

    verdict: Verdict
    network_transaction_id: str | None = None


def wire_key(key: str) -> str:
    """How a key travels: as it is where it is short and plain, else its digest."""
    return key if _PLAIN_KEY.fullmatch(key) else f"#{hashlib.sha256(key.encode()).hexdigest()}"


def request_message(request: Request, *, trace: int, sent: datetime, mark: str = "") -> Message:
    """The 0100 that asks for it."""
    given = {
        "C": request.cvc_given,
        "P": request.postal_code_given,
        "G": request.agreed,
        "A": request.authenticated,
    }
    tags = {
        iso8583.KEY: request.key,
        WORLD: keys.world_letters(request.world_id),
        CARD: request.card,
        GIVEN: "".join(letter for letter, holds in given.items() if holds),
        MARK: mark,
    }
    return {
        "t": "0100",
        **_named(request.key, trace=trace, sent=sent),
        **_money(request.amount),
        "2": request.number,
        "3": SALE,
        "14": f"{request.exp_year % 100:02}{request.exp_month:02}",
        "22": _ON_FILE if request.by_merchant else _TYPED,
        "25": "51" if request.checks_only else "08" if request.by_merchant else "59",
        "32": _INSTITUTIONS[request.acquirer],
        "48": iso8583.joined({name: value for name, value in tags.items() if value}),
    }


def request_of(message: Message) -> Request | None:
    """What a 0100 asks for; None where it does not say all of it."""
    tags = tags_of(message)
    amount, common = amount_of(message), _common(message, tags)
    match message:
        case {"2": str(number), "14": str(expiry), "22": str(entry)} if (
            amount and common and len(expiry) == 4 and 1 <= int(expiry[2:]) <= 12 and CARD in tags
        ):
            given = tags.get(GIVEN, "")
            return Request(
                world_id=common[0],
                acquirer=common[1],
                key=tags[iso8583.KEY],
                card=tags[CARD],
                number=number,
                amount=amount,
                exp_month=int(expiry[2:]),
                exp_year=2000 + int(expiry[:2]),
                cvc_given="C" in given,
                postal_code_given="P" in given,
                by_merchant=entry == _ON_FILE,
                agreed="G" in given,
                authenticated="A" in given,
            )
        case _:
            return None


def advice_message(advice: Advice, *, trace: int, sent: datetime) -> Message:
    """The message that tells it."""
    tags = {iso8583.KEY: advice.key, WORLD: keys.world_letters(advice.world_id), CARD: advice.card or ""}
    return {
        "t": advice.kind.value,
        **_named(advice.key, trace=trace, sent=sent),
        **(_money(advice.amount) if advice.amount is not None else {}),
        "3": RETURN if advice.kind is AdviceKind.GIVEN_BACK else SALE,
        "32": _INSTITUTIONS[advice.acquirer],
        **({"100": advice.issuer} if advice.issuer else {}),
        "48": iso8583.joined({name: value for name, value in tags.items() if value}),
    }


def advice_of(message: Message) -> Advice | None:
    """What an advice tells; None where it does not say all of it."""
    tags = tags_of(message)
    common, kind, amount = _common(message, tags), _KINDS.get(message["t"]), amount_of(message)
    if common is None or kind is None:
        return None
    if kind is not AdviceKind.REVERSED and (amount is None or CARD not in tags):
        return None
    return Advice(
        kind=kind,
        world_id=common[0],
        acquirer=common[1],
        key=tags[iso8583.KEY],
        issuer=message.get("100"),
        card=tags.get(CARD),
        amount=amount,
    )


def said(judgement: Judgement) -> dict[str, str]:
    """A judgement as the fields of an answer, `39` among them; they may be kept, and said again."""
    match judgement.verdict:
        case Approval(checks, held):
            id_ = judgement.network_transaction_id
            return {
                "39": iso8583.APPROVED,
                "6": f"{held:012}",
                "44": _letters(checks),
                **({"63": id_} if id_ else {}),
            }
        case Refusal(Codes(code, network_code, advice_code), checks):
            tags = {REASON: code, **({iso8583.ADVICE_CODE: advice_code} if advice_code else {})}
            return {"39": network_code, "44": _letters(checks), "48": iso8583.joined(tags)}
        case Challenge():
            return {"39": "1A", "48": iso8583.joined({REASON: CHALLENGED})}


def answer_message(request: Message, fields: Mapping[str, str]) -> Message:
    """The 0110 to a 0100."""
    others = {name: value for name, value in fields.items() if name not in ("39", "48")}
    return iso8583.reply(request, fields["39"], fields=others, tags=iso8583.subelements(fields.get("48", "")))


def judgement_of(answer: Message) -> Judgement | None:
    """What a 0110 says; None where it does not say it: also where a host failed, and may have decided before."""
    tags, code = tags_of(answer), answer.get("39", "")
    checks = _checks(answer.get("44", ""))
    if code == iso8583.APPROVED:
        held = answer.get("6", "0")
        id_ = answer.get("63", "").strip() or None
        return Judgement(Approval(checks, held=int(held)), id_) if _DIGITS.fullmatch(held) else None
    if len(code) != 2 or (code == _FAILED and REASON not in tags):
        return None
    reason = tags.get(REASON) or _WORDS.get(code, _ANY)
    if reason == CHALLENGED:
        return Judgement(Challenge())
    return Judgement(Refusal(Codes(reason, code, tags.get(iso8583.ADVICE_CODE)), checks))


def not_available(brand: str) -> Judgement:
    """What is said where nobody could decide."""
    return Judgement(Refusal(codes(NOT_AVAILABLE, brand)))


def tags_of(message: Message) -> Mapping[str, str]:
    """The subelements of field 48."""
    return iso8583.subelements(message.get("48", "")) or {}


def _named(key: str, *, trace: int, sent: datetime) -> dict[str, str]:
    rrn = base64.b32encode(hashlib.sha256(key.encode()).digest()[:8])[:12].decode()
    return iso8583.Name(f"{(trace - 1) % 999_999 + 1:06}", rrn, f"{sent:%m%d%H%M%S}").fields()


def _money(amount: Money) -> dict[str, str]:
    assert 0 <= amount.minor <= AMOUNT_MAX, "whoever asks has looked whether it fits"
    return {"4": f"{amount.minor:012}", "49": iso8583.NUMBERS[amount.currency]}


def amount_of(message: Message) -> Money | None:
    """Fields 4 and 49 as money."""
    match message:
        case {"4": str(minor), "49": str(number)} if number in _CURRENCIES:
            return Money(int(minor), _CURRENCIES[number])
        case _:
            return None


def _common(message: Message, tags: Message) -> tuple[UUID, ProcessorName] | None:
    """Whose world, and who asks."""
    world_id = keys.world_of_letters(tags.get(WORLD, ""))
    acquirer = ACQUIRERS.get(message.get("32", ""))
    return (world_id, acquirer) if world_id and acquirer and tags.get(iso8583.KEY) else None


def _letters(checks: Checks) -> str:
    return "".join(_LETTERS[each] for each in (checks.cvc, checks.postal_code, checks.address))


def _checks(letters: str) -> Checks:
    cvc, postal_code, address = (_CHECKS.get(letter) for letter in f"{letters:-<3}"[:3])
    return Checks(cvc=cvc, postal_code=postal_code, address=address)


_KINDS: Final = {
    **{kind.value: kind for kind in AdviceKind},
    **{iso8583.repeat_type(kind.value): kind for kind in AdviceKind},
}
