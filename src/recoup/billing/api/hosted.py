"""The page that an invoice's link opens: what it says, paying it, and taking it home as a PDF.

`GET /invoices/{token}` shows it and changes nothing; `POST` pays it, by a form that posts back to the page and nowhere
else, and leads back to it. The page loads and runs nothing. To their bank the customer goes by a link, which comes back
to `/invoices/{token}/return`. Card numbers are read from the form into a `Secret`, and are in no page, log or address.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from recoup.billing.core.document import Sheet, sheet_of
from recoup.billing.core.words import INVOICE_WORDS, InvoiceWords
from recoup.billing.flow.hosted import HostedInvoices, Shown, View
from recoup.http import plain
from recoup.http.answers import Answer
from recoup.http.visits import PublicPage, Visit
from recoup.kit.refusals import Refusal
from recoup.messages.core.words import WORDS, Words, group_of, money_shown
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
from recoup.messages.rendering import page_templates
from recoup.payments.wire import RETURNED_LENGTH_MAX, RETURNED_MAX

SHARE: Final = "invoices"
PDF: Final = b"application/pdf"
_NONCE_BYTES: Final = 16
_SHOWN_BY_THE_PAGE: Final = MOVED_ON | {
    "invoice_payment_under_way",
    "invoice_unexpected_state",
    "invoice_busy",
}
"""Refusals after which the page itself says how things stand."""
_FILE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class HostedInvoicePages:
    """The page and the PDF, as the edge serves them."""

    def __init__(self, hosted: HostedInvoices, *, entropy: Callable[[int], bytes]) -> None:
        self._hosted = hosted
        self._entropy = entropy
        self._templates = page_templates("recoup.billing.api")

    def pages(self) -> list[PublicPage]:
        """All of them."""
        one, back = "/invoices/{token}", "/invoices/{token}/return"
        returned_max = 3 * RETURNED_LENGTH_MAX
        return [
            PublicPage("GET", one, self.show, share=SHARE),
            PublicPage("POST", one, self.act, body_bytes_max=FORM_BYTES_MAX, share=SHARE),
            PublicPage("GET", f"{one}/pdf", self.print, share=SHARE),
            PublicPage("GET", back, self.come_back, share=SHARE),
            PublicPage("POST", back, self.come_back, body_bytes_max=returned_max, share=SHARE),
        ]

    async def show(self, visit: Visit) -> Answer:
        """`GET /invoices/{token}`."""
        shown = await self._hosted.opened(visit.path["token"])
        return self._wrong_link(visit) if shown is None else self._page(shown)

    async def print(self, visit: Visit) -> Answer:
        """`GET /invoices/{token}/pdf`."""
        shown = await self._hosted.opened(visit.path["token"])
        if shown is None:
            return self._wrong_link(visit)
        sheet = sheet_of(shown.papers.known)
        body = await asyncio.to_thread(_printed, sheet)
        disposition = f'inline; filename="{_file_name(sheet)}"'
        headers = (*plain.SAFE, (b"content-disposition", disposition.encode("ascii")))
        return Answer(200, body, headers, content_type=PDF)

    async def act(self, visit: Visit) -> Answer:
        """`POST /invoices/{token}`: pay it."""
        shown = await self._hosted.opened(visit.path["token"])
        if shown is None:
            return self._wrong_link(visit)
        form = visit.parameters(at_most=FIELDS_MAX) or {}
        if form.get("seen") != shown.made_from:  # posted twice, or after something else happened
            return plain.moved(shown.link)
        try:
            await self._acted(shown, form, visit)
        except WrongField as wrong:
            return self._page(shown, problem=wrong.said)
        except Refusal as refusal:
            if refusal.code not in _SHOWN_BY_THE_PAGE:
                return self._page(shown, problem=problem_of(refusal))
        return plain.moved(shown.link)

    async def _acted(self, shown: Shown, form: Mapping[str, str], visit: Visit) -> None:
        match form.get("do"):
            case "pay":
                await self._hosted.pay(shown, card_of(form), browser_of(visit.headers))
            case "same":
                await self._hosted.pay(shown, None, browser_of(visit.headers))
            case _:
                pass

    async def come_back(self, visit: Visit) -> Answer:
        """`GET` and `POST /invoices/{token}/return`: the customer comes from their bank."""
        shown = await self._hosted.opened(visit.path["token"])
        if shown is None:
            return self._wrong_link(visit)
        brought = visit.parameters(at_most=RETURNED_MAX, letters=RETURNED_LENGTH_MAX) or {}
        try:
            await self._hosted.come_back(shown, brought)
        except Refusal as refusal:
            if refusal.code not in _SHOWN_BY_THE_PAGE:
                raise
        return plain.moved(shown.link)

    def _page(self, shown: Shown, *, problem: str | None = None) -> Answer:
        known = shown.papers.known
        ask = WORDS[known.language]
        return self._html(
            200 if problem is None else 400,
            "invoice.html.j2",
            INVOICE_WORDS[known.language],
            sheet=sheet_of(known),
            ask=ask,
            told=_told(shown, ask),
            view=shown.view.value,
            problem=problem,
            refused=_why_refused(shown, ask) if shown.view is View.PAY else None,
            same=shown.same_last4 is not None,
            seen=shown.made_from,
            bank=plain.web(shown.bank),
            here=urlsplit(shown.link).path,
        )

    def _wrong_link(self, visit: Visit) -> Answer:
        ask = WORDS[language_of(visit.headers)]
        return self._html(404, "words.html.j2", INVOICE_WORDS[ask.language], said=ask.wrong_link)

    def _html(self, status: int, template: str, words: InvoiceWords, **given: Any) -> Answer:
        nonce = b64encode(self._entropy(_NONCE_BYTES)).decode()
        page = self._templates.get_template(template).render(nonce=nonce, words=words, **given)
        return plain.page(status, page, nonce=nonce)


def _told(shown: Shown, ask: Words) -> Told:
    blanks = {
        "merchant": shown.papers.merchant_name,
        "amount": money_shown(shown.invoice.money, ask),
        "last4": shown.same_last4 or "····",
    }
    return Told(ask, blanks)


def _why_refused(shown: Shown, ask: Words) -> str | None:
    """Why the last try to pay it was refused, as far as it concerns the customer."""
    if not shown.was_refused or shown.snapshot is None:
        return None
    record = shown.snapshot.payment.decline
    reason = ask.reasons[group_of(None if record is None else record.decline.category)]
    return f"{ask.declined} {reason}"


def _printed(sheet: Sheet) -> bytes:
    """The PDF of a sheet. What draws it is only there from the first on: it would make every start slower."""
    from recoup.billing.printing import printed

    return printed(sheet)


def _file_name(sheet: Sheet) -> str:
    """What the PDF is called where it is kept."""
    number = "".join(letter if letter in _FILE else "-" for letter in sheet.number)
    return f"invoice-{number}.pdf"
