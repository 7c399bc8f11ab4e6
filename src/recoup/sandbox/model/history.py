"""What a merchant already knows of its customers: earlier renewals, and the tries that followed declined ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from recoup.sandbox.model.answers import Answers, Cause, Nature, Texts, Try, causes, said
from recoup.sandbox.model.calendar import SLOT_S, SLOTS_A_DAY
from recoup.sandbox.model.luck import Flags, Ints
from recoup.sandbox.model.people import People

AGAIN_DAYS: Final = (1, 3, 5, 7)
"""When the merchant tried again, before it had anything better."""


@dataclass(frozen=True, slots=True)
class History:
    """Earlier tries, in rows by case and columns by time; what is not `there` is empty. Codes are as in `Answers`.

    Columns come in groups of five: a renewal, and the tries 1, 3, 5 and 7 days after it while they were declined. The
    oldest renewal is in the first group. Each was for the same amount, by route 0.
    """

    there: Flags
    when_s: Ints
    approved: Flags
    code: Ints
    network_code: Texts
    advice: Texts


def history(nature: Nature, who: People) -> History:
    """The tries since the customer came, or since the last renewal that stayed unpaid."""
    months = nature.parameters.tenure_months_max
    columns = months * (1 + len(AGAIN_DAYS))
    size = (len(who), columns)
    there, approved = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    when_s, code = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    network, advice = np.zeros(size, dtype="<U2"), np.zeros(size, dtype="<U2")
    for back in range(months, 0, -1):
        open_ = who.tenure >= back
        for step, days in enumerate((0, *AGAIN_DAYS)):
            column = (months - back) * (1 + len(AGAIN_DAYS)) + step
            at_s = _earlier_s(nature, who, back) + days * 86_400
            answers = _tried(nature, who, at_s, recent=min(step, 1))
            there[:, column], when_s[:, column] = open_, at_s
            approved[:, column] = open_ & answers.approved
            code[:, column], network[:, column], advice[:, column] = (
                answers.code,
                answers.network_code,
                answers.advice,
            )
            open_ = open_ & ~answers.approved
        there[open_, : (months - back + 1) * (1 + len(AGAIN_DAYS))] = False
    return History(there, when_s * there, approved & there, code * there, network, advice)


def _earlier_s(nature: Nature, who: People, back: int) -> Ints:
    """The moment of the renewal some months before: the same day of the month at the same hour."""
    local = nature.tables.local_s(who.zone, who.when_s)
    day = local // 86_400
    month = day.astype("datetime64[D]").astype("datetime64[M]")
    of_month = day - month.astype("datetime64[D]").astype(np.int64)
    earlier = (month - back).astype("datetime64[D]").astype(np.int64) + of_month
    slot = earlier * SLOTS_A_DAY + local % 86_400 // SLOT_S
    return nature.tables.middle_s(who.zone, slot) + local % SLOT_S - SLOT_S // 2


def _tried(nature: Nature, who: People, at_s: Ints, *, recent: int) -> Answers:
    none = np.zeros(len(who), dtype=np.int64)
    asked = Try(
        slot=nature.tables.slot(who.zone, at_s),
        route=none,
        means=none,
        amount=who.amount,
        recent=none + recent,
        authenticated=none != 0,
    )
    cause: Ints = causes(nature, who, asked)
    assert cause.max(initial=0) <= max(Cause), "every cause is known"
    return said(nature, who, asked, cause)
