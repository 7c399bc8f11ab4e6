"""The files in which account updaters are asked and answer, as acquirers publish them.

Two line formats. `visa_vau` and `mastercard_abu` are lines of plain fields, with the codes of their network:
`reference,number,YYMM` is asked, `reference,old number,new number,old YYMM,new YYMM,code` answered (Moneris: Batch
Upload, Account Updater; codes as in Paysafe: Account Updater, codes and descriptions, and TabaPay: Account Updater
response codes). `cybersource` is one file for all networks with a header, a footer and codes of its own (CyberSource:
Account Updater, formatting a request file, response file records, response codes). All read on 2026-11-22.

Card numbers are in these files and nowhere else: what cannot be read is refused by its line and field, never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from recoup.kit.refusals import Refusal, invalid
from recoup.kit.secret import Secret
from recoup.updater.core.inquiries import Answer

LINES_MAX: Final = 200_000
_NUMBER: Final = re.compile(r"[0-9]{12,19}", re.ASCII)
_EXPIRY: Final = re.compile(r"[0-9]{2}(0[1-9]|1[0-2])", re.ASCII)
_REFERENCE: Final = re.compile(r"[!-+\--~]{1,50}", re.ASCII)
_CENTURY: Final = 2000


class Format(StrEnum):
    """How a file is written."""

    VISA_VAU = "visa_vau"
    MASTERCARD_ABU = "mastercard_abu"
    CYBERSOURCE = "cybersource"


BRANDS_OF: Final[Mapping[Format, frozenset[str]]] = {
    Format.VISA_VAU: frozenset({"visa"}),
    Format.MASTERCARD_ABU: frozenset({"mastercard"}),
    Format.CYBERSOURCE: frozenset({"visa", "mastercard"}),
}

_VAU: Final = {
    "A": Answer.NUMBER,
    "E": Answer.EXPIRY,
    "C": Answer.CLOSED,
    "Q": Answer.CONTACT_CARDHOLDER,
    "O": Answer.OPTED_OUT,
    "V": Answer.CURRENT,
    "P": Answer.NO_MATCH,
    "F": Answer.NO_MATCH,  # newer than what was asked about, and expired since
    "N": Answer.NOT_PARTICIPATING,
    "G": Answer.NOT_PARTICIPATING,
}
_ABU: Final = {
    "UPDATE": Answer.NUMBER,
    "EXPIRY": Answer.EXPIRY,
    "CONTAC": Answer.CLOSED,
    "CONTACT": Answer.CLOSED,
    "CONTACH": Answer.CONTACT_CARDHOLDER,
    "VALID": Answer.CURRENT,
    "NOMATH": Answer.NO_MATCH,
    "MC_P": Answer.NO_MATCH,
    "P": Answer.NO_MATCH,
    "UNKNWN": Answer.NO_MATCH,
    "MC_N": Answer.NOT_PARTICIPATING,
    "N": Answer.NOT_PARTICIPATING,
    "43": Answer.NOT_PARTICIPATING,
    "34": Answer.OPTED_OUT,
}
_CYBERSOURCE: Final = {
    "NAN": Answer.NUMBER,
    "NED": Answer.EXPIRY,
    "ACL": Answer.CLOSED,
    "CCH": Answer.CONTACT_CARDHOLDER,
    "CUR": Answer.CURRENT,
    "NUP": Answer.NO_MATCH,
    "UNA": Answer.NO_MATCH,
}
_CODES: Final[Mapping[Format, Mapping[str, Answer]]] = {
    Format.VISA_VAU: _VAU,
    Format.MASTERCARD_ABU: _ABU,
    Format.CYBERSOURCE: _CYBERSOURCE,
}
"""What each code means. A code that is not listed is a refusal of the question."""


@dataclass(frozen=True, slots=True)
class Question:
    """One card as it is asked about. `reference` is ours, and comes back with the answer."""

    reference: str
    number: Secret
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer. `number` is the card's old one; the new one is there where the answer brings a card."""

    line: int
    reference: str
    number: Secret
    answer: Answer
    code: str
    new_number: Secret | None = None
    exp_month: int | None = None
    exp_year: int | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above the questions, where a format has a header. `requester` is what the acquirer calls us."""

    requester: str
    batch: str
    email: str
    on: date


def write_questions(format_: Format, header: Header, questions: Sequence[Question]) -> Secret:
    """The file that asks."""
    match format_:
        case Format.VISA_VAU | Format.MASTERCARD_ABU:
            lines = [f"{one.reference},{one.number.reveal()},{_yymm(one)}" for one in questions]
        case Format.CYBERSOURCE:
            lines = list(_cybersource(header, questions))
    return Secret("".join(f"{line}\r\n" for line in lines))


def _cybersource(header: Header, questions: Sequence[Question]) -> Iterator[str]:
    when = header.on.isoformat()
    yield f"H,cybs.au.request.pan,{header.requester},{header.batch},{len(questions)},{header.email},{when}"
    for one in questions:
        expiry = f"{one.exp_month:02},{one.exp_year % 100:02}"
        yield f"D,{one.number.reveal()},{expiry},{one.reference}"
    yield "F"


def read_questions(format_: Format, text: Secret) -> list[Question]:
    """What a file asks: for who plays the updater."""
    found = []
    for line, fields in _lines(text):
        if format_ is not Format.CYBERSOURCE:
            reference, number, expiry = fields
        elif fields[0] == "D":
            reference, number, expiry = fields[4], fields[1], f"{fields[3]}{fields[2]}"
        else:
            continue
        month, year = _expiry(expiry, line, "expiry")
        found.append(Question(reference, _number(number, line, "number"), month, year))
    return found


def write_answers(format_: Format, answers: Iterable[tuple[Question, Answered]]) -> Secret:
    """The file that answers: for who plays the updater."""
    lines: list[str] = []
    for asked, said in answers:
        new = "" if said.new_number is None else said.new_number.reveal()
        if format_ is Format.CYBERSOURCE:
            expiry = "," if said.exp_month is None else f"{said.exp_month:02},{(said.exp_year or 0) % 100:02}"
            old = f"{asked.exp_month:02},{asked.exp_year % 100:02}"
            lines.append(
                f"D,{len(lines) + 1},{asked.number.reveal()},{old},{new},{expiry},{asked.reference},,{said.code},800"
            )
            continue
        expiry = "" if said.exp_month is None else f"{(said.exp_year or 0) % 100:02}{said.exp_month:02}"
        lines.append(f"{asked.reference},{asked.number.reveal()},{new},{_yymm(asked)},{expiry},{said.code}")
    if format_ is Format.CYBERSOURCE:
        lines = ["H,cybs.au.response.pan,sandbox,1", *lines, f"F,{len(lines)},COM,800"]
    return Secret("".join(f"{line}\r\n" for line in lines))


def code_of(format_: Format, answer: Answer) -> str:
    """A code that says this."""
    return next(code for code, meant in _CODES[format_].items() if meant is answer)


def read_answers(format_: Format, text: Secret) -> list[Answered]:
    """What a file answers. Refuses one that cannot be read whole (`unreadable_answers`), naming line and field."""
    read = _read_cybersource if format_ is Format.CYBERSOURCE else _read_plain
    return list(read(format_, text))


def _read_plain(format_: Format, text: Secret) -> Iterator[Answered]:
    for line, fields in _lines(text):
        if len(fields) != 6:
            raise _unreadable(line, "the line", "must have 6 fields")
        reference, old, new, _, expiry, code = fields
        yield _answered(format_, line, reference, code, old=old, new=new, expiry=expiry)


def _read_cybersource(format_: Format, text: Secret) -> Iterator[Answered]:
    for line, fields in _lines(text):
        if fields[0] in {"H", "F"}:
            continue
        if fields[0] != "D" or len(fields) < 11:
            raise _unreadable(line, "the line", "must be a header, a footer, or a detail of 12 fields")
        expiry = f"{fields[7]}{fields[6]}"
        yield _answered(format_, line, fields[8], fields[10], old=fields[2], new=fields[5], expiry=expiry)


def _answered(
    format_: Format, line: int, reference: str, code: str, *, old: str, new: str, expiry: str
) -> Answered:
    if not _REFERENCE.fullmatch(reference):
        raise _unreadable(line, "reference", "must be the one that was asked with")
    code = code.upper()
    answer = _CODES[format_].get(code, Answer.REFUSED)
    number = _number(old, line, "old number")
    shown = code if re.fullmatch(r"[0-9A-Z_]{1,8}", code) else "other"
    match answer:
        case Answer.NUMBER:
            month, year = _expiry(expiry, line, "new expiry")
            return Answered(
                line, reference, number, answer, shown, _number(new, line, "new number"), month, year
            )
        case Answer.EXPIRY:
            month, year = _expiry(expiry, line, "new expiry")
            same = _number(new, line, "new number") if new else number
            return Answered(line, reference, number, answer, shown, same, month, year)
        case _:
            return Answered(line, reference, number, answer, shown)


def _lines(text: Secret) -> Iterator[tuple[int, list[str]]]:
    """The lines that say something, each with its number and its fields."""
    lines = text.reveal().lstrip("\ufeff").splitlines()
    if len(lines) > LINES_MAX:
        raise invalid("unreadable_answers", f"A file may have {LINES_MAX} lines; split it.", param="file")
    strip: Callable[[str], str] = str.strip
    for at, line in enumerate(lines, start=1):
        if line.strip():
            yield at, [strip(field) for field in line.split(",")]


def _number(text: str, line: int, name: str) -> Secret:
    if not _NUMBER.fullmatch(text):
        raise _unreadable(line, name, "must be a card number")
    return Secret(text)


def _expiry(text: str, line: int, name: str) -> tuple[int, int]:
    if not _EXPIRY.fullmatch(text):
        raise _unreadable(line, name, "must be a year of two digits and a month")
    return int(text[2:]), _CENTURY + int(text[:2])


def _yymm(one: Question) -> str:
    return f"{one.exp_year % 100:02}{one.exp_month:02}"


def _unreadable(line: int, name: str, why: str) -> Refusal:
    return invalid("unreadable_answers", f"Line {line}: {name} {why}. Nothing of it was taken.", param="file")
