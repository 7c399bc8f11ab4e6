"""What audit does by itself: it hears of codes that no table knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from uuid import UUID

from recoup.audit.flow import Audit
from recoup.merchants.core import Merchant
from recoup.payments.core.step import UNRECOGNISED

Handler = Callable[[Merchant, UUID, datetime], Awaitable[datetime | None]]


def handlers(audit: Audit) -> Mapping[str, Handler]:
    """The handler of each kind of due row that audit works."""
    return {f"event:{UNRECOGNISED}": audit.on_unrecognised}
