"""Whether a customer's money for a renewal is there: what is believed before it is charged.

What is believed of paydays is what recovery believes of them (`paydays/core/beliefs.py`): cycles, and how long their
money lasts, weighed by every approval and decline that was seen, each trusted as recovery trusts it. But recovery
thinks of those who were refused. Here one more kind of customer is thought of, whose money is always there: most are
of that kind, and each approval at a time when others are short says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from recoup.kit.money import Money
from recoup.paydays.core import beliefs
from recoup.recovery.core.evidence import APPROVED_TRUST, TRUST
from recoup.recovery.core.known import SEEN_MAX, Seen

SOMETIMES_SHORT: Final = 0.05
"""How many customers ever lack the money for a renewal. Own estimate, from reports that 3.3 % of renewals fail for want
of money: on a day taken at random two in three of those who ever lack it do, as pay comes and goes (`beliefs`)."""


class Payer(Protocol):
    """Who is to pay how much, and what was seen of their card."""

    @property
    def country(self) -> str | None:
        """Where they live."""
        ...

    @property
    def amount(self) -> Money:
        """What is to be paid."""
        ...

    @property
    def seen(self) -> Sequence[Seen]:
        """Earlier charges, in order."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Believed:
    """How likely each hypothesis is of those who are sometimes short, and that the money is always there; sum one.

    `suspected`: whether what was seen says that money is short at times.
    """

    short: beliefs.Floats
    always: beliefs.Floats
    suspected: beliefs.Flags


def believed(calendar: beliefs.Calendar, payers: Sequence[Payer], stated: beliefs.Ints) -> Believed:
    """What is believed of a batch of payers. `stated`: the place of the cycle that each told, or -1."""
    short = SOMETIMES_SHORT * beliefs.prior_of([one.country for one in payers], stated)
    always = np.full(len(payers), 1 - SOMETIMES_SHORT)
    rows = [_telling(one) for one in payers]
    longest = max(len(row) for row in rows)
    if not longest:
        return Believed(short, always, np.zeros(len(payers), dtype=np.bool_))
    silence = (np.nan, True, 0.0)
    table = np.asarray([row + [silence] * (longest - len(row)) for row in rows], dtype=np.float64)
    approved, known = table[..., 1] > 0, calendar.known(table[..., 0])
    trust = np.where(known, table[..., 2], 0.0)
    moments = np.where(known, table[..., 0], calendar.epoch_s)
    short *= beliefs.likelihood(calendar.there(moments), approved, trust)
    always *= np.where(approved, 1.0, 1 - trust).prod(axis=1)
    whole = short.sum(axis=1) + always
    always /= whole
    return Believed(short / whole[:, None], always, always < 1 - SOMETIMES_SHORT)


def _telling(payer: Payer) -> list[tuple[float, bool, float]]:
    """What was seen that tells about money for this amount: when, whether it was there, how far that is trusted."""
    minor = max(payer.amount.minor, 1)
    told = []
    for one in payer.seen[-SEEN_MAX:]:
        if one.approved:
            trust = APPROVED_TRUST * min(1.0, max(one.minor, 1) / minor)
        else:
            trust = TRUST.get(one.category, 0.0) * min(1.0, minor / max(one.minor, 1))
        if trust:
            told.append((one.at.timestamp(), one.approved, trust))
    return told
