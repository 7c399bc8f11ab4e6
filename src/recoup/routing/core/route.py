"""Which processor accounts may be asked, in which order, and what comes after an answer; every choice with its reason.

The first floor: accounts in the merchant's order, filtered by what each can do. A route is decided once for a payment's
call and stored with every candidate, chosen or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, assert_never
from uuid import UUID

from msgspec import Struct

from recoup.connectors.base import Capabilities
from recoup.outcomes.codes.words import Category
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Declined,
    Outcome,
    Pending,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.retry import another_processor
from recoup.routing.core.eligibility import charged_by_token, obstacles
from recoup.routing.core.facts import Facts, RoutableAccount
from recoup.routing.core.words import WELL, Estimate, Method, Price, Standing

ATTEMPTS_IN_ONE_CALL_MAX: Final = 3
"""How many processors one API call may ask: each costs the customer seconds of waiting."""
FAILOVER_WITHIN_MS: Final = 20_000
"""How long after the start of a call another processor may still be asked: the customer is waiting."""
CALLERS: Final = "requested"
"""The name of the rule where the caller said which accounts to ask, in which order."""


class Candidate(Struct, frozen=True):
    """An account that was considered. `place` is its turn in the route, from 1; None where it may not be asked.

    `is_able` says that it could do the payment, whether the policy lets it or not. `acquirer` is who carries its
    payments to the issuer. `propensity` is how likely it was to be asked first, given the facts; `value` what asking it
    first is worth, in thousandths of a minor unit.
    """

    account_id: UUID
    label: str
    place: int | None
    why: str
    acquirer: str = ""
    propensity: float | None = None
    estimate: Estimate | None = None
    price: Price | None = None
    value: int | None = None
    value_spread: int = 0
    cost_per_approval: int | None = None
    standing: Standing = WELL
    is_able: bool = False
    is_drained: bool = False


@dataclass(frozen=True, slots=True)
class Arm:
    """The side of an experiment that a payment is on."""

    experiment_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Route:
    """Who may be asked, in order, and who was left out; what decided that, and the chance that was drawn.

    `rule` is the policy's rule and `policy_version` the policy's number, None where no policy was asked. `model` is the
    place in the event stream up to which the estimates had learned. `seed` makes every draw again.
    """

    candidates: tuple[Candidate, ...]
    rule: str = CALLERS
    method: Method = Method.ORDERED
    policy_version: int | None = None
    model: int | None = None
    arm: Arm | None = None
    seed: bytes = b""
    attempts_max: int | None = None
    failover_within_ms: int | None = None

    @property
    def accounts(self) -> tuple[UUID, ...]:
        """The accounts to ask, in order."""
        asked = [one for one in self.candidates if one.place is not None]
        return tuple(one.account_id for one in sorted(asked, key=_place))

    @property
    def first(self) -> Candidate:
        """Who is asked first."""
        return self.candidate(self.accounts[0])

    def candidate(self, account_id: UUID) -> Candidate:
        """What was considered of an account."""
        return next(one for one in self.candidates if one.account_id == account_id)

    def acquirer(self, account_id: UUID) -> str:
        """Who carries an account's payments to the issuer."""
        return self.candidate(account_id).acquirer or str(account_id)


def _place(candidate: Candidate) -> int:
    assert candidate.place is not None, "only who may be asked has a turn"
    return candidate.place


def route(
    facts: Facts,
    accounts: Sequence[tuple[RoutableAccount, Capabilities]],
    *,
    requested: Sequence[UUID] | None = None,
) -> Route:
    """The accounts that can do a payment, in the caller's order or else the merchant's, the drained last."""
    ranked = list(accounts)
    if requested is not None:
        turn = {account_id: place for place, account_id in enumerate(dict.fromkeys(requested))}
        ranked.sort(key=lambda pair: turn.get(pair[0].id, len(turn)))
    ranked.sort(key=lambda pair: pair[0].drained)
    return Route(tuple(_considered(facts, ranked, requested)))


def _considered(
    facts: Facts,
    ranked: Sequence[tuple[RoutableAccount, Capabilities]],
    requested: Sequence[UUID] | None,
) -> Iterator[Candidate]:
    place = 0
    for account, can in ranked:
        against = obstacles(facts, account, can, requested=requested)
        if against:
            yield Candidate(account.id, account.label, None, "; ".join(against))
        else:
            place += 1
            yield Candidate(account.id, account.label, place, _able(facts, account, can))


def _able(facts: Facts, account: RoutableAccount, can: Capabilities) -> str:
    how = " with what its processor keeps" if charged_by_token(facts, account, can) else ""
    return f"can do it{how}" + (", and is asked last, because it is being drained" if account.drained else "")


@dataclass(frozen=True, slots=True)
class Next:
    """Ask this account now."""

    account_id: UUID
    why: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask nobody now: the answer stands."""

    why: str


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Ask nobody else until evidence tells what became of the attempt."""

    why: str


def after(
    outcome: Outcome,
    *,
    route: Route,
    tried: Collection[UUID],
    attempts_max: int = ATTEMPTS_IN_ONE_CALL_MAX,
    elapsed_ms: int = 0,
) -> Next | Stop | Reconcile:
    """What follows an answer within the same call, `elapsed_ms` after its start.

    Only two kinds of answer may go on to another processor: one that certainly never happened, and a decline in which
    another processor can help. An unknown outcome never does.
    """
    match outcome:
        case Unknown():
            return Reconcile("the outcome is unknown: trying elsewhere could charge twice")
        case Pending():
            return Stop("the processor will answer later")
        case ActionRequired():
            return Stop("the customer must act first")
        case Approved():
            return Stop("approved")
        case Unprocessed(why=why):
            said, elsewhere = f"not processed ({why})", False
        case Declined(decline=decline):
            verdict = another_processor(decline)
            if not verdict.allowed:
                return Stop(verdict.why)
            said, elsewhere = verdict.why, decline.category is not Category.MERCHANT_CONFIGURATION
        case _:
            assert_never(outcome)
    most = min(attempts_max, route.attempts_max or attempts_max)
    if len(tried) >= most:
        return Stop(f"{said}, but {most} processors were asked in this call, which is the limit")
    within_ms = FAILOVER_WITHIN_MS if route.failover_within_ms is None else route.failover_within_ms
    if elapsed_ms >= within_ms:
        return Stop(
            f"{said}, but the call has taken {elapsed_ms} ms, and others are asked within {within_ms} ms only"
        )
    return _next(said, route=route, tried=tried, elsewhere_only=elsewhere)


def _next(why: str, *, route: Route, tried: Collection[UUID], elsewhere_only: bool) -> Next | Stop:
    """The next account at another acquirer; after a decline by the issuer's side only there, since the same acquirer
    would bring the same request to the same issuer."""
    untried = [account_id for account_id in route.accounts if account_id not in tried]
    if not untried:
        return Stop(f"{why}, but no other account can do this payment")
    asked = {route.acquirer(account_id) for account_id in tried}
    elsewhere = next((one for one in untried if route.acquirer(one) not in asked), None)
    if elsewhere is not None:
        return Next(elsewhere, why)
    if elsewhere_only:
        return Stop(f"{why}, but every other account is at an acquirer that was asked already")
    return Next(untried[0], why)
