"""The cardholders of a world's model, as their issuers know them: each answer is the model's, at the world's time.

A model is made from its world's seed when it is first asked, beside everything else (it may take seconds), and kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database
from recoup.sandbox.chain.messages import Request
from recoup.sandbox.core.cardfile import ModelledCard, account_of
from recoup.sandbox.core.issuer import Approval, Checks, Refusal, Verdict
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.model import World as Modelled
from recoup.sandbox.model import single
from recoup.sandbox.store import World
from recoup.sandbox.store import models as store
from recoup.sandbox.store.models import Model

MODELS_MAX: Final = 4
"""How many models are kept: the least recently made goes."""
_ROUTES: Final = tuple(ProcessorName)
"""Each processor is a route of the model, in this order."""

_Key = tuple[UUID, int]


class Models:
    """The models of worlds that have one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._made: dict[_Key, asyncio.Future[Modelled]] = {}

    async def prepare(self, world: World) -> None:
        """Have the world's model made, before anything is held for it."""
        model = await store.read(self._database, world_id=world.id, epoch=world.epoch)
        if model is not None:
            await self._people(world, model)

    async def says(
        self, connection: Connection, request: Request, world: World, card: ModelledCard, *, now: datetime
    ) -> Verdict | None:
        """What the card's issuer says to a request; None where the world has no such cardholder. The account is held,
        so that what was tried before is known."""
        model = await store.read(connection, world_id=world.id, epoch=world.epoch)
        if model is None:
            return None
        people = await self._people(world, model)
        found = single.case_of(people, request.number)
        if found is None:
            return None
        case, means = found
        account = account_of(card)
        assert account is not None, "a cardholder of a model has an account"
        since = now - timedelta(hours=people.nature.parameters.tires_hours) - _SLOT
        tried = await store.tried(
            connection, world_id=world.id, epoch=world.epoch, account=account, since=since
        )
        asked, usual = request.amount.minor, int(people.who.amount[case])
        said = single.answer(
            people,
            case,
            now,
            tried=tried,
            route=_ROUTES.index(request.acquirer),
            means=means,
            authenticated=request.authenticated,
            amount=None if asked == usual else asked,
        )
        return Approval(Checks(), held=asked) if said is None else Refusal(said)

    def _people(self, world: World, model: Model) -> Awaitable[Modelled]:
        key = world.id, world.epoch
        found = self._made.get(key)
        if found is None or (found.done() and (found.cancelled() or found.exception() is not None)):
            self._made.pop(key, None)
            while len(self._made) >= MODELS_MAX:
                del self._made[next(iter(self._made))]
            making = asyncio.to_thread(Modelled, world.seed, model.cases, start=model.starts_on)
            self._made[key] = asyncio.ensure_future(making)
        return asyncio.shield(self._made[key])


_SLOT: Final = timedelta(hours=6)
