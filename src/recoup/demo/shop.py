"""The demo's own client: a small shop that talks to Recoup over HTTP like any merchant's server."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Final, TypeVar

import aiohttp
import msgspec

from recoup.demo import wire
from recoup.demo.telling import Story
from recoup.kit.money import Money
from recoup.kit.secret import Secret

PATIENCE_S: Final = 200
"""Longer than any request to Recoup takes: one may wait for a processor's whole timeout."""

CAST: Final = ("alpha", "bravo")
"""The sandbox's processors that play in the story, in the order in which they are asked."""

T = TypeVar("T")
Body = Mapping[str, object]


class Unexpected(Exception):
    """The server answered what the story has no place for; the message says what."""


class Shop:
    """One run of the demo against one server. It remembers the payments that it made.

    `run` names the run: it is in every reference and every idempotency key, so that a second run meets nothing of the
    first. `silence_s` is how long a processor that was told to say nothing says nothing.
    """

    def __init__(
        self, session: aiohttp.ClientSession, *, base_url: str, key: Secret, run: str, silence_s: int
    ) -> None:
        self.silence_s = silence_s
        self.payments: list[str] = []
        self._run = run
        self._route: list[str] = []
        self._session, self._base_url = session, base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key.reveal()}"}
        self._numbers = count(1)

    async def get(self, path: str, type_: type[T]) -> T:
        """Read something."""
        status, body = await self._ask("GET", path, None)
        return _expected(f"GET {path}", status, body, type_)

    async def post(self, path: str, body: Body, type_: type[T]) -> T:
        """Make or change something, under an idempotency key of its own."""
        status, answer = await self._ask("POST", path, body)
        return _expected(f"POST {path}", status, answer, type_)

    async def refused(self, path: str, body: Body) -> tuple[int, wire.Problem | None]:
        """Ask for something that should be refused: the status, and what was said; None where it was done."""
        status, answer = await self._ask("POST", path, body)
        return status, None if status < 400 else _decoded(f"POST {path}", answer, wire.Refused).error

    async def open(self) -> None:
        """Find the accounts that the story is told with, in its order, whatever the merchant's own order is."""
        accounts = (await self.get("/v1/processor_accounts?limit=100", wire.Accounts)).data
        found = {one.connector: one.id for one in accounts if one.enabled}
        missing = [connector for connector in CAST if connector not in found]
        if missing:
            raise Unexpected(
                f"This merchant has no enabled account at {' and '.join(missing)}: the demo needs both."
            )
        self._route = [found[connector] for connector in CAST]

    async def pay(self, money: Money, **details: object) -> wire.Payment:
        """Make a payment at alpha or, if that cannot help, at bravo; and remember it."""
        routing = {"processor_accounts": self._route}
        body = {"amount": money.minor, "currency": money.currency, "routing": routing, **details}
        payment = await self.post("/v1/payments", body, wire.Payment)
        self.payments.append(payment.id)
        return payment

    async def payment(self, id_: str) -> wire.Payment:
        """A payment as it stands."""
        return await self.get(f"/v1/payments/{id_}", wire.Payment)

    async def charges(self, id_: str) -> list[wire.Charge]:
        """What the processors say that they charged for a payment."""
        found = await self.get(f"/v1/test/world/charges?order={id_}", wire.Charges)
        return [charge for charge in found.data if charge.state == "approved"]

    async def story(self, id_: str, *, time_zone: str | None = None) -> Story:
        """A payment's timeline."""
        timeline = await self.get(f"/v1/payments/{id_}/timeline", wire.Timeline)
        return Story(tuple(timeline.entries), time_zone)

    async def let_go_wrong(self, reference: str, **fault: object) -> None:
        """Ask the sandbox for a fault that happens once, to the payment with that reference and to no other."""
        body = {"merchant_reference": self.reference(reference), "times": 1, **fault}
        await self.post("/v1/test/faults", body, wire.Fault)

    def reference(self, name: str) -> str:
        """A reference that no other run has."""
        return f"demo-{self._run}-{name}"

    async def _ask(self, method: str, path: str, body: Body | None) -> tuple[int, bytes]:
        headers = dict(self._headers)
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": self._key()}
        sent = None if body is None else msgspec.json.encode(body)
        url = f"{self._base_url}{path}"
        try:
            async with self._session.request(method, url, data=sent, headers=headers) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            why = type(error).__name__
            raise Unexpected(f"{method} {url} got no answer ({why}). Is the server running?") from None

    def _key(self) -> str:
        return f"demo-{self._run}-{next(self._numbers)}"


def card(number: str, *, month: int = 12, year: int) -> dict[str, object]:
    """Card data as the API takes it."""
    fields = {"number": number, "exp_month": month, "exp_year": year, "cvc": "123"}
    return {"type": "card", "card": fields}


def _expected(what: str, status: int, body: bytes, type_: type[T]) -> T:
    if status >= 400:
        error = _decoded(what, body, wire.Refused).error
        raise Unexpected(f"{what} was refused with {status}, {error.code}: {error.message}")
    return _decoded(what, body, type_)


def _decoded(what: str, body: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.DecodeError as error:
        raise Unexpected(f"{what} gave an answer that cannot be read: {error}") from None
