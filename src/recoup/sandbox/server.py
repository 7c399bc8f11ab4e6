"""The sandbox's HTTP: paths to verbs, answers to bytes, and connections that break when a fault says so.

    app = create_app(Processors(database, clock, chain.acquirers))
    async with serve(app, host="127.0.0.1", port=0) as url: ...

The application is plain ASGI. To cut a connection it needs the transport, which `serve` puts into the request's scope;
under another server a cut is an answer of 503 without the promise that nothing was done.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from html import escape
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import msgspec
import structlog
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from recoup.db import Overloaded
from recoup.sandbox import answers
from recoup.sandbox.answers import Answer, Delivery
from recoup.sandbox.core.faults import Verb
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.flow import Incoming, Page, Processors
from recoup.sandbox.wire import BODY_BYTES_MAX, FORM_FIELD, AuthenticationRequest

IN_FLIGHT_MAX: Final = 1024
_EXTENSION: Final = "recoup.sandbox"
_KEEP_ALIVE_S: Final = 30
_STOP_S: Final = 1
_GARBAGE: Final = b"<html><body><h1>It works!</h1></body></html>"
_JSON: Final = (b"content-type", b"application/json")
_HTML: Final = (b"content-type", b"text/html; charset=utf-8")
_URL: Final = re.compile(r"https?://[!-~]+")
_NO_LINGER: Final = struct.pack("ii", 1, 0)
_ANSWERS: Final = {"evidence": Verb.SUBMIT_EVIDENCE, "acceptance": Verb.ACCEPT_DISPUTE}
_NO_KEY: Final = "-"
"""In place of a key, where nothing is sent under one."""
_CHANGES: Final = {"captures": Verb.CAPTURE, "cancellations": Verb.CANCEL, "refunds": Verb.REFUND}
_NO_PATH: Final = answers.unprocessed(
    404, "no_such_path", "There is no such path; see the wire's description."
)
_WRONG_METHOD: Final = answers.unprocessed(405, "wrong_method", "This path takes another method.")
_TOO_LARGE: Final = answers.unprocessed(413, "too_large", "The body is too large.")
_BUSY: Final = answers.unprocessed(503, "busy", "Too many requests are under way.")
_FAILED: Final = answers.no_promise(500, "internal", "The sandbox failed.")

_log: Final = structlog.get_logger("recoup.sandbox")


class _Application:
    """The three processors over ASGI."""

    def __init__(self, processors: Processors) -> None:
        self._processors = processors
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "no lifespan and no websockets here"
        if self._in_flight >= IN_FLIGHT_MAX:
            await _send(_BUSY, scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._respond(scope, receive, send)
        finally:
            self._in_flight -= 1

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            await _send(_TOO_LARGE, scope, receive, send)
            return
        match scope["path"].split("/"):
            case ["", name, "authentications", token] if name in _NAMES:
                await self._authentication(_NAMES[name], token, body, scope, send)
            case _:
                await _send(await self._answer(scope, body), scope, receive, send)

    async def _answer(self, scope: Scope, body: bytes) -> Answer:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        incoming = _incoming(scope, headers, body)
        if isinstance(incoming, Answer):
            return incoming
        try:
            return await self._processors.answer(incoming)
        except Overloaded:
            return _BUSY
        except Exception as error:  # noqa: BLE001 - a server answers, whatever broke
            # Without the error's text, which may quote the request, and with it a card.
            where = traceback.extract_tb(error.__traceback__)[-1]
            _log.error(
                "sandbox request failed",
                error=type(error).__name__,
                verb=incoming.verb.value,
                where=f"{PurePath(where.filename).name}:{where.lineno}",
            )
            return _FAILED

    async def _authentication(
        self, name: ProcessorName, token: str, body: bytes, scope: Scope, send: Send
    ) -> None:
        post = scope["method"] == "POST"
        approve = _approves(body) if post else None
        if approve is None:
            page = await self._processors.page(name, token)
        else:
            page = await self._processors.authenticate(name, token, approve=approve)
        if page is None:
            await _send_page(send, 404, "There is no such authentication.")
        elif page.waits and page.by_form and not (post and _opens(body, token)):
            await _send_page(send, 400, "This page is opened by a form.")
        elif post and approve is None and not page.by_form:
            await _send_page(send, 400, "Send result=approve or result=fail, by form or JSON.")
        elif page.waits:
            await _send_page(
                send, 200, _QUESTION.format(name=escape(name.title()), amount=escape(str(page.amount)))
            )
        elif post and page.by_form and page.return_url is not None:
            await _send_form(send, page.return_url, approved=page.approved)
        elif post and (location := _onwards(page)):
            await _start(send, 303, [(b"location", location.encode())], length=0)
            await send({"type": "http.response.body", "body": b""})
        else:
            await _send_page(send, 200, "This payment is settled; you can close the page.")


def create_app(processors: Processors) -> ASGIApp:
    """The ASGI application of the three processors."""
    return _Application(processors)


@asynccontextmanager
async def serve(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve the application while the block runs, in this event loop; gives the URL. Port 0 means any free one.

    Raises OSError where the port is taken.
    """
    listener = socket.create_server((host, port), backlog=1024)
    server = _Server(
        uvicorn.Config(
            app,
            http=_Cuttable,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_STOP_S,
        )
    )
    running = asyncio.create_task(server.serve(sockets=[listener]), name="sandbox server")
    try:
        while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn gives no more than a flag
            await asyncio.sleep(0.005)
        if running.done():
            await running
        bound = listener.getsockname()[1]
        yield f"http://{host}:{bound}"
    finally:
        server.should_exit = True
        await running
        listener.close()


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Cuttable(HttpToolsProtocol):
    """Hands the transport to the application, so that it can break the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"transport": self.transport}}


_NAMES: Final[dict[str, ProcessorName]] = {name.value: name for name in ProcessorName}


def _incoming(scope: Scope, headers: Mapping[bytes, str], body: bytes) -> Incoming | Answer:
    """The request that a path, a method and some headers make."""
    # Keys are taken from the path as it was sent: they may hold an encoded slash.
    parts = [unquote(part) for part in scope["raw_path"].decode("ascii").split("/")]
    key, charge, dispute, method = headers.get(b"idempotency-key", ""), "", "", "POST"
    match parts:
        case ["", name, "charges"] if name in _NAMES:
            verb = Verb.CHARGE
        case ["", name, "verifications"] if name in _NAMES:
            verb = Verb.VERIFY
        case ["", name, "charges", charge, change] if name in _NAMES and change in _CHANGES:
            verb = _CHANGES[change]
        case ["", name, "disputes", dispute, answer] if name in _NAMES and answer in _ANSWERS:
            verb = _ANSWERS[answer]
        case ["", name, "disputes", *rest] if name in _NAMES and len(rest) <= 1:
            verb, method, key = (Verb.READ_DISPUTE if rest else Verb.LIST_DISPUTES), "GET", _NO_KEY
            dispute = "".join(rest)
        case ["", name, "operations", key] if name in _NAMES:
            verb, method = Verb.LOOKUP, "GET"
        case ["", name, "operations", key, "withdraw"] if name in _NAMES:
            verb = Verb.WITHDRAW
        case _:
            return _NO_PATH
    if scope["method"] != method:
        return _WRONG_METHOD
    if "\0" in key + charge + dispute:
        return _NO_PATH
    scheme, _, api_key = headers.get(b"authorization", "").partition(" ")
    return Incoming(
        processor=_NAMES[parts[1]],
        verb=verb,
        path=scope["path"],
        base_url=f"{scope['scheme']}://{headers.get(b'host', 'localhost')}",
        key=key,
        api_key=api_key if scheme == "Bearer" else "",
        body=body,
        charge_reference=charge,
        dispute_reference=dispute,
        query=scope["query_string"].decode("latin-1"),
    )


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None where it is too large, or never came whole."""
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        length += len(part)
        if length > BODY_BYTES_MAX:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    if answer.after_s and await _gone(receive, within_s=answer.after_s):
        return
    headers = [_JSON, *((name.encode(), value.encode()) for name, value in answer.headers)]
    match answer.delivery:
        case Delivery.WHOLE:
            await _start(send, answer.status, headers, length=len(answer.body))
            await send({"type": "http.response.body", "body": answer.body})
        case Delivery.GARBAGE:
            await _start(send, 200, [_HTML], length=len(_GARBAGE))
            await send({"type": "http.response.body", "body": _GARBAGE})
        case Delivery.HALF:
            await _start(send, answer.status, headers, length=len(answer.body))
            half = answer.body[: len(answer.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await _break(scope, receive, reset=False)
        case Delivery.CUT:
            if _transport(scope) is None:
                await _send(_FAILED, scope, receive, send)
            else:
                await _break(scope, receive, reset=True)


async def _start(send: Send, status: int, headers: list[tuple[bytes, bytes]], *, length: int) -> None:
    whole = [*headers, (b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": status, "headers": whole})


async def _gone(receive: Receive, *, within_s: int) -> bool:
    """Wait so long, or until the caller has gone; whether they have."""
    try:
        async with asyncio.timeout(within_s):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def _break(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """End the connection: at once and for all to see, or as if the processor had closed it."""
    transport = _transport(scope)
    if transport is None:
        return
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
    else:
        transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(scope: Scope) -> Any:  # Any: whatever the server's event loop calls a transport
    return scope.get("extensions", {}).get(_EXTENSION, {}).get("transport")


def _approves(body: bytes) -> bool | None:
    """What the customer did, from a form or from JSON; None where nobody can tell."""
    try:
        return msgspec.json.decode(body, type=AuthenticationRequest).result == "approve"
    except (msgspec.DecodeError, UnicodeDecodeError):
        result = parse_qs(body.decode("latin-1")).get("result", [""])[0]
        return {"approve": True, "fail": False}.get(result)


def _opens(body: bytes, token: str) -> bool:
    """Whether a form opens the page of this token."""
    return parse_qs(body.decode("latin-1")).get(FORM_FIELD, [""])[0] == token


def _onwards(page: Page) -> str | None:
    """Where the customer goes on: back to the shop, with word of how it went."""
    url = page.return_url
    if url is None or not _URL.fullmatch(url):
        return None
    result = urlencode({"authentication": "approved" if page.approved else "failed"})
    return f"{url}{'&' if urlsplit(url).query else '?'}{result}"


async def _send_form(send: Send, url: str, *, approved: bool) -> None:
    """The end of an authentication that a form began: the browser posts how it went."""
    result = "approved" if approved else "failed"
    await _send_page(send, 200, _CLOSING.format(url=escape(url), result=result))


async def _send_page(send: Send, status: int, content: str) -> None:
    html = _FRAME.format(content=content).encode()
    policy = (b"content-security-policy", _POLICY.encode())
    await _start(send, status, [_HTML, policy], length=len(html))
    await send({"type": "http.response.body", "body": html})


_FRAME: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Authentication</title>
<body style="font: 16px sans-serif; max-width: 28rem; margin: 4rem auto; padding: 0 1rem">{content}</body></html>
"""
_QUESTION: Final = """<h1>Is this you?</h1>
<p>{name} is asked to charge your card <strong>{amount}</strong>. This is a simulation: no money moves.</p>
<form method="post"><button name="result" value="approve">Approve</button>
<button name="result" value="fail">Fail</button></form>"""
_SUBMIT: Final = "document.forms[0].submit()"
_CLOSING: Final = f"""<p>Thank you. You are being taken back to the shop.</p>
<form method="post" action="{{url}}"><input type="hidden" name="authentication" value="{{result}}">
<button>Back to the shop</button></form><script>{_SUBMIT}</script>"""
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    f"script-src 'sha256-{b64encode(sha256(_SUBMIT.encode()).digest()).decode()}'"
)
