"""From what was observed of refused payments to the best next try of each: beliefs, chances, choice, for many at once.

`plan_many` is the whole of it for a batch; production asks it with one case, a back-test with thousands. Moments are
seconds of Unix time, nan where there is none. `worth` and costs are in one unit of the caller's, such as minor units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.outcomes.core import Category
from recoup.paydays.core import PayCycle, beliefs
from recoup.recovery.core.causes import USUALLY_SHORT, shares_of, tempered
from recoup.recovery.core.chances import Options, chances, weights_of
from recoup.recovery.core.choosing import Choice, Question, best

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HOUR_S: Final = 3_600.0
DAY_S: Final = 86_400.0
MORNING: Final = 6.0
NOON: Final = 12.0
EVENING: Final = 18.0
"""The local hours of the grid on which tries are thought of; the night between 22 and 6 is left alone."""
EVENINGS: Final = 3
"""On how many days the evening is thought of too: later on, half a day makes no difference."""
SOON_S: Final = (0.0, 1 * HOUR_S, 3 * HOUR_S)
"""How long after the first allowed moment a try may be beside the grid: for what hours mend."""
DAY_BEGINS_S: Final = 6 * HOUR_S
DAY_ENDS_S: Final = 22 * HOUR_S
CHUNK: Final = 64
"""How many cases are thought of at once: more would not stay in a processor's cache."""
ADVISED_BASE: Final = 0.3
"""The weight that a cycle keeps although it does not fit an advised time: own estimate."""
ADVISED_FUNDS: Final = 1.5
"""How much likelier money that comes again is where a network says when to try again: own estimate; Mastercard gives
such times (advice 24 to 30) from what the card was seen to do."""
APPROVED_TRUST: Final = 0.9
_TRUST: Final = {Category.FUNDS: 0.95, Category.ISSUER: 0.6, Category.LIMIT: 0.2, Category.OTHER: 0.3}
"""How much a decline tells about whether there was money: all but a rest after "insufficient funds", half after a
refusal without a reason (see `causes`), nothing where something else was the matter. Own estimates."""
TRUST: Final = {one.value: _TRUST.get(one, 0.0) for one in Category}
_HERE_TRUST: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What waiting costs and what success brings, as shares of the amount."""

    margin: float = 0.8
    """What a recovered payment leaves after processing and what was sold: own estimate, a merchant may know better."""
    refused: float = 0.005
    """The share of the amount that a declined try costs beside its fee: issuers trust those less who are declined
    often. Own estimate."""
    lost_per_day: float = 0.003
    """The share of the value lost with each day of waiting, by interest and by customers who leave: own estimate,
    small, so that it breaks ties rather than hurries."""


DEFAULT_COSTS: Final = Costs()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """What is known of a batch of refused payments; everything runs over cases first.

    `category` is that of the latest refusal, which came at `refused_at`; `not_before` the earliest moment that advice
    and budgets allow (nan: at once), `advised_at` a moment that the network named (nan: none). `seen_*` (cases,
    tries) are earlier tries with this card, without the latest refusal, padded with nan: approved or not, the
    category of a decline (empty where approved), whether it was for this payment, and its amount over this payment's.
    `cost` (cases, options) is what a try costs.
    """

    country: Sequence[str | None]
    zone: Sequence[str]
    stated: Sequence[PayCycle | None]
    category: Sequence[str]
    refused_at: Floats
    not_before: Floats
    advised_at: Floats
    worth: Floats
    seen_at: Floats
    seen_approved: Flags
    seen_category: npt.NDArray[np.str_]
    seen_here: Flags
    seen_ratio: Floats
    options: Options
    cost: Floats

    def __len__(self) -> int:
        return len(self.refused_at)

    def cut(self, part: slice) -> Observed:
        """Some of the cases."""
        own = {one.name: getattr(self, one.name)[part] for one in fields(self) if one.name != "options"}
        options = {one.name: getattr(self.options, one.name)[part] for one in fields(Options)}
        return Observed(**own, options=Options(**options))


@dataclass(frozen=True, slots=True, eq=False)
class Thought:
    """Everything that was thought of a batch: the slots, what was asked, what was chosen."""

    at: Floats
    question: Question
    choice: Choice
    money: Floats
    """The weights of pay cycles and depths, each case's in sum one."""


@dataclass(frozen=True, slots=True, eq=False)
class Next:
    """The next try of each case: `when` is nan where none is worth it. `chance` is that of this try, `recovered` that
    any of the tries then left is approved, `value` what they are worth together."""

    when: Floats
    route: Ints
    means: Ints
    chance: Floats
    recovered: Floats
    value: Floats


def plan_many(
    observed: Observed,
    *,
    now: Floats | float,
    tries_left: Ints | int,
    deadline: Floats | float,
    costs: Costs = DEFAULT_COSTS,
) -> Next:
    """The next try of each of these cases, by the best set of `tries_left` until `deadline`."""
    cases = len(observed)
    now, deadline = np.full(cases, now, dtype=np.float64), np.full(cases, deadline, dtype=np.float64)
    tries = np.full(cases, tries_left, dtype=np.int64)
    parts = []
    for start in range(0, cases, CHUNK):
        part = slice(start, start + CHUNK)
        seen = observed.cut(part)
        parts.append(
            _next(
                think(seen, now=now[part], tries_left=tries[part], deadline=deadline[part], costs=costs), seen
            )
        )
    if not parts:
        none, nobody = np.empty(0), np.empty(0, dtype=np.int64)
        return Next(none, nobody, nobody, none, none, none)
    return Next(
        *(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Next)),
    )


def think(
    observed: Observed,
    *,
    now: Floats,
    tries_left: Ints,
    deadline: Floats,
    costs: Costs = DEFAULT_COSTS,
) -> Thought:
    """Everything about a batch that is small enough to be thought of at once."""
    stated, pairs = _stated(observed.stated)
    calendar = beliefs.calendar_of(
        observed.country, observed.zone, pairs=pairs, now_s=float(now.min(initial=np.inf))
    )
    at, allowed = _slots(calendar, observed, now=now, deadline=deadline)
    money = _money(calendar, observed, stated)
    refused = (observed.seen_here & ~observed.seen_approved & ~np.isnan(observed.seen_at)).sum(axis=1)
    shares = _shares(observed)
    days = np.maximum(at - now[:, None], 0) / DAY_S
    cost = observed.cost + costs.refused * observed.worth[:, None]
    gain = observed.worth[:, None] * costs.margin * np.exp(-costs.lost_per_day * days)
    question = Question(
        weights=weights_of(money, shares, stated=stated >= 0, refused_before=refused),
        chances=chances(
            calendar.there(at, gone_at=_gone_at(observed)),
            waited_s=np.maximum(at - observed.refused_at[:, None], 0),
            options=observed.options,
        ),
        days=days,
        gain=gain,
        cost=np.broadcast_to(cost[:, None, :], (*at.shape, cost.shape[1])),
        allowed=allowed,
        tries=tries_left,
    )
    return Thought(at, question, best(question), money / money.sum(axis=1, keepdims=True))


def earliest(thought: Thought) -> Ints:
    """The first allowed slot of each case; -1 where there is none."""
    allowed = thought.question.allowed
    found: Ints = np.where(allowed.any(axis=1), allowed.argmax(axis=1), -1)
    return found


def _next(thought: Thought, observed: Observed) -> Next:
    choice, row = thought.choice, np.arange(len(observed))
    options, there = observed.options, choice.slot >= 0
    return Next(
        when=np.where(there, thought.at[row, choice.slot], np.nan),
        route=np.where(there, options.route[row, choice.option], -1),
        means=np.where(there, options.means[row, choice.option], -1),
        chance=choice.chance,
        recovered=choice.recovered,
        value=choice.value,
    )


def _gone_at(observed: Observed) -> Floats:
    """When money was missing, if that is what the refusal may have meant."""
    meant = np.asarray([TRUST[one] > 0 for one in observed.category])
    return np.where(meant, observed.refused_at, np.nan)


def _stated(cycles: Sequence[PayCycle | None]) -> tuple[Ints, Ints]:
    places = [beliefs.place_of(cycle) for cycle in cycles]
    stated = np.asarray([place for place, _, _ in places], dtype=np.int64)
    return stated, np.asarray([pair for _, *pair in places], dtype=np.int64).reshape(-1, 2)


def _slots(
    calendar: beliefs.Calendar, observed: Observed, *, now: Floats, deadline: Floats
) -> tuple[Floats, Flags]:
    """The moments at which each case might be tried, ascending, and which of them may be."""
    first = np.fmax(now, observed.not_before)
    today, _ = calendar.local(now[:, None])
    count = int(np.ceil(max((deadline - now).max(initial=0), 0) / DAY_S)) + 1
    days = today + np.arange(count)[None, :]
    soon = first[:, None] + np.asarray(SOON_S)[None, :]
    grid = [calendar.moments(days, hour * HOUR_S) for hour in (MORNING, NOON)]
    evenings = calendar.moments(days[:, :EVENINGS], EVENING * HOUR_S)
    at = np.sort(np.concatenate([soon, *grid, evenings], axis=1), axis=1)
    _, second = calendar.local(at)
    awake = (second >= DAY_BEGINS_S) & (second < DAY_ENDS_S)
    return at, awake & (at >= first[:, None]) & (at < deadline[:, None])


def _money(calendar: beliefs.Calendar, observed: Observed, stated: Ints) -> Floats:
    """What each pay cycle and depth is worth after all evidence."""
    known = calendar.known(observed.seen_at)
    seen_at = np.where(known, observed.seen_at, observed.refused_at[:, None])
    trust = np.where(known, _trust(observed), 0.0)
    there = calendar.there(seen_at)
    elsewhere = beliefs.likelihood(there, observed.seen_approved, np.where(observed.seen_here, 0.0, trust))
    believed = beliefs.prior_of(observed.country, stated) * elsewhere
    believed /= believed.sum(axis=1, keepdims=True)
    here = np.where(observed.seen_here & known & (trust > 0), _HERE_TRUST, 0.0)
    now_there = calendar.there(observed.refused_at[:, None])
    trusted = np.asarray([[_HERE_TRUST if TRUST[one] > 0 else 0.0] for one in observed.category])
    short = beliefs.likelihood(now_there, np.zeros((len(observed), 1), dtype=np.bool_), trusted)
    usual = 1 + trusted * (USUALLY_SHORT - 1)
    return (
        believed
        * beliefs.likelihood(there, observed.seen_approved, here)
        * (short / usual)
        * _advised(calendar, observed, believed)
    )


def _advised(calendar: beliefs.Calendar, observed: Observed, believed: Floats) -> Floats:
    """How well each cycle fits the time that the network named."""
    named = ~np.isnan(observed.advised_at)
    at = np.where(named, observed.advised_at, observed.refused_at) + 6 * HOUR_S
    fits = ADVISED_BASE + calendar.there(at[:, None])[:, :, 0]
    fits *= ADVISED_FUNDS / (fits * believed).sum(axis=1, keepdims=True)
    return np.where(named[:, None], fits, 1.0)


def _trust(observed: Observed) -> Floats:
    """How much each try that was seen tells about money for this amount."""
    if observed.seen_category.size == 0:
        return np.zeros(observed.seen_at.shape)
    names, places = np.unique(observed.seen_category, return_inverse=True)
    by_category = np.asarray([TRUST.get(str(name), 0.0) for name in names])[places]
    declined = by_category.reshape(observed.seen_at.shape) * np.minimum(1, 1 / observed.seen_ratio)
    approved = APPROVED_TRUST * np.minimum(1, observed.seen_ratio)
    return np.where(observed.seen_approved, approved, declined)


def _shares(observed: Observed) -> Floats:
    """How likely each root cause is by what all declines of this payment said."""
    earlier = [
        [str(said) for said, of_this in zip(row, here, strict=True) if of_this and said and said != last]
        for row, here, last in zip(observed.seen_category, observed.seen_here, observed.category, strict=True)
    ]
    return tempered(shares_of(observed.category), earlier)
