"""The gate before a recovery's try: what holds it is read, and the merchant's own check asked, in no transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from recoup.db import Connection, Database, Queries
from recoup.events.core import NewEvent
from recoup.events.store import append, next_object_sequence
from recoup.gate import store
from recoup.gate.core import (
    LATER,
    SWITCHES_MAX,
    Check,
    Due,
    Later,
    Otherwise,
    Passage,
    Scope,
    Switch,
    checked,
    past_switches,
)
from recoup.gate.core import Open as Open
from recoup.gate.objects import CheckRequest, check_object, switch_object
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import conflict, not_found
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.merchants.flow import ProcessorAccounts, Sealer, lock_merchant

ASKED_AT_ONCE: Final = 16
"""Checks that are waited for at once, half of what a worker does beside each other: however many merchants' addresses
hang, payments are settled meanwhile."""
ASKED_AT_ONCE_OF_ONE: Final = 8
"""The same of one merchant: another's checks have places too."""
SWITCH_SET: Final = "recovery.kill_switch_set"
SWITCH_LIFTED: Final = "recovery.kill_switch_lifted"
CHECK_SET: Final = "recovery.check_set"
CHECK_REMOVED: Final = "recovery.check_removed"


@dataclass(frozen=True, slots=True)
class NewSwitch:
    """What a person wants held."""

    scope: Scope
    account_id: UUID | None
    code: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Addressed:
    """A check's address with what signs what is sent there."""

    check: Check
    secret: Secret


class Asker(Protocol):
    """Asks an address of a merchant's; raises nothing that a network can do."""

    def allow(self, url: str, *, livemode: bool) -> str:
        """The address; refuses one that must not be asked."""
        ...

    def new_secret(self) -> Secret:
        """A fresh signing secret."""
        ...

    async def ask(
        self, merchant: Merchant, addressed: Addressed, message_id: str, body: bytes
    ) -> tuple[int | None, str | None]:
        """The status and text of the answer; None where there was none in time."""
        ...


class Gate:
    """Kill switches, checks, and what they say of a try."""

    def __init__(
        self,
        database: Database,
        *,
        accounts: ProcessorAccounts,
        sealer: Sealer,
        asker: Asker,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._sealer = sealer
        self._asker = asker
        self._new_id = new_id
        self._asked: Counter[UUID] = Counter()

    async def passage(self, merchant: Merchant, due: Due, now: datetime) -> Passage:
        """Whether a try that is due may be made, and where."""
        passed = past_switches(await store.on(self._database, merchant_id=merchant.id), due, now)
        if not isinstance(passed, Open):
            return passed
        addressed = await self._addressed(self._database, merchant)
        if addressed is None:
            return passed
        if self._asked[merchant.id] >= ASKED_AT_ONCE_OF_ONE or self._asked.total() >= ASKED_AT_ONCE:
            return Later(now + LATER)
        with self._asking(merchant):
            return await self._checked(merchant, addressed, due, passed.accounts, now=now)

    @contextmanager
    def _asking(self, merchant: Merchant) -> Iterator[None]:
        self._asked[merchant.id] += 1
        try:
            yield
        finally:
            self._asked[merchant.id] -= 1
            self._asked += Counter()  # keeps who is asked, not who ever was

    async def _checked(
        self, merchant: Merchant, addressed: Addressed, due: Due, accounts: tuple[UUID, ...], *, now: datetime
    ) -> Passage:
        request = CheckRequest.of(due, at=now, livemode=merchant.livemode)
        name = f"{render(Kind.RECOVERY, due.recovery_id)}:{due.number}"
        status, text = await self._asker.ask(merchant, addressed, name, msgspec.json.encode(request))
        return checked(addressed.check, status, text, accounts=accounts, now=now)

    async def switches(
        self, merchant: Merchant, *, after: UUID | None, before: UUID | None, limit: int
    ) -> Sequence[Switch]:
        """Kill switches, lifted ones too, newest first; with `before` oldest first."""
        return await store.page(
            self._database, merchant_id=merchant.id, after=after, before=before, limit=limit
        )

    async def set_switch(
        self, connection: Connection, merchant: Merchant, new: NewSwitch, *, now: datetime
    ) -> Switch:
        """Hold what it names from now on. Runs in the caller's transaction."""
        await lock_merchant(connection, merchant.id)
        known = {account.id for account in await self._accounts.accounts_of(merchant.id)}
        if new.account_id is not None and new.account_id not in known:
            named = render(Kind.PROCESSOR_ACCOUNT, new.account_id)
            raise not_found("processor account", named, param="processor_account")
        if len(await store.on(connection, merchant_id=merchant.id)) >= SWITCHES_MAX:
            raise conflict(
                "kill_switch_limit", f"{SWITCHES_MAX} kill switches are on already: lift some first."
            )
        switch = Switch(
            merchant.id, self._new_id(), new.scope, new.account_id, new.code, new.reason, set_at=now
        )
        await store.insert(connection, switch)
        shown = switch_object(switch, livemode=merchant.livemode)
        await self._tell(connection, merchant, SWITCH_SET, object_id=switch.id, shown=shown, now=now)
        return switch

    async def lift_switch(
        self, connection: Connection, merchant: Merchant, switch_id: UUID, *, now: datetime
    ) -> Switch:
        """Hold it no more. Runs in the caller's transaction; lifting it twice is no harm."""
        found = await store.hold(connection, merchant_id=merchant.id, switch_id=switch_id)
        if found is None:
            raise not_found("kill switch", render(Kind.KILL_SWITCH, switch_id))
        if found.lifted_at is not None:
            return found
        lifted = replace(found, lifted_at=now)
        await store.lift(connection, merchant_id=merchant.id, switch_id=switch_id, at=now)
        shown = switch_object(lifted, livemode=merchant.livemode)
        await self._tell(connection, merchant, SWITCH_LIFTED, object_id=switch_id, shown=shown, now=now)
        return lifted

    async def check(self, merchant: Merchant) -> Addressed | None:
        """The merchant's check, where it has one."""
        return await self._addressed(self._database, merchant)

    async def put_check(
        self,
        connection: Connection,
        merchant: Merchant,
        *,
        url: str,
        timeout_ms: int,
        otherwise: Otherwise,
        now: datetime,
    ) -> Addressed:
        """Ask there before every try from now on, in the place of any other. Its secret stays the same."""
        await lock_merchant(connection, merchant.id)
        before = await self._addressed(connection, merchant)
        check = Check(
            merchant_id=merchant.id,
            id=self._new_id() if before is None else before.check.id,
            url=self._asker.allow(url, livemode=merchant.livemode),
            timeout_ms=timeout_ms,
            otherwise=otherwise,
            version=1 if before is None else before.check.version + 1,
            updated_at=now,
        )
        addressed = Addressed(check, self._asker.new_secret() if before is None else before.secret)
        plain = addressed.secret.reveal().encode()
        sealed = await self._sealer.seal(merchant, plain, aad=_aad(check), queries=connection)
        await store.put_check(connection, store.StoredCheck(check, sealed))
        shown = check_object(check, livemode=merchant.livemode)
        await self._tell(connection, merchant, CHECK_SET, object_id=check.id, shown=shown, now=now)
        return addressed

    async def remove_check(self, merchant: Merchant, *, now: datetime) -> Check:
        """Ask nobody any more; refuses with 404."""

        async def remove(connection: Connection) -> Check:
            stored = await store.check_of(connection, merchant_id=merchant.id)
            if stored is None or not await store.drop_check(connection, merchant_id=merchant.id):
                raise no_check()
            shown = check_object(stored.check, livemode=merchant.livemode)
            await self._tell(
                connection, merchant, CHECK_REMOVED, object_id=stored.check.id, shown=shown, now=now
            )
            return stored.check

        return await self._database.retrying(remove)

    async def _addressed(self, queries: Queries, merchant: Merchant) -> Addressed | None:
        stored = await store.check_of(queries, merchant_id=merchant.id)
        if stored is None:
            return None
        plain = await self._sealer.unseal(merchant.id, stored.secret, aad=_aad(stored.check), queries=queries)
        return Addressed(stored.check, Secret(plain.decode()))

    async def _tell(
        self,
        connection: Connection,
        merchant: Merchant,
        fact: str,
        *,
        object_id: UUID,
        shown: Any,
        now: datetime,
    ) -> None:
        event = NewEvent(
            id=self._new_id(),
            type=fact,
            object_id=object_id,
            object_sequence=await next_object_sequence(connection, merchant.id, object_id),
            data=msgspec.json.encode(shown),
            created_at=now,
        )
        await append(connection, merchant.id, [event])


def no_check() -> Exception:
    """There is none to read or remove."""
    return not_found("recovery check", "check", hint="POST /v1/recovery/check sets one.")


def _aad(check: Check) -> bytes:
    """Binds the secret to its row: moved to another row, it does not open."""
    return b"recoup recovery check secret 1" + check.merchant_id.bytes + check.id.bytes
