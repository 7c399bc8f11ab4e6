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

from recoup.http import plain
from recoup.http.answers import Answer
from recoup.http.visits import PublicPage, Visit
from recoup.kit.clock import Clock
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.messages.core.policy import MessagePolicy
from recoup.messages.core.words import WORDS, Words, group_of
from recoup.messages.flow import Messages
from recoup.messages.flow.paying import Paying, View, Visited
from recoup.messages.forms import (
    FIELDS_MAX,
    FORM_BYTES_MAX,
    MOVED_ON,
    Told,
    WrongField,
    browser_of,
    card_of,
    language_of,
    problem_of,
)
from recoup.messages.rendering import blanks_of, page_templates
from recoup.payments.wire import RETURNED_LENGTH_MAX, RETURNED_MAX

SHARE: Final = "payers"
_NONCE_BYTES: Final = 16


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
        self._templates = page_templates("recoup.messages.api")

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
            return plain.moved(seen.link)
        try:
            await self._acted(seen, form, visit)
        except WrongField as wrong:
            return self._page(seen, problem=wrong.said)
        except Refusal as refusal:
            if refusal.code not in MOVED_ON:
                return self._page(seen, problem=problem_of(refusal))
        return plain.moved(seen.link)

    async def _acted(self, seen: Visited, form: Mapping[str, str], visit: Visit) -> None:
        match form.get("do"):
            case "pay":
                await self._paying.pay(seen, card_of(form), browser_of(visit.headers))
            case "same":
                await self._paying.pay(seen, None, browser_of(visit.headers))
            case "save":
                await self._paying.replace(seen, card_of(form))
            case _:
                pass

    async def come_back(self, visit: Visit) -> Answer:
        """`GET` and `POST /pay/{token}/return`: the customer comes from their bank."""
        seen = await self._paying.visited(visit.path["token"])
        if seen is None:
            return self._wrong_link(visit)
        brought = visit.parameters(at_most=RETURNED_MAX, letters=RETURNED_LENGTH_MAX) or {}
        try:
            await self._paying.come_back(seen, brought)
        except Refusal as refusal:
            if refusal.code not in MOVED_ON:
                raise
        return plain.moved(seen.link)

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
        told = Told(words, {"merchant": policy.sender_name})
        return self._html(200, "unsubscribe.html.j2", words, told=told, said=said, do=do, button=button)

    def _page(self, seen: Visited, *, problem: str | None = None) -> Answer:
        words, payment = WORDS[seen.language], seen.payment
        record = payment.decline
        blanks = blanks_of(seen.policy, words, payment.money, last4=seen.same_last4)
        return self._html(
            200 if problem is None else 400,
            "pay.html.j2",
            words,
            told=Told(words, blanks),
            merchant=blanks["merchant"],
            amount=blanks["amount"],
            view=seen.view.value,
            problem=problem,
            reason=words.reasons[group_of(None if record is None else record.decline.category)],
            same=seen.same_last4 is not None,
            tried=seen.was_tried,
            may_save=seen.may_save,
            seen=_seen(seen),
            bank=plain.web(seen.bank),
            form=seen.view is View.PAY,
            back=f"{urlsplit(seen.link).path}/return",
        )

    def _wrong_link(self, visit: Visit) -> Answer:
        words = WORDS[language_of(visit.headers)]
        return self._html(404, "words.html.j2", words, said=words.wrong_link)

    def _html(self, status: int, template: str, words: Words, **given: Any) -> Answer:
        nonce = b64encode(self._entropy(_NONCE_BYTES)).decode()
        page = self._templates.get_template(template).render(nonce=nonce, words=words, **given)
        return plain.page(status, page, nonce=nonce)


def _seen(seen: Visited) -> str:
    """What the page was made from: a form of an older one does nothing."""
    return str(seen.payment.attempts_count)
