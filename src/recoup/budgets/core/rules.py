"""The networks' limits on tries as data, each with source and dates, and our own where a network publishes none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

DAY: Final = timedelta(hours=24)

OWN_DECLINES_24H: Final = 10
"""Our own cap where a network publishes none: as many as Mastercard's."""
OWN_REATTEMPTS_30D: Final = 15
"""Our own cap where a network publishes none: as many as Visa's older rule."""
OWN_MASTERCARD_DECLINES_30D: Final = 35
"""Our own cap where Mastercard's rule of 30 days is not in force: as many as where it is."""


class Region(StrEnum):
    """Where the merchant is, as far as the rules differ."""

    US = "us"
    CANADA = "canada"
    EUROPE = "europe"
    LATIN_AMERICA = "latin_america"
    ELSEWHERE = "elsewhere"


class Counts(StrEnum):
    """What a limit counts: every decline, or only those that came less than a window after another one."""

    DECLINES = "declines"
    REATTEMPTS = "reattempts"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limit:
    """At most `tries` of what is counted within `window`. Limits are the same only if they are one.

    `brand` None: every brand that has no limit in force of its own. `regions` None: everywhere. `since` is the first
    day, `until` the first day no more; None leaves that side open. `as_of`: when the source was last so.
    """

    rule: str
    brand: str | None
    tries: int
    window: timedelta
    counts: Counts
    same_amount: bool
    source: str
    as_of: date
    regions: frozenset[Region] | None = None
    since: date | None = None
    until: date | None = None

    def holds(self, region: Region | None, on: date) -> bool:
        """Whether it is in force there on that day; where the region is unknown, every region's rules are."""
        here = self.regions is None or region is None or region in self.regions
        return here and (self.since is None or self.since <= on) and (self.until is None or on < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """After a decline that triggered `rule`, no further try: for `window`, or for ever (None)."""

    rule: str
    brand: str
    window: timedelta | None
    same_amount: bool
    source: str
    as_of: date


_PAYPAL = "PayPal: how to avoid excessive retries penalties"
_PAYVISION = "Payvision: new Visa fees for declined transactions reattempts"
_TABAPAY = "TabaPay: excessive retry rules"
_CIELO_VISA = "Cielo: new limit for Visa retries"
_CIELO = "Cielo: card brands retry program"
_BRAINTREE = "Braintree: Mastercard network updates of 2023"
_MAAST = "Maast: Mastercard's decline code grouping and MAC"
OWN = "Recoup: own caution, for want of a published limit"
READ = date(2026, 11, 22)
_VISA_LIMITS_START = date(2021, 4, 17)
_VISA_TWENTY_START = date(2025, 5, 25)


def _visa(tries: int, *, source: str, as_of: date, since: date, until: date | None = None) -> Limit:
    return Limit(
        rule="visa_reattempts_30d",
        brand="visa",
        tries=tries,
        window=30 * DAY,
        counts=Counts.REATTEMPTS,
        same_amount=True,
        source=source,
        as_of=as_of,
        since=since,
        until=until,
    )


def _mastercard_24h(
    tries: int,
    *,
    source: str,
    since: date | None = None,
    until: date | None = None,
    region: Region | None = None,
) -> Limit:
    return Limit(
        rule="mastercard_declines_24h",
        brand="mastercard",
        tries=tries,
        window=DAY,
        counts=Counts.DECLINES,
        same_amount=False,
        source=source,
        as_of=READ,
        regions=None if region is None else frozenset({region}),
        since=since,
        until=until,
    )


def _mastercard_30d(
    rule: str, tries: int, *, regions: Sequence[Region], source: str, since: date | None
) -> Limit:
    return Limit(
        rule=rule,
        brand="mastercard",
        tries=tries,
        window=30 * DAY,
        counts=Counts.DECLINES,
        same_amount=True,
        source=source,
        as_of=READ,
        regions=frozenset(regions),
        since=since,
    )


_VISA_CAUTIOUS = (_visa(15, source=_PAYPAL, as_of=READ, since=_VISA_LIMITS_START),)
_VISA_PUBLISHED = (
    _visa(15, source=_PAYVISION, as_of=date(2021, 3, 29), since=_VISA_LIMITS_START, until=_VISA_TWENTY_START),
    _visa(20, source=_CIELO_VISA, as_of=READ, since=_VISA_TWENTY_START),
)
_MASTERCARD = (
    _mastercard_24h(20, source=_BRAINTREE, until=date(2022, 10, 1)),
    _mastercard_24h(10, source=_BRAINTREE, since=date(2022, 10, 1)),
    _mastercard_24h(7, source=_CIELO, since=date(2023, 2, 1), region=Region.LATIN_AMERICA),
    # The day on which Europe joined is not published, so it is taken to be the first of the three.
    _mastercard_30d(
        "mastercard_declines_30d",
        35,
        regions=[Region.US, Region.EUROPE],
        source=_BRAINTREE,
        since=date(2023, 11, 1),
    ),
    _mastercard_30d(
        "mastercard_declines_30d", 35, regions=[Region.CANADA], source=_TABAPAY, since=date(2024, 4, 1)
    ),
    _mastercard_30d(
        "recoup_mastercard_declines_30d",
        OWN_MASTERCARD_DECLINES_30D,
        regions=[Region.LATIN_AMERICA, Region.ELSEWHERE],
        source=OWN,
        since=None,
    ),
)
_ELO = (
    Limit(
        rule="elo_reattempts_month",
        brand="elo",
        tries=15,
        window=31 * DAY,
        counts=Counts.REATTEMPTS,
        same_amount=True,
        source=_CIELO,
        as_of=READ,
        since=date(2022, 8, 1),
    ),
)
_EVERY_OTHER = (
    Limit(
        rule="recoup_declines_24h",
        brand=None,
        tries=OWN_DECLINES_24H,
        window=DAY,
        counts=Counts.DECLINES,
        same_amount=False,
        source=OWN,
        as_of=READ,
    ),
    Limit(
        rule="recoup_reattempts_30d",
        brand=None,
        tries=OWN_REATTEMPTS_30D,
        window=30 * DAY,
        counts=Counts.REATTEMPTS,
        same_amount=True,
        source=OWN,
        as_of=READ,
    ),
)

CAUTIOUS: Final = (*_VISA_CAUTIOUS, *_MASTERCARD, *_ELO, *_EVERY_OTHER)
"""The default. Visa stays at 15, since acquirers still differ on whether 20 holds for everyone."""
PUBLISHED: Final = (*_VISA_PUBLISHED, *_MASTERCARD, *_ELO, *_EVERY_OTHER)
"""To the letter: 20 for Visa since 2025-05-25."""

STOPS: Final = (
    Stop(rule="visa_category_1", brand="visa", window=None, same_amount=False, source=_TABAPAY, as_of=READ),
    Stop(
        rule="mastercard_mac_03",
        brand="mastercard",
        window=30 * DAY,
        same_amount=True,
        source=_MAAST,
        as_of=READ,
    ),
    Stop(
        rule="mastercard_mac_21",
        brand="mastercard",
        window=30 * DAY,
        same_amount=True,
        source=_MAAST,
        as_of=READ,
    ),
)
"""After which declines nothing may be tried, named by the rule that `recoup.outcomes` puts on the decline."""

_EUROPEAN = """
    AD AL AM AT AX AZ BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GE GG GI GL GR HR HU IE IL IM IS IT JE KZ LI LT LU
    LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM TR UA VA
"""
_LATIN_AMERICAN = """
    AG AI AR AW BB BL BM BO BQ BR BS BZ CL CO CR CU CW DM DO EC FK GD GF GP GT GY HN HT JM KN KY LC MF MQ MS MX NI PA
    PE PR PY SR SV SX TC TT UY VC VE VG VI
"""
_REGIONS: Final = {
    "US": Region.US,
    "CA": Region.CANADA,
    **dict.fromkeys(_EUROPEAN.split(), Region.EUROPE),
    **dict.fromkeys(_LATIN_AMERICAN.split(), Region.LATIN_AMERICA),
}


def region_of(country: str | None) -> Region | None:
    """The region of a merchant's country (ISO 3166-1 alpha-2); None, under which every rule holds, where unknown."""
    return None if country is None else _REGIONS.get(country, Region.ELSEWHERE)
