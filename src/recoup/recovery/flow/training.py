"""Learning from a merchant's own tries: read what came of them, learn, judge on people held back, keep the version.

Reading is in pages, learning is in a thread of its own, and a version is one insert; whatever dies in between leaves
things as they were. Two that train at once cannot both add the same version: who comes second has trained for nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
import structlog

from recoup.db import Database, due
from recoup.kit.ids import Kind, render, uuid7
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant
from recoup.recovery.core.known import Known, known_from, observed
from recoup.recovery.core.learned import Taught, said_of
from recoup.recovery.core.learning import (
    Breadth,
    Card,
    Lesson,
    Lessons,
    Model,
    Window,
    fit,
    heard,
    is_held_back,
    lessons_of,
    model_from,
    verdict,
)
from recoup.recovery.core.learning.card import HELD_BACK_MIN, TRIES_MIN
from recoup.recovery.store import lessons, models
from recoup.recovery.store.lessons import Tried
from recoup.recovery.store.models import ModelStatus, Trained

TRAIN: Final = "recovery.train"
"""The kind of due row that says: learn anew from this merchant's tries."""
EVERY: Final = timedelta(days=7)
BEGIN_EVERY_S: Final = 3600.0
WINDOW: Final = timedelta(days=365)
"""How far back tries are learned from: a year, so that every time of it is in."""
TRIES_MAX: Final = 20_000
"""The newest so many tries are learned from: more would teach little and take minutes."""
RECOVERIES_AT_ONCE: Final = 100
"""A page: what is read of it is taken apart beside whatever else the process does."""
TOGETHER: Final = 256
KEPT_S: Final = 60.0
"""For how long a process goes by the model that it read, once there may be another."""
MODELS_MAX: Final = 1_000
SWITCHES_MAX: Final = 10
_LAST: Final = UUID(int=(1 << 128) - 1)

_log: Final = structlog.get_logger("recoup.recovery")


class Models:
    """The models in force, kept at hand by merchant."""

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._known: OrderedDict[UUID, tuple[float, Taught | None]] = OrderedDict()

    async def of(self, merchant_id: UUID) -> Taught | None:
        """The model that this merchant's plans go by; None: sourced priors alone."""
        at = self._monotonic()
        known = self._known.get(merchant_id)
        if known is not None and at - known[0] < KEPT_S:
            return known[1]
        stored = await models.in_force(self._database, merchant_id=merchant_id)
        if known is not None and known[1] is not None and stored and stored.version == known[1].version:
            taught: Taught | None = known[1]
        else:
            taught = None if stored is None else Taught(stored.version, model_from(stored.model))
        self._known[merchant_id] = (at, taught)
        self._known.move_to_end(merchant_id)
        while len(self._known) > MODELS_MAX:
            self._known.popitem(last=False)
        return taught

    def forget(self, merchant_id: UUID) -> None:
        """Read this merchant's again when it is asked for."""
        self._known.pop(merchant_id, None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What training came to: the version that was added (None: nothing was), and its card."""

    version: int | None
    card: Card


class Training:
    """Trains models."""

    def __init__(self, database: Database, *, models: Models) -> None:
        self._database = database
        self._models = models

    async def begin(self, merchant: Merchant, now: datetime) -> bool:
        """Have this merchant's tries learned from every week from now on, if there are enough; False if not yet."""
        many = await lessons.count(self._database, merchant_id=merchant.id, limit=TRIES_MIN)
        if many < TRIES_MIN:
            return False
        if await models.is_due(self._database, merchant_id=merchant.id, kind=TRAIN):
            return True
        async with self._database.transaction() as connection:
            await due.put(connection, merchant_id=merchant.id, kind=TRAIN, object_id=merchant.id, due_at=now)
        return True

    async def on_due(self, merchant: Merchant, _: UUID, now: datetime) -> datetime | None:
        """The handler of `recovery.train`; a week later again."""
        again_at = now + EVERY
        async with self._database.transaction() as connection:  # training may outlast the lease
            await due.put(
                connection, merchant_id=merchant.id, kind=TRAIN, object_id=merchant.id, due_at=again_at
            )
        if not await models.is_off(self._database, merchant_id=merchant.id):
            await self.train(merchant, now=now)
        return again_at

    async def train(
        self, merchant: Merchant, *, now: datetime, breadth: Breadth = Breadth.HOPE, dry_run: bool = False
    ) -> Outcome:
        """Learn from the merchant's tries, and put the model in force where it is better than what is there.

        In a dry run nothing is kept.
        """
        number = await self._next(merchant)
        tries = await self._tries(merchant, now)
        stored = await models.in_force(self._database, merchant_id=merchant.id)
        in_place = None if stored is None else model_from(stored.model)
        card, model = await asyncio.to_thread(_learned, tries, in_place, now, breadth)
        if dry_run or len(tries) < TRIES_MIN:
            return Outcome(None, card)
        taken = model is not None and card.refused is None
        status = ModelStatus.TAKEN if taken else ModelStatus.REFUSED
        version = await self._added(merchant, number, status, card, model if taken else None, now=now)
        _log.info(
            "recovery.trained",
            merchant=render(Kind.MERCHANT, merchant.id),
            version=version,
            tries=card.window.tries,
            refused=card.refused,
        )
        return Outcome(version, card)

    async def switch_off(self, merchant: Merchant, *, now: datetime) -> None:
        """Go back to sourced priors, and learn nothing until a person trains again."""
        for _ in range(SWITCHES_MAX):
            number = await self._next(merchant)
            if await self._added(merchant, number, ModelStatus.OFF, None, None, now=now) is not None:
                return
        raise conflict("models_busy", "Models of this merchant keep being added: try again.", retry_after_s=1)

    async def newest(self, merchant: Merchant, *, limit: int = 10) -> Sequence[Trained]:
        """The newest versions with their cards."""
        return await models.newest(self._database, merchant_id=merchant.id, limit=limit)

    async def _next(self, merchant: Merchant) -> int:
        newest = await models.newest(self._database, merchant_id=merchant.id, limit=1)
        return 1 + (newest[0].version if newest else 0)

    async def _added(
        self,
        merchant: Merchant,
        number: int,
        status: ModelStatus,
        card: Card | None,
        model: Model | None,
        *,
        now: datetime,
    ) -> int | None:
        """The number of the version that was added; None where another was added since it was counted, be it that
        models were switched off."""
        trained = Trained(number, status, None if card is None else card.kept(), now)
        async with self._database.transaction() as connection:
            added = await models.add(
                connection,
                trained,
                merchant_id=merchant.id,
                model=None if model is None else model.kept(),
            )
        self._models.forget(merchant.id)
        return number if added else None

    async def _tries(self, merchant: Merchant, now: datetime) -> list[_Try]:
        """The newest tries with an outcome of which is kept what was known before."""
        since, before = uuid7(now - WINDOW, bytes), _LAST
        found: list[_Try] = []
        while len(found) < TRIES_MAX:
            page = await lessons.page(
                self._database,
                merchant_id=merchant.id,
                since=since,
                before=before,
                limit=RECOVERIES_AT_ONCE,
            )
            if not page:
                break
            found.extend(await asyncio.to_thread(_all_usable, list(page.values())))
            before = min(page)
        return found[:TRIES_MAX]


@dataclass(frozen=True, slots=True)
class _Try:
    """A try that teaches: what was known, without any model, and what came of it."""

    known: Known
    option: int
    tried: Tried


def _all_usable(page: Sequence[Sequence[Tried]]) -> list[_Try]:
    return [one for tries in page for one in _usable(tries)]


def _usable(tries: Sequence[Tried]) -> Sequence[_Try]:
    """Of each decision the first try, where it was made as it was weighed; the next account is no choice of ours."""
    found, seen = [], set()
    for one in tries:
        if one.decision_id in seen or one.known is None:
            continue
        seen.add(one.decision_id)
        known = replace(known_from(one.known), learned=None)
        if one.account_id in known.accounts:
            found.append(_Try(known, known.accounts.index(one.account_id), one))
    return found


def _learned(
    tries: Sequence[_Try], in_place: Model | None, now: datetime, breadth: Breadth
) -> tuple[Card, Model | None]:
    """The card and the model of these tries; takes seconds."""
    held = np.asarray([is_held_back(str(one.tried.person)) for one in tries], dtype=np.bool_)
    whole = lessons_of([_batch(tries[at : at + TOGETHER]) for at in range(0, len(tries), TOGETHER)])
    back, taught = whole.among(held), whole.among(~held)
    window = Window(
        since=min((one.tried.at for one in tries), default=now),
        until=max((one.tried.at for one in tries), default=now),
        tries=len(tries),
        approved=int(whole.approved.sum()),
        held_back=len(back),
    )
    if len(tries) < TRIES_MIN or len(back) < HELD_BACK_MIN:
        return verdict(window, breadth, _expected(back, None, in_place), back.approved), None
    model = fit(taught, breadth)
    return verdict(window, breadth, _expected(back, model, in_place), back.approved), model


def _expected(back: Lessons, model: Model | None, in_place: Model | None) -> dict[str, np.ndarray]:
    found = {"untrained": back.untrained}
    if model is not None:
        found["model"] = heard(model, back)
    if in_place is not None:
        found["in_place"] = heard(in_place, back)
    return found


def _batch(tries: Sequence[_Try]) -> Lesson:
    known = [one.known for one in tries]
    return Lesson(
        observed=observed(known),
        said=said_of(known),
        when=np.asarray([one.tried.at.timestamp() for one in tries]),
        option=np.asarray([one.option for one in tries]),
        account=[str(one.tried.account_id) for one in tries],
        approved=np.asarray([one.tried.approved for one in tries]),
    )
