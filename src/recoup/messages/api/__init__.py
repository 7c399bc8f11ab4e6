"""Messages over HTTP: how customers are asked, what they were sent, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from recoup.http.fields import ListObject, parse_id
from recoup.http.routes import Call, Idempotency, Problem, Route
from recoup.kit.currencies import DECIMALS
from recoup.kit.ids import Kind
from recoup.kit.money import Money
from recoup.kit.refusals import invalid
from recoup.messages.core.policy import MessagePolicy
from recoup.messages.core.records import Message
from recoup.messages.core.words import LANGUAGES
from recoup.messages.flow import Messages
from recoup.messages.objects import (
    MessageObject,
    MessagePolicyObject,
    MessagePreviewObject,
    message_object,
    preview_object,
)
from recoup.messages.store import Stopped
from recoup.messages.wire import MessageBounced, MessageQuery, PreviewQuery, PutMessagePolicy

_PATH: Final = "/v1/messages"
_POLICY: Final = "/v1/message_policy"
_TAG: Final = "messages"
_EXAMPLE: Final[Mapping[str, Any]] = {
    "policy": {
        "enabled": True,
        "sender_name": "Lamp Shop",
        "reply_to": "help@lamps.example",
        "days": [0, 3, 7],
        "days_while_retrying": [],
        "texts": {"en": {"subject": "{amount} for your lamps is still open"}},
    }
}


class MessageList(ListObject[MessageObject], frozen=True):
    """A page of messages."""


class MessagesApi:
    """The routes of messages."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def routes(self) -> list[Route]:
        """All routes."""
        return [*self._reading(), *self._policy_routes()]

    def _reading(self) -> list[Route]:
        return [
            Route(
                "GET",
                _PATH,
                self.page,
                query=MessageQuery,
                answer=MessageList,
                summary="List messages to customers",
                tag=_TAG,
            ),
            Route(
                "GET",
                f"{_PATH}/{{message}}",
                self.read,
                answer=MessageObject,
                summary="Read a message to a customer",
                tag=_TAG,
            ),
            Route(
                "POST",
                f"{_PATH}/{{message}}/bounced",
                self.bounced,
                body=MessageBounced,
                answer=MessageObject,
                summary="Tell that a message came back",
                description="Nothing is sent to that address any more.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=("message_busy",),
            ),
        ]

    def _policy_routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                _POLICY,
                self.policy,
                answer=MessagePolicyObject,
                summary="Read how customers are asked",
                tag=_TAG,
            ),
            Route(
                "POST",
                _POLICY,
                self.put_policy,
                body=PutMessagePolicy,
                answer=MessagePolicyObject,
                summary="Say how customers are asked",
                description="It holds for recoveries that open from now on, and for the next message of those that "
                "have messages already.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    Problem("invalid_message_policy", 400),
                    Problem("public_url_missing", 409, "Live customers are only sent to a https address."),
                    Problem("mail_server_missing", 409, "There is nobody here to take e-mails."),
                ),
                examples={"by e-mail": _EXAMPLE},
            ),
            Route(
                "GET",
                "/v1/message_preview",
                self.preview,
                query=PreviewQuery,
                answer=MessagePreviewObject,
                summary="Preview a message to a customer",
                description="As the policy is now. Nobody gets it, and its links open nothing.",
                tag=_TAG,
            ),
        ]

    async def page(self, call: Call[None, MessageQuery]) -> MessageList:
        """`GET /v1/messages`."""
        query, page = call.query, call.query.page(Kind.MESSAGE)
        found = await self._messages.page(
            call.merchant,
            recovery_id=_optional(Kind.RECOVERY, query.recovery, "recovery"),
            customer_id=_optional(Kind.CUSTOMER, query.customer, "customer"),
            after=page.after,
            before=page.before,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        return MessageList(data=[self._object(one, call) for one in shown], has_more=has_more, url=_PATH)

    async def read(self, call: Call[None, None]) -> MessageObject:
        """`GET /v1/messages/{id}`."""
        found = await self._messages.get(call.merchant, call.path_id("message", Kind.MESSAGE))
        return self._object(found, call)

    async def bounced(self, call: Call[MessageBounced, None]) -> MessageObject:
        """`POST /v1/messages/{id}/bounced`."""
        message_id = call.path_id("message", Kind.MESSAGE)
        changed = await self._messages.bounced(
            call.transaction(), call.merchant, message_id, Stopped(call.body.reason), now=call.now
        )
        return self._object(changed, call)

    async def policy(self, call: Call[None, None]) -> MessagePolicyObject:
        """`GET /v1/message_policy`."""
        return self._policy_object(await self._messages.policy(call.merchant), call)

    async def put_policy(self, call: Call[PutMessagePolicy, None]) -> MessagePolicyObject:
        """`POST /v1/message_policy`."""
        said = await self._messages.put_policy(
            call.transaction(), call.merchant, call.body.policy, now=call.now
        )
        return self._policy_object(said, call)

    async def preview(self, call: Call[None, PreviewQuery]) -> MessagePreviewObject:
        """`GET /v1/message_preview`."""
        query = call.query
        if query.language not in LANGUAGES:
            raise invalid("unknown_value", f"`language` is one of {', '.join(LANGUAGES)}.", param="language")
        if query.currency not in DECIMALS:
            raise invalid("invalid_currency", "`currency` must be a code of ISO 4217.", param="currency")
        money = Money(query.amount, query.currency)
        letter = await self._messages.preview(
            call.merchant, query.language, money, group=query.reason, number=query.number, now=call.now
        )
        return preview_object(letter, query.language)

    def _object(self, message: Message, call: Call[Any, Any]) -> MessageObject:
        return message_object(message, link=self._messages.link(message), livemode=call.merchant.livemode)

    def _policy_object(self, policy: MessagePolicy, call: Call[Any, Any]) -> MessagePolicyObject:
        return MessagePolicyObject(
            policy=policy, mail_server=self._messages.has_mail_server, livemode=call.merchant.livemode
        )


def _optional(kind: Kind, text: str | None, param: str) -> UUID | None:
    return None if text is None else parse_id(kind, text, what=param, param=param)
