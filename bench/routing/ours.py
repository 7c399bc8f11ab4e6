"""The real code at work in the simulated world: `recoup.routing.core`, handed what a merchant sees and nothing else.

What the API does with a database, an event stream and timers is done here in memory, by the same functions in the same
order: estimates from the cells, prices from the merchant's fees, the standing of every breaker, the decision from a
seed; then the answer to the breaker and to the cells. A request that waits far longer than usual is told to the breaker
as overdue when the next payment or answer comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Final
from uuid import UUID

from bench.routing.rivals import NOBODY
from bench.routing.world import Acquirer, Answer, Kind, Payment, World
from recoup.merchants.core import AmountLimits, Fees
from recoup.outcomes.core import Approved, Declined, Outcome, RawDecline, Unknown, Unprocessed, classify
from recoup.routing.core import Facts
from recoup.routing.core import health as breakers
from recoup.routing.core.cost import expected_value, price_of
from recoup.routing.core.deciding import Option, decide
from recoup.routing.core.learning import Cell, Observation, Told, estimates, learn, told_by
from recoup.routing.core.policy import EXPLORE_DEFAULT
from recoup.routing.core.silence import SILENT, Silence
from recoup.routing.core.symptoms import OVERDUE, answer_of, counted_before
from recoup.routing.core.symptoms import Answer as Heard
from recoup.routing.core.words import Estimate, Health, Method, Price, Ruling, Standing

START: Final = datetime(2026, 1, 5, tzinfo=UTC)
CURRENCY: Final = "EUR"


@dataclass(frozen=True, slots=True)
class Account:
    """A processor account as the merchant has set it up: where it acquires, and what its contract charges."""

    id: UUID
    label: str
    country: str | None
    fees: Fees | None
    connector: str = "sandbox"
    acquirer: str | None = None
    enabled: bool = True
    drained: bool = False
    three_d_secure: bool | None = None
    currencies: frozenset[str] | None = None
    countries: frozenset[str] | None = None
    brands: frozenset[str] | None = None
    fundings: frozenset[str] | None = None
    amount_limits: Mapping[str, AmountLimits] | None = None
    merchant_categories: frozenset[str] | None = None


@dataclass(slots=True)
class _Asked:
    """A request under way. `overdue_at` is from when on the breaker hears that it waits; `was_counted`, that it did."""

    facts: Facts
    expected: float
    overdue_at: datetime | None
    number: int
    is_answered: bool = False
    was_counted: bool = False


class Ours:
    """Recoup."""

    def __init__(self, world: World, random: Random) -> None:
        self._accounts = [_account(one) for one in world.acquirers]
        self._ruling = Ruling(
            "bench", Method.LEARNED, margin=world.parameters.margin_bp, explore=EXPLORE_DEFAULT
        )
        self._random = random
        self._cells: dict[int, Cell] = {}
        self._health = [breakers.UNHEARD] * len(self._accounts)
        self._silence = [Silence() for _ in self._accounts]
        self._waiting: list[deque[_Asked]] = [deque() for _ in self._accounts]
        self._under_way: dict[tuple[int, int], _Asked] = {}
        self._order: tuple[int, list[int], dict[int, float]] = (NOBODY, [], {})

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        at = START + timedelta(seconds=payment.at_s)
        if without == NOBODY or self._order[0] != payment.index:
            self._order = (payment.index, *self._decided(payment, at))
        _, order, expected = self._order
        chosen = next(one for one in order if one != without)
        self._ask(payment, chosen, expected[chosen], at=at, turn=1 if without == NOBODY else 2)
        return chosen

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        at = START + timedelta(seconds=at_s)
        asked = self._under_way.pop((payment.index, acquirer))
        asked.is_answered = True
        self._hear_overdue(acquirer, at)
        outcome, told = _outcome_of(answer.kind, answer.code)
        latency_ms = round(answer.after_s * 1000)
        heard = answer_of(outcome, latency_ms=latency_ms, expected=asked.expected)
        if answer.kind is not Kind.UNKNOWN:
            self._silence[acquirer].answered(asked.number)
        if heard.latency_ms is not None:
            self._silence[acquirer].took(heard.latency_ms)
        self._hear(acquirer, counted_before(heard) if asked.was_counted else heard, asked.facts, at)
        seen = Observation(asked.facts, self._accounts[acquirer], told, at)
        self._cells.update(learn(self._cells, seen))

    def prices(self, payment: Payment) -> list[Price]:
        """What a try costs at each account, by what the merchant has said of its contracts."""
        facts = _facts(payment, START, turn=1)
        return [_price(account, facts) for account in self._accounts]

    def is_degraded(self, acquirer: int) -> bool:
        """Whether the account's own breaker is open."""
        return self._health[acquirer].whole.health is Health.DEGRADED

    def _decided(self, payment: Payment, at: datetime) -> tuple[list[int], dict[int, float]]:
        """Who is asked in which order, and what is expected of each."""
        facts = _facts(payment, at, turn=1)
        found = estimates(self._cells, facts, self._accounts, at=at)
        options = [self._option(index, facts, estimate, at) for index, estimate in enumerate(found)]
        placed = decide(options, self._ruling, seed=self._random.randbytes(16), unit=None)
        order = [one.option.account_id.int - 1 for one in placed]
        return order, {index: one.probability for index, one in enumerate(found)}

    def _option(self, index: int, facts: Facts, estimate: Estimate, at: datetime) -> Option:
        account, country = self._accounts[index], facts.issuer_country
        price = _price(account, facts)
        span = facts.amount * self._ruling.margin // 10 - price.approved + price.declined
        return Option(
            account.id,
            label=account.label,
            acquirer=account.label,
            estimate=estimate,
            price=price,
            value=expected_value(estimate, price, facts, self._ruling.margin),
            value_spread=round(abs(span) * estimate.spread),
            standing=self._standing(index, country, at),
        )

    def _standing(self, index: int, country: str | None, at: datetime) -> Standing:
        self._hear_overdue(index, at)
        found = breakers.standing(self._health[index], at, country=country)
        if found.health is Health.DEGRADED:
            self._health[index] = breakers.passed(self._health[index], at, country=country)
            return found
        slow_ms = self._health[index].usual.slow_ms
        if slow_ms is not None and self._silence[index].is_silent(_seconds(at), overdue_s=slow_ms / 1000):
            return SILENT
        return found

    def _ask(self, payment: Payment, acquirer: int, expected: float, *, at: datetime, turn: int) -> None:
        facts = _facts(payment, at, turn=turn)
        self._health[acquirer] = breakers.asked(self._health[acquirer], at, country=facts.issuer_country)
        slow_ms = self._health[acquirer].usual.slow_ms
        overdue_at = None if slow_ms is None else at + timedelta(milliseconds=slow_ms)
        asked = self._under_way[payment.index, acquirer] = _Asked(
            facts, expected, overdue_at, self._silence[acquirer].asked(_seconds(at))
        )
        if overdue_at is not None:
            self._waiting[acquirer].append(asked)

    def _hear_overdue(self, index: int, at: datetime) -> None:
        """Tells the breaker of requests that have waited far longer than usual, each once."""
        waiting = self._waiting[index]
        while waiting and (waiting[0].is_answered or _is_overdue(waiting[0], at)):
            asked = waiting.popleft()
            if not asked.is_answered:
                asked.was_counted = True
                self._hear(index, OVERDUE, asked.facts, at)

    def _hear(self, index: int, heard: Heard, facts: Facts, at: datetime) -> None:
        self._health[index], _ = breakers.heard(self._health[index], heard, at, country=facts.issuer_country)


def _seconds(at: datetime) -> float:
    return (at - START).total_seconds()


def _is_overdue(asked: _Asked, at: datetime) -> bool:
    return asked.overdue_at is not None and asked.overdue_at <= at


def _facts(payment: Payment, at: datetime, *, turn: int) -> Facts:
    return Facts(
        currency=CURRENCY,
        brand=payment.brand,
        issuer_country=payment.issuer_country,
        capture="automatic",
        initiator=payment.initiator,
        amount=payment.amount,
        funding=payment.funding,
        bin=payment.bin,
        attempt_number=turn,
        at=at,
    )


def _account(one: Acquirer) -> Account:
    return Account(
        UUID(int=one.index + 1),
        label=f"acquirer {one.index}",
        country=one.country,
        fees=Fees(
            basis_points=one.fees.rate_bp,
            per_attempt=one.fees.each_try,
            cross_border_basis_points=one.fees.cross_border_bp,
            currency=CURRENCY,
        ),
    )


def _price(account: Account, facts: Facts) -> Price:
    price = price_of(account, facts)
    assert price is not None, "fees and payments are in one currency"
    return price


@lru_cache(maxsize=64)
def _outcome_of(kind: Kind, code: str | None) -> tuple[Outcome, Told]:
    match kind:
        case Kind.APPROVED:
            return Approved("simulated"), Told.APPROVED
        case Kind.UNPROCESSED:
            return Unprocessed("simulated: refused at the door"), Told.NOTHING
        case Kind.UNKNOWN:
            return Unknown("simulated: no answer in time"), Told.NOTHING
        case Kind.DECLINED:
            decline = classify(RawDecline("stripe", processor_code=code), on=START.date())
            assert decline.recognised, f"no table knows {code}"
            return Declined(decline), told_by(decline.category, decline.code)
