"""The conditions of a routing rule: each holds for a payment or does not, and can be told to a person.

What is not known of a payment matches nothing: a rule about an issuer's country leaves a card alone whose issuer is
unknown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, Protocol, assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.routing.core.facts import Facts

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES: Final = 24 * 60
_SHOWN_MAX: Final = 6


class Condition(Protocol):
    """What must be so for a rule to hold. Equal conditions hold for the same payments."""

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        ...

    def told(self) -> str:
        """The condition in words: `the currency is EUR`."""
        ...

    def found(self, facts: Facts) -> str:
        """What the payment has there: `USD`."""
        ...


class Field(StrEnum):
    """The facts that a condition compares with a list; each is the name of a field of `Facts`."""

    CURRENCY = "currency"
    BRAND = "brand"
    FUNDING = "funding"
    ISSUER_COUNTRY = "issuer_country"
    CUSTOMER = "customer_id"
    INITIATOR = "initiator"
    MERCHANT_CATEGORY = "merchant_category"
    AGREEMENT = "agreement"

    @property
    def words(self) -> str:
        """What it is called in a sentence."""
        match self:
            case Field.ISSUER_COUNTRY:
                return "issuer's country"
            case Field.CUSTOMER:
                return "customer"
            case Field.MERCHANT_CATEGORY:
                return "merchant category"
            case Field.BRAND:
                return "card's brand"
            case Field.FUNDING:
                return "card's funding"
            case Field.CURRENCY | Field.INITIATOR | Field.AGREEMENT:
                return self.value
            case _:
                assert_never(self)


_READ: Final = {field: attrgetter(field.value) for field in Field}


@dataclass(frozen=True, slots=True)
class OneOf:
    """A fact is one of some values."""

    field: Field
    values: frozenset[Any]
    """Text, or ids of customers."""
    _read: attrgetter[Any] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_read", _READ[self.field])

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return self._read(facts) in self.values

    def told(self) -> str:
        """The condition in words."""
        return f"the {self.field.words} is {any_of(map(_shown, self.values))}"

    def found(self, facts: Facts) -> str:
        """What the payment has there."""
        return _shown(self._read(facts))


@dataclass(frozen=True, slots=True)
class AmountWithin:
    """The amount lies within bounds, in minor units of one currency; `below` itself is outside."""

    currency: str
    at_least: int | None
    below: int | None

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return facts.currency == self.currency and _within(facts.amount, self.at_least, self.below)

    def told(self) -> str:
        """The condition in words."""
        low, high = (
            None if bound is None else str(Money(bound, self.currency))
            for bound in (self.at_least, self.below)
        )
        return f"the amount is {_bounds(low, high)}"

    def found(self, facts: Facts) -> str:
        """What the payment has there."""
        return str(Money(facts.amount, facts.currency))


@dataclass(frozen=True, slots=True)
class AttemptWithin:
    """The payment's attempts, counted from 1, have come so far; `below` itself is outside."""

    at_least: int | None
    below: int | None

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return _within(facts.attempt_number, self.at_least, self.below)

    def told(self) -> str:
        """The condition in words."""
        low, high = (None if bound is None else str(bound) for bound in (self.at_least, self.below))
        return f"the number of the attempt is {_bounds(low, high)}"

    def found(self, facts: Facts) -> str:
        """What the payment has there."""
        return str(facts.attempt_number)


@dataclass(frozen=True, slots=True)
class BinBegins:
    """The card's number begins with one of these digits, as far as it is known."""

    prefixes: tuple[str, ...]

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return facts.bin is not None and facts.bin.startswith(self.prefixes)

    def told(self) -> str:
        """The condition in words."""
        return f"the card's number begins with {any_of(self.prefixes)}"

    def found(self, facts: Facts) -> str:
        """What the payment has there."""
        return _shown(facts.bin)


@dataclass(frozen=True, slots=True)
class CrossBorder:
    """The card was issued outside the merchant's home countries, or (`is_abroad` false) inside them."""

    is_abroad: bool
    home: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        country = facts.issuer_country
        return country is not None and (country not in self.home) is self.is_abroad

    def told(self) -> str:
        """The condition in words."""
        return f"the card was issued {'outside' if self.is_abroad else 'in'} {any_of(self.home)}"

    def found(self, facts: Facts) -> str:
        """What the payment has there."""
        return _shown(facts.issuer_country)


@dataclass(frozen=True, slots=True)
class MetadataIs:
    """The payment's metadata has one of some values under a key."""

    key: str
    values: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return facts.metadata.get(self.key) in self.values

    def told(self) -> str:
        """The condition in words."""
        return f"metadata {self.key!r} is {any_of(self.values)}"

    def found(self, facts: Facts) -> str:
        """What the payment has there."""
        return _shown(facts.metadata.get(self.key))


@dataclass(frozen=True, slots=True)
class TimeWithin:
    """The local time lies within a part of some days. `start` and `end` are minutes of the day; `end` is outside.

    A part that goes over midnight belongs to the day on which it begins: on Fridays from 22:00 to 06:00 is the night to
    Saturday.
    """

    zone: ZoneInfo
    days: frozenset[int]
    """0 is Monday."""
    start: int
    end: int

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        if facts.at is None:
            return False
        local = facts.at.astimezone(self.zone)
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.start < self.end:
            return day in self.days and self.start <= minute < self.end
        if minute >= self.start:
            return day in self.days
        return minute < self.end and (day - 1) % 7 in self.days

    def told(self) -> str:
        """The condition in words."""
        days = "" if len(self.days) == len(DAYS) else f" on {any_of(DAYS[day] for day in sorted(self.days))}"
        whole = (self.start, self.end) == (0, DAY_MINUTES)
        hours = "" if whole else f" from {_clock(self.start)} to {_clock(self.end)}"
        return f"the time is{hours or ' anywhen'}{days} ({self.zone.key})"

    def found(self, facts: Facts) -> str:
        """What the payment has there."""
        if facts.at is None:
            return _shown(None)
        local = facts.at.astimezone(self.zone)
        return f"{local:%H:%M} on {DAYS[local.weekday()]}"


def any_of(values: Iterable[str]) -> str:
    """Some values in a sentence: `a, b or c`; of many only the first."""
    listed = list(values) if isinstance(values, tuple) else sorted(values)
    if len(listed) > _SHOWN_MAX:
        return f"one of {len(listed)}: {', '.join(listed[:_SHOWN_MAX])}, …"
    return " or ".join([", ".join(listed[:-1]), *listed[-1:]] if len(listed) > 1 else listed) or "nothing"


def _shown(value: object) -> str:
    if value is None:
        return "not known"
    return render(Kind.CUSTOMER, value) if isinstance(value, UUID) else str(value)


def _within(value: int, at_least: int | None, below: int | None) -> bool:
    return (at_least is None or value >= at_least) and (below is None or value < below)


def _bounds(low: str | None, high: str | None) -> str:
    return " and ".join([f"at least {low}"] * (low is not None) + [f"below {high}"] * (high is not None))


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
