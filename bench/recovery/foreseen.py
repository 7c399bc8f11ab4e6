"""The oracle of true probabilities: it knows every cardholder as they truly are when their renewal is declined, and
how likely each slot and route is to be approved then, but not what has not happened yet.

It knows pay, spending, bills, what is left, why the renewal was declined, how issuers see this person on each route,
and what is under way: this cycle's spending, a transfer of these days. Spending of later cycles, later transfers and
irregular pay, what issuers think later on, outages, and cards that die later are luck to it: drawn again many times.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.recovery.ceiling import SLOTS, Belief, lasting, working
from bench.recovery.likenesses import BLOCK_SLOTS, DAY_WORD, LIMIT_WORD, issuer_of, risk
from recoup.backtests.matches import Ground
from recoup.sandbox.model import ROUTES, Cause
from recoup.sandbox.model.balances import balance
from recoup.sandbox.model.calendar import SLOTS_A_DAY
from recoup.sandbox.model.luck import Draw, Floats, Ints, Luck
from recoup.sandbox.model.people import DAY_LIMIT, WEEK_LIMIT, People

FUTURES: Final = 200
_TOP_UPS: Final = (Draw.TOP_UP, Draw.TOP_UP_WHEN, Draw.TOP_UP_SIZE, Draw.TOP_UP_LASTS)


class Later(Luck):
    """A world's luck for one of its people until a day, and another's after it: as many others as are asked for."""

    def __init__(self, seed: int, who: People) -> None:
        super().__init__(seed)
        slot, day = int(who.slot[0]), int(who.slot[0]) // SLOTS_A_DAY
        self._person = int(who.index[0])
        self._other = Luck(seed + 104_729)
        self._until = {Draw.CYCLE_NOISE: day, Draw.IRREGULAR_SIZE: day}
        self._until[Draw.IRREGULAR_DAY] = day // int(who.irregular_days[0])
        self._blocks = slot

    def until(self, draw: Draw, top_up_slots: int) -> int | None:
        """The last stretch of time whose luck has fallen."""
        return self._blocks // top_up_slots if draw in _TOP_UPS else self._until.get(draw)

    def uniform(self, draw: Draw, *facts: Ints | int) -> Floats:
        """The world's for what has begun, another's for what has not; the index names the future."""
        until = self.until(draw, TOP_UP_SLOTS)
        future = np.asarray(facts[0])
        known = super().uniform(draw, np.full(future.shape, self._person), *facts[1:])
        if until is None:
            return known
        return np.where(np.asarray(facts[1]) > until, self._other.uniform(draw, *facts), known)


TOP_UP_SLOTS: Final = 12 * SLOTS_A_DAY


def foreseen(ground: Ground, case: int, *, futures: int = FUTURES) -> Belief:
    """What is known of a case by whoever knows the person: rows are futures."""
    world, parameters = ground.world, ground.world.nature.parameters
    assert parameters.top_up_every_days * SLOTS_A_DAY == TOP_UP_SLOTS, (
        "transfers are known until their stretch ends"
    )
    who, issuer = world.who.only(np.array([case])), issuer_of(ground, case)
    slot, rng = int(who.slot[0]), np.random.default_rng(case)
    later = slot + np.arange(SLOTS)
    logit, now = _logits(ground, case, issuer.logit, futures=futures, rng=rng)
    cause, rows = int(world.truth.cause()[case]), np.full(futures, 1.0 / futures)
    gone = cause in {Cause.DORMANT, Cause.DEAD, Cause.REVOKED}
    blocks = later // BLOCK_SLOTS - slot // BLOCK_SLOTS
    word = int(ground.seen.answers.code[case])
    return Belief(
        weights=rows * (not gone),
        dormant=float(cause == Cause.DORMANT),
        dead=float(gone and cause != Cause.DORMANT),
        short=_short(ground, who, later, futures),
        limited=np.broadcast_to(later // SLOTS_A_DAY < _limits_end(who, word), (futures, SLOTS)),
        refused=risk(logit + now[:, blocks, None]),
        works=working(word, slot, parameters, rng),
        lasts=lasting(parameters),
        drawn=None,
        issuer=issuer,
    )


def _short(
    ground: Ground, who: People, later: Ints, futures: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Whether money is short, by future and slot; what has begun is as it is."""
    nature = ground.world.nature
    wide = who.only(np.zeros(futures * SLOTS, dtype=np.int64))
    index = np.repeat(np.arange(futures) + 1, SLOTS)
    named = People(**{name: getattr(wide, name) for name in People.__slots__} | {"index": index})
    money = balance(
        Later(nature.luck.seed, who),
        named,
        np.tile(later, futures),
        parameters=nature.parameters,
        tables=nature.tables,
    )
    return np.asarray((money < who.amount[0]).reshape(futures, SLOTS))


def _logits(
    ground: Ground, case: int, liked: Floats, *, futures: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """How each route's refusals are drawn (logit), and what changes of it every five days: this one as it is."""
    luck, parameters, who = ground.world.nature.luck, ground.world.nature.parameters, ground.world.who
    person, route = np.full(ROUTES, who.index[case]), np.arange(ROUTES)
    logit = liked + parameters.risk_route_sigma * luck.normal(Draw.LIKING_ROUTE, person, route)
    logit = logit + parameters.risk_cardholder_sigma * who.liking[case]
    now = rng.standard_normal((futures, SLOTS // BLOCK_SLOTS + 2))
    now[:, 0] = luck.normal(Draw.LIKING_NOW, person[:1], who.slot[case : case + 1] // BLOCK_SLOTS)
    return logit, parameters.risk_slot_sigma * now


def _limits_end(who: People, word: int) -> int:
    """The day on which a limit that was reached begins anew."""
    if word not in {DAY_WORD, LIMIT_WORD}:
        return 0
    day, kind = int(who.limit_day[0]), int(who.limit_kind[0])
    if kind == DAY_LIMIT:
        return day + 1
    return (day + 3) // 7 * 7 + 4 if kind == WEEK_LIMIT else day + 28
