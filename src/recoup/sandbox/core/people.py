"""The cardholders of a world: who they are follows from its seed, so nobody and no card number is ever stored.

A number is made so that it tells who holds it. Its first nine digits follow Stripe's published pattern (brand and
funding, then the issuer's country as ISO 3166-1 numeric), then comes a 7, which no published number has there, then
five digits that hold the person and the number's generation, mixed by the seed, and the check digit.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeVar

from recoup.sandbox.cards import CardFacts, check_digit
from recoup.sandbox.core.chance import below
from recoup.sandbox.core.paydays import PER_YEAR, Cycle, Paydays

T = TypeVar("T")

_REMEMBERED: Final = 8192
POPULATION: Final = 1000
GENERATIONS_MAX: Final = 10
"""How many numbers one person can have in turn: a card that is lost is reissued."""

_MIXED: Final = 10**5
_MARK: Final = "7"
_MONDAY: Final = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Country:
    """Where people live: numeric code (ISO 3166-1), currency, time zones, and how many of a hundred live there."""

    code: str
    numeric: str
    currency: str
    time_zones: tuple[str, ...]
    share: int


COUNTRIES: Final = (
    Country(
        "US",
        "840",
        "USD",
        ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
        52,
    ),
    Country("GB", "826", "GBP", ("Europe/London",), 14),
    Country("DE", "276", "EUR", ("Europe/Berlin",), 10),
    Country("FR", "250", "EUR", ("Europe/Paris",), 8),
    Country("ES", "724", "EUR", ("Europe/Madrid",), 4),
    Country("NL", "528", "EUR", ("Europe/Amsterdam",), 4),
    Country("CA", "124", "CAD", ("America/Toronto", "America/Vancouver"), 5),
    Country("AU", "036", "AUD", ("Australia/Sydney",), 3),
)
BEGINNINGS: Final = {
    "400000": ("visa", "credit"),
    "400005": ("visa", "debit"),
    "555555": ("mastercard", "credit"),
    "520000": ("mastercard", "debit"),
    "370000": ("amex", "credit"),
}
_KINDS: Final = (("400005", 40), ("400000", 20), ("520000", 20), ("555555", 14), ("370000", 6))
_CYCLES: Final = (
    (Cycle.BIWEEKLY, 28),
    (Cycle.MONTHLY, 28),
    (Cycle.WEEKLY, 18),
    (Cycle.SEMIMONTHLY, 16),
    (Cycle.NONE, 10),
)
_SCA: Final = frozenset({"GB", "DE", "FR", "ES", "NL"})
"""Where a law wants customers to authenticate (PSD2; in the UK its own twin)."""


@dataclass(frozen=True, slots=True)
class Person:
    """A cardholder and the card.

    `pay` comes on each payday (monthly income divided by the cycle), and `spends_per_cent` of it goes by the next
    one. `looked_at`: the issuer weighs where a payment comes from, and turns some down. `hides_funds`: the issuer says
    "do not honor" where it means insufficient funds. `authenticates`: the issuer wants that of the customer.
    """

    seed: int
    index: int
    number: str = field(repr=False)
    facts: CardFacts
    exp_month: int
    exp_year: int
    issuer: int
    currency: str
    paydays: Paydays
    pay: int
    spends_per_cent: int
    hides_funds: bool
    looked_at: bool
    authenticates: bool
    generation: int = 0

    @property
    def dormant(self) -> bool:
        """Whether money ever comes."""
        return self.paydays.cycle is Cycle.NONE

    @property
    def payment_max(self) -> int:
        """The most that one payment may be, in the account's currency."""
        return max(self.pay * 2, 100_000)

    @property
    def day_payments_max(self) -> int:
        """The most approvals in one local day."""
        return 20

    @property
    def valid_until(self) -> datetime:
        """The first moment at which the card has expired."""
        last = monthrange(self.exp_year, self.exp_month)[1]
        return datetime(self.exp_year, self.exp_month, last, tzinfo=UTC) + timedelta(days=1)


@lru_cache(maxsize=_REMEMBERED)
def person(seed: int, index: int, *, born: int, generation: int = 0) -> Person:
    """The person of that index. `born` is the year the world began, from which expiry dates are counted.

    Remembered, because it is asked for again with every look at a world, and never changes.
    """
    assert 0 <= index < POPULATION and 0 <= generation < GENERATIONS_MAX, "there is no such person or card"
    country = _weighted([(each, each.share) for each in COUNTRIES], seed, "country", index)
    beginning = _weighted(_KINDS, seed, "kind", index)
    if beginning == "370000" and country.code in _SCA:
        beginning = "555555"
    brand, funding = BEGINNINGS[beginning]
    cycle = _weighted(_CYCLES, seed, "cycle", index)
    issuer = below(12, seed, "issuer", index)
    return Person(
        seed=seed,
        index=index,
        number=number_of(seed, beginning + country.numeric, index * GENERATIONS_MAX + generation),
        facts=CardFacts(brand, funding, country.code),
        exp_month=1 + below(12, seed, "month", index, generation),
        exp_year=born + 2 + below(4, seed, "year", index, generation),
        issuer=issuer,
        currency=country.currency,
        paydays=_paydays(seed, index, cycle, country),
        pay=_pay(seed, index, cycle),
        spends_per_cent=60 + below(80, seed, "spends", index),
        hides_funds=below(4, seed, "hides", country.code, issuer) == 0,
        looked_at=below(10, seed, "looked at", index) < 3,
        authenticates=country.code in _SCA and below(10, seed, "authenticates", index) == 0,
        generation=generation,
    )


def holder_of(seed: int, number: str, *, born: int) -> Person | None:
    """Whose number this is, in the generation it was made for; None where this world made no such number."""
    held = held_by(seed, number)
    if held is None or held >= POPULATION * GENERATIONS_MAX:
        return None
    index, generation = divmod(held, GENERATIONS_MAX)
    found = person(seed, index, born=born, generation=generation)
    return found if found.number == number else None


def moved_payday(who: Person, *, anchor: date, since: datetime) -> Person:
    """The same person with another next payday."""
    return replace(who, paydays=replace(who.paydays, anchor=anchor, since=since))


def held_by(seed: int, number: str) -> int | None:
    """What a number holds that is made like ours; below `POPULATION * GENERATIONS_MAX` a person and a generation."""
    mixed = number[10:15] if len(number) == 16 else number[9:14]
    if number[:6] not in BEGINNINGS or len(mixed) != 5 or not mixed.isdecimal():
        return None
    factor, shift = _mix(seed)
    return (int(mixed) - shift) * pow(factor, -1, _MIXED) % _MIXED


def number_of(seed: int, beginning: str, held: int) -> str:
    """The number with this beginning (brand, funding and country) that holds something below 100,000."""
    factor, shift = _mix(seed)
    mixed = f"{(held * factor + shift) % _MIXED:05}"
    digits = beginning + (mixed if beginning.startswith("37") else _MARK + mixed)
    return f"{digits}{check_digit(digits)}"


def _mix(seed: int) -> tuple[int, int]:
    """An odd factor that 5 does not divide, so that it can be undone, and a shift."""
    return below(10**4, seed, "mix") * 10 + 7, below(_MIXED, seed, "shift")


def _paydays(seed: int, index: int, cycle: Cycle, country: Country) -> Paydays:
    """Half of the months begin or end with payday; weekly and biweekly pay comes on a Thursday or Friday."""
    day = (1, 15, 25, 28, 31)[below(5, seed, "payday", index)]
    anchor = date(2024, 1, day)
    if cycle in {Cycle.WEEKLY, Cycle.BIWEEKLY}:
        anchor = _MONDAY + timedelta(
            days=3 + below(2, seed, "weekday", index) + 7 * below(2, seed, "week", index)
        )
    zone = country.time_zones[below(len(country.time_zones), seed, "zone", index)]
    return Paydays(cycle, anchor, zone, 1 + below(30, seed, "minute", index))


def _pay(seed: int, index: int, cycle: Cycle) -> int:
    """What comes on a payday: 1,500 to 6,500 a month; on an account where none comes, nothing."""
    if cycle is Cycle.NONE:
        return 0
    monthly = 150_000 + below(500_000, seed, "pay", index)
    return monthly * 12 // PER_YEAR[cycle]


def _weighted(choices: Sequence[tuple[T, int]], *facts: object) -> T:
    """One of the choices, each as likely as its share."""
    drawn = below(sum(share for _, share in choices), *facts)
    for value, share in choices:
        drawn -= share
        if drawn < 0:
            return value
    raise AssertionError("the shares cover what is drawn")
