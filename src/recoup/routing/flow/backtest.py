"""Judges a policy by a merchant's own logged decisions, and makes stored decisions again: page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import msgspec

from recoup.db import Database
from recoup.routing.core.hindsight import Came, Hindsight, Judge
from recoup.routing.core.policy import Policy, rule
from recoup.routing.core.reading import Record, facts_of, options_of
from recoup.routing.core.replaying import NotReplayable, Replayed, replay
from recoup.routing.core.words import Method, Ruling
from recoup.routing.store import logged
from recoup.routing.store.logged import LoggedDecision

PAGE: Final = 1000
DECISIONS_MAX: Final = 20_000_000
"""The most decisions that are looked at in one go."""

_record: Final = msgspec.json.Decoder()


class Outcomes(Protocol):
    """What payments know of the attempts that decisions led to."""

    async def __call__(self, merchant_id: UUID, asked: Sequence[tuple[UUID, UUID]]) -> Mapping[UUID, Came]:
        """By decision; `asked` are payments with their decisions."""
        ...


class Versions(Protocol):
    """The saved versions of routing policies."""

    async def exists(self, merchant_id: UUID, version: int) -> bool:
        """Whether there is such a version."""
        ...

    async def policy(self, merchant_id: UUID, version: int) -> Policy:
        """A version as it was saved."""
        ...


@dataclass(frozen=True, slots=True)
class Remade:
    """A stored decision, made again."""

    id: UUID
    replayed: Replayed


class Backtests:
    """Looks back at logged decisions; changes nothing."""

    def __init__(self, database: Database, *, outcomes: Outcomes, versions: Versions) -> None:
        self._database = database
        self._outcomes = outcomes
        self._versions = versions

    async def has_any(self, merchant_id: UUID, *, since: datetime) -> bool:
        """Whether anything about routes was decided since then."""
        page = await logged.page(self._database, merchant_id=merchant_id, since=since, after=None, limit=1)
        return bool(page)

    async def judge(
        self,
        merchant_id: UUID,
        policy: Policy,
        *,
        since: datetime,
        now: datetime,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Hindsight:
        """What the merchant's log since then says of a policy. `progress` is told how many decisions were read."""
        judge, read = Judge(policy, now=now), 0
        async for page in self._pages(merchant_id, since=since):
            came = await self._outcomes(merchant_id, [(one.payment_id, one.id) for one in page])
            for one in page:
                judge.judge(_record.decode(one.data), came.get(one.id))
            read += len(page)
            progress(read)
        return judge.hindsight()

    async def _pages(
        self, merchant_id: UUID, *, since: datetime, limit: int = DECISIONS_MAX
    ) -> AsyncIterator[Sequence[LoggedDecision]]:
        after: UUID | None = None
        left = limit
        while left > 0:
            page = await logged.page(
                self._database, merchant_id=merchant_id, since=since, after=after, limit=min(PAGE, left)
            )
            if not page:
                return
            yield page
            after, left = page[-1].id, left - len(page)

    async def replay_one(self, merchant_id: UUID, decision_id: UUID) -> Remade | None:
        """Make one decision again; None where the merchant has no such decision about a route."""
        found = await logged.one(self._database, merchant_id=merchant_id, decision_id=decision_id)
        return None if found is None else await self._remade(merchant_id, found, {})

    async def replay_all(self, merchant_id: UUID, *, since: datetime, limit: int) -> AsyncIterator[Remade]:
        """Make the decisions since then again, up to so many, oldest first."""
        policies: dict[int, Policy | None] = {}
        async for page in self._pages(merchant_id, since=since, limit=limit):
            for one in page:
                yield await self._remade(merchant_id, one, policies)

    async def _remade(
        self, merchant_id: UUID, one: LoggedDecision, policies: dict[int, Policy | None]
    ) -> Remade:
        record = _record.decode(one.data)
        version = record.get("policy_version")
        if version is None:
            return Remade(one.id, replay(record, Ruling(record["rule"], Method.ORDERED)))
        if version not in policies:
            policies[version] = await self._policy(merchant_id, version)
        policy = policies[version]
        if policy is None:
            return Remade(one.id, NotReplayable(f"version {version} of the policy is not there"))
        return Remade(one.id, replay(record, _ruling(record, policy)))

    async def _policy(self, merchant_id: UUID, version: int) -> Policy | None:
        if not await self._versions.exists(merchant_id, version):
            return None
        return await self._versions.policy(merchant_id, version)


@dataclass(frozen=True, slots=True)
class _Account:
    id: UUID


def _ruling(record: Record, policy: Policy) -> Ruling:
    accounts = [_Account(one.account_id) for one in options_of(record)]
    return rule(policy, facts_of(record), accounts)
