"""Whether a part of what is owed is worth trying by itself, before the rest: when, how much, and with what chance.

Asked only where a policy allows it, for one case, after the best set of tries for the whole is known. Under each
hypothesis a part brings what the tries after it would not: where they will bring the whole anyhow it brings nothing
but time, and costs a try. So it is worth trying where money may never be there for the whole, and some is now. What is
compared is the part, followed by the best set's later tries for the rest (or, should the part be refused, for the
whole), with the best set as it is. Later tries count for no more than they did for the whole, although the rest is
less: what the part took is not there any more, and one offsets the other as far as is known.

How likely a part is there where the whole is not: own estimates, marked as such, around what is known. Who runs short
of money spends most of it in the days after payday (Gelman, Kariv, Shapiro, Silverman, Tadelis 2014, Science 345), so
that a smaller amount is there for longer; and on an account where money comes irregularly, or hardly, what is left is
as likely to be any part of the amount.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from recoup.kit.clock import rfc3339
from recoup.kit.money import Money
from recoup.paydays.core import beliefs
from recoup.recovery.core.causes import Root
from recoup.recovery.core.chances import OTHERS
from recoup.recovery.core.choosing import APART_DAYS
from recoup.recovery.core.joint import Thought, think
from recoup.recovery.core.known import Known, observed, seconds
from recoup.recovery.core.policy import Partial

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HALVED_DAYS: Final = 5.0
"""In how many days half of what is left of pay is spent by those who run short of it: own estimate."""
LEFT_OVER: Final = {Root.FUNDS: 0.4, Root.DORMANT: 0.1}
"""How likely there is anything left where money comes irregularly, or never: own estimates."""
SPLIT: Final = 0.02
"""What it costs beside, as a share of all that is owed, to be paid in two parts: one fixed fee more, and somebody who
asks about two entries. Own estimate; it keeps parts to cases in which much speaks for them."""
SHARES: Final = (0.25, 0.4, 0.5, 0.6, 0.75)
"""The shares that are thought of, beside the least that the policy allows."""
BASIS: Final = 10_000
_LEFT_OVER: Final = np.asarray([LEFT_OVER.get(one.root, 0.0) for one in OTHERS])


@dataclass(frozen=True, slots=True)
class Part:
    """The best part: when, whom to ask, in order, how much; with what chance. `value` is what it and the tries after it
    are worth together, `instead` what the tries for the whole are."""

    at: datetime
    accounts: tuple[UUID, ...]
    minor: int
    chance: float
    value: float
    instead: float

    def facts(self) -> dict[str, Any]:
        """What is kept of it with the decision."""
        return {
            "amount": self.minor,
            "at": rfc3339(self.at),
            "probability": round(self.chance, 4),
            "expected_value": round(self.value),
            "expected_value_of_the_whole": round(self.instead),
        }


@dataclass(frozen=True, slots=True)
class Short:
    """A case whose money was found to be missing, and all that was thought of it."""

    known: Known
    thought: Thought


def best_part(known: Known, partial: Partial) -> Part | None:
    """The part that is worth trying first, if it is worth more than trying the whole; None where none is."""
    short = Short(known, _thought(known))
    places = _places(short)
    if not len(places):
        return None
    found = [_best_of(short, places, minor=minor) for minor in _amounts(known.amount, partial)]
    best = max(found, key=lambda one: one.value, default=None)
    return best if best is not None and best.value > max(best.instead, 0.0) else None


def _thought(known: Known) -> Thought:
    """What is thought of the whole."""
    return think(
        observed([known]),
        now=seconds([known.now]),
        tries_left=np.asarray([known.tries_left]),
        deadline=seconds([known.deadline]),
        costs=known.costs,
        hours=known.hours,
    )


def _places(short: Short) -> Ints:
    """The slots in which anything is allowed."""
    places: Ints = np.flatnonzero(np.isfinite(short.thought.alone[0]).any(axis=1))
    return places


def _amounts(amount: Money, partial: Partial) -> Iterator[int]:
    """How much a part may be, and the rest with it."""
    least = round(partial.min_amount * 10.0 ** (amount.decimals - 2))
    lowest = partial.min_share / BASIS
    for share in sorted({lowest, *(one for one in SHARES if one > lowest)}):
        minor = -(-amount.minor * round(share * BASIS) // BASIS)
        if least <= minor <= amount.minor - least and minor < amount.minor:
            yield minor


def _best_of(short: Short, places: Ints, *, minor: int) -> Part:
    """The best moment for a part of this size."""
    known, thought, question = short.known, short.thought, short.thought.question
    share = minor / known.amount.minor
    options = thought.alone[0, places].argmax(axis=1)
    weights, harm = question.weights[0], question.harm[0]
    chance = _chances(short, places, options, share=share)
    later, paid = _afterwards(thought, question.days[0, places])
    value = (
        share
        * ((chance * (question.gain[0, places, None] - later)) @ weights - (1 - chance) @ (weights * harm))
        + (later - paid) @ weights
        - question.cost[0, places, options]
        - SPLIT * known.amount.minor * (chance @ weights)
    )
    best = int(value.argmax())
    account = known.accounts[int(thought.options_at[0, options[best]])]
    return Part(
        at=datetime.fromtimestamp(round(float(thought.at[0, places[best]]), 3), UTC),
        accounts=(account, *(one for one in known.accounts if one != account)),
        minor=minor,
        chance=float(chance[best] @ weights),
        value=float(value[best]),
        instead=float(thought.choice.value[0]),
    )


def _chances(short: Short, places: Ints, options: Ints, *, share: float) -> Floats:
    """The chance that a part of this share is approved: never less than that of the whole. Slots, hypotheses."""
    chances, size = short.thought.question.chances, beliefs.HYPOTHESES
    whole = chances.at(np.zeros_like(places), places, options)
    part = np.empty_like(whole)
    part[:, :size] = _there(short, places, share=share) * chances.granted[0, options, None]
    part[:, size:] = whole[:, size:] + (1 - whole[:, size:]) * _LEFT_OVER * (1 - share)
    return np.maximum(whole, part)


def _there(short: Short, places: Ints, *, share: float) -> Floats:
    """The chance that this share is there, by pay cycle and depth. The whole, which was missing, is not there before
    the next payday; of less than the whole any amount is as likely."""
    since = short.thought.calendar.since(
        short.thought.at[:, places], gone_at=seconds([short.known.refused_at])
    )
    assert since.left is not None, "it was missing"
    depths = np.asarray(beliefs.DEPTHS_DAYS) + HALVED_DAYS * np.log2(1 / share)
    left = since.left[0] + (1 - since.left[0]) * (1 - share)
    there: Floats = beliefs.lasting(depths).take(since.quarters[0], axis=0) * left[..., None]
    return there.reshape(len(places), beliefs.HYPOTHESES)


def _afterwards(thought: Thought, days: Floats) -> tuple[Floats, Floats]:
    """What the tries for the whole that come after each of these days bring under every hypothesis, and what they cost:
    slots, hypotheses. The part takes the place of one of them."""
    sets, weights = thought.choice.sets, thought.question.weights[0]
    room = int(thought.question.tries[0]) - 1
    used = [one for one in range(sets.days.shape[1]) if np.isfinite(sets.days[0, one])]
    brought = np.zeros((len(days), len(weights)))
    paid = np.zeros_like(brought)
    firsts = np.asarray([_first_after(sets.days[0, used], day) for day in days])
    for first in np.unique(firsts):
        best = max(
            (_walked(thought, kept) for kept in _kept(used[first:], room)),
            key=lambda one: float((one[0] - one[1]) @ weights),
        )
        brought[firsts == first], paid[firsts == first] = best
    return brought, paid


def _first_after(tries: Floats, day: float) -> int:
    """The first of these tries that is far enough behind a day."""
    return int((tries < day + APART_DAYS).sum())


def _kept(left: Sequence[int], room: int) -> Iterator[Sequence[int]]:
    """Tries that may still be made beside a part, of those that are left: all, or all but one."""
    if len(left) <= room:
        yield left
        return
    for one in range(len(left)):
        yield [*left[:one], *left[one + 1 :]]


def _walked(thought: Thought, tries: Sequence[int]) -> tuple[Floats, Floats]:
    """What these tries bring one after the other, trust lost taken off, and what they cost, under every hypothesis."""
    sets, harm = thought.choice.sets, thought.question.harm[0]
    alive = np.ones_like(harm)
    brought, paid = np.zeros_like(harm), np.zeros_like(harm)
    for one in tries:
        chance = sets.chance[0, one]
        brought += alive * (chance * sets.gain[0, one] - (1 - chance) * harm)
        paid += alive * sets.cost[0, one]
        alive *= 1 - chance
    return brought, paid
