"""Who might be behind a declined renewal: other people drawn by the world's own rules, weighed by what a merchant saw.

These know every number that a world is made of, and what each of its issuers is like; of the person they know what a
merchant sees and nothing else. So whoever chooses by them chooses about as well as can be done without knowing what is
hidden: see `bench.recovery.ceiling`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recoup.backtests.matches import Ground
from recoup.sandbox.core.people import COUNTRIES
from recoup.sandbox.model import ROUTES, WORDS
from recoup.sandbox.model.answers import FUNDS_WORD, UNSPECIFIC_WORD
from recoup.sandbox.model.balances import balance, paydays
from recoup.sandbox.model.calendar import SLOTS_A_DAY
from recoup.sandbox.model.history import AGAIN_DAYS
from recoup.sandbox.model.luck import Draw, Flags, Floats, Ints, Luck
from recoup.sandbox.model.people import BRANDS, NEVER, People, people

DRAWN_SEED: Final = 7_919
"""The luck of those who are drawn: no world of the contest has it."""
TECHNICAL_WORDS: Final = (WORDS.index("issuer_not_available"), WORDS.index("processing_error"))
DAY_WORD: Final = WORDS.index("withdrawal_count_limit_exceeded")
LIMIT_WORD: Final = WORDS.index("card_velocity_exceeded")
MASTERCARD: Final = BRANDS.index("mastercard")
WAIT_HOURS: Final = np.array([1, 24, 48, 96, 144, 192])
WAIT_ADVICE: Final = ("24", "25", "26", "27", "28", "29", "30")
BLOCK_SLOTS: Final = 5 * SLOTS_A_DAY
LEAST: Final = 1e-7
"""A weight below this share of the greatest is nobody's."""

Texts = NDArray[np.str_]


class _Alike(Luck):
    """The luck of people who all live in one country, from payday to payday."""

    def __init__(self, seed: int, country: int) -> None:
        super().__init__(seed)
        shares = np.cumsum([float(one.share) for one in COUNTRIES])
        self._fixed = {
            Draw.COUNTRY: float((shares[country] - 0.5 * float(COUNTRIES[country].share)) / shares[-1]),
            Draw.TIGHT: 0.0,
        }

    def uniform(self, draw: Draw, *facts: Ints | int) -> Floats:
        """As it falls, but for what all have in common."""
        found = super().uniform(draw, *facts)
        return np.full(found.shape, self._fixed[draw]) if draw in self._fixed else found


@lru_cache(maxsize=len(COUNTRIES))
def tight_people(ground: Ground, country: int, count: int) -> tuple[Luck, People]:
    """So many people of a country who live from payday to payday, and whose accounts are still used."""
    nature, luck = ground.world.nature, _Alike(DRAWN_SEED, country)
    start_day = int(ground.world.who.slot.min()) // SLOTS_A_DAY
    drawn = people(
        luck, np.arange(count), parameters=nature.parameters, tables=nature.tables, start_day=start_day
    )
    return luck, replace(drawn, dormant_from=np.full(count, NEVER))


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What a merchant sees of one case: its tries before the renewal, newest first, and how often it was billed."""

    slot: Ints
    approved: Flags
    word: Ints
    advice: Texts
    months: int
    before: Ints
    """The slots of the renewal before the first that is known, and of its tries: whether there was one is not."""


def record_of(ground: Ground, case: int) -> Record:
    """The record of a case."""
    history, world = ground.seen.history, ground.world
    there = np.flatnonzero(history.there[case])[::-1]
    one, each = np.full(len(there), case), 1 + len(AGAIN_DAYS)
    months = history.there.shape[1] // each
    known = int(history.there[case, ::each].sum())
    return Record(
        slot=world.slots(one, history.when_s[case, there]),
        approved=history.approved[case, there],
        word=history.code[case, there],
        advice=history.advice[case, there],
        months=known,
        before=_before(int(world.who.slot[case]), known + 1) if known < months else there[:0],
    )


def _before(slot: int, back: int) -> Ints:
    """The slots of a renewal some months before, and of its tries."""
    day = np.datetime64(slot // SLOTS_A_DAY, "D")
    month = day.astype("datetime64[M]")
    earlier = ((month - back).astype("datetime64[D]") + (day - month.astype("datetime64[D]"))).astype(int)
    found: Ints = (earlier + np.array([0, *AGAIN_DAYS])) * SLOTS_A_DAY + slot % SLOTS_A_DAY
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Issuer:
    """What is known of one issuer: its liking of each route on the logit, how often it hides that funds are short, and
    whether it names a time to come back."""

    logit: Floats
    masks: float
    advises: bool


def issuer_of(ground: Ground, case: int) -> Issuer:
    """The issuer of a case."""
    known, number = ground.world.nature.issuers, int(ground.world.who.issuer[case])
    advises = bool(known.advises[number]) and ground.seen.brand[case] == MASTERCARD
    base = ground.world.nature.parameters.risk_base + known.risk[number]
    return Issuer(base + known.affinity[number], float(known.masks[number]), advises)


def liking(ground: Ground, drawn: Luck, index: Ints, person: Floats) -> Floats:
    """What each of these people adds to the logit of a refusal by each route: people, routes."""
    parameters = ground.world.nature.parameters
    routed = np.stack([drawn.normal(Draw.LIKING_ROUTE, index, route) for route in range(ROUTES)], axis=1)
    found: Floats = parameters.risk_cardholder_sigma * person[:, None] + parameters.risk_route_sigma * routed
    return found


def risk(logit: Floats) -> Floats:
    """The chance of a refusal for risk."""
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(logit, -40.0, 40.0)))
    return found


def over_blocks(logit: Floats) -> Floats:
    """The same, on average over what changes from one five days to the next."""
    return risk(logit / np.sqrt(1.0 + np.pi / 8.0))


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """People who live from payday to payday and might be the one: their weights, and their liking by route."""

    luck: Luck
    who: People
    weights: Floats
    logit: Floats
    """People, routes: of a refusal for risk."""

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def effective(self) -> float:
        """As how many equal ones they count."""
        return (
            float(self.weights.sum() ** 2 / max(float((self.weights**2).sum()), 1e-300)) if len(self) else 0.0
        )

    def only(self, places: Ints, weights: Floats) -> Drawn:
        """Some of them."""
        return Drawn(self.luck, self.who.only(places), weights, self.logit[places])

    def left(self, fits: Floats) -> Drawn:
        """Those whom what was seen fits, weighed anew."""
        weights = self.weights * fits
        there = np.flatnonzero(weights > LEAST * weights.max(initial=0.0))
        return self.only(there, weights[there])

    def short(self, ground: Ground, case: int, slot: int) -> Flags:
        """Whether the money of each does not cover the amount in a slot."""
        return self.short_in(ground, case, np.full(len(self), slot))

    def short_in(self, ground: Ground, case: int, slots: Ints) -> Flags:
        """The same, each in a slot of its own."""
        nature = ground.world.nature
        money = balance(self.luck, self.who, slots, parameters=nature.parameters, tables=nature.tables)
        found: Flags = money < ground.seen.amount[case]
        return found

    def advised(self, ground: Ground, slot: int, advice: str) -> Floats:
        """How well an advised time fits each."""
        nature = ground.world.nature
        slots = np.full(len(self), slot)
        _, following = paydays(self.luck, self.who, slots, tables=nature.tables)
        place = np.searchsorted(WAIT_HOURS, (following * SLOTS_A_DAY - slots) * 6)
        right = nature.parameters.advice_right
        found: Floats = right * (place == WAIT_ADVICE.index(advice)) + (1.0 - right) / len(WAIT_ADVICE)
        return found

    def fits(
        self, ground: Ground, case: int, *, slot: int, approved: bool, word: int, advice: str, issuer: Issuer
    ) -> Floats:
        """How well one answer by the first route fits each."""
        if not approved and word not in {FUNDS_WORD, UNSPECIFIC_WORD}:
            return np.ones(len(self))
        short = self.short(ground, case, slot).astype(np.float64)
        refused = over_blocks(self.logit[:, 0])
        if approved:
            return (1.0 - short) * (1.0 - refused)
        if word == UNSPECIFIC_WORD:
            return short * issuer.masks + (1.0 - short) * refused
        timed = self.advised(ground, slot, advice) if issuer.advises and advice in WAIT_ADVICE else 1.0
        return short * (1.0 - issuer.masks) * timed


def everybody(ground: Ground, case: int, count: int, issuer: Issuer) -> Drawn:
    """People of that country before anything was seen of them; their weights are one in sum."""
    country = int(ground.seen.country[case])
    luck, who = tight_people(ground, country, count)
    logit = _liking_of(ground, country, count) + issuer.logit
    return Drawn(luck, who, np.full(count, 1.0 / count), logit)


@lru_cache(maxsize=len(COUNTRIES))
def _liking_of(ground: Ground, country: int, count: int) -> Floats:
    luck, who = tight_people(ground, country, count)
    return liking(ground, luck, who.index, who.liking)


def after_record(drawn: Drawn, ground: Ground, case: int, record: Record, issuer: Issuer) -> Drawn:
    """Those whom the whole record fits; an answer that fits nobody who is left tells nothing."""
    for place in range(len(record.slot)):
        fits = drawn.fits(
            ground,
            case,
            slot=int(record.slot[place]),
            approved=bool(record.approved[place]),
            word=int(record.word[place]),
            advice=str(record.advice[place]),
            issuer=issuer,
        )
        left = drawn.left(fits)
        drawn = left if len(left) else drawn
    return drawn.left(_begun(drawn, ground, case, record))


def _begun(drawn: Drawn, ground: Ground, case: int, record: Record) -> Floats:
    """How well it fits that nothing earlier is known, beside somebody who always paid: the customer was new, or had
    left the renewal before unpaid."""
    months = ground.world.nature.parameters.tenure_months_max
    unpaid = np.ones(len(drawn))
    for slot in record.before.tolist():
        among = np.flatnonzero(unpaid > 0)
        if not len(among):
            break
        unpaid[among] = drawn.only(among, drawn.weights[among]).short(ground, case, slot)
    older = (months - record.months) if len(record.before) else 0
    return 1.0 + older * unpaid
