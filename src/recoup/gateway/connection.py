"""One lasting connection to a processor: frames, a table of what waits for an answer, and a look at whether it lives.

What comes is told apart by what it carries, never by its order. What answers nothing that waits (too late, twice, made
up, not readable) is counted and dropped: `late`, `unasked`, `garbage`. `link` says when a message counts as sent.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import structlog
from structlog.typing import FilteringBoundLogger

from recoup.connectors.base import Answers, Asks, HttpResponse, LinkMessage, LinkProtocol
from recoup.gateway.wire import NeverLeft, NoAnswer, Received, place_of

MESSAGE_BYTES_MAX: Final = 8192
"""The longest message that is read: a longer one is a length header out of step, and ends the connection."""
UNSENT_BYTES_MAX: Final = 1 << 18
"""How much may lie unsent before an end counts as not reading."""
REMEMBERED_MAX: Final = 4096
"""How many messages without an answer are remembered, to tell a late answer from a made-up one."""

_MOMENT_S: Final = 0.05
_NOT_READING: Final = "the processor is not reading"

_log: Final[FilteringBoundLogger] = structlog.get_logger("recoup.gateway")


@dataclass(frozen=True, slots=True)
class Pace:
    """How links behave in time, and how much they carry."""

    connect_timeout_s: float = 5.0
    sign_on_timeout_s: float = 4.0
    echo_after_s: float = 60.0
    echo_timeout_s: float = 10.0
    repeat_after_s: float = 5.0
    idle_after_s: float = 1800.0
    farewell_s: float = 1.0
    backoff_first_s: float = 0.5
    backoff_max_s: float = 30.0
    in_flight_max: int = 256

    def backoff_s(self, failures: int) -> float:
        """How long nothing is tried after so many failed connections in a row."""
        return min(self.backoff_max_s, self.backoff_first_s * 2.0 ** min(failures - 1, 16))


@dataclass(frozen=True, slots=True)
class Place:
    """Whose link, to where, spoken how: what one connection is kept for."""

    account_id: UUID
    url: str
    protocol: LinkProtocol


class Words(Protocol):
    """One of the messages that belong to the connection itself."""

    def __call__(self, now: datetime, *, trace: int) -> LinkMessage:
        """The message, at that time, with that number."""
        ...


class Connection:
    """One TCP connection, with a table of what waits for an answer."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        place: Place,
        pace: Pace,
        now: Callable[[], datetime],
        noise: Counter[str],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = place.protocol
        self._account_id = place.account_id
        self._pace = pace
        self._now = now
        self._noise = noise
        self._waiting: dict[str, asyncio.Future[HttpResponse | NoAnswer]] = {}
        self._gave_up: OrderedDict[str, None] = OrderedDict()
        self._trace = 0
        self._farewell = self._leaving = False
        self._over = False
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._used_at = self._loop.time()
        self._tasks = (self._loop.create_task(self._listen()), self._loop.create_task(self._keep()))

    @property
    def is_closed(self) -> bool:
        """Whether nothing can go over it any more."""
        return self._over or self._writer.transport.is_closing()

    @property
    def takes_more(self) -> bool:
        """Whether a new message may go over it."""
        return not (self.is_closed or self._farewell or self._leaving)

    def is_awaited(self, match: str) -> bool:
        """Whether somebody waits for the answer to that message."""
        return match in self._waiting

    async def ask(self, message: LinkMessage, *, until: float) -> Received:
        """Send a message, and wait for what answers it."""
        if not self.takes_more:
            return NeverLeft("not sent: the connection was closed")
        self._used_at = self._loop.time()
        return await self._exchange(message, until=until)

    async def sign_on(self) -> str | None:
        """Say the first words; answers why it may not be used."""
        said = await self._management(self._protocol.sign_on, within_s=self._pace.sign_on_timeout_s)
        if said is None:
            return "not sent: the processor did not answer the sign-on"
        return None if self._protocol.is_accepted(said) else "not sent: the processor refused the sign-on"

    async def close(self) -> None:
        """Sign off, wait a little for the answer, end."""
        await self._leave("the gateway was closed")
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(Exception):
            async with asyncio.timeout(self._pace.farewell_s):
                await self._writer.wait_closed()

    def end(self, why: str, *, gently: bool = False) -> None:
        """End the connection, and without an answer everything that waits. Ending twice is fine.

        Gently: what was written still leaves.
        """
        if self._over:
            return
        self._over = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(NoAnswer(why))
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        if gently:
            self._writer.close()
        else:
            self._writer.transport.abort()

    async def _exchange(self, message: LinkMessage, *, until: float) -> Received:
        """Nothing waits between the last check and the write, so a message refused here certainly never left.

        One whose like is under way did leave, whoever sent it: what becomes of it is not known yet.
        """
        if self.is_awaited(message.match):
            return NoAnswer("the same message is under way")
        refused = self._why_not()
        if refused is not None:
            return NeverLeft(f"not sent: {refused}")
        answer: asyncio.Future[HttpResponse | NoAnswer] = self._loop.create_future()
        self._waiting[message.match] = answer
        try:
            self._write(message.body)
            async with asyncio.timeout_at(until):
                return await answer
        except TimeoutError:
            return NoAnswer("no answer in time")
        except Exception as error:  # noqa: BLE001 - whatever it was, some of it may have left
            self.end("the connection failed")
            return NoAnswer(f"the exchange failed: {place_of(error)}")
        finally:
            self._no_longer_waits(message.match, answered=answer.done() and not answer.cancelled())

    def _why_not(self) -> str | None:
        if self.is_closed:
            return "the connection was closed"
        if len(self._waiting) >= self._pace.in_flight_max:
            return "too many messages are under way"
        return _NOT_READING if self._is_clogged() else None

    def _is_clogged(self) -> bool:
        return self._writer.transport.get_write_buffer_size() > UNSENT_BYTES_MAX

    def _write(self, body: bytes) -> None:
        self._writer.write(len(body).to_bytes(self._protocol.header_bytes, "big") + body)

    def _no_longer_waits(self, match: str, *, answered: bool) -> None:
        del self._waiting[match]
        if not answered:
            self._gave_up[match] = None
            if len(self._gave_up) > REMEMBERED_MAX:
                self._gave_up.popitem(last=False)
        self._end_if_told_farewell()

    def _end_if_told_farewell(self) -> None:
        if self._farewell and not self._waiting:
            self.end("the processor signed off", gently=True)

    async def _management(self, words: Words, *, within_s: float) -> bytes | None:
        self._trace += 1
        message = words(self._now(), trace=self._trace)
        said = await self._exchange(message, until=self._loop.time() + within_s)
        return said.body if isinstance(said, HttpResponse) else None

    async def _leave(self, why: str) -> None:
        if self.takes_more:
            self._leaving = True
            await self._management(self._protocol.sign_off, within_s=self._pace.farewell_s)
        self.end(why, gently=True)

    async def _keep(self) -> None:
        """Ask whether somebody is there whenever nothing was heard for a while; leave when nobody sends any more."""
        while not self._over:
            silent_s = self._loop.time() - self._heard_at
            if silent_s < self._pace.echo_after_s or self._farewell:
                await asyncio.sleep(max(self._pace.echo_after_s - silent_s, _MOMENT_S))
            elif not self._waiting and self._loop.time() - self._used_at > self._pace.idle_after_s:
                await self._leave("nobody used the connection")
            else:
                said = await self._management(self._protocol.echo, within_s=self._pace.echo_timeout_s)
                if said is None or not self._protocol.is_accepted(said):
                    self.end("the processor did not answer whether it is there")

    async def _listen(self) -> None:
        why = "the connection was closed before an answer came"
        try:
            while not self._over:
                header = await self._reader.readexactly(self._protocol.header_bytes)
                length = int.from_bytes(header, "big")
                if length > MESSAGE_BYTES_MAX:
                    why = "the connection was out of step"
                    return
                message = await self._reader.readexactly(length)
                self._heard_at = self._loop.time()
                if message:  # an empty one keeps a connection alive, and says nothing
                    self._take(message)
        except asyncio.IncompleteReadError:
            pass
        except OSError as error:
            why = f"the connection broke ({of_the_system(error)})"
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing more is heard
            why = f"the connection failed: {place_of(error)}"
        finally:
            self.end(why)

    def _take(self, message: bytes) -> None:
        match self._read(message):
            case Answers(match):
                answer = self._waiting.get(match)
                if answer is not None and not answer.done():
                    answer.set_result(HttpResponse(200, {}, message))
                else:
                    self._drop("late" if match in self._gave_up else "unasked")
            case Asks() if self._is_clogged():
                self.end(_NOT_READING)
            case Asks(reply, farewell):
                self._write(reply)
                self._farewell = self._farewell or farewell
                self._end_if_told_farewell()
            case None:
                self._drop("garbage")

    def _read(self, message: bytes) -> Answers | Asks | None:
        try:
            return self._protocol.heard(message)
        except Exception as error:  # noqa: BLE001 - a bug must not end a connection that others wait on
            _log.error("connector_bug", verb="heard", bug=place_of(error))
            return None

    def _drop(self, kind: str) -> None:
        self._noise[kind] += 1
        _log.warning(
            "link_message_dropped", account=str(self._account_id), kind=kind, dropped=self._noise[kind]
        )


def of_the_system(error: OSError) -> str:
    """The operating system's words, without the address that the error's own text may hold."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else type(error).__name__
