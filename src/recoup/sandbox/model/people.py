"""Who the cardholders are: everything about many of them at once, each following from the seed and their index."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Final

import numpy as np

from recoup.sandbox.core.people import COUNTRIES
from recoup.sandbox.model import calendar
from recoup.sandbox.model.calendar import SLOTS_A_DAY, Tables
from recoup.sandbox.model.luck import Draw, Flags, Floats, Ints, Luck, chosen
from recoup.sandbox.model.parameters import Parameters

BRANDS: Final = ("visa", "mastercard", "amex")
FUNDINGS: Final = ("debit", "credit")
_CARDS: Final = ((0, 0, 0.40), (0, 1, 0.20), (1, 0, 0.20), (1, 1, 0.14), (2, 1, 0.06))
"""Brand, funding and share, as among the people of the sandbox."""
NEVER: Final = 1 << 60
MONTH_DAYS: Final = 30
IRREGULAR: Final = -1
EXPIRED, LOST, CLOSED = range(3)
DAY_LIMIT, WEEK_LIMIT, MONTH_LIMIT = range(3)
_YEARLY: Final = (52, 26, 24, 12)
_EU: Final = ("DE", "FR", "ES", "NL")
_SCA: Final = np.array([country.code in {"GB", *_EU} for country in COUNTRIES])


@dataclass(frozen=True, slots=True)
class People:
    """Cardholders, their cards and their renewals, each an array with one entry a person.

    Days and slots are local and counted from 1970; what never happens is `NEVER`. `pattern` is of the calendar's, or
    `IRREGULAR`. `pay` comes on each payday, and `spends` (a share of it) goes by the next one: `bills` of that to other
    merchants at the hours `claims`, the rest by living. `reserve` is what lies beside.
    """

    index: Ints
    country: Ints
    zone: Ints
    brand: Ints
    funding: Ints
    issuer: Ints
    pattern: Ints
    irregular_days: Ints
    pay: Ints
    spends: Floats
    bills: Floats
    claims: Floats
    reserve: Ints
    credited_late: Flags
    amount: Ints
    when_s: Ints
    slot: Ints
    tenure: Ints
    dormant_from: Ints
    dead_from: Ints
    dead_how: Ints
    updated_at: Ints
    revoked_from: Ints
    authenticates_from: Ints
    limit_kind: Ints
    limit_day: Ints
    has_backup: Flags
    liking: Floats

    def __len__(self) -> int:
        return len(self.index)

    def only(self, places: Ints) -> People:
        """Some of them, by their places here."""
        return People(*(getattr(self, one.name)[places] for one in fields(self)))

    @staticmethod
    def joined(parts: list[People]) -> People:
        """Several groups as one."""
        return People(
            *(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(People))
        )


def people(luck: Luck, index: Ints, *, parameters: Parameters, tables: Tables, start_day: int) -> People:
    """The cardholders of these indices, and the renewal of each within the month that begins at `start_day`."""
    country = chosen(luck.uniform(Draw.COUNTRY, index), np.array([float(one.share) for one in COUNTRIES]))
    zones = np.array([len(one.time_zones) for one in COUNTRIES])
    zone = calendar.ZONE_FIRST[country] + _below(zones[country], luck.uniform(Draw.ZONE, index))
    card = chosen(luck.uniform(Draw.CARD, index), np.array([share for _, _, share in _CARDS]))
    brand, funding = (np.array([one[side] for one in _CARDS])[card] for side in (0, 1))
    brand = np.where((brand == 2) & _SCA[country], 1, brand)
    when_s = _billed(luck, index, start_day, tables=tables, zone=zone)
    slot = tables.slot(zone, when_s)
    pattern, paid_yearly = _pattern(luck, index, country, parameters)
    money = _money(luck, index, paid_yearly, funding=funding, parameters=parameters)
    return People(
        index=index,
        country=country,
        zone=zone,
        brand=brand,
        funding=funding,
        issuer=country * parameters.issuers_each
        + (parameters.issuers_each * luck.uniform(Draw.ISSUER, index) ** 2).astype(np.int64),
        pattern=pattern,
        when_s=when_s,
        slot=slot,
        tenure=_below(parameters.tenure_months_max + 1, luck.uniform(Draw.TENURE, index)),
        has_backup=luck.uniform(Draw.BACKUP, index) < parameters.backup_share,
        liking=luck.normal(Draw.LIKING, index),
        **money,  # type: ignore[arg-type]
        **_fate(luck, index, slot, country=country, parameters=parameters),  # type: ignore[arg-type]
    )


def _billed(luck: Luck, index: Ints, start_day: int, *, tables: Tables, zone: Ints) -> Ints:
    """The moment of the renewal: a day of the month from 1 to 28, at any hour."""
    begins = np.datetime64(start_day, "D")
    month = begins.astype("datetime64[M]")
    billed = 1 + _below(28, luck.uniform(Draw.BILLED_DAY, index))
    this, coming = ((month + n).astype("datetime64[D]").astype(np.int64) + billed - 1 for n in (0, 1))
    day = np.where(this >= start_day, this, coming)
    second = _below(86_400, luck.uniform(Draw.BILLED_SECOND, index))
    return (
        tables.middle_s(zone, day * SLOTS_A_DAY + second // calendar.SLOT_S)
        + second % calendar.SLOT_S
        - (calendar.SLOT_S // 2)
    )


def _pattern(luck: Luck, index: Ints, country: Ints, parameters: Parameters) -> tuple[Ints, Ints]:
    """How each is paid, and how often a year."""
    unit = luck.uniform(Draw.PATTERN, index)
    kind = chosen(unit, _pay_shares(parameters)[country])
    day = luck.uniform(Draw.PATTERN_DAY, index)
    weekday = np.array([0, 1, 2, 3, 3, 4, 4, 4, 4, 4])[_below(10, day)]
    again = _below(2, (day * 10) % 1.0)
    monthly = chosen(day, _month_days()[country])
    pattern = np.select(
        [kind == 0, kind == 1, kind == 2],
        [
            calendar.WEEKLY + weekday,
            calendar.BIWEEKLY + weekday + 7 * again,
            calendar.SEMIMONTHLY + np.array([0, 0, 1, 1, 1, 1, 2, 2, 3, 3])[_below(10, day)],
        ],
        calendar.MONTHLY + monthly,
    )
    irregular = luck.uniform(Draw.IRREGULAR_LENGTH, index, 1) < parameters.irregular_share
    return np.where(irregular, IRREGULAR, pattern), np.where(irregular, 30, np.array(_YEARLY)[kind])


@lru_cache(maxsize=16)
def _pay_shares(parameters: Parameters) -> Floats:
    by_code = {
        "US": parameters.pay_us,
        "GB": parameters.pay_gb,
        "CA": parameters.pay_ca,
        "AU": parameters.pay_au,
    }
    return np.array([by_code.get(country.code, parameters.pay_eu) for country in COUNTRIES])


@lru_cache(maxsize=1)
def _month_days() -> Floats:
    """How likely each day of the month is as a monthly payday, by country; 31 is the last banking day."""
    shares = np.full((len(COUNTRIES), 31), 0.01)
    for place, country in enumerate(COUNTRIES):
        wanted = {31: 0.3, 1: 0.2, 15: 0.2, 25: 0.1, 28: 0.05}
        if country.code == "GB":
            wanted = {31: 0.4, 28: 0.2, 25: 0.15, 15: 0.05}
        elif country.code in _EU:
            wanted = {31: 0.25, 25: 0.15, 26: 0.06, 27: 0.08, 28: 0.12, 29: 0.05, 30: 0.1, 1: 0.1, 15: 0.03}
        for day, share in wanted.items():
            shares[place, day - 1] += share
    return shares


def _money(
    luck: Luck, index: Ints, paid_yearly: Ints, *, funding: Ints, parameters: Parameters
) -> dict[str, Floats | Ints | Flags]:
    monthly = parameters.income_monthly * np.exp(parameters.income_sigma * luck.normal(Draw.INCOME, index))
    pay = monthly * 12.0 / paid_yearly
    tight_share = np.where(funding == 1, parameters.credit_tight, 1.0) * parameters.tight_share
    tight = luck.uniform(Draw.TIGHT, index) < tight_share
    least, most = parameters.bills_share
    early, late = parameters.claims_hours
    claims = np.stack(
        [early + (late - early) * luck.uniform(Draw.CLAIM, index, n) ** 2 for n in range(3)], axis=1
    )
    shortest, longest = parameters.irregular_every_days
    amount = parameters.renewal_median * np.exp(parameters.renewal_sigma * luck.normal(Draw.AMOUNT, index))
    return {
        "irregular_days": shortest
        + _below(longest - shortest + 1, luck.uniform(Draw.IRREGULAR_LENGTH, index)),
        "pay": pay.astype(np.int64),
        "spends": parameters.spends_least + parameters.spends_more * luck.exponential(Draw.SPENDS, index),
        "bills": least + (most - least) * luck.uniform(Draw.BILLS, index),
        "claims": claims,
        "reserve": np.where(tight, 0, 1_000_000_000),
        "credited_late": luck.uniform(Draw.CREDIT_HOUR, index) < parameters.credited_late_share,
        "amount": np.clip(amount, 300, 50_000).astype(np.int64) // 100 * 100 + 99,
    }


def _fate(
    luck: Luck, index: Ints, slot: Ints, *, country: Ints, parameters: Parameters
) -> dict[str, Floats | Ints]:
    """What has befallen accounts and cards since the last renewal, or will in the month after."""
    day = slot // SLOTS_A_DAY

    def begins(draw: Draw, monthly: float | Floats) -> Ints:
        """The day on which it begins, from a month before the renewal to two after it."""
        unit = luck.uniform(draw, index)
        days = (
            day
            - MONTH_DAYS
            + (unit / np.maximum(monthly, 1e-12) * MONTH_DAYS).clip(0, 1e9).astype(np.int64)
            + 1
        )
        return np.where(days <= day + 2 * MONTH_DAYS, days, NEVER)

    dead_from = begins(Draw.DEAD, parameters.dead_monthly)
    how = luck.uniform(Draw.DEAD_HOW, index)
    closed, expired = parameters.closed_of_dead, parameters.expired_of_dead
    dead_how = np.where(how < expired, EXPIRED, np.where(how < expired + closed, CLOSED, LOST))
    reported = luck.uniform(Draw.UPDATED, index) < np.where(
        dead_how == CLOSED, 0.0, parameters.updater_coverage
    )
    delay = parameters.updater_delay_days * luck.exponential(Draw.UPDATE_DELAY, index) * SLOTS_A_DAY
    kind = chosen(luck.uniform(Draw.LIMIT_KIND, index), np.array([0.5, 0.3, 0.2]))
    wants = np.where(_SCA[country], parameters.authenticates_monthly, 0.0)
    return {
        "dormant_from": begins(Draw.DORMANT, parameters.dormant_monthly),
        "dead_from": dead_from,
        "dead_how": dead_how,
        "updated_at": np.where(
            reported & (dead_from < NEVER), dead_from * SLOTS_A_DAY + delay.astype(np.int64), NEVER
        ),
        "revoked_from": begins(Draw.REVOKED, parameters.revoked_monthly),
        "authenticates_from": begins(Draw.AUTHENTICATES, wants),
        "limit_kind": kind,
        "limit_day": np.where(
            luck.uniform(Draw.LIMITED, index) < parameters.limited_monthly,
            day - np.minimum(_below(np.array([1, 7, 28])[kind], luck.uniform(Draw.LIMIT_WHEN, index)), 27),
            NEVER,
        ),
    }


def _below(limit: Ints | int, unit: Floats) -> Ints:
    return np.asarray(unit * limit).astype(np.int64)
