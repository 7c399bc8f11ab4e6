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
from datetime import datetime
from itertools import pairwise
from typing import Final

from recoup.budgets.core.rules import CAUTIOUS, PUBLISHED, STOPS, Counts, Limit, Region, Stop
from recoup.kit.clock import rfc3339
from recoup.kit.money import Money

HISTORY_NEEDED: Final = 2 * max(limit.window for limit in CAUTIOUS + PUBLISHED)
"""How far back tries are needed: one window for what counts, one more to tell a reattempt from a first try."""


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
    at once, were all of them declined.
    """

    allowed: bool
    earliest: datetime | None
    left: int
    limit_rule: str
    why: str


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
    in_force = [limit for limit in limits if limit.holds(region, now.date())]
    own = [limit for limit in in_force if limit.brand == brand]
    held = own or [limit for limit in in_force if limit.brand is None]
    assert held, "limits need some that hold for every brand"
    stopped = [_stopped(stop, history, amount=amount, now=now) for stop in STOPS if stop.brand == brand]
    within = [_within(limit, history, amount=amount, now=now) for limit in held]
    return (*within, *(budget for budget in stopped if budget is not None))


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
        )
    end = max(hits) + stop.window
    if end <= now:
        return None
    why = f"{stop.rule}: the network allows this card no further try of this amount before {rfc3339(end)}"
    return Budget(allowed=False, earliest=end, left=0, limit_rule=stop.rule, why=why)


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
    said = f"{limit.rule}: {len(used)} of {limit.tries} {limit.counts.value} in {limit.window.days} days"
    if left > 0:
        return Budget(allowed=True, earliest=now, left=left, limit_rule=limit.rule, why=said)
    earliest = used[len(used) - limit.tries] + limit.window
    why = f"{said}; the next try may be made from {rfc3339(earliest)}"
    return Budget(allowed=False, earliest=earliest, left=0, limit_rule=limit.rule, why=why)


def _declines(history: Iterable[PastTry], amount: Money | None) -> Iterable[PastTry]:
    """The declined tries, of this amount where one is given."""
    return (past for past in history if past.declined and amount in {None, past.amount})
