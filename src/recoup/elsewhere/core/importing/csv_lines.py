"""Reads the lines of a CSV file by a mapping."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from recoup.elsewhere.core.declines import STANDARD_CODES, Said, decline_of
from recoup.elsewhere.core.importing import mapping as how
from recoup.elsewhere.core.importing.lines import (
    BadField,
    CardNumber,
    Ignored,
    Line,
    Read,
    Wrong,
    card_number_in,
    column_with_card_number,
    currency_of,
    kept_text,
    minor_of,
)
from recoup.kit.countries import COUNTRIES
from recoup.kit.refusals import invalid
from recoup.outcomes.codes.standard import STANDARD
from recoup.outcomes.core import Decline
from recoup.vault.core import BRANDS, Funding

TEXT_MAX: Final = 1_000
_SOONEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_AHEAD: Final = timedelta(days=1)
"""How far clocks may differ."""
_UNIX_DIGITS: Final = (9, 10)
_SEPARATOR: Final = "\x1f"
"""Stands in no field, so that a whole line is looked through at once."""
_BRANDS: Final[Mapping[str, str]] = {
    **{brand: brand for brand in BRANDS},
    "american express": "amex",
    "american_express": "amex",
    "amex": "amex",
    "master card": "mastercard",
    "mc": "mastercard",
    "diners club": "diners",
    "diners_club": "diners",
    "discover & diners": "discover",
    "china unionpay": "unionpay",
    "union pay": "unionpay",
    "cup": "unionpay",
}
_FUNDINGS: Final = frozenset(one.value for one in Funding)
_INITIATORS: Final = frozenset({"customer", "merchant"})

MappingOf = Callable[[Sequence[str]], how.Mapping]
"""How to read a file, given its header."""


@lru_cache(maxsize=20_000)
def declined(said: Said, brand: str, on: date) -> Decline:
    """What a decline means: histories say the same again and again."""
    return decline_of(said, brand=brand, on=on, param="decline")


def read_csv(file: Iterable[str], mapping_of: MappingOf, *, now: datetime) -> Iterator[Read]:
    """Every line of a file, understood or not; refuses a file without the columns that its mapping names."""
    lines = iter(file)
    first = next(lines, None)
    if first is None:
        raise invalid("invalid_file", "The file is empty.", param="file")
    mapping = mapping_of(_header(first, ","))
    rows = csv.reader(itertools.chain([first], lines), delimiter=mapping.delimiter)
    header = [name.strip().removeprefix("\ufeff") for name in next(rows)]
    reader = _Reader(mapping, header, now)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield Wrong(rows.line_num, "-", f"is no CSV: {error}")
            return
        if row is None:
            return
        if row:
            yield reader.read(rows.line_num, row)


def _header(first: str, delimiter: str) -> list[str]:
    return [name.strip().removeprefix("\ufeff") for name in next(csv.reader([first], delimiter=delimiter))]


class _Reader:
    """Reads the rows under one header."""

    def __init__(self, mapping: how.Mapping, header: Sequence[str], now: datetime) -> None:
        self._header = header
        self._mapping = mapping
        self._names = {
            field: name for field, name in msgspec.structs.asdict(mapping.columns).items() if name is not None
        }
        missing = [name for name in self._names.values() if name not in header]
        if missing:
            listed = ", ".join(repr(name) for name in missing)
            raise invalid("column_missing", f"The file has no column {listed}.", param="file")
        self._places = {field: header.index(name) for field, name in self._names.items()}
        self._statuses = _statuses(mapping)
        self._zone = ZoneInfo(mapping.time_zone)
        self._latest = now + _AHEAD

    def read(self, number: int, row: Sequence[str]) -> Read:
        """One row."""
        if len(row) != len(self._header):
            return Wrong(number, "-", f"has {len(row)} fields, and the header {len(self._header)}")
        if card_number_in(_SEPARATOR.join(row)):
            column = column_with_card_number(zip(self._header, row, strict=True))
            if column is not None:
                return CardNumber(number, column)
        try:
            return self._line(number, row)
        except BadField as bad:
            return Wrong(number, bad.column, bad.what)

    def _line(self, number: int, row: Sequence[str]) -> Line | Ignored:
        status = self._text(row, "status").casefold()
        approved = self._statuses.get(status, ...)
        if approved is ...:
            raise BadField(self._names["status"], f"says {status[:40]!r}, which the mapping does not know")
        if approved is None:
            return Ignored(number, f"status {status!r}")
        external_id = kept_text(self._text(row, "id"), column=self._names["id"])
        if external_id is None:
            raise BadField(self._names["id"], "is empty")
        tried_at = self._moment(row)
        currency = self._currency(row)
        brand = _BRANDS.get(self._text(row, "brand").casefold(), "unknown")
        funding = self._text(row, "funding").casefold()
        minor = self._mapping.amounts == "minor"
        return Line(
            number=number,
            external_id=external_id,
            payment=self._kept(row, "payment"),
            customer=self._kept(row, "customer"),
            tried_at=tried_at,
            amount=minor_of(self._text(row, "amount"), currency, minor=minor, column=self._names["amount"]),
            currency=currency,
            approved=approved,
            decline=None if approved else declined(self._said(row), brand, tried_at.date()),
            account=self._kept(row, "account"),
            brand=brand,
            funding=funding if funding in _FUNDINGS else "unknown",
            country=self._country(row),
            initiator=self._initiator(row),
        )

    def _text(self, row: Sequence[str], field: str) -> str:
        place = self._places.get(field)
        return "" if place is None else row[place].strip()

    def _kept(self, row: Sequence[str], field: str) -> str | None:
        return kept_text(self._text(row, field), column=self._names.get(field, field))

    def _currency(self, row: Sequence[str]) -> str:
        said = self._text(row, "currency") or self._mapping.currency or ""
        return currency_of(said, column=self._names.get("currency", "currency"))

    def _moment(self, row: Sequence[str]) -> datetime:
        text, column = self._text(row, "at"), self._names["at"]
        if text.isdigit() and len(text) in _UNIX_DIGITS:
            found = datetime.fromtimestamp(int(text), UTC)
        else:
            try:
                found = datetime.fromisoformat(text)
            except ValueError:
                raise BadField(column, "is no time of ISO 8601, and no Unix time in seconds") from None
            found = found.replace(tzinfo=found.tzinfo or self._zone).astimezone(UTC)
        if not _SOONEST < found < self._latest:
            raise BadField(column, "is long ago, or in the future")
        return found

    def _said(self, row: Sequence[str]) -> Said:
        code = self._text(row, "code") or None
        if self._mapping.connector == STANDARD_CODES and code is not None and code not in STANDARD:
            raise BadField(self._names["code"], f"says {code[:40]!r}, which is no standard code")
        return Said(
            self._mapping.connector,
            code,
            self._text(row, "network_code") or None,
            self._text(row, "advice_code") or None,
            self._text(row, "text")[:TEXT_MAX] or None,
        )

    def _country(self, row: Sequence[str]) -> str | None:
        code = self._text(row, "country").upper()
        if code and code not in COUNTRIES:
            raise BadField(self._names["country"], "is no country code of ISO 3166-1")
        return code or None

    def _initiator(self, row: Sequence[str]) -> str:
        said = self._text(row, "initiator").casefold() or self._mapping.initiator
        if said not in _INITIATORS:
            raise BadField(self._names["initiator"], "is neither `customer` nor `merchant`")
        return said


def _statuses(mapping: how.Mapping) -> dict[str, bool | None]:
    """What each word means: approved, declined, or None for neither."""
    status = mapping.status
    return {
        **{word.casefold(): True for word in status.approved},
        **{word.casefold(): False for word in status.declined},
        **{word.casefold(): None for word in status.ignored},
    }
