"""What disputes do by themselves: remind of the day by which to answer, see what became of an answer, ask, and look of
which payment a dispute is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from uuid import UUID

from recoup.disputes.flow import Disputes
from recoup.disputes.flow.asking import ASK, Asking
from recoup.disputes.flow.writing import ANSWER, PLACE, REMIND, REREAD
from recoup.merchants.core import Merchant

Handler = Callable[[Merchant, UUID, datetime], Awaitable[datetime | None]]


def handlers(disputes: Disputes, asking: Asking) -> Mapping[str, Handler]:
    """The handler of each kind of due row that disputes work."""
    return {
        REMIND: disputes.remind,
        ANSWER: disputes.follow_up,
        PLACE: disputes.place_again,
        ASK: asking.ask,
        REREAD: asking.reread,
    }
