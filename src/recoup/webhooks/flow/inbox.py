"""Takes what processors send: the signature is checked on the raw body, one insert is made, and nothing else.

A processor that has no signature is asked whether it sent this, but not here: such a delivery is written down as not
verified, and whoever reads it asks first. Nobody vouches for those until then, so that only so many are taken.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from uuid import UUID

import msgspec
import structlog

from recoup.connectors.base import (
    Account,
    Authentic,
    Connector,
    Delivery,
    Exchange,
    Forged,
    Notice,
    Undecided,
)
from recoup.db import Database, Grouped
from recoup.db.due import slot_of
from recoup.db.remembered import Remembered
from recoup.kit.clock import Clock
from recoup.kit.ids import Kind, parse, render
from recoup.kit.refusals import Refusal, RefusalType, invalid, not_found
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.merchants.flow import Sealer
from recoup.webhooks.core.inbox import (
    Arrived,
    digest_of,
    headers_kept,
    name_of,
    packed,
    place,
    unproved_name,
)
from recoup.webhooks.flow.arrivals import Arrivals
from recoup.webhooks.store import inbox as store

READ: Final = "inbound.read"
"""The kind of due row that has a delivery read."""
ACCOUNTS_REMEMBERED_MAX: Final = 10_000
ACCOUNT_TTL_S: Final = 60.0
UNPROVED_MAX: Final = 600
"""Deliveries of one account in a minute that nobody has vouched for: each costs a question to the processor."""
UNPROVED_BYTES_MAX: Final = 4 << 20
"""What those may hold in all: they are kept until the processor could be asked, whoever sent them."""
MINUTE_S: Final = 60.0
LANES: Final = 2
"""Groups of one merchant's deliveries that are written beside each other: they share no row."""

_encode: Final = msgspec.json.Encoder().encode
_log: Final = structlog.get_logger("recoup.inbox")


Seen = Callable[[Merchant, UUID], Awaitable[tuple[ProcessorAccount, Connector, Account]]]
"""An account of a merchant, its translator, and what the translator may know of it."""


class _NobodysAccount(Exception):
    """There is no such account. It is raised so that it is not remembered."""


class Inbox:
    """Takes deliveries. `owner` is whose an account is; `address` is what its processor was told to send to."""

    def __init__(
        self,
        database: Database,
        *,
        owner: Callable[[UUID], Awaitable[Merchant | None]],
        seen: Seen,
        sealer: Sealer,
        address: Callable[[UUID], str],
        clock: Clock,
        new_id: Callable[[], UUID],
        arrivals: Arrivals,
    ) -> None:
        self._database = database
        self._owner_of = owner
        self._seen = seen
        self._sealer = sealer
        self._address = address
        self._clock = clock
        self._new_id = new_id
        self._arrivals = arrivals
        self._unproved = _Paces(time.monotonic)
        self._writes = Grouped(database, store.INSERT, name="inbound")
        self._owners: Remembered[UUID, Merchant] = Remembered(
            entries_max=ACCOUNTS_REMEMBERED_MAX, ttl_s=ACCOUNT_TTL_S
        )

    async def close(self) -> None:
        """Wait until what was taken is written."""
        await self._writes.close()

    async def take(self, account: str, *, headers: Mapping[bytes, bytes], body: bytes) -> str:
        """Store a delivery to an account; what the processor wants to read. Refuses what is not proved genuine."""
        account_id = parse(Kind.PROCESSOR_ACCOUNT, account)
        if account_id is None:
            raise _no_account(account)
        try:
            merchant = await self._owners.get(account_id, lambda: self._owner(account_id))
        except _NobodysAccount:
            raise _no_account(account) from None
        _, connector, seen = await self._seen(merchant, account_id)
        delivery = Delivery(headers_kept(headers), body, self._clock.now(), self._address(account_id))
        verdict = judged(connector.authenticate(seen, delivery), connector.name)
        match verdict:
            case Authentic():
                name = name_of(verdict, delivery, said(connector, seen, delivery))
            case Undecided():
                self._unproved.go(account_id, size=len(body))
                name = unproved_name(delivery)
            case Forged(why):
                self._arrivals.forged(connector.name, account_id, why)
                raise _forged(why)
        verified = isinstance(verdict, Authentic)
        if await self._store(merchant, account_id, delivery, name=name, verified=verified):
            self._arrivals.taken(connector.name)
        else:
            self._arrivals.doubled(connector.name)
        return connector.webhook_reply

    async def _owner(self, account_id: UUID) -> Merchant:
        merchant = await self._owner_of(account_id)
        if merchant is None:
            raise _NobodysAccount
        return merchant

    async def _store(
        self, merchant: Merchant, account_id: UUID, delivery: Delivery, *, name: str, verified: bool
    ) -> bool:
        """Write it down; whether it is new."""
        id_ = self._new_id()
        sealed = await self._sealer.seal(
            merchant, packed(delivery), aad=place(merchant.id, id_), queries=self._database
        )
        row = Arrived(
            merchant_id=merchant.id,
            id=id_,
            account_id=account_id,
            delivery_id=name,
            digest=digest_of(delivery.body).hex(),
            verified=verified,
            data_key_id=sealed.data_key_id,
            sealed=b64encode(sealed.ciphertext).decode("ascii"),
            received_at=delivery.received_at,
            slot=slot_of(id_),
            kind=READ,
        )
        lane = UUID(int=merchant.id.int ^ id_.int % LANES)
        return await self._writes.write(lane, _encode(row)) is not None


class _Paces:
    """Lets so many go in a minute, and so many bytes, by account."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._since = monotonic()
        self._gone: dict[UUID, int] = {}
        self._bytes: dict[UUID, int] = {}

    def go(self, account_id: UUID, *, size: int) -> None:
        """Count one; refuses with 429 where there were too many."""
        now = self._monotonic()
        if now - self._since >= MINUTE_S:
            self._since, self._gone, self._bytes = now, {}, {}
        gone, held = self._gone.get(account_id, 0), self._bytes.get(account_id, 0)
        if gone >= UNPROVED_MAX or held + size > UNPROVED_BYTES_MAX:
            raise Refusal(
                RefusalType.RATE_LIMITED,
                "webhooks_unproved",
                "Too many webhooks that the processor must be asked about: send this again in a minute.",
                retry_after_s=int(MINUTE_S),
            )
        self._gone[account_id] = gone + 1
        self._bytes[account_id] = held + size


def said(connector: Connector, seen: Account, delivery: Delivery) -> tuple[Notice, ...]:
    """What a genuine delivery says, as far as it can be read: one that cannot be is kept all the same, for a person."""
    try:
        return connector.notices(seen, delivery)
    except Exception as error:  # noqa: BLE001 - a connector's bug must not lose what a processor told
        _log.error("connector_bug", connector=connector.name, verb="notices", bug=type(error).__name__)
        return ()


def judged(
    exchange: Exchange[Authentic | Forged | Undecided], connector: str
) -> Authentic | Forged | Undecided:
    """What a connector knows by itself; undecided where it would ask somebody."""
    try:
        next(exchange)
    except StopIteration as end:
        verdict: Authentic | Forged | Undecided = end.value
        return verdict
    except Exception as error:  # noqa: BLE001 - a connector's bug must not become an exception of ours
        _log.error("connector_bug", connector=connector, verb="authenticate", bug=type(error).__name__)
        return Forged("the connector failed")
    exchange.close()
    return Undecided("the processor must be asked")


def inbound_path(account_id: UUID) -> str:
    """Where an account's processor sends to, on our host."""
    return f"/v1/inbound/{render(Kind.PROCESSOR_ACCOUNT, account_id)}"


def _no_account(shown: str) -> Refusal:
    return not_found(
        "processor account",
        shown[:64],
        hint="Check the address that you told the processor: it ends with the id.",
    )


def _forged(why: str) -> Refusal:
    return invalid(
        "webhook_not_genuine",
        f"This is not proved to come from the processor: {why}. Check the signing secret in the account's credentials, "
        "and that nothing on the way changes the body.",
    )
