"""The account updater of a world: it is asked and answers by the files of real ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.kit.clock import Clock
from recoup.kit.secret import Secret
from recoup.sandbox.core.cardfile import Card, account_of, identify
from recoup.sandbox.core.issuer import Standing
from recoup.sandbox.core.updating import Known, Updater, known_of
from recoup.sandbox.store import World
from recoup.sandbox.store import updating as facts
from recoup.sandbox.worlds import store
from recoup.sandbox.worlds.tellings import no_world
from recoup.updater.core.files import Answered, Format, Question, code_of, read_questions, write_answers


class AccountUpdater:
    """Answers for the issuers of a world."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def exchange(self, merchant_id: UUID, format_: Format, text: Secret) -> Secret | None:
        """The file of answers to a file of questions; None where this tenant has no world."""
        world = await store.world(self._database, world_id=merchant_id)
        if world is None:
            return None
        now, questions = self._clock.now() + world.clock_offset, read_questions(format_, text)
        cards = [_card(world, one) for one in questions]
        accounts = [account for card in cards if (account := account_of(card)) is not None]
        standings = await facts.standings(
            self._database, world_id=world.id, epoch=world.epoch, accounts=accounts
        )
        updater = await facts.updater(self._database, world_id=world.id)
        asked = zip(questions, cards, strict=True)
        return write_answers(
            format_, _answers(format_, world, asked, standings=standings, updater=updater, now=now)
        )

    async def read(self, queries: Queries | None, merchant_id: UUID) -> Updater:
        """How good it is."""
        reader = queries or self._database
        if await store.world(reader, world_id=merchant_id) is None:
            raise no_world()
        return await facts.updater(reader, world_id=merchant_id)

    async def set(self, connection: Connection, merchant_id: UUID, updater: Updater) -> None:
        """Make it as good as that from now on."""
        if not await facts.set_updater(connection, updater, world_id=merchant_id):
            raise no_world()


def _card(world: World, asked: Question) -> Card:
    return identify(asked.number.reveal(), seed=world.seed, born=world.born, secret=world.id.bytes)


def _answers(
    format_: Format,
    world: World,
    asked: Iterator[tuple[Question, Card]],
    *,
    standings: Mapping[str, Standing],
    updater: Updater,
    now: datetime,
) -> Iterator[tuple[Question, Answered]]:
    for question, card in asked:
        known = known_of(
            card,
            standings.get(account_of(card) or "", Standing()),
            updater,
            exp_month=question.exp_month,
            exp_year=question.exp_year,
            born=world.born,
            now=now,
        )
        yield question, _answered(format_, question, known)


def _answered(format_: Format, question: Question, known: Known) -> Answered:
    card = known.card
    return Answered(
        line=0,
        reference=question.reference,
        number=question.number,
        answer=known.answer,
        code=code_of(format_, known.answer),
        new_number=None if card is None else Secret(card.number),
        exp_month=None if card is None else card.exp_month,
        exp_year=None if card is None else card.exp_year,
    )
