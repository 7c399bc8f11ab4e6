"""At which hour of its local day an issuer approves renewals most, as far as more than luck says so.

Of each issuer (the range that a card's number begins with) and each hour of the customer's day there are two sums: the
first tries of renewals, and those of them that were approved. They fade, so that an issuer may change its ways. Where
little is known of an issuer it is taken to be like all issuers together: an hour that is worse for all is worse for it,
at its own level; the more is known of it, the less do the hours of others say. Another hour is chosen only where the
chance there is better than at the due hour by `SURE` standard deviations of the difference: as many hours are compared,
some would be better by luck.

Nothing is tried out: what is known comes from the hours at which subscriptions happen to be due, and to be moved to
for their issuer's sake. Those that were thought of for their customer's money are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

HOURS: Final = 24
EVERYBODY: Final = "*"
"""The name under which all issuers together are kept."""
HALF_LIFE: Final = timedelta(days=180)
"""After so long what was seen counts half."""
LIKE_ALL: Final = 40.0
"""As many tries' worth all issuers together speak for one that little is known of: own estimate."""
OWN_WAY: Final = 100.0
"""After so many tries an issuer is taken to have hours of its own half as much as those of all: own estimate. Where one
in six issuers sleeps at night, the others must not be moved for its sake."""
TRIES_MIN: Final = 200.0
"""With fewer tries of all issuers nothing is chosen."""
SURE: Final = 3.1
"""One in a thousand on one side: where 23 hours are no better, one of them passes for one issuer in forty at most."""
GAIN_MIN: Final = 0.01
"""A gain below this is not worth another hour."""
LATEST: Final = 21
"""The last hour that is chosen: charges and their spreading stay within their day."""
_LONG_DIGITS: Final = 8
_NEVER: Final = (0.0,) * HOURS


class IssuerHours(Struct, frozen=True):
    """By local hour: renewals that were tried, and approved, as they count at `learned_at`."""

    tries: tuple[float, ...]
    approvals: tuple[float, ...]
    learned_at: datetime


@dataclass(frozen=True, slots=True)
class Renewed:
    """The first try of a renewal that its issuer answered: at which local hour, and whether it approved."""

    issuer: str
    hour: int
    approved: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class _Believed:
    """The chance of an approval at an hour: mean and variance."""

    mean: float
    variance: float


def issuer_of(brand: str, digits: str | None) -> str:
    """Whose card it is, about, as routing takes it: of an 8-digit BIN the first six, of a shorter one all but the last
    digit. Where no digits are known, its brand."""
    if digits is None:
        return brand
    return f"{brand} {digits[:6] if len(digits) >= _LONG_DIGITS else digits[:-1]}"


def learned(known: IssuerHours | None, seen: Sequence[Renewed]) -> IssuerHours:
    """What is known once these are added, none of them counted before."""
    assert seen, "there is something to learn"
    at = max(one.at for one in seen)
    if known is None:
        known = IssuerHours(_NEVER, _NEVER, at)
    at = max(at, known.learned_at)
    faded = 0.5 ** ((at - known.learned_at) / HALF_LIFE)
    tries, approvals = ([one * faded for one in sums] for sums in (known.tries, known.approvals))
    for one in seen:
        tries[one.hour] += 1
        approvals[one.hour] += one.approved
    return IssuerHours(tuple(tries), tuple(approvals), at)


def best_hour(issuer: IssuerHours | None, everybody: IssuerHours | None, *, due_hour: int) -> int | None:
    """The hour, later than the due one on the same day, that is surely better; None: none is."""
    if everybody is None or sum(everybody.tries) < TRIES_MIN:
        return None
    own = IssuerHours(_NEVER, _NEVER, everybody.learned_at) if issuer is None else issuer
    believed = _believed(own, everybody)
    here, best, margin = believed[due_hour], None, 0.0
    for hour in range(due_hour + 1, LATEST + 1):
        there = believed[hour]
        gain = there.mean - here.mean
        sure = gain - SURE * (there.variance + here.variance) ** 0.5
        if gain >= GAIN_MIN and sure > margin:
            best, margin = hour, sure
    return best


def _believed(own: IssuerHours, everybody: IssuerHours) -> list[_Believed]:
    """A Beta distribution for each hour: what was seen there of the issuer, on top of what is expected of it there."""
    of_all = sum(everybody.approvals) / sum(everybody.tries)
    level = _share(sum(own.approvals), sum(own.tries), of_all)
    like_all = OWN_WAY / (OWN_WAY + sum(own.tries))
    found = []
    for hour in range(HOURS):
        usual = _share(everybody.approvals[hour], everybody.tries[hour], of_all)
        expected = min(max(level + like_all * (usual - of_all), 0.001), 0.999)
        mean = _share(own.approvals[hour], own.tries[hour], expected)
        found.append(_Believed(mean, mean * (1 - mean) / (own.tries[hour] + LIKE_ALL + 1)))
    return found


def _share(approvals: float, tries: float, expected: float) -> float:
    return (approvals + LIKE_ALL * expected) / (tries + LIKE_ALL)
