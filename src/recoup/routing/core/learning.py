"""How likely an account approves this payment, learned from the merchant's own tries.

**What is estimated.** A payment is approved if the cardholder's side is good (money is there, the card is alive) and
the route is good (issuer, network and acquirer agree). A decline tells which of the two said no, so each has a logistic
model of its own, a `Side`, and the probability is (1 - p of a cardholder's decline) x (p that the route approves). A
lost card says nothing of the acquirer, and most of what is declined is the cardholder's: kept apart, it is no noise in
the comparison of accounts, which then needs about half as many payments. An account still has an effect on the
cardholder's side, a small one a priori: one that calls everything "insufficient funds" is found out.

**How.** Each side's logit is a sum of effects, crossed random effects in the language of statistics. Effects of the
payment's situation (issuer, country, brand and funding, initiator, amount, ...) are shared by all accounts, so an
account that is given the hard payments does not look bad. Effects of an account go from wide (the account) to narrow
(this account with this issuer). Every effect has a prior of mean zero; how far it may go is its level's variance.
A thin cell stays near zero, which means that it leans on the wider ones.

An effect is a cell: mean, variance and the time it was learned at. A try moves its cells by one step of an extended
Kalman filter whose covariance is kept diagonal, corrected for effects that always come together. Between tries a cell
forgets: it returns to its prior with its level's half-life (an Ornstein-Uhlenbeck process), so drift is followed, and
an account that was not asked for long is tried anew. A cell is found by a 64-bit hash of level, value and account.

Which effects there are, and how far each may go, is in `effects.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import exp, log, pi, sqrt
from typing import Final, Protocol

from recoup.outcomes.codes.words import Category
from recoup.routing.core.effects import (
    BY_CARDHOLDER,
    BY_ROUTE,
    PLANS,
    LearnableAccount,
    Limits,
    Plan,
    Situation,
    keys,
)
from recoup.routing.core.facts import Facts
from recoup.routing.core.words import Estimate

Cell = tuple[float, float, float]
"""Mean, variance, and the time it was learned at, in seconds since 1970."""

INTERVAL: Final = 1.2816
"""Standard deviations to each side that hold 80 % of a normal distribution."""
_CURVATURE_MIN: Final = 0.005
"""What a try tells at least, so that a certainty that was wrong can be unlearned."""
_MUCH: Final = 1e12
_LOGIT_MAX: Final = 30.0
"""Beyond it a float's probability is 0 or 1, and its logit is no number."""
_SMEARED: Final = pi / 8
"""An uncertain logit's expected probability is about logistic(mean / sqrt(1 + pi/8 x variance)) (MacKay, 1992)."""


class Cells(Protocol):
    """Where cells are looked up: a dict, or the table in memory."""

    def get(self, key: int, /) -> Cell | None:
        """The cell of this key, or None where nothing was learned."""
        ...


class Told(StrEnum):
    """What an outcome says about approval."""

    APPROVED = "approved"
    ROUTE = "route"
    """Declined for a reason that another account might not have met."""
    CARDHOLDER = "cardholder"
    """Declined for a reason that the cardholder would have met everywhere."""
    NOTHING = "nothing"
    """A technical failure: that is for the short clock, which detects outages. Learned here, an hour of outage would
    cost the account a month."""


_CARDHOLDERS: Final = frozenset({Category.FUNDS, Category.LIMIT, Category.LIFECYCLE, Category.CREDENTIAL})
_TECHNICAL: Final = frozenset({Category.PROCESSOR, Category.NETWORK})
_CARDS_GONE: Final = frozenset({"lost_card", "stolen_card", "pickup_card"})


def told_by(category: Category, code: str) -> Told:
    """What a decline says. Suspicion is the route's: issuers judge acquirers and merchants differently."""
    if category in _TECHNICAL:
        return Told.NOTHING
    if category in _CARDHOLDERS or code in _CARDS_GONE:
        return Told.CARDHOLDER
    return Told.ROUTE


@dataclass(frozen=True, slots=True)
class Observation:
    """A try whose outcome is known. `at` is when it became so, in the merchant's time."""

    facts: Facts
    account: LearnableAccount
    told: Told
    at: datetime


def estimate(cells: Cells, facts: Facts, account: LearnableAccount, *, at: datetime) -> Estimate:
    """How likely this account approves this payment."""
    return estimates(cells, facts, [account], at=at)[0]


def estimates(
    cells: Cells, facts: Facts, accounts: Iterable[LearnableAccount], *, at: datetime
) -> list[Estimate]:
    """How likely each account approves this payment, in the accounts' order."""
    now = at.timestamp()
    situation = Situation(facts)
    route = _summed(cells, situation.shared(BY_ROUTE), BY_ROUTE.shared, now)
    cardholder = _summed(cells, situation.shared(BY_CARDHOLDER), BY_CARDHOLDER.shared, now)
    return [
        _estimate(
            route,
            _summed(cells, situation.own(BY_ROUTE, account), BY_ROUTE.own, now),
            cardholder,
            _summed(cells, situation.own(BY_CARDHOLDER, account), BY_CARDHOLDER.own, now),
        )
        for account in accounts
    ]


_Sum = tuple[float, float]
"""The mean and variance of a sum of effects."""


def _summed(cells: Cells, keys_: Iterable[int], limits: Limits, now: float) -> _Sum:
    get = cells.get
    mean = variance = 0.0
    told = _MUCH
    for key, (prior, rate) in zip(keys_, limits.each, strict=True):
        cell = get(key)
        if cell is None:
            variance += prior
            told = 0.0
            continue
        own_mean, own_variance, at = cell
        if now > at:
            kept = exp(rate * (at - now))
            own_mean *= kept
            own_variance = prior - (prior - own_variance) * kept * kept
        mean += own_mean
        variance += own_variance
        about_it = 1.0 / own_variance - 1.0 / prior
        told = about_it if about_it < told else told  # noqa: FURB136 - twice as fast as min()
    return mean, _of_sum(variance, told, limits)


def _of_sum(variances: float, told: float, limits: Limits) -> float:
    """The variance of a sum of effects, of which the least seen one was told so much (as a precision).

    Effects that always come together are known together: whatever was told of the least seen one was told of the sum.
    Variances added up, as if the effects were independent, would stay many times too large, and make every estimate
    follow the last few tries.
    """
    if told <= 0.0:
        return variances
    return min(variances, 1.0 / (1.0 / limits.variance + told))


def _estimate(route: _Sum, own_route: _Sum, cardholder: _Sum, own_cardholder: _Sum) -> Estimate:
    """Two sides make one probability; the interval is made on its logit, so that it stays within 0 and 1."""
    good = _logistic(BY_ROUTE.logit + route[0] + own_route[0])
    bad = _logistic(BY_CARDHOLDER.logit + cardholder[0] + own_cardholder[0])
    probability = (1.0 - bad) * good
    by_route, by_cardholder = probability * (1.0 - good), probability * bad  # the slopes on each logit
    own = by_route * by_route * own_route[1] + by_cardholder * by_cardholder * own_cardholder[1]
    both = own + by_route * by_route * route[1] + by_cardholder * by_cardholder * cardholder[1]
    wide = INTERVAL * sqrt(both) / (probability * (1.0 - probability))
    middle = log(probability / (1.0 - probability))
    told = (1.0 / own_route[1] - 1.0 / BY_ROUTE.own.variance) / max(good * (1.0 - good), _CURVATURE_MIN)
    return Estimate(
        probability,
        low=_logistic(middle - wide),
        high=_logistic(middle + wide),
        evidence=max(told, 0.0),
        spread=sqrt(own),
    )


def _logistic(x: float) -> float:
    if not -_LOGIT_MAX < x < _LOGIT_MAX:
        x = _LOGIT_MAX if x > 0.0 else -_LOGIT_MAX
    return 1.0 / (1.0 + exp(-x))


def learn(cells: Cells, seen: Observation) -> dict[int, Cell]:
    """The cells that a try changes, as they are after it."""
    situation, now = Situation(seen.facts), seen.at.timestamp()
    changed: dict[int, Cell] = {}
    for plan, said in _said(seen.told):
        changed |= _stepped(cells, situation.all(plan, seen.account), plan, now, said=said)
    return changed


def _said(told: Told) -> tuple[tuple[Plan, float], ...]:
    """What an outcome answers on each side: 1.0 for yes. Where the cardholder said no, the route was not asked."""
    match told:
        case Told.APPROVED:
            return (BY_CARDHOLDER, 0.0), (BY_ROUTE, 1.0)
        case Told.ROUTE:
            return (BY_CARDHOLDER, 0.0), (BY_ROUTE, 0.0)
        case Told.CARDHOLDER:
            return ((BY_CARDHOLDER, 1.0),)
        case Told.NOTHING:
            return ()


def _stepped(cells: Cells, keys_: Sequence[int], plan: Plan, now: float, *, said: float) -> dict[int, Cell]:
    """One step of the filter: all effects take a share of the surprise, those that are uncertain the largest."""
    grown = _by_now(cells, keys_, plan, now)
    total, parts = _known_together(grown, plan)
    expected = _logistic((plan.logit + sum(mean for mean, _, _ in grown)) / sqrt(1.0 + _SMEARED * total))
    curvature = max(expected * (1.0 - expected), _CURVATURE_MIN)
    step = (said - expected) / (1.0 + curvature * total)
    narrowing = curvature / (1.0 + curvature * total)
    return {
        key: (mean + part * variance * step, variance - variance * variance * narrowing, at)
        for key, part, (mean, variance, at) in zip(keys_, parts, grown, strict=True)
    }


def _known_together(grown: Sequence[Cell], plan: Plan) -> tuple[float, list[float]]:
    """The variance of the logit, and for each effect the part of its own variance by which it is moved."""
    total, parts = 0.0, list[float]()
    shared = len(plan.shared.each)
    for cells, limits in ((grown[:shared], plan.shared), (grown[shared:], plan.own)):
        variances = sum(variance for _, variance, _ in cells)
        told = min(1.0 / cell[1] - 1.0 / limit[0] for cell, limit in zip(cells, limits.each, strict=True))
        together = _of_sum(variances, told, limits)
        total += together
        parts += [together / variances] * len(cells)
    return total, parts


def _by_now(cells: Cells, keys_: Iterable[int], plan: Plan, now: float) -> list[Cell]:
    return [
        _grown(cells.get(key), prior, rate, now) for key, (prior, rate) in zip(keys_, plan.all, strict=True)
    ]


def _grown(cell: Cell | None, prior: float, rate: float, now: float) -> Cell:
    """A cell as it is by now, and its time, which never goes back: an outcome that comes late is learned as it is."""
    if cell is None:
        return 0.0, prior, now
    mean, variance, at = cell
    if now <= at:
        return cell
    kept = exp(-rate * (now - at))
    return mean * kept, prior - (prior - variance) * kept * kept, now


def correct(cells: Cells, seen: Observation, *, was: Told) -> dict[int, Cell]:
    """The cells after an outcome that was learned as `was` turned out otherwise.

    In a linear filter an answer that changes by d moves the mean by variance x d, whenever it was learned; so it does
    here, to first order, less what was forgotten since. A side that was answered before and is no longer gives back its
    surprise, but not its narrower variance.
    """
    before, after = dict(_said(was)), dict(_said(seen.told))
    situation, now = Situation(seen.facts), seen.at.timestamp()
    changed: dict[int, Cell] = {}
    for plan in PLANS:
        found = situation.all(plan, seen.account)
        match before.get(plan), after.get(plan):
            case None, float(said):
                changed |= _stepped(cells, found, plan, now, said=said)
            case float(said), None:
                effects = _by_now(cells, found, plan, now)
                expected = _logistic(plan.logit + sum(mean for mean, _, _ in effects))
                changed |= _moved(cells, found, plan, now, by=expected - said)
            case float(old), float(new):
                changed |= _moved(cells, found, plan, now, by=new - old)
            case _:
                pass  # never asked
    return changed


def _moved(cells: Cells, keys_: Sequence[int], plan: Plan, now: float, *, by: float) -> dict[int, Cell]:
    grown = _by_now(cells, keys_, plan, now)
    _, parts = _known_together(grown, plan)
    return {
        key: (mean + part * variance * by, variance, at)
        for key, part, (mean, variance, at) in zip(keys_, parts, grown, strict=True)
    }


class Layered:
    """Cells over cells: what a batch has changed, over what was there before."""

    __slots__ = ("_under", "changed")

    def __init__(self, under: Mapping[int, Cell]) -> None:
        self._under = under
        self.changed: dict[int, Cell] = {}

    def get(self, key: int, /) -> Cell | None:
        """The cell as it is by now."""
        found = self.changed.get(key)
        return self._under.get(key) if found is None else found


def all_keys(observations: Sequence[Observation]) -> set[int]:
    """The keys of every cell that these tries touch."""
    return {key for seen in observations for key in keys(seen.facts, seen.account)}
