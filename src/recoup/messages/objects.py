"""A message as the API and the events show it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.messages.core.machine import Status
from recoup.messages.core.policy import Channel, MessagePolicy
from recoup.messages.core.records import Message
from recoup.messages.rendering import Letter


class MessageObject(Struct, kw_only=True, frozen=True):
    """One message to a customer about a payment that failed. It does not say to which address it went."""

    id: str
    object: Literal["message"] = "message"
    recovery: str
    payment: str
    customer: str | None
    number: Annotated[int, Meta(description="Which one it is of its recovery.")]
    channel: Channel
    language: str
    status: Annotated[
        Status,
        Meta(
            description="`due`: you send it, with this `link`. `unknown`: it may have arrived, and is not sent again. "
            "`kept`: not sent, in test mode."
        ),
    ]
    why: Annotated[str | None, Meta(description="What the mail server said, where it was not sent.")]
    link: Annotated[
        str,
        Meta(
            description="Where this customer pays, or gives another card. It is theirs alone: do not log it."
        ),
    ]
    link_until: str
    next_try_at: str | None
    created_at: str
    sent_at: str | None
    livemode: bool


class MessagePolicyObject(Struct, kw_only=True, frozen=True):
    """How customers are asked."""

    object: Literal["message_policy"] = "message_policy"
    policy: MessagePolicy
    mail_server: Annotated[
        bool, Meta(description="Whether a mail server is set up here (`RECOUP_SMTP_HOST`).")
    ]
    livemode: bool


class MessagePreviewObject(Struct, kw_only=True, frozen=True):
    """A message that nobody gets."""

    object: Literal["message_preview"] = "message_preview"
    language: str
    subject: str
    text: str
    html: str


def message_object(message: Message, *, link: str, livemode: bool) -> MessageObject:
    """A message as it is now."""
    customer_id, next_at, sent_at = message.customer_id, message.next_at, message.sent_at
    return MessageObject(
        id=render(Kind.MESSAGE, message.id),
        recovery=render(Kind.RECOVERY, message.recovery_id),
        payment=render(Kind.PAYMENT, message.payment_id),
        customer=None if customer_id is None else render(Kind.CUSTOMER, customer_id),
        number=message.number,
        channel=message.channel,
        language=message.language,
        status=message.status,
        why=message.why,
        link=link,
        link_until=rfc3339(message.link_until),
        next_try_at=None if next_at is None else rfc3339(next_at),
        created_at=rfc3339(message.created_at),
        sent_at=None if sent_at is None else rfc3339(sent_at),
        livemode=livemode,
    )


def preview_object(letter: Letter, language: str) -> MessagePreviewObject:
    """A letter as it would be."""
    return MessagePreviewObject(language=language, subject=letter.subject, text=letter.text, html=letter.html)
