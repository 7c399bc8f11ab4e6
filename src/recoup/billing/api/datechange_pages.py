"""The page where a customer agrees to another billing date, or does not.

`GET /billing-date/{token}` shows old and new dates with their amounts, and changes nothing. Its form posts back to it
and nowhere else; the page loads and runs nothing. An answer is followed by a redirection to the page itself.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from recoup.billing.core.datechange import Offer, Upcoming
from recoup.billing.core.dateoffer import first_of
from recoup.billing.core.datewords import DATE_WORDS, DateWords
from recoup.billing.flow.consenting import Consenting, View, Visited
from recoup.http import plain
from recoup.http.answers import Answer
from recoup.http.visits import PublicPage, Visit
from recoup.kit.money import Money
from recoup.merchants.core import Merchant
from recoup.messages.core.policy import filled
from recoup.messages.core.words import WORDS, day_shown, money_shown
from recoup.messages.forms import language_of
from recoup.messages.rendering import page_templates

FIELDS_MAX: Final = 5
FORM_BYTES_MAX: Final = 1_000
SHARE: Final = "payers"
_NONCE_BYTES: Final = 16
_AGENT_MAX: Final = 300


class ConsentPages:
    """The page, as the edge serves it. `sender_name`: the merchant's name as its customers know it."""

    def __init__(
        self,
        consenting: Consenting,
        *,
        sender_name: Callable[[Merchant], Awaitable[str]],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._consenting = consenting
        self._sender_name = sender_name
        self._entropy = entropy
        self._templates = page_templates("recoup.billing.api")

    def pages(self) -> list[PublicPage]:
        """All of them."""
        path = "/billing-date/{token}"
        return [
            PublicPage("GET", path, self.show, share=SHARE),
            PublicPage("POST", path, self.act, body_bytes_max=FORM_BYTES_MAX, share=SHARE),
        ]

    async def show(self, visit: Visit) -> Answer:
        """`GET /billing-date/{token}`."""
        seen = await self._consenting.visited(visit.path["token"])
        return self._wrong_link(visit) if seen is None else await self._page(seen, visit)

    async def act(self, visit: Visit) -> Answer:
        """`POST /billing-date/{token}`: yes or no."""
        seen = await self._consenting.visited(visit.path["token"])
        if seen is None:
            return self._wrong_link(visit)
        form = visit.parameters(at_most=FIELDS_MAX) or {}
        if seen.view is not View.ASK:  # posted twice, or after something else happened
            return plain.moved(seen.link)
        match form.get("do"):
            case "accept":
                digest = form.get("seen", "")
                if not await self._consenting.accept(seen, digest, evidence=_evidence(visit)):
                    return await self._changed(visit)
            case "decline":
                await self._consenting.decline(seen, evidence=_evidence(visit))
            case _:
                pass
        return plain.moved(seen.link)

    async def _changed(self, visit: Visit) -> Answer:
        """Shown once more, with a word that something has changed, if there is still something to decide."""
        seen = await self._consenting.visited(visit.path["token"])
        if seen is None:
            return self._wrong_link(visit)
        return (
            await self._page(seen, visit, has_changed=True)
            if seen.view is View.ASK
            else plain.moved(seen.link)
        )

    async def _page(self, seen: Visited, visit: Visit, *, has_changed: bool = False) -> Answer:
        words = DATE_WORDS[language_of(visit.headers)]
        told = _Told(words, seen, await self._sender_name(seen.merchant))
        shown = told.sentences() if seen.view is View.ASK else {}
        return self._html(
            409 if has_changed else 200,
            "billing_date.html.j2",
            words,
            view=seen.view.value,
            said="" if seen.view is View.ASK else told.said(seen.view.value),
            has_changed=has_changed,
            seen=seen.offer.digest,
            rows=told.rows(),
            **shown,
        )

    def _wrong_link(self, visit: Visit) -> Answer:
        language = language_of(visit.headers)
        return self._html(404, "words.html.j2", DATE_WORDS[language], said=WORDS[language].wrong_link)

    def _html(self, status: int, template: str, words: DateWords, **given: Any) -> Answer:
        nonce = b64encode(self._entropy(_NONCE_BYTES)).decode()
        page = self._templates.get_template(template).render(nonce=nonce, words=words, **given)
        return plain.page(status, page, nonce=nonce)


class _Told:
    """What a page says, in one language."""

    def __init__(self, words: DateWords, seen: Visited, merchant: str) -> None:
        self._words, self._seen, self._merchant = words, seen, merchant

    def said(self, name: str, **blanks: str) -> str:
        """The sentence of that name, with its blanks filled in; without others `{day}` is the first on the new date."""
        common = {
            "merchant": self._merchant or self._words.nobody,
            "name": self._seen.name,
            "day": self._day(first_of(self._seen.offer)),
        }
        told = filled(str(getattr(self._words, name)), common | blanks)
        return told if self._merchant else told[:1].upper() + told[1:]

    def sentences(self) -> dict[str, Any]:
        """All that stands beside the dates."""
        offer, bridge = self._seen.offer, self._seen.offer.bridge
        until = self._seen.until.astimezone(ZoneInfo("UTC")).date()
        notes = [self.said("first")]
        if bridge is not None:
            notes.append(self.said("bridge", days=str(bridge.days), amount=self._money(bridge.amount)))
        if offer.credit:
            notes.append(self.said("credit", amount=self._money(offer.credit)))
        notes.append(self.said("cost", amount=self._money(offer.now)) if offer.now else self.said("no_cost"))
        return {
            "intro": self.said("intro"),
            "notes": notes,
            "accept": self.said("accept"),
            "nothing": self.said("nothing", day=self._day(until)),
        }

    def rows(self) -> list[tuple[str, str, str, str]]:
        """The next invoices side by side: day and amount as they are, and on the new dates."""
        offer: Offer = self._seen.offer
        count = max(len(offer.before), len(offer.after))
        before, after = (
            [*map(self._cell, some), *[("", "")] * (count - len(some))]
            for some in (offer.before, offer.after)
        )
        return [(*old, *new) for old, new in zip(before, after, strict=True)]

    def _cell(self, one: Upcoming) -> tuple[str, str]:
        return self._day(one.start), self._money(one.total)

    def _day(self, day: date) -> str:
        return day_shown(day, WORDS[self._words.language])

    def _money(self, minor: int) -> str:
        return money_shown(Money(minor, self._seen.change.currency), WORDS[self._words.language])


def _evidence(visit: Visit) -> str:
    """By what it is known that a customer answered: their browser, as it names itself."""
    agent = visit.headers.get(b"user-agent", b"").decode("latin-1")[:_AGENT_MAX]
    shown = agent if agent and agent.isprintable() else "a browser that does not name itself"
    return f"On the page of the link, in {language_of(visit.headers)}, with {shown}"
