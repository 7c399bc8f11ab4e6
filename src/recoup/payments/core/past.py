"""What was seen of a customer's money: their earlier tries, whatever they were paid with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Final

from recoup.kit.money import Money
from recoup.payments.core.machine import AttemptState, Reason

_APPROVED: Final = frozenset({AttemptState.APPROVED, AttemptState.REVERSED})
_OVER: Final = frozenset({AttemptState.DECLINED, AttemptState.UNPROCESSED})


@dataclass(frozen=True, slots=True)
class CustomerTry:
    """One try of a customer that has an outcome. `category` is that of its decline; empty where it was approved."""

    at: datetime
    amount: Money
    approved: bool
    category: str


def refused_at_first(attempts: Sequence[tuple[Reason, AttemptState]]) -> bool | None:
    """Whether the first charge of a renewal was refused, whoever was asked in turn for it.

    None where nobody knows yet, where it never came to a decision, and where somebody else tried it first.
    """
    if not attempts or attempts[0][0] is not Reason.RENEWAL:
        return None
    in_turn = takewhile(lambda one: one[0] is Reason.FAILOVER, attempts[1:])
    states = {state for _, state in (attempts[0], *in_turn)}
    if states & _APPROVED:
        return False
    return True if AttemptState.DECLINED in states and states <= _OVER else None
