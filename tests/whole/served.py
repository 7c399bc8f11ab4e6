"""Real `recoup serve` processes, started, killed and started again on the same data, and a small client for them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

from recoup import server as recoup_server
from recoup.app import Service
from recoup.kit.secret import Secret
from recoup.merchants.core import KeyKind
from recoup.settings import load

READY_S: Final = 120.0
STOP_S: Final = 40.0
ANSWER_S: Final = 240.0
RETRY_S: Final = 0.1
PAGES_MAX: Final = 100
_POLL_S: Final = 0.01
_URL: Final = re.compile(r"Recoup is up at (http://\S+)")
_KEY: Final = re.compile(r"Test key of the sandbox merchant: (sk_test_\w+)")
MASTER_KEY: Final = b64encode(bytes(range(32))).decode()
"""A master key that somebody chose: live mode refuses a generated one."""
T = TypeVar("T")
CARD: Final = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}


class NotServing(Exception):
    """The process ended before it was ready; `code` is how, `said` what it printed."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"exit code {code}: {said}")
        self.code, self.said = code, said


class Served:
    """One `recoup serve` with a data folder, in a process of its own that can be ended in any way.

    Without `RECOUP_DATABASE_URL` among the settings it runs its embedded PostgreSQL.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._told_from = 0
        self.base_url = ""
        self.key = ""
        self.ready_s = 0.0
        """How long the last start took."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the process: what this machine sets for Recoup stays out."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("RECOUP_")}
        return {
            **own,
            "RECOUP_DATA_DIR": str(self.folder),
            "RECOUP_PORT": "0",
            "RECOUP_LOG_FORMAT": "json",
            **self._settings,
        }

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def told(self) -> Path:
        """What all starts printed for their user."""
        return self.folder.with_name(f"{self.folder.name}.out")

    @property
    def log(self) -> Path:
        """What all starts logged."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def spawn(self) -> None:
        """Start the process and do not wait."""
        assert self._process is None, "already started"
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._told_from = self.told.stat().st_size if self.told.exists() else 0
        with self.told.open("ab") as told, self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "recoup", "serve"],
                cwd=self.folder.parent,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start and wait until it has said that it is up; raises `NotServing`."""
        began = time.monotonic()
        self.spawn()
        self.wait_until_ready()
        self.ready_s = time.monotonic() - began

    def wait_until_ready(self) -> None:
        """Wait until the process has said that it is up; raises `NotServing`."""
        assert self._process is not None, "not started"
        deadline = time.monotonic() + READY_S
        while (found := _URL.search(self._said())) is None or "Stop it with Ctrl-C" not in self._said():
            if (code := self._process.poll()) is not None:
                self._process = None
                raise NotServing(code, self._said() + self.log.read_text()[-4000:])
            assert time.monotonic() < deadline, f"not ready after {READY_S} s: {self._said()}"
            time.sleep(_POLL_S)
        self.base_url = found[1]
        key = _KEY.search(self._said())
        self.key = key[1] if key else ""

    def _said(self) -> str:
        """What this start has printed."""
        with self.told.open("rb") as told:
            told.seek(self._told_from)
            return told.read().decode()

    def announced(self) -> str:
        """What the last start printed."""
        return self._said()

    def kill(self) -> None:
        """`kill -9`, at whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_S)
            self._process = None

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop as Ctrl-C does, and wait; its exit code."""
        assert self._process is not None, "not started"
        self._process.send_signal(how)
        code = self._process.wait(STOP_S)
        self._process = None
        return code


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Served]:
    """A server that is up while the block runs, unless the block ends it."""
    served = Served(folder, **settings)
    try:
        served.start()
        yield served
    finally:
        served.kill()


@dataclass(frozen=True, slots=True)
class Answered:
    """What a client read, and how long it waited for it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    took_s: float = 0.0

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The code of a refusal; empty where it is none."""
        return str(self.json["error"]["code"]) if self.status >= 400 else ""

    @property
    def replayed(self) -> bool:
        """Whether this answer was given before."""
        return self.headers.get("Idempotent-Replayed") == "true"


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks to a server as one merchant, wherever the server is at the moment."""

    session: aiohttp.ClientSession
    base_url: Callable[[], str]
    key: str = field(repr=False)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        once: str | None = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """One request; `once` is its idempotency key. Raises what aiohttp raises."""
        data = msgspec.json.encode(body) if body is not None else raw
        sent = {"Authorization": f"Bearer {self.key}"}
        sent |= {"Content-Type": "application/json"} if data is not None else {}
        sent |= {"Idempotency-Key": once} if once is not None else {}
        began = time.perf_counter()
        async with self.session.request(
            method, self.base_url() + path, data=data, headers=sent | dict(headers or {})
        ) as response:
            read = await response.read()
            return Answered(response.status, response.headers.copy(), read, time.perf_counter() - began)

    async def get(self, path: str) -> Any:
        """What is there, as JSON; it must be there."""
        answered = await self.send("GET", path)
        assert answered.status == 200, answered.body
        return answered.json

    async def post(self, path: str, body: Any, *, once: str | None = None) -> Any:
        """What was made or changed, as JSON; it must have been."""
        answered = await self.send("POST", path, body, once=once)
        assert answered.status in {200, 201}, answered.body
        return answered.json

    async def insist(self, path: str, body: Any, *, once: str, within_s: float = ANSWER_S) -> Answered:
        """POST with an idempotency key, as often as it takes to get an answer, as a good client does."""
        deadline = time.monotonic() + within_s
        said: object = None
        while time.monotonic() < deadline:
            try:
                answered = await self.send("POST", path, body, once=once)
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                said = error
            else:
                if answered.status < 500 and answered.code not in {"idempotency_key_in_use", "busy"}:
                    return answered
                said = answered.body
            await asyncio.sleep(RETRY_S)
        raise AssertionError(f"no answer to {path} within {within_s} s: {said!r}")

    async def every(self, path: str) -> list[Any]:
        """Everything in a list, newest first, read page by page."""
        found: list[Any] = []
        cursor, joint = "", "&" if "?" in path else "?"
        for _ in range(PAGES_MAX):
            page = await self.get(f"{path}{joint}limit=100{cursor}")
            found += page["data"]
            if not page["has_more"]:
                return found
            cursor = f"&starting_after={page['data'][-1]['id']}"
        raise AssertionError(f"{path} has more than {PAGES_MAX} pages")

    async def events(self) -> list[Any]:
        """Every event, oldest first."""
        found: list[Any] = []
        for _ in range(PAGES_MAX):
            after = found[-1]["sequence"] if found else 0
            page = await self.get(f"/v1/events?limit=100&after_sequence={after}")
            found += page["data"]
            if not page["has_more"]:
                return found
        raise AssertionError("the events do not end")


@asynccontextmanager
async def client_of(served: Served, key: str | None = None) -> AsyncIterator[Client]:
    """A client of the server's sandbox merchant, or of the merchant of another key."""
    timeout = aiohttp.ClientTimeout(total=30, sock_connect=5)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield Client(session, lambda: served.base_url, key or served.key)


@asynccontextmanager
async def opened(served: Served, database_url: str, **more: str) -> AsyncIterator[Service]:
    """The same data as a running server's, opened in this process: for what has no route, such as making keys."""
    settings = load(
        {
            "RECOUP_DATABASE_URL": database_url,
            "RECOUP_DATA_DIR": str(served.folder),
            "RECOUP_SANDBOX": "false",
            **more,
        }
    )
    async with recoup_server.opened(settings, recoup_server.Store(database_url, alone=False)) as service:
        yield service


async def new_key(service: Service, test_key: str, *, live: bool, kind: KeyKind = KeyKind.SECRET) -> str:
    """Another key of the merchant that a test key belongs to."""
    caller = await service.merchants.authenticate(test_key)
    assert caller is not None, "the key is good"
    pairs = await service.merchants.pairs(limit=100)
    pair = next(one for one in pairs if one.test.id == caller.merchant.id)
    now = service.around.clock.now()
    _, made = await service.merchants.create_key(pair.live if live else pair.test, kind, now=now)
    return made.text.reveal()


async def world_key(service: Service, test_key: str) -> Secret:
    """What opens the simulated processors of the merchant that a test key belongs to."""
    caller = await service.merchants.authenticate(test_key)
    assert caller is not None, "the key is good"
    return await service.simulated.worlds.ensure_world(caller.merchant.id, seed=1)


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Do something asynchronous in a fixture that lives longer than a test's event loop: in a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def free_port() -> int:
    """A port that nobody listens on, and that the system does not give to connections by itself."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def payment_of(amount: int, **more: Any) -> dict[str, Any]:
    """A payment with the card that is always approved."""
    body: dict[str, Any] = {
        "amount": amount,
        "currency": "USD",
        "payment_method_data": {"type": "card", "card": CARD},
    }
    return body | more
