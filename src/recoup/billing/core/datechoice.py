"""On which billing date a customer has money: what is believed of the old one and the new one, and the best of many.

What is believed is what the charge day is chosen by (`chargeday`): so who agreed to a window of days is thought of as
charged within it, and gains less by another date.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

from recoup.billing.core.chargeday import Charging, Why, charge_moments, grounds, percent
from recoup.billing.core.datechange import Belief

BETTER: Final = 0.005
"""From what gain of chance on a date is proposed as a payday's: half a failure in a hundred renewals."""
_DIGITS: Final = 4


def believed(before: Sequence[Charging], after: Sequence[Charging]) -> Belief:
    """How likely the money is there when invoices are charged on the old dates, and on the new ones."""
    first, then = chances([before, after])
    why = grounds((*before, *after)[0])
    return Belief(before=first, after=then, why=why.value, words=_in_words(first, then, why))


def chances(dates: Sequence[Sequence[Charging]]) -> list[float]:
    """The chance of each list of charges, on average: all are thought of at once."""
    chosen = iter(charge_moments([one for charges in dates for one in charges], spread_s=0))
    found = []
    for charges in dates:
        some = [next(chosen).chance for _ in charges]
        found.append(round(sum(some) / max(len(some), 1), _DIGITS))
    return found


def best_of(chance_now: float, found: Sequence[float]) -> int | None:
    """The place of the best date; None where none is better enough than the present one. Of equals the first."""
    best = max(range(len(found)), key=lambda place: found[place], default=None)
    return None if best is None or found[best] < chance_now + BETTER else best


def _in_words(before: float, after: float, why: Why) -> str:
    if after == before:
        return f"The money is there with a chance of {percent(after)} on either date, {_because(why)}."
    gain = "instead of" if after > before else "and no longer of"
    chances = f"{percent(after)} {gain} {percent(before)}"
    return f"On the new date the money is there with a chance of {chances}, {_because(why)}."


def _because(why: Why) -> str:
    match why:
        case Why.STATED:
            return "by the payday that the customer told"
        case Why.LEARNED:
            return "by the paydays that their payments show"
        case Why.USUAL:
            return "by when people are usually paid there; of this customer little is known"
        case Why.NOT_AGREED | Why.DUE_IS_BEST | Why.LATE | Why.HOUR | Why.MORNING:
            raise AssertionError("these are reasons for an hour, and none for a payday")
        case _:
            assert_never(why)
