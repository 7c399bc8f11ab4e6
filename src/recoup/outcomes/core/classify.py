"""What a decline is about: raw codes in, one standard meaning out, by the tables in force on the day.

All signals of one answer are read together, and the decline says which of them decided. The meaning (`decided_by`):

1. what response and merchant advice code mean together (Mastercard's wrapped codes 79, 82, 83): `advice_code`;
2. the network's response code, unless it says no more than "declined": `network_code`. Before both of these goes the
   processor's code where it says the same more exactly (a code of the same category);
3. the processor's own code, unless it says no more: `processor_code`;
4. what is written beside them (`recoup.outcomes.codes.phrases`): `text`;
5. else the first of network and processor that says something, if only vaguely; and where both say no more than
   "declined", the processor's word for that.

The advice (`advice_by`) is the first of these that says anything:

1. a stop: from a merchant advice code (03, 21 and their like), else from Visa's category 1, else from a word of the
   processor's that stops, whatever else came with it;
2. what response and advice code mean together, then the advice code alone (24 to 30 give exact waits), then the
   processor's own word of advice;
3. what the row of the raw code says, else what the standard code says.

A decline is hard if its standard code is, or if anything above said stop. Nothing here ever raises: what no table knows
is `other`, unrecognised, with its raw codes kept. Merchant advice codes are obeyed for every brand, since processors
pass the same numbers on for other networks; the network's *rule* is named only where it is that network's card. How far
the writing of a code may vary is in `recoup.outcomes.core.tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, NamedTuple

from recoup.kit.cardlike import kept
from recoup.outcomes.codes.advice_words import ADVICE_WORDS
from recoup.outcomes.codes.merchant_words import MERCHANT_WORDS
from recoup.outcomes.codes.phrases import Phrase, phrase_in
from recoup.outcomes.codes.standard import GENERIC, OTHER, STANDARD
from recoup.outcomes.codes.visa import NEVER, UNLISTED
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
    Signal,
    StandardCode,
    VisaCategory,
    WrappedCode,
)
from recoup.outcomes.core.answers import Checks, Decline, Declined
from recoup.outcomes.core.tables import (
    ADVICE,
    NETWORKS,
    PROCESSORS,
    VISA_CATEGORIES,
    Table,
    advice_code_of,
    network_code_in,
    network_code_of,
    network_row,
    wrapped_row,
)

RAW_FIELDS_MAX: Final = 20
RAW_LENGTH_MAX: Final = 200
"""How many raw fields of a decline are kept, and how much of each."""

_ADVICE_WORDS: Final = Table(ADVICE_WORDS)
_ADVICE_WORD: Final = "advice_code"
"""The raw field in which a connector passes on a processor's own word of advice."""
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

    `message` is for the cardholder, `merchant_message` for the merchant's support. `source`, `as_of` and `since` are
    those of the meaning, `rule_source` and `rule_since` those of the network rule.
    """

    code: str
    category: Category
    hardness: Hardness
    message: str
    merchant_message: str
    decided_by: Signal | None
    advice: Advice
    advice_by: Signal | None
    source: str
    as_of: date
    since: date | None
    rule: str | None
    rule_source: str | None
    rule_since: date | None


class _Reading(NamedTuple):
    """What the tables said: the row that gives the meaning and who chose it, and what else was said beside it."""

    row: CodeRow | WrappedCode | StandardCode | Phrase
    standard: StandardCode
    decided_by: Signal | None
    ours: CodeRow | None = None
    wrapped: WrappedCode | None = None
    told: AdviceCode | None = None
    word: AdviceCode | None = None
    visa: VisaCategory | None = None

    def advice(self) -> tuple[Advice, Signal | None]:
        """What to do next and who says so; the order is in this file's docstring."""
        own = self._own()
        if self.told is not None and self.told.advice is not None and self.told.advice.stops:
            return self.told.advice, Signal.ADVICE_CODE
        if self.visa is not None and self.visa.category == NEVER:
            return (own, self.decided_by) if own.stops else (_STOP, Signal.NETWORK_CODE)
        if (said := _advice_of(self.ours)) is not None and said.stops:
            return said, Signal.PROCESSOR_CODE
        if self.word is not None and self.word.advice is not None and self.word.advice.stops:
            return self.word.advice, Signal.ADVICE_CODE
        if self.wrapped is not None:
            return self.wrapped.advice, Signal.ADVICE_CODE
        for told in (self.told, self.word):
            if told is not None and told.advice is not None:
                return told.advice, Signal.ADVICE_CODE
        return own, self.decided_by

    def _own(self) -> Advice:
        said = None if isinstance(self.row, Phrase) else self.row.advice
        return said or self.standard.advice

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
    advice, advice_by = reading.advice()
    return Decline(
        code=standard.code,
        category=standard.category,
        hardness=reading.hardness(advice),
        message=standard.message,
        advice=advice,
        processor_code=_code(raw.processor_code),
        network_code=_code(raw.network_code),
        network_advice_code=_code(raw.network_advice_code),
        rule=reading.rule(raw.brand),
        source=reading.row.citation,
        recognised=standard is not OTHER,
        decided_by=reading.decided_by,
        advice_by=advice_by,
        text=None if raw.text is None else _kept(raw.text),
        raw=_all_kept(raw.raw),
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


def meaning(
    connector: str,
    code: str | None,
    on: date,
    *,
    network_code: str | None = None,
    advice_code: str | None = None,
    brand: str | None = None,
    text: str | None = None,
) -> Meaning | None:
    """What `code`, with whatever came beside it, means on that day; None where no table knows it.

    `connector` is a processor's, a network (`visa`, `mastercard`, …), `standard` for our own codes, or `iso8583` for a
    response code of any network (what all share first, then Visa, then Mastercard). Response and advice code may be
    asked about together: `79+03`.
    """
    if connector == "standard":
        row = STANDARD.get(code or "")
        return None if row is None else _meaning(_Reading(row, row, None), ALL)
    for asked in _questions(connector, code or ""):
        raw = replace(
            asked,
            network_code=network_code or asked.network_code,
            network_advice_code=advice_code or asked.network_advice_code,
            brand=brand or asked.brand,
            text=text,
        )
        reading = _read(raw, on)
        if reading.standard is not OTHER:
            return _meaning(reading, raw.brand)
    return None


def _read(raw: RawDecline, on: date) -> _Reading:
    ours = PROCESSORS[raw.connector].row(raw.processor_code, on) if raw.connector in PROCESSORS else None
    network_code = _network_code(raw)
    advice_code = None if raw.network_advice_code is None else advice_code_of(raw.network_advice_code)
    told = ADVICE.row(advice_code, on)
    word = _ADVICE_WORDS.row(raw.raw.get(_ADVICE_WORD), on)
    if told is None and word is None:
        word = _ADVICE_WORDS.row(raw.network_advice_code, on)
    wrapped = wrapped_row(network_code, advice_code, on) if raw.brand == MASTERCARD else None
    theirs = network_row(network_code, raw.brand, on)
    row, decided_by = _deciding(ours, wrapped, theirs, raw.text)
    standard = row if isinstance(row, StandardCode) else STANDARD[row.standard]
    visa = _visa_category(network_code, raw.brand, on)
    return _Reading(row, standard, decided_by, ours, wrapped, told, word, visa)


def _network_code(raw: RawDecline) -> str | None:
    """The response code: as it was given, else as a raw text begins with it."""
    if raw.network_code is not None:
        return network_code_of(raw.network_code)
    return None if raw.text is None else network_code_in(raw.text)


def _deciding(
    ours: CodeRow | None, wrapped: WrappedCode | None, theirs: CodeRow | None, text: str | None
) -> tuple[CodeRow | WrappedCode | StandardCode | Phrase, Signal | None]:
    """The row that gives the meaning, and which signal brought it."""
    if wrapped is not None:
        more_exact = ours if ours is not None and _refines(ours, wrapped) else None
        return (more_exact, Signal.PROCESSOR_CODE) if more_exact else (wrapped, Signal.ADVICE_CODE)
    written = None if text is None else phrase_in(text)
    for enough in (_is_exact, _says_something, _says_anything):
        if theirs is not None and enough(theirs) and not (ours is not None and _refines(ours, theirs)):
            return theirs, Signal.NETWORK_CODE
        if ours is not None and enough(ours):
            return ours, Signal.PROCESSOR_CODE
        if written is not None and (written.standard not in GENERIC or enough is _says_anything):
            return written, Signal.TEXT
    return OTHER, None


def _is_exact(row: CodeRow) -> bool:
    return not row.generic and row.standard not in GENERIC


def _says_something(row: CodeRow) -> bool:
    return row.standard not in GENERIC


def _says_anything(_: CodeRow) -> bool:
    return True


def _refines(ours: CodeRow, theirs: CodeRow | WrappedCode) -> bool:
    """Whether the processor says the same as the network, or says as little, in a word of its own."""
    alike = STANDARD[ours.standard].category is STANDARD[theirs.standard].category
    return (_is_exact(ours) and alike) or (theirs.standard in GENERIC and ours.standard in GENERIC)


def _advice_of(row: CodeRow | None) -> Advice | None:
    return None if row is None else row.advice or STANDARD[row.standard].advice


def _visa_category(code: str | None, brand: str, on: date) -> VisaCategory | None:
    if brand != VISA or code is None:
        return None
    return VISA_CATEGORIES.row(code, on) or UNLISTED


def _code(code: str | None) -> str | None:
    """A raw code as it came, unless something else came in its place."""
    return None if code is None else kept(code, longest=RAW_LENGTH_MAX)


def _kept(text: str) -> str:
    """What is kept of a raw text: no card number, no control character, no more than is needed."""
    shown = "".join(each if each.isprintable() else " " for each in text[: 4 * RAW_LENGTH_MAX])
    return kept(shown, longest=RAW_LENGTH_MAX)


def _all_kept(raw: Mapping[str, str]) -> Mapping[str, str]:
    return {_kept(name): _kept(value) for name, value in list(raw.items())[:RAW_FIELDS_MAX]}


def _questions(connector: str, code: str) -> tuple[RawDecline, ...]:
    """The declines whose meaning answers what was asked: the first that is recognised counts."""
    own = (RawDecline(connector, code, brand=ALL),) if connector in PROCESSORS else ()
    response, _, advice = code.partition("+")
    match connector:
        case "iso8583":  # a link's codes are the networks' own, so their tables are asked before its own
            brands: tuple[str, ...] = (ALL, VISA, MASTERCARD)
        case network if network in NETWORKS:
            brands = (network,)
        case _:
            brands = ()
    theirs = (RawDecline(connector, None, response, advice or None, brand) for brand in brands)
    return (*theirs, *own)


def _meaning(reading: _Reading, brand: str) -> Meaning:
    advice, advice_by = reading.advice()
    rule = reading.rule(brand)
    behind_the_rule = (reading.visa or reading.told) if rule is not None else None
    return Meaning(
        code=reading.standard.code,
        category=reading.standard.category,
        hardness=reading.hardness(advice),
        message=reading.standard.message,
        merchant_message=MERCHANT_WORDS[reading.standard.code],
        decided_by=reading.decided_by,
        advice=advice,
        advice_by=advice_by,
        source=reading.row.source,
        as_of=reading.row.as_of,
        since=reading.row.since,
        rule=rule,
        rule_source=behind_the_rule.source if behind_the_rule else None,
        rule_since=behind_the_rule.since if behind_the_rule else None,
    )
