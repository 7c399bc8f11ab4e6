"""One helper for every heavier test: nothing that must always hold of what is kept is broken."""

from __future__ import annotations

from recoup.app import Service
from recoup.audit.core.invariants import Hit, Invariant
from recoup.merchants.core import Merchant

_BATCHES_MAX = 10**6


async def broken(service: Service, merchant: Merchant) -> list[Hit]:
    """All that is broken of a merchant, after everything that follows events has followed them.

    Work is judged before that: following makes more of it, some of which was due long ago.
    """
    watch = service.audited.watch
    late = [one for one in await watch.everything(merchant) if one.invariant is Invariant.NOTHING_OVERDUE]
    await service.books.follower.follow(merchant.id, batches=_BATCHES_MAX)
    await service.payments.rereading.follow(merchant.id)
    await service.audited.drift.follow(merchant.id, batches=_BATCHES_MAX)
    rest = await watch.everything(merchant)
    return [*late, *(one for one in rest if one.invariant is not Invariant.NOTHING_OVERDUE)]


async def hold(service: Service, *merchants: Merchant) -> None:
    """Every law holds of these merchants; of all there are where none is named."""
    sides = list(merchants)
    if not sides:
        sides = [side for pair in await service.merchants.pairs() for side in (pair.test, pair.live)]
    for merchant in sides:
        assert await broken(service, merchant) == []
