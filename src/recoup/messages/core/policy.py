"""How a merchant wants its customers asked: when, how often, in whose name and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final

from msgspec import Meta, Struct, field

from recoup.kit.refusals import Refusal, invalid
from recoup.messages.core.words import LANGUAGES

DAYS_MAX: Final = 60
MESSAGES_MAX: Final = 8
BLANKS: Final = frozenset({"amount", "merchant", "last4"})
"""What a merchant's own words may name, in braces."""

Line = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
Day = Annotated[int, Meta(ge=0, le=DAYS_MAX)]
Days = Annotated[list[Day], Meta(max_length=MESSAGES_MAX)]
Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z", examples=["20:00"])]


class Channel(StrEnum):
    """Who sends: Recoup, by e-mail; or the merchant, who is told by a webhook, by SMS or whatever else."""

    EMAIL = "email"
    WEBHOOK = "webhook"


class Texts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merchant's own words in one language, with `{amount}`, `{merchant}` and `{last4}` filled in."""

    subject: Annotated[str, Meta(min_length=1, max_length=150, pattern=r"^[^\x00-\x1f\x7f]*\Z")] | None = None
    intro: Annotated[str, Meta(min_length=1, max_length=1000)] | None = None


class MessagePolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a customer whose payment failed is asked, by what, and how often at most."""

    enabled: Annotated[bool, Meta(description="Whether anybody is asked at all.")] = False
    channel: Annotated[
        Channel,
        Meta(
            description="`email`: Recoup sends it; who has no address is told of as by `webhook`, which means that you "
            "send it yourself when `customer_message.due` comes."
        ),
    ] = Channel.EMAIL
    sender_name: Annotated[Line, Meta(description="Your name as your customers know it.")] = ""
    reply_to: (
        Annotated[
            str, Meta(min_length=3, max_length=254, description="Where answers go, such as your support.")
        ]
        | None
    ) = None
    language: Annotated[
        str,
        Meta(
            max_length=2, description="For customers of whom neither a language nor a country is known to us."
        ),
    ] = "en"
    days: Annotated[
        Days,
        Meta(
            description="After how many days from the failure a customer is asked where only they can help (another "
            "card, or their bank's question)."
        ),
    ] = field(default_factory=lambda: [0, 3, 7])
    days_while_retrying: Annotated[
        Days, Meta(description="The same where further tries are planned as well; empty: nobody is asked.")
    ] = field(default_factory=lambda: [3, 7, 14])
    quiet_from: Annotated[
        Clock, Meta(description="Nothing is sent from then on, in the customer's time.")
    ] = "20:00"
    quiet_until: Annotated[
        Clock, Meta(description="The end of that; equal to `quiet_from`: never quiet.")
    ] = "08:00"
    per_week_max: Annotated[
        int,
        Meta(ge=1, le=14, description="The most messages to one customer in seven days, over all payments."),
    ] = 3
    link_days: Annotated[int, Meta(ge=1, le=DAYS_MAX, description="For how long a link works.")] = 14
    texts: Annotated[dict[str, Texts], Meta(description="Your own words, by language.")] = {}

    @property
    def quiet(self) -> tuple[time, time]:
        """From when to when nothing is sent, by the customer's clock."""
        return time.fromisoformat(self.quiet_from), time.fromisoformat(self.quiet_until)

    @property
    def link_lives(self) -> timedelta:
        """For how long a link works."""
        return timedelta(days=self.link_days)


NO_POLICY: Final = MessagePolicy()
"""What holds until a merchant says otherwise: nobody is asked."""


def check_policy(policy: MessagePolicy) -> None:
    """Refuses a policy that cannot be meant."""
    for name, days in (("days", policy.days), ("days_while_retrying", policy.days_while_retrying)):
        if not _rises(days):
            raise _bad(f"`{name}` must rise from one to the next, such as [0, 3, 7].", name)
    if policy.language not in LANGUAGES:
        raise _bad(f"`language` must be one of {', '.join(LANGUAGES)}.", "language")
    if policy.enabled and not policy.sender_name.strip():
        raise _bad("Say by `sender_name` in whose name your customers are asked.", "sender_name")
    if policy.reply_to is not None and not is_address(policy.reply_to):
        raise _bad("`reply_to` must be an e-mail address.", "reply_to")
    for language, texts in policy.texts.items():
        _check_texts(language, texts)


def is_address(text: str) -> bool:
    """Whether mail could be sent to this at all; what is not ASCII would need servers that few have."""
    name, at, domain = text.rpartition("@")
    plain = text.isascii() and text.isprintable() and not any(sign in text for sign in ' <>,;:"()[]\\')
    return bool(name and at and "." in domain) and plain and "@" not in name and len(text) <= 254


def _rises(days: Sequence[int]) -> bool:
    return all(earlier < later for earlier, later in pairwise(days))


def _check_texts(language: str, texts: Texts) -> None:
    if language not in LANGUAGES:
        raise _bad(f"`texts` has words in {', '.join(LANGUAGES)} only.", f"texts.{language}")
    for name in ("subject", "intro"):
        text: str | None = getattr(texts, name)
        if text is not None and not _is_fillable(text):
            shown = ", ".join(f"{{{blank}}}" for blank in sorted(BLANKS))
            raise _bad(f"In braces only {shown} may stand.", f"texts.{language}.{name}")


def _is_fillable(text: str) -> bool:
    rest = text
    for blank in BLANKS:
        rest = rest.replace(f"{{{blank}}}", "")
    return "{" not in rest and "}" not in rest


def filled(text: str, blanks: dict[str, str]) -> str:
    """A text with its blanks filled in."""
    for name, value in blanks.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _bad(message: str, param: str) -> Refusal:
    return invalid("invalid_message_policy", message, param=f"policy.{param}")
