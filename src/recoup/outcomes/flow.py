"""Merchants' own readings of decline codes: set, taken back, remembered, and applied to what processors say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database
from recoup.db.remembered import Remembered
from recoup.kit.refusals import conflict, not_found
from recoup.merchants.core import Merchant
from recoup.merchants.flow import lock_merchant
from recoup.outcomes import store
from recoup.outcomes.core import Declined, meaning
from recoup.outcomes.core.override import (
    OVERRIDES_MAX,
    Override,
    Overrides,
    Reading,
    check,
    check_code,
    key_of,
    overridden,
)

HISTORY_MAX: Final = 100
_UNNUMBERED: Final = 0
_SHOWN_MAX: Final = 64
_TENANTS_MAX: Final = 10_000
_TTL_S: Final = 5.0
"""How old a tenant's overrides may be when a decline is read: another process may have changed them."""
_UNSETTLED_S: Final = 10.0


class DeclineReadings:
    """The overrides of all tenants, as this process knows them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: Remembered[UUID, Overrides] = Remembered(entries_max=_TENANTS_MAX, ttl_s=_TTL_S)

    async def read(self, merchant: Merchant, declined: Declined, connector: str, brand: str) -> Declined:
        """A decline as this merchant reads it: a look at memory, mostly."""
        overrides = await self._in_force(merchant.id)
        decline = overridden(declined.decline, connector=connector, brand=brand, overrides=overrides)
        return Declined(decline, declined.reference, declined.checks)

    async def _in_force(self, merchant_id: UUID) -> Overrides:
        async def look() -> Overrides:
            rows = await store.in_force(self._database, merchant_id=merchant_id, limit=OVERRIDES_MAX)
            return {key_of(one.connector, one.code): one for one in rows if one.reading is not None}

        return await self._remembered.get(merchant_id, look)

    async def current(self, merchant: Merchant, connector: str, code: str) -> Override | None:
        """The override of a code that is in force."""
        return (await self._in_force(merchant.id)).get(key_of(connector, code))

    async def history(self, merchant: Merchant, connector: str, code: str) -> Sequence[Override]:
        """Every version of a code's override, newest first."""
        _, code_key = key_of(connector, code)
        return await store.history(
            self._database,
            merchant_id=merchant.id,
            connector=connector,
            code_key=code_key,
            limit=HISTORY_MAX,
        )

    async def override(
        self,
        connection: Connection,
        merchant: Merchant,
        connector: str,
        code: str,
        *,
        reading: Reading,
        note: str | None,
        set_by: str | None,
        now: datetime,
    ) -> Override:
        """Read a code in another way from now on. Refuses what `check` and `check_code` refuse."""
        check_code(code)
        check(connector, reading, meaning(connector, code, now.date()))
        return await self._add(
            connection, merchant, Override(connector, code, _UNNUMBERED, reading, note, set_by, now)
        )

    async def remove(
        self,
        connection: Connection,
        merchant: Merchant,
        connector: str,
        code: str,
        *,
        set_by: str | None,
        now: datetime,
    ) -> Override:
        """Let the tables hold again. Refuses with 404 where nothing is overridden."""
        return await self._add(
            connection, merchant, Override(connector, code, _UNNUMBERED, None, None, set_by, now)
        )

    async def _add(self, connection: Connection, merchant: Merchant, wanted: Override) -> Override:
        _, code_key = key_of(wanted.connector, wanted.code)
        await lock_merchant(connection, merchant.id)
        newest = await store.history(
            connection, merchant_id=merchant.id, connector=wanted.connector, code_key=code_key, limit=1
        )
        if wanted.reading is None:
            if not newest or newest[0].reading is None:
                raise not_found("override", f"{wanted.connector}/{wanted.code}"[:_SHOWN_MAX])
        elif newest and newest[0].version >= HISTORY_MAX:
            raise conflict("override_limit", f"This code was overridden {HISTORY_MAX} times already.")
        elif not newest and await store.count_codes(connection, merchant_id=merchant.id) >= OVERRIDES_MAX:
            raise conflict(
                "override_limit", f"{OVERRIDES_MAX} codes were overridden already, the most there can be."
            )
        added = replace(wanted, version=newest[0].version + 1 if newest else 1)
        await store.add(connection, added, merchant_id=merchant.id, code_key=code_key)
        self._remembered.forget(merchant.id, unsettled_s=_UNSETTLED_S)
        return added
