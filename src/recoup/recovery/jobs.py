"""What recovery does by itself: it hears what becomes of payments and of disputes, and looks at what is due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from uuid import UUID

from recoup.disputes.flow.writing import STOPS
from recoup.merchants.core import Merchant
from recoup.recovery.core import LISTENED
from recoup.recovery.flow import Recoveries
from recoup.recovery.flow.writing import RETRY

Handler = Callable[[Merchant, UUID, datetime], Awaitable[datetime | None]]


def handlers(recoveries: Recoveries) -> Mapping[str, Handler]:
    """The handler of each kind of due row that recovery works."""
    news: dict[str, Handler] = {f"event:{fact}": recoveries.on_payment_news for fact in LISTENED}
    return news | {RETRY: recoveries.run_due, STOPS: recoveries.on_dispute}
