"""Whether a recovery's try that is due may be made: what a kill switch holds, and what the merchant's own check says.

A switch holds everything, one processor account, or whatever was declined with one code, until a person lifts it. A
check is an address of the merchant's that is asked before every try; where it gives no clear answer in time, the
default that the merchant chose stands in for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from recoup.kit.cardlike import without_card_numbers
from recoup.kit.ids import Kind, render

SWITCHES_MAX: Final = 100
"""The most switches of a merchant that are on at once."""
HELD_FOR: Final = timedelta(hours=1)
"""After which a try that a switch holds is looked at again."""
WAIT_DEFAULT: Final = timedelta(hours=1)
"""After which a try is asked about again, where a check says to wait and not how long."""
WAIT_MAX: Final = timedelta(days=7)
_WAIT_MAX_S: Final = WAIT_MAX // timedelta(seconds=1)
LATER: Final = timedelta(seconds=30)
"""After which a try is looked at again, about which nobody could be asked."""
TIMEOUT_MS_MAX: Final = 10_000
REASON_LENGTH_MAX: Final = 300


class Scope(StrEnum):
    """What a kill switch holds."""

    MERCHANT = "merchant"
    PROCESSOR_ACCOUNT = "processor_account"
    DECLINE_CODE = "decline_code"


class Otherwise(StrEnum):
    """What stands in for a check that gave no clear answer."""

    ALLOW = "allow"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Switch:
    """A kill switch; on until it is lifted. `account_id` and `code` as its scope needs them."""

    merchant_id: UUID
    id: UUID
    scope: Scope
    account_id: UUID | None
    code: str | None
    reason: str
    set_at: datetime
    lifted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Where a merchant is asked, how long it may take, and what stands in for no answer."""

    merchant_id: UUID
    id: UUID
    url: str
    timeout_ms: int
    otherwise: Otherwise
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """A try that is due: for which payment, with what, why the last one was declined, and who may be asked."""

    recovery_id: UUID
    payment_id: UUID
    number: int
    amount: int
    currency: str
    customer_id: UUID | None
    payment_method_id: UUID | None
    decline_code: str | None
    accounts: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """The try may be made, at these accounts."""

    accounts: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """Not now: look again at `until`."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Later:
    """Nobody could be asked yet, for so many others are asked about: look again at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Stopped:
    """Never: the merchant wants no further try of this payment."""

    why: str


Passage = Open | Held | Later | Stopped
"""What the gate says of a try that is due."""


def past_switches(switches: Sequence[Switch], due: Due, now: datetime) -> Open | Held:
    """What the switches that are on leave of a try."""
    closed: dict[UUID, Switch] = {}
    for one in switches:
        if one.scope is Scope.MERCHANT or (one.scope is Scope.DECLINE_CODE and one.code == due.decline_code):
            return Held(now + HELD_FOR, _why(one))
        if one.account_id is not None:
            closed[one.account_id] = one
    left = tuple(account for account in due.accounts if account not in closed)
    if due.accounts and not left:
        return Held(now + HELD_FOR, _why(closed[due.accounts[0]]))
    return Open(left)


def _why(switch: Switch) -> str:
    what = {
        Scope.MERCHANT: "all recoveries",
        Scope.PROCESSOR_ACCOUNT: "its processor account",
        Scope.DECLINE_CODE: f"declines with {switch.code}",
    }[switch.scope]
    shown = render(Kind.KILL_SWITCH, switch.id)
    return f"a kill switch holds {what} ({shown}: {switch.reason or 'no reason was given'})"


class _Answer(Struct, frozen=True):
    """What a check answers; what else it says is not read."""

    decision: str
    reason: Annotated[str, Meta(max_length=REASON_LENGTH_MAX)] = ""
    wait_s: Annotated[int, Meta(ge=1)] | None = None


_decode: Final = msgspec.json.Decoder(_Answer).decode


def checked(
    check: Check, status: int | None, body: str | None, *, accounts: tuple[UUID, ...], now: datetime
) -> Passage:
    """What a check's answer means; `status` None: none came in time."""
    answer = _read(status, body)
    reason = "" if answer is None else _storable(answer.reason)
    said = f": {reason}" if reason else ""
    match None if answer is None else answer.decision:
        case "allow":
            return Open(accounts)
        case "stop":
            return Stopped(f"the merchant's own check wants no further try{said}")
        case "wait":
            assert answer is not None, "only an answer says so"
            wait_s = answer.wait_s
            span = WAIT_DEFAULT if wait_s is None else timedelta(seconds=min(wait_s, _WAIT_MAX_S))
            return Held(now + span, f"the merchant's own check says to wait{said}")
        case _ if check.otherwise is Otherwise.ALLOW:
            return Open(accounts)
        case _:
            return Held(now + WAIT_DEFAULT, "the merchant's own check gave no clear answer in time")


def _storable(reason: str) -> str:
    """A merchant's words without what no column holds, and no log may show: JSON can hide both from who sends it."""
    return without_card_numbers(reason.replace("\x00", ""))


def _read(status: int | None, body: str | None) -> _Answer | None:
    if status is None or not 200 <= status < 300 or body is None:
        return None
    try:
        return _decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError):
        return None
