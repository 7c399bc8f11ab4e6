"""What callers send about messages."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.http.fields import IdText, ListQuery
from recoup.kit.money import MINOR_MAX
from recoup.messages.core.policy import MESSAGES_MAX, MessagePolicy
from recoup.messages.core.words import Group


class PutMessagePolicy(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """How customers are asked from now on: the whole policy; what is left out has its default."""

    policy: MessagePolicy


class MessageBounced(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What came back of a message."""

    reason: Annotated[
        Literal["bounced", "complained"],
        Meta(description="`bounced`: there is nobody at the address. `complained`: it was reported as spam."),
    ] = "bounced"


class MessageQuery(ListQuery, frozen=True):
    """Which messages."""

    recovery: Annotated[IdText | None, Meta(description="Only those of this recovery.")] = None
    customer: Annotated[IdText | None, Meta(description="Only those to this customer.")] = None


class PreviewQuery(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A message that nobody gets."""

    language: Annotated[str, Meta(min_length=2, max_length=2)] = "en"
    amount: Annotated[int, Meta(ge=1, le=MINOR_MAX, description="In the smallest unit.")] = 4_999
    currency: Annotated[str, Meta(min_length=3, max_length=3)] = "USD"
    reason: Annotated[Group, Meta(description="Why the payment failed, as customers are told it.")] = (
        Group.FUNDS
    )
    number: Annotated[int, Meta(ge=1, le=MESSAGES_MAX, description="Which message of its payment it is.")] = 1
