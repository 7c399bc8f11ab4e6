"""What one case says to the joint choice: everything that it depends on, as it is stored, and as arrays for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np
import numpy.typing as npt

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, parse, render
from recoup.kit.money import Money
from recoup.paydays.core import Biweekly, Monthly, PayCycle, SemiMonthly, Weekly, described
from recoup.recovery.core.chances import Options
from recoup.recovery.core.groups import GROUPS
from recoup.recovery.core.observed import DEFAULT_COSTS, Costs, Observed
from recoup.recovery.core.policy import ALL_DAY, TRY_COSTS_DEFAULT, Hours

Floats = npt.NDArray[np.float64]

SEEN_MAX: Final = 64
"""How many earlier tries are thought of, the newest."""
_MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """One earlier try with the card; `category` is that of its decline, as far as known.

    `moved`: on an account that had not refused this payment before, after others had.
    """

    at: datetime
    approved: bool
    category: str
    here: bool
    minor: int
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Learned:
    """What version `model` of the merchant's model says of a case: tilts of groups of hypotheses, as logarithms, and
    how well each account does with this issuer beside the best."""

    model: int
    tilts: tuple[float, ...]
    liked: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that the next try of one case is chosen by. `accounts` in the order preferred; `refused_by` refused
    last, `refused` at any time; `moved`: the last of them for the first time, after others.

    `code`, `brand`, `funding` and `issuer` (the card's first digits) are what only a learned model asks for; `learned`
    is what it answered, if there is one. `costs`, `hours` and `try_costs` (of each try, in hundredths of the currency's
    unit) are its policy's. Times are whole milliseconds, as they are stored.
    """

    now: datetime
    deadline: datetime
    tries_left: int
    amount: Money
    country: str | None
    zone: str
    pay: PayCycle | None
    category: str
    refused_at: datetime
    not_before: datetime
    advised_at: datetime | None
    accounts: tuple[UUID, ...]
    refused_by: UUID | None
    seen: tuple[Seen, ...] = ()
    refused: tuple[UUID, ...] = ()
    moved: bool = False
    costs: Costs = DEFAULT_COSTS
    hours: Hours = ALL_DAY
    try_costs: int = TRY_COSTS_DEFAULT
    code: str | None = None
    brand: str | None = None
    funding: str | None = None
    issuer: str | None = None
    learned: Learned | None = None

    def kept(self) -> dict[str, Any]:
        """As it is stored with a decision."""
        return {
            "now": rfc3339(self.now),
            "deadline": rfc3339(self.deadline),
            "tries_left": self.tries_left,
            "amount": self.amount.minor,
            "currency": self.amount.currency,
            "country": self.country,
            "time_zone": self.zone,
            "payday": None if self.pay is None else described(self.pay),
            "category": self.category,
            "refused_at": rfc3339(self.refused_at),
            "not_before": rfc3339(self.not_before),
            "advised_at": None if self.advised_at is None else rfc3339(self.advised_at),
            "accounts": [render(Kind.PROCESSOR_ACCOUNT, one) for one in self.accounts],
            "refused_by": None
            if self.refused_by is None
            else render(Kind.PROCESSOR_ACCOUNT, self.refused_by),
            "refused": [render(Kind.PROCESSOR_ACCOUNT, one) for one in self.refused],
            "moved": self.moved,
            "costs": msgspec.to_builtins(self.costs),
            "hours": [self.hours.begins.isoformat(), self.hours.ends.isoformat()],
            "try_costs_hundredths": self.try_costs,
            "code": self.code,
            "brand": self.brand,
            "funding": self.funding,
            "issuer": self.issuer,
            "learned": None if self.learned is None else _told(self.learned),
            "seen": [
                [rfc3339(one.at), one.approved, one.category, one.here, one.minor, one.moved]
                for one in self.seen
            ],
        }


def moved(accounts: Sequence[UUID]) -> list[bool]:
    """Of each attempt, whether it was made on another account than all before it."""
    return [bool(place) and one not in accounts[:place] for place, one in enumerate(accounts)]


def known_from(kept: Mapping[str, Any]) -> Known:
    """What was stored, as it was known."""
    advised, by, pay = kept["advised_at"], kept["refused_by"], kept["payday"]
    return Known(
        now=_moment(kept["now"]),
        deadline=_moment(kept["deadline"]),
        tries_left=kept["tries_left"],
        amount=Money(kept["amount"], kept["currency"]),
        country=kept["country"],
        zone=kept["time_zone"],
        pay=None if pay is None else cycle_from(pay),
        category=kept["category"],
        refused_at=_moment(kept["refused_at"]),
        not_before=_moment(kept["not_before"]),
        advised_at=None if advised is None else _moment(advised),
        accounts=tuple(_account(one) for one in kept["accounts"]),
        refused_by=None if by is None else _account(by),
        seen=tuple(Seen(_moment(at), *others) for at, *others in kept["seen"]),
        refused=tuple(_account(one) for one in kept.get("refused", ())),
        moved=kept.get("moved", False),
        costs=Costs(**kept.get("costs", {})),
        hours=Hours(*map(time.fromisoformat, kept.get("hours", ()))),
        try_costs=kept.get("try_costs_hundredths", TRY_COSTS_DEFAULT),
        code=kept.get("code"),
        brand=kept.get("brand"),
        funding=kept.get("funding"),
        issuer=kept.get("issuer"),
        learned=_learned(kept.get("learned")),
    )


def _told(learned: Learned) -> dict[str, Any]:
    return {"model": learned.model, "tilts": learned.tilts, "liked": learned.liked}


def _learned(kept: Mapping[str, Any] | None) -> Learned | None:
    if kept is None:
        return None
    return Learned(kept["model"], tuple(kept["tilts"]), tuple(kept["liked"]))


def cycle_from(kept: Mapping[str, Any]) -> PayCycle:
    """A cycle out of its words (`recoup.paydays.core.described`)."""
    match dict(kept):
        case {"cycle": "weekly", "weekday": int(weekday)}:
            return Weekly(weekday)
        case {"cycle": "biweekly", "anchor_date": str(anchor)}:
            return Biweekly(date.fromisoformat(anchor))
        case {"cycle": "semi_monthly", "day_of_month": int(first), "second_day_of_month": int(second)}:
            return SemiMonthly(first, second)
        case {"cycle": "monthly", "day_of_month": int(day)}:
            return Monthly(day)
        case _:
            raise AssertionError(f"no cycle: {kept!r}")


def _account(text: str) -> UUID:
    account = parse(Kind.PROCESSOR_ACCOUNT, text)
    assert account is not None, "what was stored is an account"
    return account


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def floored(moment: datetime) -> datetime:
    """The last whole millisecond, no later."""
    return moment.astimezone(UTC) - timedelta(microseconds=moment.microsecond % 1000)


def ceiled(moment: datetime) -> datetime:
    """The first whole millisecond, no earlier."""
    low = floored(moment)
    return low if low == moment else low + _MS


def observed(cases: Sequence[Known]) -> Observed:
    seen = [one.seen[-SEEN_MAX:] for one in cases]
    shape = (len(cases), max(len(one) for one in seen))
    amounts = [max(one.amount.minor, 1) for one in cases]
    cost = [one.try_costs * 10.0 ** (one.amount.decimals - 2) for one in cases]
    ratio = [[max(each.minor, 1) / amount for each in one] for one, amount in zip(seen, amounts, strict=True)]
    options = _options(cases)
    return Observed(
        country=[one.country for one in cases],
        zone=[one.zone for one in cases],
        stated=[one.pay for one in cases],
        category=[one.category for one in cases],
        refused_at=seconds([one.refused_at for one in cases]),
        not_before=seconds([one.not_before for one in cases]),
        advised_at=seconds([one.advised_at for one in cases]),
        worth=np.asarray(amounts, dtype=np.float64),
        seen_at=_padded([[each.at.timestamp() for each in one] for one in seen], shape, missing=np.nan),
        seen_approved=_padded([[each.approved for each in one] for one in seen], shape, missing=False),
        seen_category=_padded([[each.category for each in one] for one in seen], shape, missing=""),
        seen_here=_padded([[each.here for each in one] for one in seen], shape, missing=False),
        seen_ratio=_padded(ratio, shape, missing=np.nan),
        options=options,
        cost=np.broadcast_to(np.asarray(cost)[:, None], options.liked.shape),
        seen_moved=_padded([[each.moved for each in one] for one in seen], shape, missing=False),
        moved=np.asarray([one.moved for one in cases]),
        tilts=_tilts(cases),
    )


def _tilts(cases: Sequence[Known]) -> Floats | None:
    """What models say of these cases; None where none says anything."""
    if all(one.learned is None for one in cases):
        return None
    nothing = (0.0,) * GROUPS
    return np.asarray([nothing if one.learned is None else one.learned.tilts for one in cases])


def _options(cases: Sequence[Known]) -> Options:
    """Each account as a way; where one case has fewer than another, what is missing is liked by nobody."""
    shape = (len(cases), max(len(one.accounts) for one in cases))
    refused = [
        [account == one.refused_by or account in one.refused for account in one.accounts] for one in cases
    ]
    return Options(
        route=np.broadcast_to(np.arange(shape[1]), shape),
        means=np.zeros(shape, dtype=np.int64),
        refused=_padded(refused, shape, missing=False),
        liked=_padded([_liked(one) for one in cases], shape, missing=0.0),
    )


def _liked(known: Known) -> Sequence[float]:
    return [1.0] * len(known.accounts) if known.learned is None else known.learned.liked


def _padded(rows: Sequence[Sequence[Any]], shape: tuple[int, int], *, missing: float | bool | str) -> Any:
    """Rows of different lengths as an array."""
    kind = {float: np.float64, bool: np.bool_, str: np.str_}[type(missing)]
    full = [[*row, *[missing] * (shape[1] - len(row))] for row in rows]
    return np.asarray(full, dtype=kind).reshape(shape)


def seconds(moments: Sequence[datetime | None]) -> Floats:
    return np.asarray(
        [np.nan if one is None else one.timestamp() for one in moments], dtype=np.float64
    ).reshape(-1)
