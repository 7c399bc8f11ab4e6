"""Finds the row of a raw code: exactly as it is written, or else as it is meant.

Processors and the systems between them change how a code looks (`51`, ` 51 `, `5` for `05`, `Insufficient-Funds`), so a
code that no row has to the letter is looked up by its plain form: case, spaces, hyphens and underscores apart. An exact
match always comes first, and a plain form that two codes share belongs to neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cached_property
from typing import Final, Generic, TypeVar

from recoup.outcomes.codes import iso8583, mastercard
from recoup.outcomes.codes.processors import TABLES
from recoup.outcomes.codes.visa import ROWS as VISA_ROWS
from recoup.outcomes.codes.words import (
    ALL,
    MASTERCARD,
    VISA,
    AdviceCode,
    CodeRow,
    Row,
    VisaCategory,
    WrappedCode,
    row_in_force,
)

_GAPS: Final = re.compile(r"[\s_\-]+")
_NETWORK_CODE_DIGITS: Final = 2
_LEADING_NETWORK_CODE: Final = re.compile(r"\s*([0-9A-Za-z]{1,2})\s*(?:[:\-–|/.]|\s\s)")
_LEADING_NUMBER: Final = re.compile(r"\s*(?:mac\s*)?([0-9]{1,2})(?![0-9])", re.IGNORECASE)

RowT = TypeVar("RowT", CodeRow, VisaCategory, AdviceCode)


def plain(code: str) -> str:
    """A code without what writers vary: case, and what stands between its words."""
    return _GAPS.sub("_", code.strip().casefold())


def network_code_of(text: str) -> str | None:
    """A response code as networks write it: two places, in capitals, with its leading zero."""
    code = text.strip().upper()
    return code.zfill(_NETWORK_CODE_DIGITS) if code else None


def network_code_in(text: str) -> str | None:
    """The response code with which a raw text begins, as in `51 : Insufficient funds`."""
    found = _LEADING_NETWORK_CODE.match(text)
    return None if found is None else network_code_of(found[1])


def advice_code_of(text: str) -> str:
    """A merchant advice code from what a processor passes on: `3`, `03`, `03: Do not try again`."""
    found = _LEADING_NUMBER.match(text)
    return text.strip() if found is None else found[1].zfill(2)


class Table(Generic[RowT]):
    """The rows of one source of codes; where a code has several, their dates tell which holds."""

    def __init__(self, rows: Iterable[RowT]) -> None:
        self._exact: Final[Mapping[str, tuple[RowT, ...]]] = _grouped(rows, lambda row: row.code)

    @cached_property
    def _plain(self) -> Mapping[str, str]:
        codes: dict[str, list[str]] = {}
        for code in self._exact:
            codes.setdefault(plain(code), []).append(code)
        return {form: codes[0] for form, codes in codes.items() if len(codes) == 1}

    @property
    def codes(self) -> Iterable[str]:
        """Every code it has rows for."""
        return self._exact.keys()

    def row(self, code: str | None, on: date) -> RowT | None:
        """The row that holds for a code on a day."""
        if code is None:
            return None
        rows = self._exact.get(code)
        if rows is None:
            meant = self._plain.get(plain(code))
            rows = () if meant is None else self._exact[meant]
        return row_in_force(rows, on)


_Key = TypeVar("_Key")


def _grouped(rows: Iterable[Row], key: Callable[[Row], _Key]) -> dict[_Key, tuple[Row, ...]]:
    groups: dict[_Key, tuple[Row, ...]] = {}
    for row in rows:
        groups[key(row)] = (*groups.get(key(row), ()), row)
    return groups


PROCESSORS: Final[Mapping[str, Table[CodeRow]]] = {
    connector: Table(rows) for connector, rows in TABLES.items()
}
"""The tables of processors, by connector name."""

NETWORKS: Final = (VISA, MASTERCARD, "amex", "discover", "diners", "jcb", "unionpay", "elo")
"""The brands whose response codes can be asked about; those without rows of their own share the rows for all."""

RESPONSES: Final[Mapping[str, Table[CodeRow]]] = {
    network: Table(row for row in iso8583.ROWS if row.network == network)
    for network in (ALL, VISA, MASTERCARD)
}
"""The response codes (field 39) of networks, and those that all share."""

VISA_CATEGORIES: Final = Table(VISA_ROWS)
ADVICE: Final = Table(mastercard.ADVICE)
"""Merchant advice codes."""

_WRAPPED: Final[Mapping[tuple[str, str], tuple[WrappedCode, ...]]] = {
    **_grouped(mastercard.WRAPPED, lambda row: (row.code, row.advice_code))
}


def network_row(code: str | None, brand: str, on: date) -> CodeRow | None:
    """What a response code means at this network, or at all that have no row of their own."""
    own = RESPONSES[brand].row(code, on) if brand in RESPONSES else None
    return own or RESPONSES[ALL].row(code, on)


def wrapped_row(code: str | None, advice_code: str | None, on: date) -> WrappedCode | None:
    """What response and advice code of Mastercard's mean together."""
    if code is None or advice_code is None:
        return None
    return row_in_force(_WRAPPED.get((code, advice_code), ()), on)
