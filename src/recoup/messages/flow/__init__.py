"""Messages: the one door for whoever reads them, says how customers are asked, or that somebody wants no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.kit.refusals import conflict, not_found
from recoup.merchants.core import Merchant
from recoup.messages import store
from recoup.messages.core.machine import News, takes
from recoup.messages.core.policy import Channel, MessagePolicy, check_policy
from recoup.messages.core.records import Message
from recoup.messages.core.words import Group
from recoup.messages.flow.writing import UNSUBSCRIBED, Writer, changed
from recoup.messages.links import Links, Opens
from recoup.messages.rendering import About, Letter, Renderer
from recoup.messages.store import Stopped

_SECURE: Final = "https://"


@dataclass(frozen=True, slots=True)
class Means:
    """What is set up here for asking customers. `public_url` is what whoever runs this server said, not a guess."""

    sender: str | None
    public_url: str | None


class Messages:
    """Everything that can be done with messages, but to send them."""

    def __init__(
        self, database: Database, *, writer: Writer, links: Links, renderer: Renderer, means: Means
    ) -> None:
        self._database = database
        self._writer = writer
        self._links = links
        self._renderer = renderer
        self._means = means

    @property
    def has_mail_server(self) -> bool:
        """Whether e-mails can leave."""
        return self._means.sender is not None

    def link(self, message: Message) -> str:
        """Where the customer of a message pays."""
        return self._writer.link(message)

    async def policy(self, merchant: Merchant) -> MessagePolicy:
        """How this merchant's customers are asked."""
        return await store.policy(self._database, merchant_id=merchant.id)

    async def put_policy(
        self, connection: Connection, merchant: Merchant, said: MessagePolicy, *, now: datetime
    ) -> MessagePolicy:
        """Say how customers are asked from now on; refuses what cannot be meant, or cannot be done here."""
        check_policy(said)
        if said.enabled and merchant.livemode:
            self._refuse_unready(said)
        await store.put_policy(connection, said, merchant_id=merchant.id, now=now)
        return said

    def _refuse_unready(self, said: MessagePolicy) -> None:
        if not (self._means.public_url or "").startswith(_SECURE):
            raise conflict(
                "public_url_missing",
                "Links must lead customers to this server by https: set RECOUP_PUBLIC_URL first.",
                param="policy.enabled",
            )
        if said.channel is Channel.EMAIL and not self.has_mail_server:
            raise conflict(
                "mail_server_missing",
                "No mail server is set up: set RECOUP_SMTP_HOST and RECOUP_SMTP_FROM, or choose the channel `webhook`.",
                param="policy.channel",
            )

    async def get(self, merchant: Merchant, message_id: UUID) -> Message:
        """One message; refuses with 404."""
        found = await store.read(self._database, merchant_id=merchant.id, message_id=message_id)
        return _there(found, message_id)

    async def page(
        self,
        merchant: Merchant,
        *,
        recovery_id: UUID | None = None,
        customer_id: UUID | None = None,
        after: UUID | None = None,
        before: UUID | None = None,
        limit: int,
    ) -> Sequence[Message]:
        """Messages newest first; with `before` oldest first."""
        return await store.page(
            self._database,
            merchant_id=merchant.id,
            recovery_id=recovery_id,
            customer_id=customer_id,
            after=after,
            before=before,
            limit=limit,
        )

    async def preview(
        self, merchant: Merchant, language: str, amount: Money, *, group: Group, number: int, now: datetime
    ) -> Letter:
        """A message as it would be. Its links open nothing."""
        policy = await self.policy(merchant)
        nothing = UUID(int=0)
        until = now + policy.link_lives
        about = About(
            amount=amount,
            last4="4242",
            group=group,
            number=number,
            retried=False,
            link=self._links.pay(merchant.id, nothing, until=now),
            unsubscribe=self._links.unsubscribe(merchant.id, nothing, until=now),
            until=until,
        )
        return self._renderer.letter(policy, language, about)

    async def bounced(
        self, connection: Connection, merchant: Merchant, message_id: UUID, why: Stopped, *, now: datetime
    ) -> Message:
        """A message came back, or was complained of: nothing is sent there any more. In the caller's transaction."""
        found = await store.read(connection, merchant_id=merchant.id, message_id=message_id)
        message = _there(found, message_id)
        await store.hold_recipient(connection, merchant_id=merchant.id, recipient=message.recipient)
        await store.stop(connection, merchant_id=merchant.id, recipient=message.recipient, why=why, now=now)
        if not takes(message.status, News.BOUNCED):
            return message
        after = changed(message, News.BOUNCED, now, why=why.value)
        if not await self._writer.write(connection, merchant, message, after):
            raise conflict("message_busy", "This message is just being changed; try again.", retry_after_s=1)
        return after

    async def named_by(self, token: str) -> Message | None:
        """The message that a link to get no more of them names. It works for ever: who wants no more may say so."""
        named = self._links.named_by(token, Opens.UNSUBSCRIBE)
        if named is None:
            return None
        return await store.read(self._database, merchant_id=named.merchant_id, message_id=named.object_id)

    async def unsubscribe(self, merchant: Merchant, message: Message, *, now: datetime) -> None:
        """Send nothing any more to whom this message went. Once more changes nothing."""

        async def work(connection: Connection) -> None:
            held = await store.hold_recipient(
                connection, merchant_id=merchant.id, recipient=message.recipient
            )
            if held.stopped is Stopped.UNSUBSCRIBED:
                return
            await store.stop(
                connection,
                merchant_id=merchant.id,
                recipient=message.recipient,
                why=Stopped.UNSUBSCRIBED,
                now=now,
            )
            fresh = await store.read(connection, merchant_id=merchant.id, message_id=message.id)
            assert fresh is not None, "messages are never deleted"
            after = replace(fresh, version=fresh.version + 1, updated_at=now)
            await self._writer.write(connection, merchant, fresh, after, told=UNSUBSCRIBED)

        await self._database.retrying(work)

    async def subscribe(self, merchant: Merchant, message: Message, *, now: datetime) -> None:
        """Send again to whom this message went, where they had said no; what bounced stays stopped."""

        async def work(connection: Connection) -> None:
            held = await store.hold_recipient(
                connection, merchant_id=merchant.id, recipient=message.recipient
            )
            if held.stopped is Stopped.UNSUBSCRIBED:
                await store.stop(
                    connection, merchant_id=merchant.id, recipient=message.recipient, why=None, now=now
                )

        await self._database.retrying(work)


def _there(message: Message | None, message_id: UUID) -> Message:
    if message is None:
        raise not_found("message", render(Kind.MESSAGE, message_id))
    return message
