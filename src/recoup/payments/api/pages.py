"""The pages that customers see between the shop and their bank, and where their browsers come back to.

`GET /actions/{token}` posts a form to the bank, or runs a script, as the processor wants it. It loads nothing from
elsewhere but what that is, and lets the browser post to the challenge, to us and to the shop only (to the last two
because browsers hold a form to its policy along redirections). `/actions/{token}/return` keeps what came back and
sends the customer on to the shop; it asks nobody and decides nothing, and goes to no address but the payment's own.

Where the processor authenticates by a script that it publishes, the page loads that one, from its host and the hosts
that the connector names. Which bank it then shows in a frame, and posts a challenge to, nobody can know before: frames
and forms are held to `https` alone. Styles that a script writes are let through; other scripts in the page are not.
Such a page brings back `error` where the script could not be loaded (`script`), had no end in a quarter of an hour
(`timeout`), or said no (`failed`). What is shown was not run against the scripts themselves.

A challenge whose end tells nobody is shown in a frame, with a button to go on: it works without scripts. With them, the
page notices by itself when the frame goes on to the host where the answer goes to. No page can look into a frame of
another host, but a policy that is only reported (`frame-src 'none'`) has the browser tell each host it turns to.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from recoup.http.answers import Answer, Header
from recoup.http.visits import HTML, PublicPage, Visit
from recoup.kit.ids import Kind, render
from recoup.outcomes.core import Script, ScriptKind
from recoup.payments.core import Attempt, Payment
from recoup.payments.core.records import Action
from recoup.payments.flow.hosting import Hosting, awaited_action
from recoup.payments.wire import RETURNED_LENGTH_MAX, RETURNED_MAX

BODY_BYTES_MAX: Final = 3 * RETURNED_LENGTH_MAX
"""What a form may hold, each letter of it encoded."""
_NONCE_BYTES: Final = 16
_GOES_ON: Final = "payment"
_URL_MARKS: Final = "!#$%&'()*+,/:;=?@[]~-._"
_SAFE: Final[tuple[Header, ...]] = (
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"x-robots-tag", b"noindex"),
)
_NOT_FOUND: Final = "This link is not valid. Go back to the shop and try again."
_OVER: Final = "This step is done. You can go back to the shop."
_TOO_MUCH: Final = "Your bank sent more than can be taken. Go back to the shop and try again."


WayBack = Callable[[Payment], Awaitable[str | None]]


async def _to_the_shop(_: Payment) -> None:
    return None


class ActionPages:
    """The pages, as the edge serves them."""

    def __init__(
        self, hosting: Hosting, *, entropy: Callable[[int], bytes], way_back: WayBack = _to_the_shop
    ) -> None:
        """`way_back`: where a customer goes on to who was not sent here by the shop; None for those who were."""
        self._hosting = hosting
        self._way_back = way_back
        self._entropy = entropy
        self._templates = Environment(
            loader=PackageLoader("recoup.payments.api"), autoescape=True, undefined=StrictUndefined
        )

    def pages(self) -> list[PublicPage]:
        """All of them."""
        back = "/actions/{token}/return"
        return [
            PublicPage("GET", "/actions/{token}", self.show),
            PublicPage("GET", back, self.come_back),
            PublicPage("POST", back, self.come_back, body_bytes_max=BODY_BYTES_MAX),
        ]

    async def show(self, visit: Visit) -> Answer:
        """`GET /actions/{token}`."""
        found = await self._hosting.visited(visit.path["token"])
        if found is None:
            return self._words(404, _NOT_FOUND)
        snapshot, attempt = found
        action = awaited_action(attempt)
        if action is None:
            return self._words(410, _OVER, shop=await self._goes_on(snapshot.payment))
        return self._challenge(snapshot.payment, attempt, action)

    async def come_back(self, visit: Visit) -> Answer:
        """`GET` and `POST /actions/{token}/return`."""
        found = await self._hosting.visited(visit.path["token"])
        if found is None:
            return self._words(404, _NOT_FOUND)
        snapshot, attempt = found
        shop = await self._goes_on(snapshot.payment)
        parameters = visit.parameters(at_most=RETURNED_MAX, letters=RETURNED_LENGTH_MAX)
        if parameters is None:
            return self._words(413, _TOO_MUCH, shop=shop)
        await self._hosting.keep(attempt, parameters)
        if shop is None:
            return self._words(200, _OVER)
        return Answer(303, b"", (*_SAFE, (b"location", shop.encode("ascii"))), content_type=HTML)

    async def _goes_on(self, payment: Payment) -> str | None:
        return await self._way_back(payment) or _shop(payment)

    def _challenge(self, payment: Payment, attempt: Attempt, action: Action) -> Answer:
        back = self._hosting.callback(attempt)
        nonce = b64encode(self._entropy(_NONCE_BYTES)).decode()
        name = "form" if action.script is None else _TEMPLATES[action.script.kind]
        page = self._templates.get_template(f"{name}.html.j2").render(
            action=action, back=back, nonce=nonce, origin=_origin(action.url)
        )
        watched = _FRAMES_ARE_TOLD if action.script is not None and action.script.kind in _FRAMED else ()
        return _html(200, page, _policy(payment, action, back=back, nonce=nonce), *watched)

    def _words(self, status: int, words: str, *, shop: str | None = None) -> Answer:
        nonce = b64encode(self._entropy(_NONCE_BYTES)).decode()
        page = self._templates.get_template("words.html.j2").render(words=words, shop=shop, nonce=nonce)
        policy = [
            "default-src 'none'",
            f"style-src 'nonce-{nonce}'",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
        return _html(status, page, policy)


_TEMPLATES: Final = {kind: kind.value for kind in ScriptKind}
_FRAMED: Final = (ScriptKind.FRAMED_CHALLENGE,)
_FRAMES_ARE_TOLD: Final[tuple[Header, ...]] = ((b"content-security-policy-report-only", b"frame-src 'none'"),)
_SHUT: Final = ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'")


def _policy(payment: Payment, action: Action, *, back: str, nonce: str) -> list[str]:
    """What the page may load, and where it may post to."""
    ours = [_origin(url) for url in (back, payment.return_url) if url]
    if action.script is not None and action.script.kind.is_theirs:
        return [*_SHUT, *_policy_of_script(action.url, action.script, ours=ours, nonce=nonce)]
    policy = [*_SHUT, f"script-src 'nonce-{nonce}'", f"style-src 'nonce-{nonce}'"]
    theirs = _origin(action.url)
    if action.script is None:
        return [*policy, f"form-action {_once(theirs, *ours)}"]
    if action.script.kind in _FRAMED:
        return [*policy, f"form-action {_once('https:', *ours)}", "frame-src https:"]
    return [*policy, f"form-action {_once(theirs, *ours)}", f"frame-src {theirs}"]


def _policy_of_script(url: str, script: Script, *, ours: list[str], nonce: str) -> list[str]:
    """What a processor's own script may do beyond that: see above."""
    theirs = _once(_origin(url), *map(_origin, script.origins))
    return [
        f"script-src 'nonce-{nonce}' {theirs}",
        f"connect-src {theirs}",
        f"img-src {theirs} data:",
        f"font-src {theirs} data:",
        f"style-src {theirs} 'unsafe-inline'",
        "frame-src https:",
        f"form-action {_once('https:', *ours)}",
    ]


def _once(*words: str) -> str:
    return " ".join(dict.fromkeys(words))


def _html(status: int, page: str, policy: list[str], *more: Header) -> Answer:
    header = (b"content-security-policy", "; ".join(policy).encode("ascii"))
    return Answer(status, page.encode(), (*_SAFE, header, *more), content_type=HTML)


def _origin(url: str) -> str:
    """Scheme, host and port of a URL, in the letters that a header can hold."""
    parts = urlsplit(_plain(url))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].translate(_NO_MARKS)}"


_NO_MARKS: Final = str.maketrans("", "", ";,' \"")
"""What would end a part of a policy; no host has any of them."""


def _plain(url: str) -> str:
    """A URL in printable ASCII: whatever else is in it cannot end a header or begin another."""
    return quote(url, safe=_URL_MARKS)


def _shop(payment: Payment) -> str | None:
    """Where the customer of a payment goes on: the address that the merchant gave with it, and which payment it is."""
    if payment.return_url is None:
        return None
    parts = urlsplit(_plain(payment.return_url))
    added = urlencode({_GOES_ON: render(Kind.PAYMENT, payment.id)})
    query = f"{parts.query}&{added}" if parts.query else added
    return urlunsplit(parts._replace(query=query))
