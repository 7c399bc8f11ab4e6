"""What the short clock costs, from fixed seeds: outages seen, false alarms, ends seen, microseconds an answer.

    python -m bench.routing.health [--runs 400] [--months 12]

Prints the tables of `docs/explanation/outages.md`. The account is the one of the tests: 250 ms at the median, 3
technical failures in 1000 answers, three issuer countries.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from math import log
from time import perf_counter_ns
from typing import Final

from cyclopts import App
from rich.console import Console
from tests.routing.outages import (
    COUNTRIES,
    FAILED,
    FINE,
    START,
    answered,
    fine,
    in_health,
    latency,
    opened,
    probes,
    seconds,
)

from recoup.routing.core.breaker import OPENS_AT, Transition
from recoup.routing.core.health import AccountHealth, heard
from recoup.routing.core.silence import Silence
from recoup.routing.core.symptoms import OVERDUE, Answer, Said, Usual
from recoup.routing.core.words import Health

A_MONTH: Final = 10 * 86_400 * 30
SHARES: Final = (1.0, 0.5, 0.3, 0.2, 0.15)
RATES: Final = (1, 10, 100, 1000)
ANSWERS_MAX: Final = 20_000
HUNG_MS: Final = 1000
LATENCIES: Final = 1500
IN_HEALTH: Final = 100_000

app = App(name="bench.routing.health", help=__doc__)
_out: Final = Console(highlight=False, width=200)


def share_of(values: Sequence[float], part: float) -> float:
    """A quantile."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def until_open(account: AccountHealth, answers: Iterable[Answer], chance: random.Random) -> tuple[int, int]:
    """How many answers came and how many payments were lost before a breaker opened."""
    count = lost = 0
    moves: tuple[Transition, ...] = ()
    for answer in answers:
        count += 1
        lost += answer.said is not Said.WELL
        account, moves = heard(account, answer, START, country=chance.choice(COUNTRIES))
        if moves or count >= ANSWERS_MAX:
            break
    return count, lost


def failing_by(chance: random.Random, share: float) -> Iterator[Answer]:
    """The answers of an outage, without end."""
    while True:
        yield answered(chance, share)


def span(took_s: float) -> str:
    """Seconds or minutes, for a table."""
    return f"{took_s:.1f} s" if took_s < 120 else f"{took_s / 60:.0f} min"


def opening(runs: int) -> Iterator[str]:
    """What an outage costs before it is seen, by how much of all it lets fail."""
    yield (
        "| of all answers fail | payments lost: median | 95 % | worst | "
        + " | ".join(f"time at {rate} a minute" for rate in RATES)
        + " |"
    )
    yield "| ---: | ---: | ---: | ---: |" + " ---: |" * len(RATES)
    for share in SHARES:
        found = [
            until_open(in_health(1), failing_by(chance, share), chance)
            for chance in (random.Random(seed) for seed in range(runs))
        ]
        lost, counts = [one[1] for one in found], [one[0] for one in found]
        times = [span(share_of(counts, 0.5) * 60 / rate) for rate in RATES]
        figures = [f"{share:.0%}", *(f"{share_of(lost, part):.0f}" for part in (0.5, 0.95, 1.0)), *times]
        yield f"| {' | '.join(figures)} |"


def hanging(runs: int) -> Iterator[str]:
    """How many requests hang before the account is passed over, and before its breaker opens."""
    count, _ = until_open(in_health(1), iter([OVERDUE] * ANSWERS_MAX), random.Random(runs))
    slow_s = (in_health(1).usual.slow_ms or HUNG_MS) / 1000
    yield f"Where every request hangs, {count} that are overdue open it. Overdue is {slow_s:.1f} s for this account."
    yield ""
    yield "| payments a minute | lost until it is passed over: median | 95 % | worst | of all in health, passed over |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    for rate in RATES:
        lost = [left(random.Random(seed), rate / 60, overdue_s=slow_s) for seed in range(runs)]
        figures = [f"{share_of(lost, part)}" for part in (0.5, 0.95, 1.0)]
        passed = passed_over(random.Random(rate), rate / 60, overdue_s=slow_s)
        yield f"| {rate} | {' | '.join(figures)} | {passed:.3%} |"


def left(chance: random.Random, per_second: float, *, overdue_s: float) -> int:
    """How many requests leave for an account that answers nothing, until it is passed over or its breaker opens."""
    account, silence, now_s, since = in_health(1), Silence(), 0.0, list[float]()
    for _ in range(LATENCIES):
        silence.took(latency(chance))
    count = 0
    while True:
        now_s += chance.expovariate(per_second)
        while since and since[0] + overdue_s <= now_s:
            since.pop(0)
            account, moves = heard(account, OVERDUE, START, country=chance.choice(COUNTRIES))
            if moves:
                return count
        if silence.is_silent(now_s, overdue_s=overdue_s):
            return count
        silence.asked(now_s)
        since.append(now_s)
        count += 1


def passed_over(chance: random.Random, per_second: float, *, overdue_s: float) -> float:
    """The part of payments that pass over an account which answers as ever."""
    silence, now_s, passed = Silence(), 0.0, 0
    due: list[tuple[float, int, int]] = []
    for _ in range(IN_HEALTH):
        now_s += chance.expovariate(per_second)
        while due and due[0][0] <= now_s:
            _, number, took_ms = heappop(due)
            silence.answered(number)
            silence.took(took_ms)
        if silence.is_silent(now_s, overdue_s=overdue_s):
            passed += 1
            continue
        took_ms = latency(chance)
        heappush(due, (now_s + took_ms / 1000, silence.asked(now_s), took_ms))
    return passed / IN_HEALTH


def false_alarms(months: int) -> Iterator[str]:
    """How near a healthy account comes to an alarm. Good answers between failures are skipped at once."""
    yield "| of healthy answers fail | answers | false alarms | by the bound, at most |"
    yield "| ---: | ---: | ---: | ---: |"
    for rate in (0.002, 0.005, 0.01, 0.03):
        usual = Usual(answers=1e12, failed=rate * 1e12)
        bad, good = usual.weight(Said.FAILED), -usual.weight(Said.WELL)
        chance, seen, total, alarms = random.Random(20261122), 0, 0.0, 0
        while seen < months * A_MONTH:
            between = int(log(1 - chance.random()) / log(1 - rate))
            total, seen = max(0.0, total - good * between) + bad, seen + between + 1
            if total >= OPENS_AT:
                alarms, total = alarms + 1, 0.0
        yield f"| {rate:.1%} | {seen / 1e6:.0f} million | {alarms} | {months / 4:.0f} |"


def closing(runs: int) -> Iterator[str]:
    """What an outage of an hour costs in probes, and how soon its end is seen."""
    yield "| payments a minute | probes in an hour | part of all payments | end seen after: median | 95 % |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    for rate in RATES:
        lost, waits = [], []
        for seed in range(max(runs // 20, 5)):
            chance, account = random.Random(seed), opened(in_health(1))
            account, asked_at = probes(account, chance, per_second=rate / 60, answer=FAILED)
            lost.append(len(asked_at))
            account, asked_at = probes(
                account, chance, per_second=rate / 60, answer=FINE, since_s=3700, lasting_s=36_000
            )
            assert account.whole.health is Health.GOOD, "an outage that ended is seen to have"
            waits.append(asked_at[-1] - 3700)
        usual = share_of(lost, 0.5)
        yield (
            f"| {rate} | {usual:.0f} | {usual / (rate * 60):.1%} | {span(share_of(waits, 0.5))} "
            f"| {span(share_of(waits, 0.95))} |"
        )


def cost_us(answers: int = 20_000) -> float:
    """Microseconds for one answer of a healthy account."""
    chance, account = random.Random(1), in_health(1)
    given = [fine(chance) for _ in range(answers)]
    started = perf_counter_ns()
    for answer in given:
        account, _ = heard(account, answer, START + seconds(1), country="US")
    return (perf_counter_ns() - started) / answers / 1000


@app.default
def main(*, runs: int = 400, months: int = 12) -> None:
    """Print the tables."""
    for line in opening(runs):
        _out.print(line)
    _out.print()
    for line in hanging(runs):
        _out.print(line)
    _out.print()
    for line in false_alarms(months):
        _out.print(line)
    _out.print()
    for line in closing(runs):
        _out.print(line)
    _out.print()
    _out.print(f"One answer of a healthy account: {cost_us():.1f} us.")


if __name__ == "__main__":
    app()
