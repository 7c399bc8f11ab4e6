"""Merchants and vault put together on a real database, and a way to call their API without a socket."""

from __future__ import annotations

import asyncio
import itertools
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import msgspec
from prometheus_client import CollectorRegistry

from recoup.connectors.base import Addresses, Capabilities, Connector, Credential
from recoup.db import Database
from recoup.http.edge import Edge
from recoup.http.wiring import Wiring
from recoup.kit.clock import ManualClock
from recoup.kit.ids import uuid7
from recoup.kit.secret import Secret
from recoup.merchants.api import ProcessorAccountsApi
from recoup.merchants.core import KeyKind, MerchantPair
from recoup.merchants.flow import Merchants, ProcessorAccounts
from recoup.vault.api import CustomersApi, PaymentMethodsApi
from recoup.vault.flow import Customers, PaymentMethods, ProcessorTokens, Vault
from recoup.vault.keys import MasterKeys, read_keys
from recoup.vault.wire import CardData, CardMethodData

START: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
NUMBER: Final = "4242424242424242"
OTHER_NUMBER: Final = "5555555555554444"

_MASTER_TEXT: Final = b64encode(bytes(range(32))).decode()
_names: Final = itertools.count(1)


def master_text(seed: int) -> str:
    """The text of a master key."""
    return b64encode(bytes([seed]) * 32).decode()


def master(*texts: str, generated: bool = False) -> MasterKeys:
    """Master keys, the current one first."""
    return read_keys(Secret("\n".join(texts or (_MASTER_TEXT,))), generated=generated)


@dataclass
class Ticks:
    """A monotonic clock that stands still until it is moved."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Plain:
    """A connector as a subject that never charges sees it."""

    name: str = "plain"
    test_mode_only: bool = False
    lists_disputes: bool = False
    credentials: Mapping[str, Credential] = field(
        default_factory=lambda: {"api_key": Credential("A key."), "webhook_secret": Credential("A secret.")}
    )
    addresses: Addresses = field(
        default_factory=lambda: Addresses("https://plain.example", "https://live.plain.example")
    )
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            currencies=None,
            countries=None,
            brands=frozenset({"visa", "mastercard"}),
            manual_capture=True,
            multiple_captures=False,
            partial_refunds=True,
            stored_credentials=True,
            lookup=True,
            withdraw=False,
        )
    )


def card(number: str = NUMBER, **fields: Any) -> CardMethodData:
    """A card as a request brings it in."""
    given: dict[str, Any] = {"exp_month": 12, "exp_year": 2030, "cvc": Secret("123")} | fields
    return CardMethodData(card=CardData(number=Secret(number), **given))


def card_json(number: str = NUMBER, **fields: Any) -> dict[str, Any]:
    """The same as JSON."""
    given = {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"} | fields
    return {"type": "card", "card": given}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def error(self) -> Any:
        return self.json["error"]


class House:
    """Everything of merchants and the vault, as one process has it."""

    def __init__(
        self, database: Database, *, keys: MasterKeys | None = None, clock: ManualClock | None = None
    ) -> None:
        self.database = database
        self.clock = clock or ManualClock(START)
        self.ticks = Ticks()
        self.plain = Plain()
        new_id, monotonic = self.new_id, self.ticks
        self.vault = Vault(
            database,
            master=keys or master(),
            clock=self.clock,
            new_id=new_id,
            entropy=os.urandom,
            monotonic=monotonic,
        )
        self.merchants = Merchants(
            database, sealer=self.vault, new_id=new_id, entropy=os.urandom, monotonic=monotonic
        )
        self.accounts = ProcessorAccounts(
            database,
            connectors={"plain": cast(Connector, self.plain)},
            sealer=self.vault,
            new_id=new_id,
            monotonic=monotonic,
        )
        self.tokens = ProcessorTokens(database, self.vault, self.accounts, new_id=new_id)
        self.methods = PaymentMethods(database, self.vault, self.tokens, new_id=new_id)
        self.customers = Customers(database, self.methods, new_id=new_id)
        self.edge = self._edge()

    def new_id(self) -> Any:
        return uuid7(self.clock.now(), os.urandom)

    def another_process(self, keys: MasterKeys | None = None) -> House:
        """The same database and time, seen by a process with a memory of its own."""
        return House(self.database, keys=keys, clock=self.clock)

    async def merchant(self) -> MerchantPair:
        """A new merchant."""
        return await self.merchants.create(f"merchant {next(_names)}", now=self.clock.now())

    async def key(self, pair: MerchantPair, *, livemode: bool = False, kind: KeyKind = KeyKind.SECRET) -> str:
        """A new key of one side of a merchant."""
        side = pair.live if livemode else pair.test
        _, made = await self.merchants.create_key(side, kind, now=self.clock.now())
        return made.text.reveal()

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str,
        idempotency_key: str | None = None,
    ) -> Answer:
        """One request to the API, as an ASGI server would hand it over."""
        self.clock.advance(timedelta(milliseconds=1))
        path, _, query = path.partition("?")
        headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
        if idempotency_key is not None:
            headers.append((b"idempotency-key", idempotency_key.encode()))
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }
        raw = b"" if body is None else msgspec.json.encode(body)
        inbox = [{"type": "http.request", "body": raw, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            return inbox.pop() if inbox else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await self.edge(scope, receive, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], answered, sent[1]["body"])

    def _edge(self) -> Edge:
        async def ready() -> bool:
            return True

        wiring = Wiring(
            authenticate=self.merchants.authenticate,
            clock=self.clock,
            database=self.database,
            fingerprint=self.vault.fingerprint,
            new_request_id=lambda: "req_test",
            ready=ready,
            registry=CollectorRegistry(),
        )
        apis = (
            ProcessorAccountsApi(self.accounts),
            CustomersApi(self.customers),
            PaymentMethodsApi(self.methods),
        )
        return Edge([route for api in apis for route in api.routes()], wiring)


async def dump(database: Database) -> str:
    """Every column of every row, as text: what somebody sees who holds the database's files but no key."""
    tables = await database.fetch_all(
        "select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables "
        "where schemaname not in ('pg_catalog', 'information_schema')"
    )
    rows = []
    for table in tables:
        query = f"select row_to_json(t)::text as text from {table['name']} t"
        rows += [str(row["text"]) for row in await database.fetch_all(query)]
    return "\n".join(rows)
