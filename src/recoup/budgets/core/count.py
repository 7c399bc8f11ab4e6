"""What the rules leave of a card's budget: whether it may be tried now, or when, and by which rule.

Networks count what one merchant asks of one card, whichever processor carries it and whatever the try is for. Most
rules count within a sliding window: a try counts from its moment until, and not including, a window's length later.
What counts is either every *decline* (Mastercard) or every *reattempt* (Visa, Elo): a decline that came less than a
window after another one, so that the first is free. Beside these stand *stops*: after certain declines nothing may be
tried at all, for a time or for ever, whatever else is left.

The fee programmes behind the rules count calendar days here and rolling ones there; a sliding window is never laxer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Final

from recoup.budgets.core.rules import CAUTIOUS, OWN, PUBLISHED, READ, STOPS, Counts, Limit, Region, Stop
from recoup.kit.clock import rfc3339
from recoup.kit.money import Money

HISTORY_NEEDED: Final = 2 * max(limit.window for limit in CAUTIOUS + PUBLISHED)
"""How far back tries are needed: one window for what counts, one more to tell a reattempt from a first try."""
TRIES_MAX: Final = 256
"""The most tries of one card that are kept, over all amounts: our own cap, which only who tests stolen cards meets."""
OWN_TRIES_MAX: Final = "recoup_declines_kept"
"""That cap's name as a rule."""
_STOPPING: Final = frozenset(stop.rule for stop in STOPS)
_FOR_EVER: Final = frozenset(stop.rule for stop in STOPS if stop.window is None)


@dataclass(frozen=True, slots=True)
class PastTry:
    """One try with this card at this merchant; `rule` is the one that its decline triggered (`Decline.rule`).

    A try whose outcome is unknown is best given as declined.
    """

    at: datetime
    amount: Money
    declined: bool
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """Whether a try may be made now, or when; `limit_rule` says by which rule, `why` in words.

    `earliest` is now where a try is allowed, and None where it never will be. `left` is how many tries could follow
    at once, were all of them declined. `used` is how many count, of a limit's `tries`; a stop has none. The rule is as
    its `source` said it `as_of` that day.
    """

    allowed: bool
    earliest: datetime | None
    left: int
    limit_rule: str
    why: str
    used: int
    tries: int | None
    source: str
    as_of: date

    @property
    def is_for_ever(self) -> bool:
        """Whether no time will allow it."""
        return self.earliest is None


def next_try(
    history: Sequence[PastTry],
    *,
    brand: str,
    amount: Money,
    region: Region | None,
    now: datetime,
    limits: Sequence[Limit] = CAUTIOUS,
) -> Budget:
    """Whether this card may be tried now for this amount, by the tightest of all rules that hold today.

    `history` must hold every try of the last `HISTORY_NEEDED` with this card at this merchant, for any amount and by
    any processor, and of older ones those whose decline triggered a rule of `STOPS`.
    """
    budgets = budgets_by_rule(history, brand=brand, amount=amount, region=region, now=now, limits=limits)
    return min(budgets, key=_tightness)


def budgets_by_rule(
    history: Sequence[PastTry],
    *,
    brand: str,
    amount: Money,
    region: Region | None,
    now: datetime,
    limits: Sequence[Limit] = CAUTIOUS,
) -> tuple[Budget, ...]:
    """What each rule leaves, for the same facts as `next_try`: every limit in force, and every stop triggered."""
    assert now.tzinfo is not None, "a budget needs an aware time"
    held = in_force(tuple(limits), brand=brand, region=region, on=now.date())
    stopped = [_stopped(stop, history, amount=amount, now=now) for stop in STOPS if stop.brand == brand]
    within = [_within(limit, history, amount=amount, now=now) for limit in held]
    crowded = _crowded(history, now)
    return (*within, *(budget for budget in (*stopped, crowded) if budget is not None))


@lru_cache(maxsize=512)
def in_force(limits: tuple[Limit, ...], *, brand: str, region: Region | None, on: date) -> tuple[Limit, ...]:
    """The limits that hold there on that day for a brand: its own, else those for every brand."""
    holding = [limit for limit in limits if limit.holds(region, on)]
    own = [limit for limit in holding if limit.brand == brand]
    held = own or [limit for limit in holding if limit.brand is None]
    assert held, "limits need some that hold for every brand"
    return tuple(held)


@lru_cache(maxsize=512)
def room(limits: tuple[Limit, ...], *, brand: str, region: Region | None, on: date) -> int:
    """How many tries of a card may be on record without a look at them: with fewer, no limit can be used up, whatever
    became of them and for whatever amounts they were."""
    return min(limit.tries for limit in in_force(limits, brand=brand, region=region, on=on))


def still_counts(past: PastTry, now: datetime) -> bool:
    """Whether a try can still matter to any rule."""
    return past.declined and (now - past.at < HISTORY_NEEDED or past.rule in _FOR_EVER)


def stops(rule: str | None) -> bool:
    """Whether a decline that triggered this rule stops a card, for a time or for ever."""
    return rule in _STOPPING


def _tightness(budget: Budget) -> tuple[float, int]:
    """Orders budgets: never first, then the latest, then what is allowed, the least left first."""
    if budget.earliest is None:
        return (float("-inf"), 0)
    return (0.0, budget.left) if budget.allowed else (-budget.earliest.timestamp(), 0)


def _stopped(stop: Stop, history: Iterable[PastTry], *, amount: Money, now: datetime) -> Budget | None:
    """The budget that a stop leaves, none at all, where a decline triggered it."""
    hits = [
        past.at for past in _declines(history, amount if stop.same_amount else None) if past.rule == stop.rule
    ]
    if not hits:
        return None
    if stop.window is None:
        return Budget(
            allowed=False,
            earliest=None,
            left=0,
            limit_rule=stop.rule,
            why=f"{stop.rule}: the network allows this card no further try",
            used=len(hits),
            tries=None,
            source=stop.source,
            as_of=stop.as_of,
        )
    end = max(hits) + stop.window
    if end <= now:
        return None
    why = f"{stop.rule}: the network allows this card no further try of this amount before {rfc3339(end)}"
    return Budget(
        allowed=False,
        earliest=end,
        left=0,
        limit_rule=stop.rule,
        why=why,
        used=len(hits),
        tries=None,
        source=stop.source,
        as_of=stop.as_of,
    )


def _crowded(history: Iterable[PastTry], now: datetime) -> Budget | None:
    """Our own cap on what is kept of a card; None while there is room."""
    counting = sorted(past.at for past in history if still_counts(past, now))
    if len(counting) < TRIES_MAX:
        return None
    end = counting[len(counting) - TRIES_MAX] + HISTORY_NEEDED
    why = f"{OWN_TRIES_MAX}: {len(counting)} declines, more than is kept; none before {rfc3339(end)}"
    return Budget(
        allowed=False,
        earliest=end,
        left=0,
        limit_rule=OWN_TRIES_MAX,
        why=why,
        used=len(counting),
        tries=TRIES_MAX,
        source=OWN,
        as_of=READ,
    )


def _within(limit: Limit, history: Iterable[PastTry], *, amount: Money, now: datetime) -> Budget:
    """What one limit leaves."""
    declines = sorted(past.at for past in _declines(history, amount if limit.same_amount else None))
    match limit.counts:
        case Counts.DECLINES:
            counted, free = declines, 0
        case Counts.REATTEMPTS:
            counted = [at for before, at in pairwise(declines) if at - before < limit.window]
            free = 1 if not declines or now - declines[-1] >= limit.window else 0
    used = [at for at in counted if now - at < limit.window]
    left = limit.tries - len(used) + free
    why, earliest = f"{limit.rule}: {len(used)} of {limit.tries} {limit.counts.value} in {_days(limit)}", now
    if left <= 0:
        earliest = used[len(used) - limit.tries] + limit.window
        why = f"{why}; the next try may be made from {rfc3339(earliest)}"
    return Budget(
        allowed=left > 0,
        earliest=earliest,
        left=max(left, 0),
        limit_rule=limit.rule,
        why=why,
        used=len(used),
        tries=limit.tries,
        source=limit.source,
        as_of=limit.as_of,
    )


def _days(limit: Limit) -> str:
    days = limit.window.days
    return "a day" if days == 1 else f"{days} days"


def _declines(history: Iterable[PastTry], amount: Money | None) -> Iterable[PastTry]:
    """The declined tries, of this amount where one is given."""
    return (past for past in history if past.declined and amount in {None, past.amount})
