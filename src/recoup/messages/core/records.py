"""A message to a customer, and what is known when it is decided whether to send one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from recoup.messages.core.machine import Status
from recoup.messages.core.policy import Channel, MessagePolicy
from recoup.recovery.core.machine import Standing
from recoup.recovery.core.machine import Status as RecoveryStatus


@dataclass(frozen=True, slots=True)
class Message:
    """One message as its row has it. `recipient` stands for whom it went to, and tells nobody who that is.

    `number` counts the messages of a recovery; `tries` how often it was handed to a mail server.
    """

    merchant_id: UUID
    id: UUID
    recovery_id: UUID
    payment_id: UUID
    customer_id: UUID | None
    number: int
    channel: Channel
    language: str
    recipient: bytes = field(repr=False)
    status: Status
    version: int
    events_count: int
    tries: int
    why: str | None
    link_until: datetime
    next_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """What decides whether a customer is asked now. `messages` are those of this recovery, in order."""

    policy: MessagePolicy
    recovery: RecoveryStatus
    is_open: bool
    opened_at: datetime
    deadline: datetime
    next_try_at: datetime | None
    standing: Standing
    zone: str
    messages: tuple[Message, ...]
