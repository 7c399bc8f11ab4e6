"""Reads books in tests: balances and kinds of transfers in few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tests.payments.house import House

from recoup.ledger.core import AccountKind, TransferKind
from recoup.ledger.store.reading import NUMBER_MAX, Entry, Filters
from recoup.merchants.core import Merchant

ALL: Final = 100_000


async def balances(house: House, merchant: Merchant) -> dict[AccountKind, int]:
    """What the accounts of each kind hold together, in all currencies; what holds nothing is left out."""
    await house.books.ledger.catch_up(merchant.id)
    found = await house.books.ledger.balances(
        merchant.id, currency=None, after=2**31 - 1, before=0, limit=ALL
    )
    sums: dict[AccountKind, int] = {}
    for one in found:
        sums[one.account.kind] = sums.get(one.account.kind, 0) + one.balance
    return {kind: value for kind, value in sums.items() if value}


async def entries(house: House, merchant: Merchant, payment_id: UUID | None = None) -> Sequence[Entry]:
    """Transfers, oldest first."""
    await house.books.ledger.catch_up(merchant.id)
    found = await house.books.ledger.entries(
        merchant.id, Filters(payment_id=payment_id), after=NUMBER_MAX, before=0, limit=ALL
    )
    return list(reversed(found))


async def kinds(
    house: House, merchant: Merchant, payment_id: UUID | None = None
) -> list[tuple[TransferKind, int]]:
    """What was posted, oldest first."""
    return [(one.kind, one.amount) for one in await entries(house, merchant, payment_id)]
