"""What a decline is about: raw codes in, one standard meaning out, by the tables in force on the day.

The standard code is the processor's, unless that says no more than "declined" and the network's code says more; then it
is the network's. Of Mastercard's wrapped codes (79, 82, 83) it is what response and advice code mean together.

The advice is the first of these that says anything:

1. a stop: from a merchant advice code (03, 21 and their like), else from Visa's category 1;
2. what response and advice code mean together, then the advice code alone (24 to 30 give exact waits);
3. what the row of the raw code says, else what the standard code says.

A decline is hard if its standard code is, or if anything above said stop. Nothing here ever raises: what no table knows
is `other`, unrecognised, with its raw codes kept. Merchant advice codes are obeyed for every brand, since processors
pass the same numbers on for other networks; the network's *rule* is named only where it is that network's card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple, TypeVar

from recoup.outcomes.codes import iso8583, mastercard
from recoup.outcomes.codes.processors import TABLES
from recoup.outcomes.codes.standard import GENERIC, OTHER, STANDARD
from recoup.outcomes.codes.visa import NEVER, UNLISTED
from recoup.outcomes.codes.visa import ROWS as VISA_ROWS
from recoup.outcomes.codes.words import (
    ALL,
    MASTERCARD,
    VISA,
    Advice,
    AdviceAction,
    AdviceCode,
    Category,
    CodeRow,
    Hardness,
    Row,
    StandardCode,
    VisaCategory,
    WrappedCode,
    row_in_force,
)
from recoup.outcomes.core.answers import Checks, Decline, Declined

_Rows = Mapping[str | None, tuple[CodeRow, ...]]
_Key = TypeVar("_Key")


def _grouped(rows: Iterable[Row], key: Callable[[Row], _Key]) -> dict[_Key, tuple[Row, ...]]:
    """The rows of each key; where there are several, their dates tell which holds."""
    groups: dict[_Key, tuple[Row, ...]] = {}
    for row in rows:
        groups[key(row)] = (*groups.get(key(row), ()), row)
    return groups


def _by_code(rows: Iterable[CodeRow]) -> _Rows:
    return {**_grouped(rows, lambda row: row.code)}


PROCESSORS: Final[Mapping[str, _Rows]] = {connector: _by_code(rows) for connector, rows in TABLES.items()}
"""The tables of processors, by connector name."""

NETWORKS: Final = (VISA, MASTERCARD, "amex", "discover", "diners", "jcb", "unionpay", "elo")
"""The brands whose response codes can be asked about; those without rows of their own share the rows for all."""

_RESPONSES: Final[Mapping[str, _Rows]] = {
    network: _by_code(row for row in iso8583.ROWS if row.network == network)
    for network in (ALL, VISA, MASTERCARD)
}
_NO_ROWS: Final[_Rows] = {}
_VISA_CATEGORIES: Final[Mapping[str | None, tuple[VisaCategory, ...]]] = {
    **_grouped(VISA_ROWS, lambda row: row.code)
}
_ADVICE: Final[Mapping[str | None, tuple[AdviceCode, ...]]] = {
    **_grouped(mastercard.ADVICE, lambda row: row.code)
}
_WRAPPED: Final[Mapping[tuple[str | None, str | None], tuple[WrappedCode, ...]]] = {
    **_grouped(mastercard.WRAPPED, lambda row: (row.code, row.advice_code))
}
_STOP: Final = Advice(AdviceAction.STOP)
_VISA_RULES: Final = {category: f"visa_category_{category}" for category in (1, 2, 3, 4)}


@dataclass(frozen=True, slots=True)
class RawDecline:
    """A decline as it came: the codes, and whose card it was.

    `connector` names the processor's table, `processor_code` its word, `network_code` the response code (field 39),
    `network_advice_code` the merchant advice code. `text` is what the processor or the issuer wrote beside them, `raw`
    every other field that says why, by the processor's own names.
    """

    connector: str
    processor_code: str | None
    network_code: str | None = None
    network_advice_code: str | None = None
    brand: str = VISA
    text: str | None = None
    raw: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a raw code means on a day: what `GET /v1/declines/{connector}/{code}` shows.

    `source`, `as_of` and `since` are those of the meaning, `rule_source` and `rule_since` those of the network rule.
    """

    code: str
    category: Category
    hardness: Hardness
    message: str
    advice: Advice
    source: str
    as_of: date
    since: date | None
    rule: str | None
    rule_source: str | None
    rule_since: date | None


class _Reading(NamedTuple):
    """What the tables said: the row that gives the meaning, and what the network asks for beside it."""

    row: CodeRow | WrappedCode | StandardCode
    standard: StandardCode
    wrapped: WrappedCode | None = None
    told: AdviceCode | None = None
    visa: VisaCategory | None = None

    def advice(self) -> Advice:
        """What to do next; the order is in this file's docstring."""
        said = self.told.advice if self.told is not None else None
        own = self.row.advice or self.standard.advice
        if said is not None and said.stops:
            return said
        if self.visa is not None and self.visa.category == NEVER:
            return own if own.stops else _STOP
        if self.wrapped is not None:
            return self.wrapped.advice
        return said or own

    def hardness(self, advice: Advice) -> Hardness:
        """Hard where the code is, or where we are told to stop."""
        return Hardness.HARD if advice.stops else self.standard.hardness

    def rule(self, brand: str) -> str | None:
        """The network rule that this decline triggers."""
        if self.visa is not None:
            return _VISA_RULES[self.visa.category]
        if brand == MASTERCARD and self.told is not None:
            return self.told.rule
        return None


def classify(raw: RawDecline, on: date) -> Decline:
    """What this decline means, by the tables in force `on` that day."""
    reading = _read(raw, on)
    standard = reading.standard
    advice = reading.advice()
    return Decline(
        code=standard.code,
        category=standard.category,
        hardness=reading.hardness(advice),
        message=standard.message,
        advice=advice,
        processor_code=raw.processor_code,
        network_code=raw.network_code,
        network_advice_code=raw.network_advice_code,
        rule=reading.rule(raw.brand),
        source=reading.row.citation,
        recognised=standard is not OTHER,
    )


def declined(  # noqa: PLR0913 - a decline has that many sides, and each is named
    connector: str,
    code: str | None,
    *,
    on: date,
    network_code: str | None = None,
    advice_code: str | None = None,
    brand: str = VISA,
    text: str | None = None,
    raw: Mapping[str, str] | None = None,
    reference: str | None = None,
    checks: Checks | None = None,
) -> Declined:
    """The outcome of a decline: what a connector returns for its processor's codes (see `RawDecline`)."""
    said = RawDecline(connector, code, network_code, advice_code, brand, text, raw or {})
    return Declined(classify(said, on), reference, checks or Checks())


def meaning(connector: str, code: str, on: date) -> Meaning | None:
    """What `code` means on that day, or None where no table knows it.

    `connector` is a processor's, a network (`visa`, `mastercard`, …), `standard` for our own codes, or `iso8583` for a
    response code of any network (what all share first, then Visa, then Mastercard). Response and advice code may be
    asked about together: `79+03`.
    """
    if connector == "standard":
        row = STANDARD.get(code)
        return None if row is None else _meaning(_Reading(row, row), ALL)
    for raw in _questions(connector, code):
        reading = _read(raw, on)
        if reading.standard is not OTHER:
            return _meaning(reading, raw.brand)
    return None


def _read(raw: RawDecline, on: date) -> _Reading:
    ours = _processor_row(raw, on)
    told = row_in_force(_ADVICE.get(raw.network_advice_code, ()), on)
    if raw.network_code is None:
        return _Reading(ours or OTHER, _standard(ours), told=told)
    wrapped = _wrapped(raw, on)
    row = _more_exact(ours, wrapped or _network_row(raw, on))
    return _Reading(row or OTHER, _standard(row), wrapped, told, _visa_category(raw, on))


def _standard(row: CodeRow | WrappedCode | None) -> StandardCode:
    return OTHER if row is None else STANDARD[row.standard]


def _more_exact(ours: CodeRow | None, theirs: CodeRow | WrappedCode | None) -> CodeRow | WrappedCode | None:
    """The processor's word, unless it says no more than "declined" and the network's says more."""
    if ours is None or theirs is None:
        return ours or theirs
    return theirs if ours.generic and theirs.standard not in GENERIC else ours


def _processor_row(raw: RawDecline, on: date) -> CodeRow | None:
    return row_in_force(PROCESSORS.get(raw.connector, _NO_ROWS).get(raw.processor_code, ()), on)


def _network_row(raw: RawDecline, on: date) -> CodeRow | None:
    own = _RESPONSES.get(raw.brand, _NO_ROWS).get(raw.network_code, ())
    return row_in_force(own, on) or row_in_force(_RESPONSES[ALL].get(raw.network_code, ()), on)


def _wrapped(raw: RawDecline, on: date) -> WrappedCode | None:
    if raw.brand != MASTERCARD:
        return None
    return row_in_force(_WRAPPED.get((raw.network_code, raw.network_advice_code), ()), on)


def _visa_category(raw: RawDecline, on: date) -> VisaCategory | None:
    if raw.brand != VISA:
        return None
    return row_in_force(_VISA_CATEGORIES.get(raw.network_code, ()), on) or UNLISTED


def _questions(connector: str, code: str) -> tuple[RawDecline, ...]:
    """The declines whose meaning answers what was asked: the first that is recognised counts."""
    if connector in PROCESSORS:
        return (RawDecline(connector, code, brand=ALL),)
    response, _, advice = code.partition("+")
    match connector:
        case "iso8583":
            brands: tuple[str, ...] = (ALL, VISA, MASTERCARD)
        case network if network in NETWORKS:
            brands = (network,)
        case _:
            brands = ()
    return tuple(RawDecline(connector, None, response, advice or None, brand) for brand in brands)


def _meaning(reading: _Reading, brand: str) -> Meaning:
    advice = reading.advice()
    rule = reading.rule(brand)
    behind_the_rule = (reading.visa or reading.told) if rule is not None else None
    return Meaning(
        code=reading.standard.code,
        category=reading.standard.category,
        hardness=reading.hardness(advice),
        message=reading.standard.message,
        advice=advice,
        source=reading.row.source,
        as_of=reading.row.as_of,
        since=reading.row.since,
        rule=rule,
        rule_source=behind_the_rule.source if behind_the_rule else None,
        rule_since=behind_the_rule.since if behind_the_rule else None,
    )
