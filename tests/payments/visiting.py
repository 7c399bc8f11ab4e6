"""A browser without a key, and payments that wait for their customers on pages of ours."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from tests.payments.house import House

from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Script, ScriptKind
from recoup.payments.core import Status

BANK: Final = "https://bank.example:8443/challenge?x=1"
SHOP: Final = "https://shop.example/after?order=7#top"
FORM: Final = {"JWT": "e30.e30.form", "MD": '"><script>alert(1)</script>&amp;'}
KEPT: Final = {"number": "kept-1"}
ASKS: Final = ActionRequired("ref-1", BANK, FORM, kept=KEPT)
LOOKS: Final = ActionRequired(
    "ref-1", BANK, {"Bin": "424242", "JWT": "e30"}, Script(ScriptKind.DEVICE_DATA), {"number": "kept-0"}
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a browser is answered."""

    status: int
    headers: dict[str, str]
    page: str

    @property
    def policy(self) -> dict[str, str]:
        """The content security policy by its parts."""
        parts = self.headers["content-security-policy"].split("; ")
        return {name: value for name, _, value in (part.partition(" ") for part in parts)}


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action, self.fields, self.scripts = "", dict[str, str](), 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        match tag:
            case "form" if not self.action:
                self.action = found["action"]
            case "input":
                self.fields[found["name"]] = found["value"]
            case "script":
                self.scripts += 1
            case _:
                pass


def read(page: str) -> _Form:
    """A page as a browser reads it."""
    form = _Form()
    form.feed(page)
    return form


async def visit(
    house: House, method: str, url: str, form: dict[str, str] | bytes | None = None, **headers: str
) -> Shown:
    """One request of a browser, which has no key."""
    house._edge = house._edge or house.edge(base_url="http://test")
    parts = urlsplit(url)
    body = form if isinstance(form, bytes) else urlencode(form or {}).encode()
    told = {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(body)), **headers}
    scope = {
        "type": "http",
        "method": method,
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
        "client": ("127.0.0.1", 1),
    }
    inbox: list[dict[str, Any]] = [{"type": "http.request", "body": body}]
    sent: list[Any] = []

    async def receive() -> Any:
        return inbox.pop() if inbox else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await house._edge(scope, receive, send)
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Shown(sent[0]["status"], answered, sent[1]["body"].decode())


async def waiting(
    house: House, merchant: Merchant, *, asks: ActionRequired = ASKS, shop: str | None = SHOP
) -> tuple[UUID, str]:
    """A payment that waits for its customer on a page of ours: its id, and the page's address as the API shows it."""
    house.bank.will("charge", asks)
    house._edge = house._edge or house.edge(base_url="http://test")
    made = await house.pay(merchant, return_url=shop)
    assert made.payment.status is Status.REQUIRES_ACTION
    key = await house.key_of(merchant)
    shown = await house.call("GET", f"/v1/payments/{render(Kind.PAYMENT, made.payment.id)}", key=key)
    url = shown.json["next_action"]["redirect_to_url"]["url"]
    assert url.startswith("http://test/actions/")
    return made.payment.id, url
