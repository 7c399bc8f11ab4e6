"""Holds what all reports say of a dispute against what its news say: amounts in each direction, and what it cost.

A processor may take a disputed amount in several lines, give it back after a win and take it again, and a report may
come before the news or long after. So nothing is judged line by line: the lines of each direction are summed, and fit
where they come to as many whole times the amount as they can, up to as often as it was taken (or given back). What a
person has excused of a difference counts as not being there; when news explain it later, the excuse is taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.disputes.core.folding import Moves
from recoup.kit.money import Money
from recoup.settlements.core.lines import LineKind
from recoup.settlements.core.reasons import ExceptionState, Reason, Resolution
from recoup.settlements.core.tolerance import Tolerance

_FULL: Final = 10_000
"""Basis points of a whole."""


class Aspect(StrEnum):
    """What is compared."""

    TAKEN = "taken"
    GIVEN = "given"
    FEE = "fee"


ASPECTS: Final = {LineKind.DISPUTE: Aspect.TAKEN, LineKind.DISPUTE_REVERSAL: Aspect.GIVEN}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a report."""

    settlement_id: UUID
    number: int


@dataclass(frozen=True, slots=True)
class Told:
    """What the lines of a dispute come to that are of one kind and of the same currencies, in all reports.

    `compared`: their amounts may be held against ours. `fees` are to be compared only of lines that tell fees.
    """

    kind: LineKind
    currency: str
    settlement_currency: str
    compared: bool
    gross: int
    excused: int
    fees: int
    fees_excused: int
    fees_compared: bool
    last: Place


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception that there is about a line of a dispute. `excused` is how much of a difference it excuses."""

    id: UUID
    aspect: Aspect
    currency: str
    place: Place
    state: ExceptionState
    resolution: Resolution | None
    expected: int | None
    found: int | None
    excused: int


@dataclass(frozen=True, slots=True)
class Contest:
    """One dispute: what its news told, what the reports told, and what is being looked at, or was.

    `moves` None: no such dispute is known yet.
    """

    dispute_id: UUID | None
    payment_id: UUID | None
    processor_account_id: UUID
    moves: Moves
    told: tuple[Told, ...]
    raised: tuple[Raised, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """How much may differ, and whether news tell what a dispute costs."""

    tolerance: Tolerance
    fees_told: bool


@dataclass(frozen=True, slots=True)
class Balance:
    """How far one aspect is off: `found` by the reports, `expected` by the news and by what was excused."""

    aspect: Aspect
    currency: str
    expected: int | None
    found: int
    last: Place
    fits: bool

    @property
    def off(self) -> int:
        """What is in the reports and not in the books."""
        return self.found - (self.expected or 0)


@dataclass(frozen=True, slots=True)
class Open:
    """Somebody must look at this from now on."""

    balance: Balance


@dataclass(frozen=True, slots=True)
class Restate:
    """Somebody must look still, and at other amounts."""

    raised: Raised
    balance: Balance


@dataclass(frozen=True, slots=True)
class Found:
    """Nobody needs to look any more."""

    raised: Raised
    balance: Balance


@dataclass(frozen=True, slots=True)
class TakeBack:
    """What was excused is explained: so much is taken back, and out of the books where it had been accepted."""

    raised: Raised
    balance: Balance


Verdict = Open | Restate | Found | TakeBack
New = Mapping[tuple[Aspect, str], Place]
"""The last line of those that came just now, for each aspect and currency that they tell of."""


def whole(net: int, piece: int, times: int) -> int:
    """As many whole pieces as `net` comes nearest to: one at least and `times` at most, where there was any."""
    if not piece or not times:
        return 0
    size, part = abs(piece), net if piece > 0 else -net
    return piece * min(max((2 * part + size) // (2 * size), 1), times)


def balances(contest: Contest, rules: Rules) -> Iterator[Balance]:
    """How far each aspect is off of which a report tells anything."""
    moves, amount = contest.moves, contest.moves.amount
    for kind, aspect in ASPECTS.items():
        lines = [one for one in contest.told if one.kind is kind and one.compared]
        piece, times = unit(moves, aspect)
        for currency in sorted({one.currency for one in lines}):
            of = [one for one in lines if one.currency == currency]
            gross, excused = sum(one.gross for one in of), sum(one.excused for one in of)
            known = amount is not None and amount.currency == currency
            ours = whole(gross - excused, piece, times) if known else 0
            expected = ours + excused if known or excused or amount is None else None
            off = gross - ours - excused
            yield Balance(
                aspect,
                currency,
                expected,
                gross,
                max(one.last for one in of),
                abs(off) <= rules.tolerance.amount if known else not off,
            )
    if rules.fees_told:
        yield from _fees(contest, rules)


def _fees(contest: Contest, rules: Rules) -> Iterator[Balance]:
    """What it cost is compared once the lines of all that was taken and given back are there; before, who knows."""
    lines = [one for one in contest.told if one.fees_compared]
    excused = sum(one.fees_excused for one in lines)
    if not lines or not (excused or _all_told(contest)):
        return
    fee, tolerance = contest.moves.fee, rules.tolerance
    for currency in sorted({one.settlement_currency for one in lines}):
        of = [one for one in lines if one.settlement_currency == currency]
        found, excused = sum(one.fees for one in of), sum(one.fees_excused for one in of)
        if fee is not None and fee.currency != currency:
            continue
        ours = 0 if fee is None else fee.minor
        off = found - ours - excused
        margin = 0 if excused else max(tolerance.fee, ours * tolerance.fee_basis_points // _FULL)
        last = max(one.last for one in of)
        yield Balance(Aspect.FEE, currency, ours + excused, found, last, abs(off) <= margin)


def unit(moves: Moves, aspect: Aspect) -> tuple[int, int]:
    """What one line of a direction should be, and how many of them there may be."""
    minor = 0 if moves.amount is None else moves.amount.minor
    return (-minor, moves.taken) if aspect is Aspect.TAKEN else (minor, moves.given)


def _in_currency(contest: Contest, kind: LineKind) -> tuple[int, bool]:
    """What the lines of a kind come to, and whether all of them are in the dispute's currency."""
    amount = contest.moves.amount
    lines = [one for one in contest.told if one.kind is kind]
    ours = [one for one in lines if amount is not None and one.currency == amount.currency]
    return sum(one.gross for one in ours), len(ours) == len(lines)


def outstanding(contest: Contest) -> Money | None:
    """What the news told and no report has, with our sign; None where that is nothing or is being looked at."""
    amount = contest.moves.amount
    if amount is None or not amount.minor or any(_looked_at(one) for one in contest.raised):
        return None
    left = 0
    for kind, aspect in ASPECTS.items():
        gross, comparable = _in_currency(contest, kind)
        if not comparable:
            return None
        piece, times = unit(contest.moves, aspect)
        left += piece * times - (whole(gross, piece, times) if gross else 0)
    return Money(left, amount.currency) if left else None


def _looked_at(one: Raised) -> bool:
    return one.aspect is not Aspect.FEE and (one.state is ExceptionState.OPEN or one.excused != 0)


def _all_told(contest: Contest) -> bool:
    for kind, aspect in ASPECTS.items():
        gross, _ = _in_currency(contest, kind)
        piece, times = unit(contest.moves, aspect)
        if times and (not gross or whole(gross, piece, times) != piece * times):
            return False
    return True


def judged(contest: Contest, rules: Rules, *, new: New) -> Iterator[Verdict]:
    """What follows for a dispute of which news or lines came; `new` are the lines that came just now.

    New lines that do not fit are somebody's to look at. Where only news came, what they explain of an excuse is taken
    back.
    """
    for balance in balances(contest, rules):
        key = balance.aspect, balance.currency
        about = [one for one in contest.raised if (one.aspect, one.currency) == key]
        looked_at = [one for one in about if one.state is ExceptionState.OPEN]
        excuses = [one for one in about if one.state is ExceptionState.RESOLVED and one.excused]
        if balance.fits:
            yield from (Found(one, balance) for one in looked_at)
        elif looked_at:
            yield from _restated(looked_at, balance)
        elif excuses and key not in new:
            yield TakeBack(max(excuses, key=lambda one: one.place), balance)
        else:
            yield Open(replace(balance, last=new.get(key, balance.last)))


def _restated(looked_at: Sequence[Raised], balance: Balance) -> Iterator[Verdict]:
    """One exception is enough: the first bears it all."""
    first, *others = sorted(looked_at, key=lambda one: one.place)
    yield Restate(first, balance)
    yield from (Found(one, balance) for one in others)


def reason_of(aspect: Aspect) -> Reason:
    """Why somebody must look, where an aspect is off."""
    return Reason.DISPUTE_FEE_DIFFERS if aspect is Aspect.FEE else Reason.DISPUTE_DIFFERS
