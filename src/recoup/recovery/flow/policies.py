"""Policies of recovery: saves them, remembers them, and says by which one a recovery goes that opens now."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.db.remembered import Remembered
from recoup.kit.ids import Kind, parse
from recoup.kit.refusals import Refusal, conflict, invalid, not_found
from recoup.merchants.core import Merchant
from recoup.merchants.flow import lock_merchant
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.core import NotOpened
from recoup.recovery.core.arms import HOLD_OUT, Arm, drawn, person, policy_in
from recoup.recovery.core.policy import BASELINE, DEFAULT, POLICIES, Policy
from recoup.recovery.core.policy_file import Reading, policy_from, read
from recoup.recovery.core.trials import Experiment
from recoup.recovery.flow.around import Chosen
from recoup.recovery.policy_objects import RecoveryPolicyObject, policy_object
from recoup.recovery.store import policies as store
from recoup.recovery.store.policies import NAMES_MAX, SavedPolicy
from recoup.routing.core.policy_reading import Format, Problem, written_document
from recoup.vault.flow.news import Fact, tell

SAVED: Final = "recovery.policy_saved"
VERSIONS_MAX: Final = 10_000
_NEWEST_MAX: Final = 10_000
_VERSIONS_MAX: Final = 5_000
_TTL_S: Final = 2.0
"""For how long a process may go by the version that another one has replaced."""
_VERSIONS_TTL_S: Final = 3600.0
"""Versions never change; this only lets go of those that are no longer used."""
_UNSETTLED_S: Final = 15.0


class Accounts(Protocol):
    """What policies ask of merchants."""

    async def accounts_of(self, merchant_id: UUID, *, queries: Queries | None = None) -> Sequence[HasId]:
        """All accounts of a tenant, the disabled ones too."""
        ...


class HasId(Protocol):
    """An account."""

    @property
    def id(self) -> UUID:
        """Its id."""
        ...


class Running(Protocol):
    """What policies ask of experiments."""

    async def current(self, merchant: Merchant) -> Experiment | None:
        """The experiment to which a recovery belongs that opens now."""
        ...


class RecoveryPolicies:
    """The policies of all tenants, as this process knows them."""

    def __init__(
        self,
        database: Database,
        *,
        accounts: Accounts,
        running: Running,
        new_id: Callable[[], UUID],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._accounts, self._running = database, accounts, running
        self._new_id = new_id
        self._newest: Remembered[tuple[UUID, str], Policy] = Remembered(
            entries_max=_NEWEST_MAX, ttl_s=_TTL_S, monotonic=monotonic
        )
        self._versions: Remembered[tuple[UUID, str, int], Policy] = Remembered(
            entries_max=_VERSIONS_MAX, ttl_s=_VERSIONS_TTL_S, monotonic=monotonic
        )

    async def opening(self, merchant: Merchant, facts: PaymentFacts) -> Chosen | NotOpened:
        """By which policy a recovery of this payment would go; none where the policy does not take on its refusal.

        Whether it takes it on is asked before anybody is drawn, so that arms do not differ in whom they count.
        """
        asked = await self.newest(merchant.id, facts.recovery_policy or DEFAULT.name)
        if facts.decline is not None and not asked.covers(facts.decline.decline.category):
            return NotOpened(f"the policy {asked.name} takes on no {facts.decline.decline.category.value}")
        experiment = await self._running.current(merchant) if asked.name == DEFAULT.name else None
        if experiment is None:
            return Chosen(asked)
        who = person(customer_id=facts.customer_id, fingerprint=facts.fingerprint, payment_id=facts.id)
        arm = drawn(
            experiment.id,
            experiment.shares,
            held_out=experiment.held_out,
            seeds=experiment.seeds,
            drawn_from=who,
        )
        return Chosen(await self._in_arm(merchant.id, experiment, arm, asked=asked), arm)

    async def _in_arm(self, merchant_id: UUID, experiment: Experiment, arm: Arm, *, asked: Policy) -> Policy:
        if arm.name == HOLD_OUT:
            return await self.newest(merchant_id, BASELINE.name)
        named = policy_in(experiment.shares, arm.name)
        assert named is not None, "an arm that was drawn is one of the experiment's"
        return asked if experiment.standing else await self.of(merchant_id, *named)

    async def newest(self, merchant_id: UUID, name: str) -> Policy:
        """The policy of that name as it is now: the merchant's, else the built-in one, else the default."""

        async def look() -> Policy:
            return await self.fresh(merchant_id, name)

        found = await self._newest.get((merchant_id, name), look)
        if found.name != name and found.name == DEFAULT.name:  # nobody knows the name: as if it were not said
            return await self.newest(merchant_id, DEFAULT.name)
        return found

    async def fresh(self, merchant_id: UUID, name: str) -> Policy:
        """The same in this very moment, but the built-in default where nobody knows the name."""
        saved = await store.read(self._database, merchant_id=merchant_id, name=name, version=None)
        return POLICIES.get(name, DEFAULT) if saved is None else _policy(saved)

    async def of(self, merchant_id: UUID, name: str, version: int | None) -> Policy:
        """A version of a policy; None: the built-in one."""
        if version is None:
            return POLICIES.get(name, DEFAULT)

        async def look() -> Policy:
            return _policy(await self.saved(merchant_id, name, version))

        return await self._versions.get((merchant_id, name, version), look)

    async def saved(self, merchant_id: UUID, name: str, version: int | None) -> SavedPolicy:
        """A version as it was written, or the newest. Refuses with 404."""
        found = await store.read(self._database, merchant_id=merchant_id, name=name, version=version)
        if found is None:
            hint = "`GET /v1/recovery/policies` lists those there are."
            raise not_found("recovery policy", name if version is None else f"{name} {version}", hint=hint)
        return found

    async def all(self, merchant_id: UUID) -> Sequence[SavedPolicy]:
        """The newest version of each name."""
        return await store.newest(self._database, merchant_id=merchant_id)

    async def check(
        self, merchant_id: UUID, source: str, format_: Format, *, queries: Queries | None = None
    ) -> Reading:
        """What a text says as a policy of this merchant, or everything that is wrong with it."""
        reading = read(source, format_)
        if reading.policy is None or not reading.policy.accounts:
            return reading
        known = {one.id for one in await self._accounts.accounts_of(merchant_id, queries=queries)}
        named = reading.document["routes"]
        unknown = [
            place for place, text in enumerate(named) if parse(Kind.PROCESSOR_ACCOUNT, text) not in known
        ]
        if not unknown:
            return reading
        document = written_document(source, format_)
        lines = {} if isinstance(document, Problem) else document.lines
        problems = tuple(
            Problem(f"routes[{place}]", "is no account of yours", lines.get(("routes", place)))
            for place in unknown
        )
        return replace(reading, policy=None, problems=problems)

    async def save(
        self,
        connection: Connection,
        merchant: Merchant,
        source: str,
        format_: Format,
        *,
        note: str | None,
        created_by: str | None,
        now: datetime,
    ) -> SavedPolicy:
        """Keep a text as the newest version of its name; recoveries that open from now on go by it. Those that are open
        stay with theirs. Refuses what is wrong, all of it at once."""
        await lock_merchant(connection, merchant.id)
        reading = await self.check(merchant.id, source, format_, queries=connection)
        if reading.policy is None:
            raise refused(reading)
        name = reading.policy.name
        before = await store.read(connection, merchant_id=merchant.id, name=name, version=None)
        await self._refuse_too_many(connection, merchant.id, before)
        version = 1 if before is None else before.version + 1
        saved = SavedPolicy(name, version, format_, source, note, created_by, now)
        await store.add(connection, saved, merchant_id=merchant.id)
        shown: RecoveryPolicyObject = policy_object(saved, livemode=merchant.livemode)
        # The policies of a tenant are one object, which has the tenant's own id.
        await tell(connection, merchant.id, [Fact(SAVED, merchant.id, shown)], now=now, new_id=self._new_id)
        self._newest.forget((merchant.id, name), unsettled_s=_UNSETTLED_S)
        return saved

    async def _refuse_too_many(
        self, connection: Connection, merchant_id: UUID, before: SavedPolicy | None
    ) -> None:
        if before is not None and before.version >= VERSIONS_MAX:
            raise conflict("recovery_policy_limit", f"This policy has {VERSIONS_MAX} versions already.")
        if before is None and len(await store.newest(connection, merchant_id=merchant_id)) >= NAMES_MAX:
            raise conflict("recovery_policy_limit", f"You have {NAMES_MAX} policies already.")


def refused(reading: Reading) -> Refusal:
    """The refusal of a text that is no policy of this merchant."""
    number = len(reading.problems) + reading.more
    head = "The policy was not saved:" if number == 1 else f"The policy was not saved, for {number} reasons:"
    return invalid("invalid_policy", f"{head}\n{reading.told()}", param=reading.problems[0].path or None)


def _policy(saved: SavedPolicy) -> Policy:
    document = written_document(saved.source, saved.format)
    assert not isinstance(document, Problem), "what was saved was read then"
    return policy_from(document.content, version=saved.version)
