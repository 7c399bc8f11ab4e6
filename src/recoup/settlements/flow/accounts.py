"""What settlements ask of merchants."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from recoup.merchants.core import ProcessorAccount


class Accounts(Protocol):
    """The processor accounts of merchants."""

    async def account(self, merchant_id: UUID, account_id: UUID) -> ProcessorAccount:
        """One processor account; refuses with 404."""
        ...
