"""Tells a merchant's Recoup what its simulated processors have to tell, as real ones do: over HTTP, signed, and again
where nobody took it.

It sends to this very server and nowhere else. The worker calls it when something is due in the world's time, so that a
test clock has everything told that was to be told on its way.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import aiohttp
import structlog

from recoup.db import Database
from recoup.kit.clock import Clock
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.sandbox import store
from recoup.sandbox.core.keys import derived
from recoup.sandbox.flow.renewing import with_token
from recoup.sandbox.store import Untold

TIMEOUT_S: Final = 10.0
CONNECTIONS_MAX: Final = 32
"""As many as the worker has handlers."""
WAITS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800)
)
"""How long after each time that nobody took it; the last one again and again."""
GIVEN_UP_AFTER: Final = timedelta(days=3)
SIGNATURE: Final = "Sandbox-Signature"

_log: Final = structlog.get_logger("recoup.sandbox")

Choose = Callable[[Merchant, Sequence[ProcessorAccount], str], Awaitable[UUID]]
"""Of several accounts at one processor the one that a charge was made at, by our key of it."""


class Herald:
    """Tells what is to be told. `accounts` are a tenant's, `choose` picks one of several, `address` is where this
    server takes what is told to an account, `key` the key of a tenant's world."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        accounts: Callable[[UUID], Awaitable[Sequence[ProcessorAccount]]],
        choose: Choose,
        address: Callable[[UUID], str],
        key: Callable[[UUID], Secret],
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._choose = choose
        self._address = address
        self._key = key
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def tell(self, merchant: Merchant, news_id: UUID, now: datetime) -> datetime | None:
        """What the worker does when something is due: when to try again. Told once more than needed does no harm."""
        news = await store.untold(self._database, world_id=merchant.id, id_=news_id)
        if news is None:
            return None
        account_id = await self._told_to(merchant, news)
        body = with_token(news.body.encode(), derived(self._key(merchant.id).reveal()))
        if account_id is None or await self._taken(news, body, self._address(account_id)):
            await store.drop_news(self._database, world_id=merchant.id, id_=news_id)
            return None
        if now - news.due_at >= GIVEN_UP_AFTER:
            _log.warning("sandbox.webhook_given_up", event=news.event, tries=news.tries + 1)
            await store.drop_news(self._database, world_id=merchant.id, id_=news_id)
            return None
        await store.count_try(self._database, world_id=merchant.id, id_=news_id)
        return now + WAITS[min(news.tries, len(WAITS) - 1)]

    async def _told_to(self, merchant: Merchant, news: Untold) -> UUID | None:
        """The account that hears of it; None where the merchant has none at this processor."""
        found = [
            account
            for account in await self._accounts(merchant.id)
            if account.connector == news.processor and _leads_here(account, news.key_digest)
        ]
        if len(found) > 1:
            return await self._choose(merchant, found, news.charge_key)
        return found[0].id if found else None

    async def _taken(self, news: Untold, body: bytes, url: str) -> bool:
        """Send it once; whether it was answered with 2xx."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Recoup-Sandbox/1 ({news.processor})",
            SIGNATURE: signature(news.key_digest, body, at=self._clock.now()),
        }
        try:
            async with self._opened().post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _leads_here(account: ProcessorAccount, key_digest: bytes) -> bool:
    """Whether an account leads to the world of this key; with an address of its own it may lead to another one."""
    if account.base_url is None:
        return True
    key = account.credentials.get("api_key")
    return key is not None and hashlib.sha256(key.reveal().encode()).digest() == key_digest


def signature(key_digest: bytes, body: bytes, *, at: datetime) -> str:
    """What proves that a world's processor sent these bytes at that second."""
    signed_at = str(int(at.timestamp()))
    keyed = hmac.new(key_digest, signed_at.encode() + b"." + body, hashlib.sha256)
    return f"t={signed_at},v1={keyed.hexdigest()}"
