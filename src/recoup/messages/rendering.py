"""An e-mail to a customer: plain text and HTML of the same words, with the link to the page and the one to get no more.

What comes from outside is text, whatever it looks like: the templates are ours alone, and HTML is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from typing import Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.messages.core.policy import MessagePolicy, Texts, filled
from recoup.messages.core.records import Message
from recoup.messages.core.words import WORDS, Group, Words, day_shown, money_shown

LINE_MAX: Final = 150
_HEADERS: Final = HeaderRegistry()


class _Whole(UnstructuredHeader, BaseHeader):
    """A header that is a long address: broken in two, or encoded, no reader would find it."""

    def fold(self, *, policy: Policy) -> str:
        """The header in one line."""
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS.map_to_type("list-unsubscribe", _Whole)
_POLICY: Final = SMTP.clone(header_factory=_HEADERS)
_NO_TEXTS: Final = Texts()


@dataclass(frozen=True, slots=True)
class Letter:
    """What a message says: to whom it goes is known only when it is sent."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class About:
    """What a message is about. `number`: which one it is of its payment; `last4` of the card that was tried."""

    amount: Money
    last4: str | None
    group: Group
    number: int
    retried: bool
    link: str
    unsubscribe: str
    until: datetime


class Renderer:
    """Writes letters."""

    def __init__(self) -> None:
        loader = PackageLoader("recoup.messages")
        self._plain = Environment(
            loader=loader,
            autoescape=False,  # noqa: S701 - it is plain text
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        self._html = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)

    def letter(self, policy: MessagePolicy, language: str, about: About) -> Letter:
        """The message in this language, in the merchant's own words where it has given some."""
        words = WORDS[language]
        blanks = blanks_of(policy, words, about.amount, last4=about.last4)
        texts = policy.texts.get(language, _NO_TEXTS)
        subject = texts.subject or (words.subject if about.number == 1 else words.reminder)
        said = {
            "subject": filled(subject, blanks)[:LINE_MAX],
            "greeting": words.greeting,
            "intro": filled(texts.intro or _intro(words, about), blanks),
            "reason": words.reasons[about.group],
            "tried_again": words.tried_again if about.retried else "",
            "until": words.until.replace("{day}", day_shown(about.until.date(), words)),
            "link": about.link,
            "unsubscribe_link": about.unsubscribe,
            "language": language,
        }
        for name in ("invite", "button", "paid_already", "not_a_card", "footer", "unsubscribe"):
            said[name] = filled(getattr(words, name), blanks)
        return Letter(
            said["subject"],
            self._plain.get_template("email.txt.j2").render(said),
            self._html.get_template("email.html.j2").render(said),
        )


def page_templates(package: str) -> Environment:
    """A package's own templates of pages, over those that all pages for customers share."""
    loader = ChoiceLoader([PackageLoader(package), PackageLoader("recoup.messages.api")])
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined)


def blanks_of(policy: MessagePolicy, words: Words, amount: Money, *, last4: str | None) -> dict[str, str]:
    """What is filled into sentences."""
    return {"merchant": policy.sender_name, "amount": money_shown(amount, words), "last4": last4 or "····"}


def _intro(words: Words, about: About) -> str:
    return words.intro_without_card if about.last4 is None else words.intro


def email(
    message: Message,
    letter: Letter,
    policy: MessagePolicy,
    *,
    to: str,
    sender: str,
    unsubscribe: str,
    at: datetime,
) -> EmailMessage:
    """A letter with its headers. Whoever sends it twice sends the same `Message-ID`. `to` must be an address.

    One click on the reader's own button to unsubscribe is enough (RFC 8058, 2017-01).
    """
    name, _, domain = sender.rpartition("@")
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(policy.sender_name, name, domain)
    mail["To"] = Address(addr_spec=to)
    if policy.reply_to is not None:
        mail["Reply-To"] = Address(addr_spec=policy.reply_to)
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{render(Kind.MESSAGE, message.id)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Unsubscribe"] = f"<{unsubscribe}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(letter.text, cte="quoted-printable")
    mail.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return mail
