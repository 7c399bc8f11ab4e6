"""Processors that hear of it renew the cards that they remember, and tell: what stands for one stays the same.

They do so in a world whose processors tell what happens. The token itself is put in when the news is sent: it is
written down nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from recoup.db import Connection
from recoup.kit.clock import rfc3339
from recoup.sandbox import store
from recoup.sandbox.core import keys
from recoup.sandbox.core.cardfile import name_of
from recoup.sandbox.core.news import News, event_of, id_of, on_the_way
from recoup.sandbox.core.people import Person
from recoup.sandbox.store import Remembered, World
from recoup.sandbox.wire import SavedCardObject, SavedCardState, SavedNewsObject

_NO_TOKEN: Final = b'"token":null}}'


async def renewed(connection: Connection, world: World, before: Person, after: Person, now: datetime) -> None:
    """A person has a new card: whoever remembers the old one remembers the new one, and tells."""
    for saved in await _remembering(connection, world, before):
        await store.renew_saved(connection, saved, after, world_id=world.id, card=name_of(after))
        await _tell(connection, world, saved, _shown(saved, after, "updated"), now)


async def closed(connection: Connection, world: World, who: Person, now: datetime) -> None:
    """A person's card is closed: whoever remembers it tells."""
    for saved in await _remembering(connection, world, who):
        await _tell(connection, world, saved, _shown(saved, who, "closed"), now)


async def _remembering(connection: Connection, world: World, who: Person) -> Sequence[Remembered]:
    if world.telling is None:
        return ()
    return await store.saved_of(connection, world_id=world.id, epoch=world.epoch, card=name_of(who))


def _shown(saved: Remembered, who: Person, state: SavedCardState) -> SavedCardObject:
    return SavedCardObject(
        id=saved.reference,
        processor=saved.processor,
        state=state,
        brand=who.facts.brand,
        last4=who.number[-4:],
        exp_month=who.exp_month,
        exp_year=who.exp_year,
    )


async def _tell(
    connection: Connection, world: World, saved: Remembered, card: SavedCardObject, now: datetime
) -> None:
    assert world.telling is not None, "only processors that tell renew"
    event = event_of(world.id, saved.processor, card.id, card.state, card.last4, rfc3339(now))
    said = SavedNewsObject(id=event, type=f"card.{card.state}", occurred_at=rfc3339(now), data=card)
    news = News(
        id=id_of(world.id, event),
        processor=saved.processor,
        event=event,
        about=card.id,
        charge_key=saved.key,
        occurred_at=now,
        due_at=now,
        body=msgspec.json.encode(said).decode(),
    )
    await store.tell(connection, on_the_way(news, world.telling, world_id=world.id), world_id=world.id)


def with_token(body: bytes, secret: bytes) -> bytes:
    """News of a remembered card with the token that stands for it; other news as it is."""
    if not body.endswith(_NO_TOKEN):
        return body
    try:
        card = msgspec.json.decode(body, type=SavedNewsObject).data
    except msgspec.ValidationError:
        return body
    return body.removesuffix(_NO_TOKEN) + b'"token":"%s"}}' % keys.saved_token(secret, card.id).encode()
