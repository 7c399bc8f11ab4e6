"""One card is asked about at once, where somebody answers at once; else it waits for the next batch.

A recovery that needs another card has it asked about (`ASK`), and again, ever more seldom, for as long as some
recovery of it is open: issuers report a new card days after they made it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database, due
from recoup.kit.refusals import conflict
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.updater import store
from recoup.updater.core.files import Format, Header
from recoup.updater.core.inquiries import (
    ASKED_ANEW,
    BRINGS_A_CARD,
    FINAL,
    Inquiry,
    Reason,
    again_after,
    askable,
)
from recoup.updater.flow.batches import ASK as ASK
from recoup.updater.flow.batches import Batches
from recoup.vault.core import PaymentMethod
from recoup.vault.flow import PaymentMethods

Exchange = Callable[[Merchant, Format, Secret], Awaitable[Secret | None]]
"""Sends a file of questions to who answers at once, and gives the file of answers; None: nobody does."""
Wanted = Callable[[Merchant, UUID, datetime], Awaitable[bool]]
_FORMATS: Final = {"visa": Format.VISA_VAU, "mastercard": Format.MASTERCARD_ABU}


class Asking:
    """Asks about one card. `wanted` says whether a recovery still waits for it."""

    def __init__(
        self,
        database: Database,
        *,
        methods: PaymentMethods,
        batches: Batches,
        exchange: Exchange,
        wanted: Wanted,
    ) -> None:
        self._database = database
        self._methods = methods
        self._batches = batches
        self._exchange = exchange
        self._wanted = wanted

    async def request(
        self, connection: Connection, merchant: Merchant, method_id: UUID, *, now: datetime
    ) -> Inquiry:
        """Have a card asked about because somebody wants it; refuses one that nobody can be asked about."""
        method = await self._methods.usable(merchant.id, method_id)
        if not askable(method):
            raise conflict(
                "no_account_updater",
                "No account updater can be asked about this: it takes a visa or mastercard card in the vault.",
            )
        wanted = [(method.id, method.brand)]
        await store.want(
            connection,
            wanted,
            merchant_id=merchant.id,
            reason=Reason.REQUESTED,
            now=now,
            answered_before=now,
        )
        await due.put(connection, merchant_id=merchant.id, kind=ASK, object_id=method_id, due_at=now)
        found = await store.inquiry(connection, merchant_id=merchant.id, method_id=method_id)
        assert found is not None, "it is wanted"
        return found

    async def before_renewals(
        self, connection: Connection, merchant: Merchant, methods: Sequence[PaymentMethod], *, now: datetime
    ) -> None:
        """Have cards asked about that expire before they are charged next; those that nobody can be asked about, or
        that were answered lately, are left out: whether a recovery wants those again is for it to say, and when."""
        wanted = sorted((one.id, one.brand) for one in methods if askable(one))
        if not wanted:
            return
        waiting = await store.want(
            connection,
            wanted,
            merchant_id=merchant.id,
            reason=Reason.RENEWAL,
            now=now,
            answered_before=now - ASKED_ANEW,
        )
        for method_id in sorted(waiting):
            await due.put(connection, merchant_id=merchant.id, kind=ASK, object_id=method_id, due_at=now)

    async def on_ask(self, merchant: Merchant, method_id: UUID, now: datetime) -> datetime | None:
        """The handler of `ASK`: ask, where somebody answers at once; when to ask again."""
        method = await self._methods.get(merchant.id, method_id)
        if not askable(method):
            return None
        needed = await self._wanted(merchant, method_id, now)
        if needed:
            await self._batches.want(merchant, [method], Reason.RECOVERY, now=now)
        waiting = await store.inquiry(self._database, merchant_id=merchant.id, method_id=method_id)
        if waiting is None or waiting.asked_at is not None:
            return None
        if not await self._ask(merchant, method, now):
            return None  # the next batch has it
        found = await store.inquiry(self._database, merchant_id=merchant.id, method_id=method_id)
        done = found is None or found.answer in BRINGS_A_CARD or found.answer in FINAL
        return None if done or found is None or not needed else now + again_after(found.asked_times)

    async def _ask(self, merchant: Merchant, method: PaymentMethod, now: datetime) -> bool:
        """Ask and take the answer; False where nobody answers at once."""
        format_ = _FORMATS[method.brand]
        header = Header(requester="recoup", batch="1", email="", on=now.date())

        async def leave(connection: Connection) -> tuple[UUID, Secret]:
            batch, text = await self._batches.ask(connection, merchant, [method], format_, header, now=now)
            return batch.id, text

        if merchant.livemode:
            return False  # real account updaters are asked by file
        batch_id, questions = await self._database.retrying(leave)
        answers = await self._exchange(merchant, format_, questions)
        if answers is not None:
            await self._batches.take(merchant, batch_id, answers, now=now)
        return True
