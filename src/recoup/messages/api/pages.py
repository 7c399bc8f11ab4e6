"""The pages that a customer's link opens: pay now, or give another card; and no more messages.

`GET /pay/{token}` shows what is open and changes nothing. Its forms post back to it and nowhere else; no page of these
loads or runs anything. What was done is followed by a redirection to the page itself, so that reloading repeats
nothing. To their bank the customer goes by a link, which comes back to `/pay/{token}/return`. Card numbers are read
from the form into a `Secret`, and are in no page, log or address.

`/unsubscribe/{token}` asks first when it is opened, for programs open links too; a posted `List-Unsubscribe=One-Click`
(RFC 8058) or the page's own button is the customer's word.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from jinja2 import Environment, PackageLoader, StrictUndefined

from recoup.connectors.base import Browser
from recoup.http.answers import Answer, Header
from recoup.http.visits import HTML, PublicPage, Visit
from recoup.kit.clock import Clock
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.messages.core.policy import MessagePolicy, filled
from recoup.messages.core.words import LANGUAGES, WORDS, Words, group_of
from recoup.messages.flow import Messages
from recoup.messages.flow.paying import Paying, View, Visited
from recoup.messages.rendering import blanks_of
from recoup.payments.wire import RETURNED_LENGTH_MAX, RETURNED_MAX
from recoup.vault.wire import CardData, CardMethodData

FIELDS_MAX: Final = 10
FORM_BYTES_MAX: Final = 2_000
SHARE: Final = "payers"
_NONCE_BYTES: Final = 16
_HEADER_MAX: Final = 2_000
_SAFE: Final[tuple[Header, ...]] = (
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"x-robots-tag", b"noindex"),
)
_MOVED_ON: Final = frozenset(
    {"payment_unexpected_state", "payment_under_way", "payment_busy", "outcome_not_stored"}
)
"""Refusals that the page itself explains, for it shows what the payment has come to."""
_WRONG: Final[Mapping[str, str]] = {
    "number": "wrong_number",
    "exp_month": "wrong_expiry",
    "exp_year": "wrong_expiry",
    "cvc": "wrong_cvc",
}
_TRIED_TOO_OFTEN: Final = "attempts_exhausted"
_DIGITS: Final = frozenset("0123456789")


class WrongField(Exception):
    """Something on the form cannot be; `said` is the name of the words that say so."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class CustomerPages:
    """The pages, as the edge serves them."""

    def __init__(
        self,
        paying: Paying,
        messages: Messages,
        *,
        merchant: Callable[[UUID], Awaitable[Merchant | None]],
        clock: Clock,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._paying = paying
        self._messages = messages
        self._merchant = merchant
        self._clock = clock
        self._entropy = entropy
        self._templates = Environment(
            loader=PackageLoader("recoup.messages.api"), autoescape=True, undefined=StrictUndefined
        )

    def pages(self) -> list[PublicPage]:
        """All of them."""
        pay, back, no_more = "/pay/{token}", "/pay/{token}/return", "/unsubscribe/{token}"
        returned_max = 3 * RETURNED_LENGTH_MAX
        return [
            PublicPage("GET", pay, self.show, share=SHARE),
            PublicPage("POST", pay, self.act, body_bytes_max=FORM_BYTES_MAX, share=SHARE),
            PublicPage("GET", back, self.come_back, share=SHARE),
            PublicPage("POST", back, self.come_back, body_bytes_max=returned_max, share=SHARE),
            PublicPage("GET", no_more, self.ask_for_no_more, share=SHARE),
            PublicPage("POST", no_more, self.no_more, body_bytes_max=FORM_BYTES_MAX, share=SHARE),
        ]

    async def show(self, visit: Visit) -> Answer:
        """`GET /pay/{token}`."""
        seen = await self._paying.visited(visit.path["token"])
        return self._wrong_link(visit) if seen is None else self._page(seen)

    async def act(self, visit: Visit) -> Answer:
        """`POST /pay/{token}`: pay, or give another card."""
        seen = await self._paying.visited(visit.path["token"])
        if seen is None:
            return self._wrong_link(visit)
        form = visit.parameters(at_most=FIELDS_MAX) or {}
        if form.get("seen") != _seen(seen):  # posted twice, or after something else happened
            return _to(seen.link)
        try:
            await self._acted(seen, form, visit)
        except WrongField as wrong:
            return self._page(seen, problem=wrong.said)
        except Refusal as refusal:
            if refusal.code not in _MOVED_ON:
                return self._page(seen, problem=_problem(refusal))
        return _to(seen.link)

    async def _acted(self, seen: Visited, form: Mapping[str, str], visit: Visit) -> None:
        match form.get("do"):
            case "pay":
                await self._paying.pay(seen, _card(form), _browser(visit))
            case "same":
                await self._paying.pay(seen, None, _browser(visit))
            case "save":
                await self._paying.replace(seen, _card(form))
            case _:
                pass

    async def come_back(self, visit: Visit) -> Answer:
        """`GET` and `POST /pay/{token}/return`: the customer comes from their bank."""
        seen = await self._paying.visited(visit.path["token"])
        if seen is None:
            return self._wrong_link(visit)
        brought = visit.parameters(at_most=RETURNED_MAX)
        if brought is None or sum(map(len, (*brought, *brought.values()))) > RETURNED_LENGTH_MAX:
            brought = {}
        try:
            await self._paying.come_back(seen, brought)
        except Refusal as refusal:
            if refusal.code not in _MOVED_ON:
                raise
        return _to(seen.link)

    async def ask_for_no_more(self, visit: Visit) -> Answer:
        """`GET /unsubscribe/{token}`."""
        message = await self._messages.named_by(visit.path["token"])
        merchant = None if message is None else await self._merchant(message.merchant_id)
        if message is None or merchant is None:
            return self._wrong_link(visit)
        policy, words = await self._messages.policy(merchant), WORDS[message.language]
        return self._asked(words, policy, said="unsubscribe_ask", do="unsubscribe", button="unsubscribe_do")

    async def no_more(self, visit: Visit) -> Answer:
        """`POST /unsubscribe/{token}`."""
        message = await self._messages.named_by(visit.path["token"])
        merchant = None if message is None else await self._merchant(message.merchant_id)
        if message is None or merchant is None:
            return self._wrong_link(visit)
        now = merchant.now(self._clock.now())
        policy, words = await self._messages.policy(merchant), WORDS[message.language]
        form = visit.parameters(at_most=FIELDS_MAX) or {}
        if form.get("do") == "subscribe":
            await self._messages.subscribe(merchant, message, now=now)
            return self._asked(words, policy, said="subscribed", do="unsubscribe", button="unsubscribe_do")
        if form.get("do") != "unsubscribe" and form.get("List-Unsubscribe") != "One-Click":
            return self._asked(
                words, policy, said="unsubscribe_ask", do="unsubscribe", button="unsubscribe_do"
            )
        await self._messages.unsubscribe(merchant, message, now=now)
        return self._asked(words, policy, said="unsubscribed", do="subscribe", button="subscribe_do")

    def _asked(self, words: Words, policy: MessagePolicy, *, said: str, do: str, button: str) -> Answer:
        told = _Told(words, {"merchant": policy.sender_name})
        return self._html(200, "unsubscribe.html.j2", words, told=told, said=said, do=do, button=button)

    def _page(self, seen: Visited, *, problem: str | None = None) -> Answer:
        words, payment = WORDS[seen.language], seen.payment
        record = payment.decline
        blanks = blanks_of(seen.policy, words, payment.money, last4=seen.same_last4)
        return self._html(
            200 if problem is None else 400,
            "pay.html.j2",
            words,
            told=_Told(words, blanks),
            merchant=blanks["merchant"],
            amount=blanks["amount"],
            view=seen.view.value,
            problem=problem,
            reason=words.reasons[group_of(None if record is None else record.decline.category)],
            same=seen.same_last4 is not None,
            tried=seen.was_tried,
            may_save=seen.may_save,
            seen=_seen(seen),
            bank=_web(seen.bank),
            form=seen.view is View.PAY,
            back=f"{urlsplit(seen.link).path}/return",
        )

    def _wrong_link(self, visit: Visit) -> Answer:
        words = WORDS[_language(visit)]
        return self._html(404, "words.html.j2", words, said=words.wrong_link)

    def _html(self, status: int, template: str, words: Words, **given: Any) -> Answer:
        nonce = b64encode(self._entropy(_NONCE_BYTES)).decode()
        page = self._templates.get_template(template).render(nonce=nonce, words=words, **given)
        policy = "; ".join(
            (
                "default-src 'none'",
                f"style-src 'nonce-{nonce}'",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            )
        )
        headers = (*_SAFE, (b"content-security-policy", policy.encode("ascii")))
        return Answer(status, page.encode(), headers, content_type=HTML)


class _Told:
    """The sentences of a language with their blanks filled in, by their names."""

    def __init__(self, words: Words, blanks: dict[str, str]) -> None:
        self._words, self._blanks = words, blanks

    def __getitem__(self, name: str) -> str:
        return filled(str(getattr(self._words, name)), self._blanks)


def _seen(seen: Visited) -> str:
    """What the page was made from: a form of an older one does nothing."""
    return str(seen.payment.attempts_count)


def _problem(refusal: Refusal) -> str:
    """The name of the words for what a refusal says."""
    field = (refusal.param or "").rpartition(".")[2]
    return "too_many" if refusal.code == _TRIED_TOO_OFTEN else _WRONG.get(field, "not_taken")


def _card(form: Mapping[str, str]) -> CardMethodData:
    """The card of a form; raises `WrongField` for what cannot be read."""
    expiry = form.get("expiry", "").replace(" ", "")
    month, slash, year = expiry.partition("/")
    if not slash and len(expiry) in (4, 6):  # without the stroke, as some keyboards make it
        month, year = expiry[:2], expiry[2:]
    if not (_is_number(month, at_most=2) and _is_number(year, at_most=4) and 1 <= int(month) <= 12):
        raise WrongField("wrong_expiry")
    cvc = form.get("cvc", "").strip()
    if not _is_number(cvc, at_most=4) or len(cvc) < 3:
        raise WrongField("wrong_cvc")
    return CardMethodData(
        card=CardData(
            number=Secret(form.get("number", "").strip()),
            exp_month=int(month),
            exp_year=int(year),
            cvc=Secret(cvc),
        )
    )


def _is_number(text: str, *, at_most: int) -> bool:
    return 0 < len(text) <= at_most and _DIGITS.issuperset(text)


def _browser(visit: Visit) -> Browser:
    """What a browser without scripts says of itself; banks decide by it."""

    def said(name: bytes) -> str | None:
        value = visit.headers.get(name, b"").decode("latin-1")[:_HEADER_MAX]
        return value if value and value.isprintable() else None

    language = (said(b"accept-language") or "").partition(",")[0].partition(";")[0].strip()
    return Browser(user_agent=said(b"user-agent"), accept=said(b"accept"), language=language or None)


def _language(visit: Visit) -> str:
    """The language of somebody of whom nothing else is known."""
    wanted = visit.headers.get(b"accept-language", b"").decode("latin-1").lower()
    found = (part.strip()[:2] for part in wanted.split(","))
    return next((one for one in found if one in LANGUAGES), "en")


def _web(url: str | None) -> str | None:
    """An address that a browser may be sent to."""
    return url if url is not None and urlsplit(url).scheme in ("https", "http") else None


def _to(url: str) -> Answer:
    """The same host: a browser holds a form to where it may go along redirections too."""
    path = urlsplit(url).path
    return Answer(303, b"", (*_SAFE, (b"location", path.encode("ascii"))), content_type=HTML)
