"""Reads a merchant's logged recoveries, puts each together again, and has another policy judged by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from recoup.app import Service
from recoup.kit.ids import Kind, first_id, parse
from recoup.merchants.core import Merchant
from recoup.payments import store as payments
from recoup.payments.flow.facts_reading import past_attempts
from recoup.recovery import store as recoveries
from recoup.recovery.core.arms import HOLD_OUT, WHOLE, policy_in
from recoup.recovery.core.hindsight import Aside, Hindsight, Judge
from recoup.recovery.core.otherwise import Situation
from recoup.recovery.core.policy import BASELINE, DEFAULT, Policy
from recoup.recovery.core.records import Action, How, Mode
from recoup.recovery.core.stories import Decided, Story, story
from recoup.recovery.core.storing import RECORD, case_from, made_from
from recoup.recovery.core.trials import Experiment
from recoup.recovery.core.walking import Logger
from recoup.recovery.store import logged

PAGE: Final = 1_000
DECISIONS_MAX: Final = 2_000_000
"""The most decisions that are looked at in one go."""
TOGETHER: Final = 256
"""How many recoveries are judged at once."""
T = TypeVar("T")

_json: Final = msgspec.json.Decoder()


async def judged(
    service: Service,
    side: Merchant,
    policy: Policy,
    *,
    since: datetime,
    now: datetime,
    progress: Callable[[str], None] = lambda _: None,
) -> Hindsight | None:
    """What a merchant's recoveries that were opened since then say of a policy; None where there are none."""
    by_recovery = await _decisions(service, side, since=since, progress=progress)
    if not by_recovery:
        return None
    judge, loggers, done = Judge(policy, now=now), _Loggers(service, side), 0
    for part in _parts(by_recovery, TOGETHER):
        told = await _stories(service, side, part, by_recovery, judge=judge, since=since)
        judge.judge([(one, await loggers.of(one)) for one in told])
        done += len(part)
        progress(f"{done} of {len(by_recovery)} recoveries judged")
    return judge.hindsight()


async def _decisions(
    service: Service, side: Merchant, *, since: datetime, progress: Callable[[str], None]
) -> dict[UUID, list[logged.LoggedDecision]]:
    """The decisions since then, by recovery, each in the order of time."""
    found: dict[UUID, list[logged.LoggedDecision]] = defaultdict(list)
    after: UUID | None = None
    for read in range(0, DECISIONS_MAX, PAGE):
        page = await logged.page(
            service.database, merchant_id=side.id, since=first_id(since), after=after, limit=PAGE
        )
        for one in page:
            found[one.recovery_id].append(one)
        progress(f"{read + len(page)} decisions read")
        if len(page) < PAGE:
            break
        after = page[-1].id
    return dict(found)


async def _stories(
    service: Service,
    side: Merchant,
    ids: Sequence[UUID],
    decisions: dict[UUID, list[logged.LoggedDecision]],
    *,
    judge: Judge,
    since: datetime,
) -> list[Story]:
    """Some recoveries, told; those that cannot be are set aside. What was opened before is left out."""
    kept = await recoveries.several(service.database, ids, merchant_id=side.id)
    own = [one for one in kept.values() if one.opened_at >= since]
    snapshots = await payments.snapshots(
        service.database, [one.payment_id for one in own], merchant_id=side.id
    )
    found = []
    for one in own:
        snapshot = snapshots.get(one.payment_id)
        if one.mode is Mode.ADVISE or snapshot is None:
            judge.set_aside(Aside.ADVISED)
            continue
        told = story(one, [_decided(each) for each in decisions[one.id]], past_attempts(snapshot))
        if told is None:
            judge.set_aside(Aside.UNTOLD)
        else:
            found.append(told)
    return found


class _Loggers:
    """The policies that recoveries may have gone by, each with its share.

    The hold-out goes by the baseline of the day, and the rest by the default of the day. What the others would have
    done is asked of those versions that are in force now: what changed meanwhile is off by that.
    """

    def __init__(self, service: Service, side: Merchant) -> None:
        compared = service.brought.compared
        self._policies, self._experiments = compared.policies, compared.experiments
        self._side = side
        self._known: dict[UUID, Experiment] = {}

    async def of(self, told: Story) -> Sequence[Logger]:
        """Its own policy, as it was, and where it was drawn those of the other arms."""
        first = told.turns[0][0] if told.turns else told.last
        if first is None or first.situation is None:
            return ()
        own = first.situation.case.policy
        if told.arm is None:
            return (Logger(own, share=1.0, own=True),)
        experiment = await self._experiment(told.arm.experiment_id)
        found = []
        for name in experiment.arms:
            is_own = name == told.arm.name
            policy = own if is_own else await self._policy(experiment, name)
            found.append(Logger(policy, share=experiment.share_of(name) / WHOLE**2, own=is_own))
        return found

    async def _experiment(self, experiment_id: UUID) -> Experiment:
        if experiment_id not in self._known:
            self._known[experiment_id] = await self._experiments.get(self._side, experiment_id)
        return self._known[experiment_id]

    async def _policy(self, experiment: Experiment, arm: str) -> Policy:
        if arm == HOLD_OUT:
            return await self._policies.newest(self._side.id, BASELINE.name)
        named = policy_in(experiment.shares, arm)
        if named is None or experiment.standing:
            return await self._policies.newest(self._side.id, DEFAULT.name)
        return await self._policies.of(self._side.id, *named)


def _decided(one: logged.LoggedDecision) -> Decided:
    data: dict[str, Any] = _json.decode(one.data)
    accounts = [parse(Kind.PROCESSOR_ACCOUNT, each) for each in data.get("processor_accounts", ())]
    situation, is_free = None, False
    if "case" in data and data["case"]["form"] == RECORD:
        situation = Situation(case_from(data["case"]), datetime.fromisoformat(data["now"]))
        is_free = made_from(data["made"]).how is How.PLANNED
    return Decided(
        at=one.created_at,
        action=Action(data["action"]),
        try_at=datetime.fromisoformat(data["at"]) if "at" in data and is_free else None,
        account=accounts[0] if accounts else None,
        situation=situation,
        is_part="part" in data,
    )


def _parts(ids: Iterable[UUID], count: int) -> Iterator[list[UUID]]:
    left = iter(ids)
    while part := list(islice(left, count)):
        yield part
