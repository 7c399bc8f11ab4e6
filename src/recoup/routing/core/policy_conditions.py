"""A rule's written conditions, checked and made into conditions that can be asked."""

from __future__ import annotations

import functools
import re
import zoneinfo
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from recoup.connectors.base import Agreement, Initiator
from recoup.kit.countries import COUNTRIES
from recoup.kit.currencies import DECIMALS
from recoup.kit.ids import Kind, parse
from recoup.routing.core.conditions import (
    DAY_MINUTES,
    DAYS,
    AmountWithin,
    AttemptWithin,
    BinBegins,
    Condition,
    CrossBorder,
    Field,
    MetadataIs,
    OneOf,
    TimeWithin,
)
from recoup.routing.core.policy_file import FUNDINGS, TimeSpec, WhenSpec
from recoup.routing.core.policy_shape import Misfits, shown
from recoup.routing.core.toml_lines import Path
from recoup.vault.core import BRANDS

_BIN: Final = re.compile(r"[0-9]{1,8}", re.ASCII)
_CATEGORY: Final = re.compile(r"[0-9]{4}", re.ASCII)
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|(24):00", re.ASCII)
_NO_ZONES: Final = frozenset({"Factory", "localtime", "posixrules"})
_COUNTRIES_SAID: Final = {"UK": "GB", "EN": "GB", "EL": "GR"}
"""What people write for a country that ISO 3166-1 calls otherwise."""


@functools.cache
def time_zones() -> frozenset[str]:
    """The names of the IANA time zone data on this machine."""
    return frozenset(zoneinfo.available_timezones()) - _NO_ZONES


class Conditions:
    """Makes the conditions of one rule."""

    def __init__(self, path: Path, *, home: frozenset[str] | None, misfits: Misfits) -> None:
        """`home` None: the policy names no home countries."""
        self._path = path
        self._home = home
        self._misfits = misfits

    def made(self, when: WhenSpec) -> tuple[Condition, ...]:
        """All conditions, cheap ones first."""
        found = (
            *self._words(when),
            *self._amount(when),
            *self._attempt(when),
            *self._card(when),
            *self._metadata(when),
            *self._time(when.time),
        )
        self._contradictions(when)
        return found

    def _add(self, place: Path, message: str) -> None:
        self._misfits.add((*self._path, *place), message)

    def _words(self, when: WhenSpec) -> Iterator[Condition]:
        known: tuple[tuple[str, Field, Any, Collection[str], str], ...] = (
            ("currency", Field.CURRENCY, when.currency, DECIMALS, "currency code of ISO 4217"),
            ("brand", Field.BRAND, when.brand, BRANDS, "card brand"),
            ("funding", Field.FUNDING, when.funding, FUNDINGS, "funding"),
            ("initiator", Field.INITIATOR, when.initiator, [*Initiator], "initiator"),
            ("agreement", Field.AGREEMENT, when.agreement, [*Agreement], "agreement"),
        )
        for name, field, given, choices, what in known:
            if given is not None:
                yield OneOf(field, self._known(name, given, choices, what))

    def _known(
        self, name: str, given: str | list[str], choices: Collection[str], what: str
    ) -> frozenset[str]:
        for place, value in self._values((name,), given):
            if value not in choices:
                few = f"; there are: {', '.join(sorted(choices))}" if len(choices) <= len(DAYS) else ""
                self._add(place, f"{shown(value)} is no {what}{self._misfits.meant(value, choices) or few}")
        return frozenset(_listed(given))

    def _values(self, where: Path, given: str | list[str]) -> Iterator[tuple[Path, str]]:
        """Each value with its place; one that comes twice is a misfit."""
        if isinstance(given, str):
            yield where, given
            return
        seen: set[str] = set()
        for place, value in enumerate(given):
            if value in seen:
                self._add((*where, place), f"{shown(value)} is named twice")
            seen.add(value)
            yield (*where, place), value

    def _amount(self, when: WhenSpec) -> Iterator[Condition]:
        amount = when.amount
        if amount is None:
            return
        place: Path = ("amount",)
        if amount.currency not in DECIMALS:
            near = self._misfits.meant(amount.currency, DECIMALS)
            self._add((*place, "currency"), f"{shown(amount.currency)} is no currency code of ISO 4217{near}")
        elif self._within(place, amount.at_least, amount.below):
            yield AmountWithin(amount.currency, amount.at_least, amount.below)

    def _attempt(self, when: WhenSpec) -> Iterator[Condition]:
        attempt = when.attempt_number
        if attempt is not None and self._within(("attempt_number",), attempt.at_least, attempt.below):
            yield AttemptWithin(attempt.at_least, attempt.below)

    def _within(self, place: Path, at_least: int | None, below: int | None) -> bool:
        if at_least is None and below is None:
            self._add(place, "needs `at_least` or `below`")
        elif below == 0:
            self._add((*place, "below"), "nothing is below 0")
        elif at_least is not None and below is not None and at_least >= below:
            self._add(place, f"nothing is at least {at_least} and below {below}")
        else:
            return True
        return False

    def _card(self, when: WhenSpec) -> Iterator[Condition]:
        if when.issuer_country is not None:
            yield OneOf(Field.ISSUER_COUNTRY, self.countries("issuer_country", when.issuer_country))
        if when.bin is not None:
            self._formed("bin", when.bin, _BIN, "is not 1 to 8 digits of the beginning of a card's number")
            yield BinBegins(tuple(sorted({*_listed(when.bin)})))
        if when.merchant_category is not None:
            self._formed(
                "merchant_category", when.merchant_category, _CATEGORY, "is not the 4 digits of a category"
            )
            yield OneOf(Field.MERCHANT_CATEGORY, frozenset(_listed(when.merchant_category)))
        if when.customer is not None:
            yield OneOf(Field.CUSTOMER, frozenset(self._customers(when.customer)))
        if when.cross_border is not None:
            if self._home is None:
                self._add(
                    ("cross_border",),
                    "needs `home_countries`: say at the top where you are at home",
                )
            yield CrossBorder(when.cross_border, self._home or frozenset())

    def countries(self, name: str, given: str | list[str]) -> frozenset[str]:
        """Country codes, checked."""
        for place, value in self._values((name,), given):
            if value not in COUNTRIES:
                said = _COUNTRIES_SAID.get(value.upper())
                near = f"; did you mean `{said}`?" if said else self._misfits.meant(value, COUNTRIES)
                self._add(place, f"{shown(value)} is no two-letter country code of ISO 3166-1{near}")
        return frozenset(_listed(given))

    def _formed(self, name: str, given: str | list[str], form: re.Pattern[str], wrong: str) -> None:
        for place, value in self._values((name,), given):
            if form.fullmatch(value) is None:
                self._add(place, f"{shown(value)} {wrong}")

    def _customers(self, given: str | list[str]) -> Iterator[Any]:
        for place, value in self._values(("customer",), given):
            customer_id = parse(Kind.CUSTOMER, value)
            if customer_id is None:
                self._add(place, f"{shown(value)} is no id of a customer, which reads `cus_…`")
            else:
                yield customer_id

    def _metadata(self, when: WhenSpec) -> Iterator[Condition]:
        for key, given in (when.metadata or {}).items():
            yield MetadataIs(key, frozenset(value for _, value in self._values(("metadata", key), given)))

    def _time(self, time: TimeSpec | None) -> Iterator[Condition]:
        if time is None:
            return
        if time.time_zone not in time_zones():
            near = self._misfits.meant(time.time_zone, time_zones())
            self._add(("time", "time_zone"), f"{shown(time.time_zone)} is no time zone of the IANA{near}")
            return
        start, end = self._clock("from", time.from_, 0), self._clock("to", time.to, DAY_MINUTES)
        days = [*DAYS] if time.days is None else time.days
        self._days(days)
        if start is None or end is None:
            return
        if start in (end, DAY_MINUTES):
            self._add(
                ("time",), "`from` and `to` leave no time between them; leave both out for the whole day"
            )
            return
        named = frozenset(DAYS.index(day) for day in days if day in DAYS)
        yield TimeWithin(ZoneInfo(time.time_zone), named, start, end or DAY_MINUTES)

    def _clock(self, name: str, given: str | None, default: int) -> int | None:
        if given is None:
            return default
        found = _CLOCK.fullmatch(given)
        if found is None:
            self._add(("time", name), f"{shown(given)} is no time of the day, which reads `22:00`")
            return None
        return DAY_MINUTES if found[3] else int(found[1]) * 60 + int(found[2])

    def _days(self, days: Sequence[str]) -> None:
        for place, day in enumerate(days):
            if day not in DAYS:
                self._add(("time", "days", place), f"{shown(day)} is no day; there are: {', '.join(DAYS)}")
            elif day in days[:place]:
                self._add(("time", "days", place), f"{shown(day)} is named twice")

    def _contradictions(self, when: WhenSpec) -> None:
        """Conditions that no payment can meet together."""
        amount, currency = when.amount, when.currency
        if amount is not None and currency is not None and amount.currency not in _listed(currency):
            self._add(("currency",), f"contradicts `amount`, which is in {shown(amount.currency)}")
        if when.cross_border is not None and when.issuer_country is not None and self._home is not None:
            left = [
                one for one in _listed(when.issuer_country) if (one not in self._home) is when.cross_border
            ]
            if not left:
                inside = "inside" if when.cross_border else "outside"
                self._add(
                    ("cross_border",), f"contradicts `issuer_country`: all are {inside} `home_countries`"
                )


def _listed(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given
