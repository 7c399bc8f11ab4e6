"""What there is to be learned: learners that know of what kind the world is, and only have to find its numbers.

Both know what no merchant knows: the formula of approvals, which BINs are one issuer's, how widely each kind of effect
is spread, and how declines get their codes. What they infer is the normal approximation of Bayes' posterior, all
effects together. `Informed` is told what it asked, as everybody is, and goes where a draw from the posterior says it is
best (Thompson sampling): one good learner, neither the best possible nor a bound. `Told` is told, free of charge, what
every acquirer would have answered to every payment. Nobody can learn more from as many payments, so what it misses
nobody can have, but for the approximation and for the luck of one world. For worlds that stay as they are: without
drift and outages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, log
from random import Random
from typing import Final

from bench.routing.arrow import Belief, Group, Matrix, Vector
from bench.routing.rivals import NOBODY
from bench.routing.world import (
    AMOUNT_EFFECT,
    AMOUNT_MEDIAN,
    BIN_SIGMA,
    BINS_EACH,
    BRANDS,
    CARDHOLDERS_SHARE,
    FUNDING_EFFECTS,
    FUNDINGS,
    INITIATOR_EFFECTS,
    ISSUER_SIGMA,
    WIDE_SHARE,
    Answer,
    Parameters,
    Payment,
    World,
    logit,
)

REFRESHED_AFTER: Final = 20
REFRESHED_PART: Final = 0.03
"""Beliefs are made anew after so many answers, and later after this part of all that were seen."""
_ISSUER_STEP: Final = 37
_FIRST_BIN: Final = 400_000
_VARIANCE_MIN: Final = 1e-6
_CHANCE_MIN: Final = 1e-6
_SAID: Final = {"insufficient_funds": 1, "expired_card": 1, "transaction_not_allowed": 2, "fraudulent": 2}
"""A code that only cardholders' declines have, one that only the route's have, and the one that both have."""
_BOTH: Final = 3
_CARDHOLDERS_SAY_SO: Final = 0.7
_ROUTES_SAY_SO: Final = 0.3


def stays(parameters: Parameters) -> bool:
    """Whether these learners are made for such a world."""
    return (
        parameters.drift_half_life_days is None
        and parameters.jumps_a_day <= 0
        and parameters.incidents_a_day <= 0
    )


@dataclass(slots=True)
class _Seen:
    """What was seen of one BIN, by acquirer: where its logits lie in the system, what is known of them, and what the
    posterior says of them now."""

    group: int
    own: list[tuple[int, ...]]
    shared: list[tuple[int, ...]]
    penalties: list[float]
    information: Matrix
    right: Vector
    believed: list[float] = field(default_factory=list)


class Informed:
    """Knows the kind of the world, and learns its numbers from what it asked."""

    def __init__(self, world: World, random: Random) -> None:
        self._parameters = world.parameters
        self._random = random
        self._homes = [one.country for one in world.acquirers]
        self._all = range(len(world.acquirers))
        rates = _rates(world.parameters)
        self._middle = sum(rates) / len(rates)
        spread = sum((one - self._middle) ** 2 for one in rates) / len(rates)
        self._base_variance = max(spread, _VARIANCE_MIN)
        self._bins: dict[str, _Seen] = {}
        self._belief = self._believed()
        self._count = 0
        self._refreshed_at = 0

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        seen = self._of(payment)
        scores = [value + penalty for value, penalty in zip(self._values(seen), seen.penalties, strict=True)]
        return max((one for one in self._all if one != without), key=scores.__getitem__)

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        seen = self._of(payment)
        chances = self._chances(payment, seen)
        best = max(self._all, key=chances.__getitem__)
        said = 0 if answer.is_approved else _SAID.get(answer.code or "", _BOTH)
        probabilities, slopes = _asked(chances[acquirer], chances[best])
        self._take(seen, [(acquirer, best)] * 4, list(zip(probabilities, slopes, strict=True)), said)
        self._counted()

    def _values(self, seen: _Seen) -> list[float]:
        """What the acquirers are taken for."""
        own, shared = self._belief.drawn(seen.group, self._random)
        return [
            sum(own[place] for place in seen.own[one]) + sum(shared[place] for place in seen.shared[one])
            for one in self._all
        ]

    def _take(
        self,
        seen: _Seen,
        logits: Sequence[tuple[int, int]],
        kinds: Sequence[tuple[float, tuple[float, float]]],
        said: int,
    ) -> None:
        """One answer of several kinds, each with its probability and its slopes on two logits: the score of the one
        that came, and the information of all."""
        for number, ((first, second), (chance, slopes)) in enumerate(zip(logits, kinds, strict=True)):
            likely = max(chance, _CHANCE_MIN)
            for one, slope in ((first, slopes[0]), (second, slopes[1])):
                if number == said:
                    seen.right[one] += slope / likely
                for other, beside in ((first, slopes[0]), (second, slopes[1])):
                    told = slope * beside / likely
                    seen.information[one][other] += told
                    seen.right[one] += told * seen.believed[other]

    def _counted(self) -> None:
        self._count += 1
        if self._count - self._refreshed_at >= max(REFRESHED_AFTER, REFRESHED_PART * self._count):
            self._refreshed_at = self._count
            self._belief = self._believed()
            for seen in self._bins.values():
                seen.believed = self._sums(seen)

    def _chances(self, payment: Payment, seen: _Seen) -> list[float]:
        known = (
            self._middle
            + FUNDING_EFFECTS[payment.funding]
            + INITIATOR_EFFECTS[payment.initiator]
            + AMOUNT_EFFECT * log(payment.amount / AMOUNT_MEDIAN)
        )
        return [1 / (1 + exp(-known - seen.believed[one] - seen.penalties[one])) for one in self._all]

    def _of(self, payment: Payment) -> _Seen:
        seen = self._bins.get(payment.bin)
        if seen is None:
            seen = self._bins[payment.bin] = self._new(payment)
            seen.believed = self._sums(seen)
        return seen

    def _new(self, payment: Payment) -> _Seen:
        issuer, place = divmod(int(payment.bin) - _FIRST_BIN, _ISSUER_STEP)
        count = len(self._all)
        brand = (1 + BRANDS.index(payment.brand)) * count
        funding = (1 + len(BRANDS) + FUNDINGS.index(payment.funding)) * count
        penalty = self._parameters.cross_border_logit
        return _Seen(
            issuer,
            own=[(0, 1 + one, 1 + count + place) for one in self._all],
            shared=[(one, brand + one, funding + one) for one in self._all],
            penalties=[-penalty if home != payment.issuer_country else 0.0 for home in self._homes],
            information=[[0.0] * count for _ in self._all],
            right=[0.0] * count,
        )

    def _sums(self, seen: _Seen) -> list[float]:
        return [self._belief.mean_of(seen.group, seen.own[one], seen.shared[one]) for one in self._all]

    def _believed(self) -> Belief:
        """The posterior, from the prior and all that was told."""
        count = len(self._all)
        affinity = max(self._parameters.affinity_logit**2, _VARIANCE_MIN)
        wide = max(affinity * WIDE_SHARE**2, _VARIANCE_MIN)
        own = [ISSUER_SIGMA**2, *[affinity] * count, *[BIN_SIGMA**2] * BINS_EACH[1]]
        shared = [self._base_variance] * count + [wide] * (count * (len(BRANDS) + len(FUNDINGS)))
        groups = [
            Group(_diagonal(own), [[0.0] * len(shared) for _ in own], [0.0] * len(own))
            for _ in range(self._parameters.issuers)
        ]
        precision, right = _diagonal(shared), [0.0] * len(shared)
        for seen in self._bins.values():
            _told(seen, groups[seen.group], precision, right)
        return Belief(groups, precision, right)


class Told(Informed):
    """Knows the kind of the world, and is told what every acquirer would have answered."""

    def __init__(self, world: World, random: Random) -> None:
        super().__init__(world, random)
        self._world = world

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        seen = self._of(payment)
        chances = self._chances(payment, seen)
        best = max(self._all, key=chances.__getitem__)
        answers = self._world.answers[payment.index]
        good = 1.0 - CARDHOLDERS_SHARE * (1.0 - chances[best])
        steep = CARDHOLDERS_SHARE * _slope(chances[best])
        is_good = any(one.is_approved for one in answers)
        kinds = [(good, (steep, 0.0)), (1.0 - good, (-steep, 0.0))]
        self._take(seen, [(best, best)] * 2, kinds, 0 if is_good else 1)
        for one in self._all if is_good else ():
            chance = chances[one] / good
            slopes = (_slope(chances[one]) / good, -chances[one] * steep / good**2)
            kinds = [(chance, slopes), (1.0 - chance, (-slopes[0], -slopes[1]))]
            self._take(seen, [(one, best)] * 2, kinds, 0 if answers[one].is_approved else 1)
        self._counted()

    def _values(self, seen: _Seen) -> list[float]:
        return seen.believed


def _asked(own: float, best: float) -> tuple[list[float], list[tuple[float, float]]]:
    """The probabilities of approval, of a decline that is surely the cardholder's, of one that is surely the route's,
    and of one that may be either; and their slopes on the logits of the acquirer asked and of the best one."""
    bad = CARDHOLDERS_SHARE * (1.0 - best)
    lost = 1.0 - bad - own
    steep, at_best = _slope(own), CARDHOLDERS_SHARE * _slope(best)
    say, keep = _CARDHOLDERS_SAY_SO, 1.0 - _CARDHOLDERS_SAY_SO
    known, hidden = _ROUTES_SAY_SO, 1.0 - _ROUTES_SAY_SO
    return (
        [own, say * bad, known * lost, keep * bad + hidden * lost],
        [
            (steep, 0.0),
            (0.0, -say * at_best),
            (-known * steep, known * at_best),
            (-hidden * steep, (hidden - keep) * at_best),
        ],
    )


def _slope(chance: float) -> float:
    return chance * (1.0 - chance)


def _rates(parameters: Parameters) -> list[float]:
    """The logits of the acquirers' base rates, of which it is not known whose each is."""
    steps = max(parameters.acquirers - 1, 1)
    return [
        logit(parameters.base_rate - parameters.gap_points / 100 * place / steps)
        for place in range(parameters.acquirers)
    ]


def _diagonal(variances: Sequence[float]) -> Matrix:
    return [
        [1.0 / one if place == other else 0.0 for other in range(len(variances))]
        for place, one in enumerate(variances)
    ]


def _told(seen: _Seen, group: Group, precision: Matrix, right: Vector) -> None:
    """Puts what was told of a BIN's logits where their effects lie."""
    for first, row in enumerate(seen.information):
        for place in seen.own[first]:
            group.right[place] += seen.right[first]
        for place in seen.shared[first]:
            right[place] += seen.right[first]
        for second, told in enumerate(row):
            if told:
                _spread(group.precision, seen.own[first], seen.own[second], told)
                _spread(group.coupling, seen.own[first], seen.shared[second], told)
                _spread(precision, seen.shared[first], seen.shared[second], told)


def _spread(matrix: Matrix, rows: Sequence[int], columns: Sequence[int], told: float) -> None:
    for row in rows:
        for column in columns:
            matrix[row][column] += told
