"""What goes out over an acquirer link: each verb as one message, or the words for why it cannot be one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from recoup.connectors.base import (
    Account,
    Agreement,
    Authentication,
    Billing,
    Card,
    Change,
    ChangeKind,
    Charge,
    Initiator,
    LinkRequest,
    Question,
    Source,
    Verification,
    iso8583,
)
from recoup.connectors.base.iso8583 import Message, Name
from recoup.kit.money import Money
from recoup.kit.secret import Secret

AMOUNT_MAX: Final = 10**12 - 1
SALE: Final = "000000"
RETURN: Final = "200000"
"""Processing codes."""
_ON_FILE: Final = "102"
_TYPED: Final = "812"
"""Entry modes: from a stored credential, and typed by the customer at a shop in the web; no PIN either way."""
_CREDENTIALS: Final = {
    "acquirer_id": (re.compile(r"[0-9]{1,11}", re.ASCII), ""),
    "terminal_id": (re.compile(r"[0-9A-Za-z]{1,8}", re.ASCII), ""),
    "merchant_id": (re.compile(r"[0-9A-Za-z]{1,15}", re.ASCII), ""),
    "merchant_category": (re.compile(r"[0-9]{4}", re.ASCII), "5999"),
    "name_and_place": (re.compile(r"[0-9A-Za-z .,'&/-]{0,40}", re.ASCII), ""),
    "length_header": (re.compile(r"[24]", re.ASCII), "2"),
    "sign_on_key": (re.compile(r"[!-~]{0,64}", re.ASCII), ""),
}
_NETWORK_ID: Final = re.compile(r"[!-~]{1,40}", re.ASCII)
_REFERENCE: Final = re.compile(r"(0[12]00)-([0-9A-Z]{12})-([0-9A-Za-z]{0,6})-([0-9]{1,12})", re.ASCII)
_NOT_IN_A_POSTAL_CODE: Final = re.compile(r"[^0-9A-Z]", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
_ORIGINALS: Final[Mapping[ChangeKind | None, tuple[str, str]]] = {
    None: (iso8583.UNTOLD, SALE),
    ChangeKind.CAPTURE: ("0220", SALE),
    ChangeKind.REFUND: ("0200", RETURN),
}
"""Type and processing code of what is reversed by its key alone."""
_NO_FEES: Final = "C00000000C00000000"
_NAMELESS: Final = "its key names no message"


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account says in every message, and how its link is spoken."""

    url: str
    acquirer: str
    fields: Message
    link: iso8583.Link


@dataclass(frozen=True, slots=True)
class Asked:
    """What goes out: as bytes, and as fields to compare the answer with."""

    request: LinkRequest
    message: Message = field(repr=False)
    key: str


@dataclass(frozen=True, slots=True)
class Reference:
    """What later messages must say of an approved charge; as text it is our reference of it."""

    type: str
    rrn: str
    approval: str
    minor: int

    def __str__(self) -> str:
        return f"{self.type}-{self.rrn}-{self.approval}-{self.minor}"


def terms_of(account: Account) -> Terms | str:
    """What the account says, or which of its credentials does not fit."""
    said = {name: account.credential(name) or default for name, (_, default) in _CREDENTIALS.items()}
    for name, (pattern, _) in _CREDENTIALS.items():
        if pattern.fullmatch(said[name]) is None:
            return f"the account's credential {name} does not fit"
    place = said["name_and_place"]
    fields = {
        "18": said["merchant_category"],
        "32": said["acquirer_id"],
        "41": f"{said['terminal_id']:<8}",
        "42": f"{said['merchant_id']:<15}",
        **({"43": f"{place:<40}"} if place else {}),
    }
    key = Secret(said["sign_on_key"]) if said["sign_on_key"] else None
    link = iso8583.Link(said["acquirer_id"], int(said["length_header"]), key)
    return Terms(account.base_url, said["acquirer_id"], fields, link)


def charge(terms: Terms | str, asked: Charge) -> Asked | str:
    """0200 takes the money at once, 0100 holds it."""
    by_merchant = asked.initiator is Initiator.MERCHANT
    since = asked.network_transaction_id
    if since is not None and _NETWORK_ID.fullmatch(since) is None:
        return "the network transaction id does not fit"
    fields = {
        "22": _ON_FILE if by_merchant or since else _TYPED,
        "25": "08" if by_merchant else "59",
        **({"63": since} if since else {}),
    }
    repeated = "R" if asked.agreement is Agreement.RECURRING else "U"
    agreement = f"{'M' if by_merchant else 'C'}{repeated}{'S' if asked.remember else '-'}"
    return _of_a_card(
        terms,
        "0200" if asked.capture else "0100",
        asked.key,
        source=asked.source,
        amount=asked.amount,
        fields=fields,
        tags={iso8583.AGREEMENT: agreement, **_payer(asked.billing), **_authentication(asked.authentication)},
    )


def verification(terms: Terms | str, asked: Verification) -> Asked | str:
    """0100 over nothing: condition 51 asks about the account only."""
    agreement = f"CU{'S' if asked.remember else '-'}"
    return _of_a_card(
        terms,
        "0100",
        asked.key,
        source=asked.source,
        amount=Money(0, asked.currency),
        fields={"22": _TYPED, "25": "51"},
        tags={iso8583.AGREEMENT: agreement, **_payer(asked.billing)},
    )


def capture(terms: Terms | str, change: Change) -> Asked | str:
    """0220 for some or all of what is held."""
    final = {iso8583.FINAL: "F" if change.final else "P"}
    return _of_a_charge(terms, "0220", change, fields={"3": SALE}, tags=final)


def refund(terms: Terms | str, change: Change) -> Asked | str:
    """0200 the other way."""
    return _of_a_charge(terms, "0200", change, fields={"3": RETURN}, tags={})


def cancel(terms: Terms | str, change: Change) -> Asked | str:
    """0400 for the charge; where some of it stays, field 95 says how much."""
    of = _Of(change.key, change.charge_key, change.charge_reference, change.amount)
    return _reversal_of_a_charge(terms, "0400", of)


def finished_cancel(terms: Terms | str, question: Question) -> Asked | str:
    """0420 for the charge that a cancellation with unknown outcome was about."""
    key, reference, amount = question.charge_key, question.charge_reference, question.amount
    if key is None or reference is None or amount is None:
        return "which charge was cancelled is not known"
    return _reversal_of_a_charge(terms, "0420", _Of(question.key, key, reference, amount))


def reversal(terms: Terms | str, question: Question, *, kind: ChangeKind | None) -> Asked | str:
    """0420 for what carried the question's key: a charge, or a change of this kind."""
    name = iso8583.name_of(question.key)
    if isinstance(terms, str) or name is None:
        return terms if isinstance(terms, str) else _NAMELESS
    type_, processing = _ORIGINALS[kind]
    money = {} if question.amount is None else _money(question.amount)
    if isinstance(money, str):
        return money
    fields = {**money, "3": processing, "90": name.original(type_, acquirer=terms.acquirer)}
    tags = {iso8583.KEY: question.key, iso8583.ORIGINAL_KEY: question.key}
    return _asked(terms, "0420", iso8583.reversal_of(name), key=question.key, fields=fields, tags=tags)


@dataclass(frozen=True, slots=True)
class _Of:
    """A change of a charge: its key, the charge's key and reference, how much."""

    key: str
    charge_key: str
    charge_reference: str
    amount: Money


@dataclass(frozen=True, slots=True)
class _Known:
    """What a change and its charge are called, and its amount as fields."""

    name: Name
    original: Name
    reference: Reference
    money: Message


def _known(of: _Of) -> _Known | str:
    name, original = iso8583.name_of(of.key), iso8583.name_of(of.charge_key)
    if name is None or original is None:
        return _NAMELESS
    found = _REFERENCE.fullmatch(of.charge_reference)
    if found is None or found[2] != original.rrn:
        return "the charge's reference does not belong to its key"
    money = _money(of.amount)
    if isinstance(money, str):
        return money
    return _Known(name, original, Reference(found[1], found[2], found[3], int(found[4])), money)


def _of_a_charge(
    terms: Terms | str, type_: str, change: Change, *, fields: Message, tags: Message
) -> Asked | str:
    """A capture or refund: a message of its own name that says of which charge it is."""
    known = _known(_Of(change.key, change.charge_key, change.charge_reference, change.amount))
    if isinstance(terms, str) or isinstance(known, str):
        return terms if isinstance(terms, str) else str(known)
    return _asked(
        terms,
        type_,
        known.name,
        key=change.key,
        fields={**known.money, **fields, **_charge_fields(known, acquirer=terms.acquirer)},
        tags={
            **tags,
            iso8583.KEY: change.key,
            iso8583.ORIGINAL_KEY: change.charge_key,
            iso8583.ORIGINAL_RRN: known.original.rrn,
        },
    )


def _reversal_of_a_charge(terms: Terms | str, type_: str, of: _Of) -> Asked | str:
    """Letting go of a charge: under the charge's own reference number, as reversals are."""
    known = _known(of)
    if isinstance(terms, str) or isinstance(known, str):
        return terms if isinstance(terms, str) else str(known)
    stays = known.reference.minor - of.amount.minor
    if stays < 0:
        return "it is more than was charged"
    name = replace(known.name, rrn=known.original.rrn)
    fields = {
        "3": SALE,
        "4": f"{known.reference.minor:012}",
        "49": known.money["49"],
        **_charge_fields(known, acquirer=terms.acquirer),
        **({"95": f"{stays:012}{0:012}{_NO_FEES}"} if stays else {}),
    }
    tags = {iso8583.KEY: of.key, iso8583.ORIGINAL_KEY: of.charge_key}
    named = iso8583.reversal_of(name) if type_ == "0420" else name
    return _asked(terms, type_, named, key=of.key, fields=fields, tags=tags)


def _charge_fields(known: _Known, *, acquirer: str) -> dict[str, str]:
    approval = known.reference.approval
    return {
        "90": known.original.original(known.reference.type, acquirer=acquirer),
        **({"38": f"{approval:<6}"} if approval else {}),
    }


def _of_a_card(
    terms: Terms | str,
    type_: str,
    key: str,
    *,
    source: Source,
    amount: Money,
    fields: Message,
    tags: Message,
) -> Asked | str:
    name, money = iso8583.name_of(key), _money(amount)
    if isinstance(terms, str) or isinstance(money, str):
        return terms if isinstance(terms, str) else str(money)
    if not isinstance(source, Card):
        return "a link takes cards only"
    if name is None:
        return _NAMELESS
    card = {
        "2": source.number.reveal(),
        "3": SALE,
        "14": f"{source.exp_year % 100:02}{source.exp_month:02}",
    }
    cvc = {iso8583.CVC: source.cvc.reveal()} if source.cvc is not None else {}
    return _asked(
        terms,
        type_,
        name,
        key=key,
        fields={**card, **money, **fields},
        tags={**tags, **cvc, iso8583.KEY: key},
    )


def _asked(terms: Terms, type_: str, name: Name, *, key: str, fields: Message, tags: Message) -> Asked | str:
    message = {"t": type_, **name.fields(), **terms.fields, **fields, "48": iso8583.joined(tags)}
    try:
        body = iso8583.encode(message)
        again = iso8583.encode({**message, "t": iso8583.repeat_type(type_)}) if type_ == "0420" else b""
    except iso8583.Unwritable as error:
        return str(error)
    match = iso8583.match_of(iso8583.reply_type(type_), name.stan, name.rrn)
    return Asked(LinkRequest(type_, terms.url, terms.link, match, body, again), message, key)


def _money(amount: Money) -> dict[str, str] | str:
    if not 0 <= amount.minor <= AMOUNT_MAX:
        return "the amount does not fit"
    return {"4": f"{amount.minor:012}", "49": iso8583.NUMBERS[amount.currency]}


def _authentication(known: Authentication | None) -> dict[str, str]:
    """What the customer's authentication came to elsewhere: how far it went, its proof, its version and id."""
    if known is None:
        return {}
    return {
        iso8583.AUTHENTICATED: f"{known.eci}{known.status}",
        iso8583.CRYPTOGRAM: known.cryptogram.reveal(),
        iso8583.DS_TRANSACTION: f"{known.version} {known.ds_transaction_id}",
    }


def _payer(billing: Billing) -> dict[str, str]:
    """What the issuer compares: the postal code, and the digits of the street address."""
    postal = _NOT_IN_A_POSTAL_CODE.sub("", (billing.postal_code or "").upper())[:9]
    house = _DIGITS.search(billing.line1 or "")
    return {
        **({iso8583.POSTAL_CODE: postal} if postal else {}),
        **({iso8583.HOUSE_NUMBER: house[0][:10]} if house else {}),
    }
