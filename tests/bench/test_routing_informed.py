"""The learners that bound what can be learned: their arithmetic is exact, and nobody beats who is told everything."""

from __future__ import annotations

import random
from random import Random
from statistics import fmean, pvariance

import pytest
from bench.routing.arrow import Belief, Group, Matrix, factored, solved
from bench.routing.contest import INFORMED, ORACLE, OURS, TOLD, Task, contest
from bench.routing.informed import Informed, Told, stays
from bench.routing.play import Play
from bench.routing.results import Results, verdicts
from bench.routing.rivals import Thompson
from bench.routing.scenarios import SCENARIOS
from bench.routing.world import Parameters, make

OWN, SHARED, GROUPS = 3, 4, 5


def observed(chance: random.Random) -> tuple[Matrix, list[float]]:
    """Precision and right-hand side of some effects, of which each observation sees one group's and the shared."""
    size = SHARED + GROUPS * OWN
    precision = [[float(one == other) for other in range(size)] for one in range(size)]
    right = [0.0] * size
    for _ in range(40):
        first = SHARED + chance.randrange(GROUPS) * OWN
        places = [*range(SHARED), *range(first, first + OWN)]
        weights = [chance.gauss(0, 1) for _ in places]
        value = chance.gauss(0, 1)
        for one, weight in zip(places, weights, strict=True):
            right[one] += weight * value
            for other, beside in zip(places, weights, strict=True):
                precision[one][other] += weight * beside
    return precision, right


def test_eliminating_groups_is_solving_the_whole() -> None:
    precision, right = observed(random.Random(1))
    groups = []
    for number in range(GROUPS):
        rows = range(SHARED + number * OWN, SHARED + (number + 1) * OWN)
        groups.append(
            Group(
                [[precision[one][other] for other in rows] for one in rows],
                [precision[one][:SHARED] for one in rows],
                [right[one] for one in rows],
            )
        )
    belief = Belief(groups, [row[:SHARED] for row in precision[:SHARED]], right[:SHARED])
    factor, chance = factored(precision), Random(2)
    for group in range(GROUPS):
        weights = [0.0] * len(right)
        for place in (1, 3, SHARED + group * OWN, SHARED + group * OWN + 2):
            weights[place] = 1.0
        mean = sum(map(float.__mul__, weights, solved(factor, right)))
        variance = sum(map(float.__mul__, weights, solved(factor, weights)))
        assert belief.mean_of(group, [0, 2], [1, 3]) == pytest.approx(mean)
        draws = [belief.drawn(group, chance) for _ in range(4000)]
        sums = [own[0] + own[2] + shared[1] + shared[3] for own, shared in draws]
        assert fmean(sums) == pytest.approx(mean, abs=5 * (variance / len(sums)) ** 0.5)
        assert pvariance(sums) == pytest.approx(variance, rel=0.15)


def test_they_are_for_worlds_that_stay() -> None:
    assert stays(SCENARIOS["affinity_small"].parameters)
    assert not any(stays(SCENARIOS[one].parameters) for one in ("drift", "outages", "everything"))


def test_who_knows_more_does_better() -> None:
    """On average, which is what three worlds tell of differences this large."""
    parameters = Parameters(days=0.3, gap_points=1.0, affinity_logit=0.8, issuers=10)
    told = informed = plain = 0.0
    for seed in (1, 2, 3):
        world = make(parameters, seed)
        told += Play(world, Told(world, Random(seed))).run().expected
        informed += Play(world, Informed(world, Random(seed))).run().expected
        plain += Play(world, Thompson(len(world.acquirers), Random(seed))).run().expected
    assert told > informed > plain


def test_the_page_says_what_could_be_learned() -> None:
    world = Parameters(days=0.1, gap_points=1.0, affinity_logit=0.8, issuers=10)
    scores = [contest(Task(world, seed, informed=True)) for seed in (1, 2)]
    assert scores[0][OURS].expected < scores[0][TOLD].expected <= scores[0][ORACLE].expected
    results = Results((1, 2))
    results.scenarios["affinity_large"] = scores
    [verdict] = verdicts(results)
    assert verdict.informed is not None and verdict.informed.count("±") == 2
    assert INFORMED in scores[0]
    plain = contest(Task(world, 1, only=(OURS,)))
    assert INFORMED not in plain
    results.scenarios["affinity_large"] = [plain, plain]
    [verdict] = verdicts(results)
    assert verdict.informed is None
