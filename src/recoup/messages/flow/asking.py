"""The order of events when a customer is asked: read fresh facts, ask the core, write the message, only then send it.

A message is one row, written as `sending` before it leaves, under the row of whom it goes to: two cases of one customer
decide one after the other. What the mail server says is written after. A process that dies in between leaves a message
whose end nobody knows; it is not sent again, and the next one comes by the plan.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, assert_never
from uuid import UUID

from msgspec.structs import replace

from recoup.db import Connection, Database, due
from recoup.merchants.core import Merchant
from recoup.messages import mail, store
from recoup.messages.core import schedule
from recoup.messages.core.machine import News, Status, takes
from recoup.messages.core.policy import Channel
from recoup.messages.core.records import Case, Message
from recoup.messages.core.words import group_of
from recoup.messages.flow.people import People, Person
from recoup.messages.flow.writing import Writer, changed
from recoup.messages.rendering import About, Renderer, email
from recoup.messages.store import Stopped
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.core import STANDINGS, Recovery
from recoup.recovery.core import Status as RecoveryStatus

ASK: Final = "message.ask"
"""The kind of due row that says: see whether the customer of this recovery is to be asked."""
LOOKS_MAX: Final = 10
LOOK_AGAIN: Final = timedelta(minutes=1)


class Recoveries(Protocol):
    """What messages ask of recovery."""

    async def get(self, merchant: Merchant, recovery_id: UUID) -> Recovery:
        """One recovery; refuses with 404."""
        ...


class Payments(Protocol):
    """What messages ask of payments."""

    async def facts(self, merchant: Merchant, payment_id: UUID) -> PaymentFacts | None:
        """What is known of a payment; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one case."""

    case: Case
    recovery: Recovery
    payment: PaymentFacts
    person: Person


@dataclass(frozen=True, slots=True)
class Post:
    """How letters leave. `deliver_to` says where mail for a merchant's customer goes; None: nowhere, in test mode."""

    mailer: mail.Mailer
    renderer: Renderer
    deliver_to: Callable[[Merchant, str], str | None]


class Ending(StrEnum):
    """Why no message was begun."""

    NOBODY = "nobody"
    """Who would get it gets none any more."""
    RACED = "raced"
    """Somebody else was quicker: look again."""


Wanted = Callable[[Merchant, UUID], Awaitable[bool]]
"""Whether the customer of a payment may be asked."""


class Asking:
    """Asks customers."""

    _wanted: Wanted | None = None

    def __init__(
        self,
        database: Database,
        *,
        recoveries: Recoveries,
        payments: Payments,
        people: People,
        post: Post,
        writer: Writer,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._recoveries = recoveries
        self._payments = payments
        self._people = people
        self._post = post
        self._writer = writer
        self._new_id = new_id

    def ask_only(self, wanted: Wanted) -> None:
        """Ask nobody about payments that a later subject wants nobody to be asked about."""
        self._wanted = wanted

    async def hear(self, merchant: Merchant, recovery_id: UUID, now: datetime) -> datetime | None:
        """The handler of a recovery's news: see soon whether to ask, where the merchant wants anybody asked."""
        if not (await store.policy(self._database, merchant_id=merchant.id)).enabled:
            return None
        async with self._database.transaction() as connection:
            await due.put(connection, merchant_id=merchant.id, kind=ASK, object_id=recovery_id, due_at=now)
        return None

    async def ask(self, merchant: Merchant, recovery_id: UUID, now: datetime) -> datetime | None:
        """The handler of `message.ask`: send what is due; when to look again, or None."""
        for _ in range(LOOKS_MAX):
            facts = await self._facts(merchant, recovery_id)
            if facts is None:
                return None
            match schedule.next_step(facts.case, now):
                case schedule.Rest(until=until):
                    return until
                case schedule.Stop():
                    await self._cancel_waiting(merchant, facts.case, now)
                    return None
                case schedule.Lost(message=message):
                    why = "the server stopped while it was being sent"
                    await self._save(merchant, message, News.LOST_SIGHT, now, why=why)
                case schedule.Ask() | schedule.Again() as step:
                    begun = await self._begun(merchant, facts, step, now)
                    if isinstance(begun, datetime):
                        return begun
                    if begun is Ending.NOBODY:
                        return None
                    if isinstance(begun, Message) and begun.status is Status.SENDING:
                        await self._send(merchant, facts, begun, now)
                case other:
                    assert_never(other)
        return now + LOOK_AGAIN

    async def _facts(self, merchant: Merchant, recovery_id: UUID) -> Facts | None:
        recovery = await self._recoveries.get(merchant, recovery_id)
        payment = await self._payments.facts(merchant, recovery.payment_id)
        if payment is None:  # somebody else's, whom we only advise
            return None
        policy = await store.policy(self._database, merchant_id=merchant.id)
        if policy.enabled and self._wanted is not None and not await self._wanted(merchant, payment.id):
            policy = replace(policy, enabled=False)
        person = await self._people.of(merchant, payment, policy)
        case = Case(
            policy=policy,
            recovery=recovery.status,
            is_open=recovery.is_open,
            opened_at=recovery.opened_at,
            deadline=recovery.deadline,
            next_try_at=recovery.next_at,
            standing=STANDINGS[payment.status],
            zone=person.zone,
            messages=await store.of_recovery(
                self._database, merchant_id=merchant.id, recovery_id=recovery_id
            ),
        )
        return Facts(case, recovery, payment, person)

    async def _begun(
        self, merchant: Merchant, facts: Facts, step: schedule.Ask | schedule.Again, now: datetime
    ) -> Message | datetime | Ending:
        """Write that a message leaves, where it may: else until when to wait, or why there is none."""
        recipient, policy, new_id = facts.person.recipient, facts.case.policy, self._new_id()

        async def work(connection: Connection) -> Message | datetime | Ending:
            held = await store.hold_recipient(connection, merchant_id=merchant.id, recipient=recipient)
            if isinstance(step, schedule.Again):
                return await self._handed_again(connection, merchant, step.message, held.stopped, now)
            if held.stopped is not None:
                return Ending.NOBODY
            earlier = await store.earlier(
                connection, merchant_id=merchant.id, recipient=recipient, since=now - schedule.WEEK
            )
            until = schedule.capped(earlier, policy, now)
            if until is not None:
                return schedule.awake(until, facts.person.zone, policy)
            new = _new(facts, new_id, step.number, now)
            return new if await self._writer.begin(connection, merchant, new) else Ending.RACED

        return await self._database.retrying(work)

    async def _handed_again(
        self,
        connection: Connection,
        merchant: Merchant,
        message: Message,
        stopped: Stopped | None,
        now: datetime,
    ) -> Message | Ending:
        news = News.BEGUN if stopped is None else News.NOT_NEEDED
        tries = message.tries + (stopped is None)
        after = changed(message, news, now, tries=tries)
        if not await self._writer.write(connection, merchant, message, after):
            return Ending.RACED
        return after if stopped is None else Ending.NOBODY

    async def _send(self, merchant: Merchant, facts: Facts, message: Message, now: datetime) -> None:
        """Hand a message over that is written as leaving, and write what became of it."""
        handed = await self._handed(merchant, facts, message, now)
        nobody = isinstance(handed, mail.Refused) and handed.address
        stop = Stopped.BOUNCED if nobody else None
        match handed:
            case None:
                await self._save(merchant, message, News.NOT_SENT_IN_TEST_MODE, now)
            case mail.Taken():
                await self._save(merchant, message, News.TAKEN, now, sent_at=now, why=None)
            case mail.Refused(why=why):
                await self._save(merchant, message, News.REFUSED, now, why=why, stop=stop)
            case mail.Lost(why=why):
                await self._save(merchant, message, News.LOST_SIGHT, now, why=why)
            case mail.PutOff(why=why):
                again_at = schedule.retry_at(message.tries, now)
                news = News.REFUSED if again_at is None else News.PUT_OFF
                await self._save(merchant, message, news, now, why=why, next_at=again_at)

    async def _handed(
        self, merchant: Merchant, facts: Facts, message: Message, now: datetime
    ) -> mail.Handed | None:
        """What the mail server said; None where nothing is sent in test mode."""
        post, address, sender = self._post, facts.person.address, self._post.mailer.sender
        if address is None:
            return mail.Refused("there is no address any more")
        to = post.deliver_to(merchant, address)
        if to is None:
            return None
        if sender is None:
            return mail.PutOff("no mail server is set up")
        about = self._about(facts, message)
        letter = post.renderer.letter(facts.case.policy, message.language, about)
        written = email(
            message, letter, facts.case.policy, to=to, sender=sender, unsubscribe=about.unsubscribe, at=now
        )
        return await post.mailer.send(written, to=to)

    def _about(self, facts: Facts, message: Message) -> About:
        record, writer = facts.payment.decline, self._writer
        return About(
            amount=facts.payment.amount,
            last4=facts.person.last4,
            group=group_of(None if record is None else record.decline.category),
            number=message.number,
            retried=facts.recovery.status is RecoveryStatus.SCHEDULED,
            link=writer.link(message),
            unsubscribe=writer.links.unsubscribe(message.merchant_id, message.id, until=message.link_until),
            until=message.link_until,
        )

    async def _cancel_waiting(self, merchant: Merchant, case: Case, now: datetime) -> None:
        last = case.messages[-1] if case.messages else None
        if last is not None and last.status is Status.WAITING:
            await self._save(merchant, last, News.NOT_NEEDED, now)

    async def _save(
        self,
        merchant: Merchant,
        message: Message,
        news: News,
        now: datetime,
        *,
        stop: Stopped | None = None,
        **more: object,
    ) -> None:
        """Write what became of a message, where it still takes that; `stop`: and send nothing there any more.

        Whoever changes a message holds the row of whom it goes to, so that nobody changes it meanwhile.
        """
        recipient = message.recipient

        async def work(connection: Connection) -> None:
            await store.hold_recipient(connection, merchant_id=merchant.id, recipient=recipient)
            fresh = await store.read(connection, merchant_id=merchant.id, message_id=message.id)
            assert fresh is not None, "messages are never deleted"
            if stop is not None:
                await store.stop(connection, merchant_id=merchant.id, recipient=recipient, why=stop, now=now)
            if takes(fresh.status, news):
                await self._writer.write(connection, merchant, fresh, changed(fresh, news, now, **more))

        await self._database.retrying(work)


def _new(facts: Facts, message_id: UUID, number: int, now: datetime) -> Message:
    """The next message: by e-mail where the merchant wants that and there is an address, else told to the merchant."""
    by_mail = facts.case.policy.channel is Channel.EMAIL and facts.person.address is not None
    recovery = facts.recovery
    return Message(
        merchant_id=recovery.merchant_id,
        id=message_id,
        recovery_id=recovery.id,
        payment_id=recovery.payment_id,
        customer_id=facts.payment.customer_id,
        number=number,
        channel=Channel.EMAIL if by_mail else Channel.WEBHOOK,
        language=facts.person.language,
        recipient=facts.person.recipient,
        status=Status.SENDING if by_mail else Status.DUE,
        version=1,
        events_count=0,
        tries=1 if by_mail else 0,
        why=None,
        link_until=min(now + facts.case.policy.link_lives, facts.case.deadline),
        next_at=None,
        created_at=now,
        sent_at=None,
        updated_at=now,
    )
