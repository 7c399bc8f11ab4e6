"""Structured logs on stderr, with the request's id, and with nothing in them that a log must not hold.

The last step before a line is written redacts it, whatever library wrote it: values under names such as `password`,
anything that reads like a card number or a key, in every depth of the line, tracebacks included. That is the net, not
the rule: the rule is that secrets travel as `Secret` and are never handed to a log.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Final, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from recoup.kit.cardlike import REDACTED as REDACTED
from recoup.kit.cardlike import without_card_numbers
from recoup.settings import LogFormat, LogLevel

_DEPTH_MAX: Final = 8
_NAMES_REMEMBERED: Final = 1024
_TEXTS_REMEMBERED: Final = 1024
_SHORT: Final = 48
_TOO_SHORT_TEXT: Final = 12
_TOO_SHORT: Final = 10**_TOO_SHORT_TEXT
"""Whole numbers nearer to zero have fewer digits than any card."""

_SECRET_NAME: Final = re.compile(
    r"secret|token|passw(or)?d|authori[sz]ation|api_?key|private_?key|master_?key|credential|cookie|signature"
    r"|^(card_?)?number$|^pan$|^cv[cv]2?$|card_?(cvc|cvv)|^jwe$",
    re.IGNORECASE,
)
_SECRET_TEXT: Final = re.compile(
    r"\b(?:sk|pk|rk)_(?:test|live)_[A-Za-z0-9_]+"  # API keys, ours and those of processors that write them alike
    r"|\bwhsec_[A-Za-z0-9+/=_-]+"
    r"|(?<=\bBearer )[^\s\"',]+|(?<=\bBasic )[A-Za-z0-9+/=]{8,}"
    r"|(?<=://)[^\s/@]+(?=@)",  # user:password@ in a URL
    re.IGNORECASE,
)


_SECRET_SIGNS: Final = ("k_test_", "k_live_", "whsec_", "bearer ", "basic ", "@")
"""One of them is in every text that `_SECRET_TEXT` finds something in: looking for them costs a tenth."""


def configure(*, level: LogLevel, format_: LogFormat) -> None:
    """Send everything that is logged in this process, by us or by a library, to stderr in one shape.

    Our own lines do not pass through the standard library's logging, which costs more than all that they say.
    """
    sink = _Sink(sys.stderr)
    atexit.register(sink.flush)
    context: list[Processor] = [structlog.contextvars.merge_contextvars]
    stamp: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[_from(level), *context, *_last_steps(format_, own=[_add_name, *stamp])],
        logger_factory=lambda *names: _Lines(sink, *names),
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        cache_logger_on_first_use=False,
    )
    foreign: list[Processor] = [
        *context,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _without_doubles,
        structlog.stdlib.add_log_level,
    ]
    handler = logging.StreamHandler(sink)
    last = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_last_steps(format_, own=stamp[1:])]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=foreign, processors=last))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
    # Nobody reads them, and each line would pay for them (see the logging HOWTO, "Optimization").
    logging._srcfile = None  # noqa: SLF001 - documented there
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class _Sink:
    """Where lines go: those that can wait for a moment leave together, one write for each turn of the event loop."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []

    def write(self, text: str) -> None:
        """Take text; whoever writes this way flushes by itself, as the standard library's handlers do."""
        self._lines.append(text)

    def write_soon(self, line: str) -> None:
        """Take a line that leaves when the event loop turns next, at once where none runs."""
        self._lines.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if len(self._lines) == 1:  # else those before it take it along
            loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write everything that was taken, in its order."""
        lines, self._lines = self._lines, []
        if lines:
            self._stream.write("".join(lines))
            self._stream.flush()


class _Lines:
    """One of our loggers at the end of its chain. What tells of trouble is written at once."""

    def __init__(self, sink: _Sink, name: str = "recoup") -> None:
        self.name = name
        self._sink = sink

    def info(self, line: str) -> None:
        """A line that can wait for the event loop's next turn."""
        self._sink.write_soon(line + "\n")

    def warning(self, line: str) -> None:
        """A line that cannot."""
        self._sink.write(line + "\n")
        self._sink.flush()

    debug = msg = info
    error = critical = exception = fatal = warn = warning


def _last_steps(format_: LogFormat, *, own: Sequence[Processor]) -> list[Processor]:
    """What comes last for each line: redaction, and then what we ourselves say of it."""
    renderer: Processor
    match format_:
        case LogFormat.JSON:
            renderer = _json
        case LogFormat.CONSOLE:
            renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=40)
    # A traceback is made text first, without the values of local variables, and redacted as text.
    return [structlog.processors.format_exc_info, redact_event, *own, renderer]


def _from(level: LogLevel) -> Processor:
    """Drops what is below a level. A step of the chain, so that tests that put their own chain in its place see all."""
    least = logging.getLevelNamesMapping()[level.upper()]
    levels = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}

    def drop_below(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if levels.get(method, logging.ERROR) < least:
            raise structlog.DropEvent
        return event

    return drop_below


def _add_name(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["logger"] = logger.name
    return event


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """The line as JSON. It is of plain types by now, though perhaps with text or numbers that only `json` takes."""
    try:
        return msgspec.json.encode(event).decode()
    except (TypeError, ValueError, OverflowError):
        return json.dumps(event, default=str)


def _without_doubles(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what uvicorn says a second time, in colours."""
    event.pop("color_message", None)
    return event


def request_context(request_id: str) -> AbstractContextManager[None]:
    """Every line logged inside, in this task and those it starts, carries the request's id."""
    return structlog.contextvars.bound_contextvars(request_id=request_id)


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The processor that redacts a whole line."""
    redacted = {}
    for name, value in event.items():
        shown, is_secret = _name(name)
        redacted[shown] = REDACTED if is_secret else _flat(value)
    return redacted


def _flat(value: object) -> object:
    """`_redact` with what nearly every value is told apart first."""
    if isinstance(value, str) and len(value) <= _SHORT:
        return _short_redacted(value)
    if isinstance(value, int) and -_TOO_SHORT < value < _TOO_SHORT:
        return value
    return _redact(value, depth=0)


@lru_cache(maxsize=_NAMES_REMEMBERED)
def _name(name: str) -> tuple[str, bool]:
    """A field's name as it may be shown, and whether its value may not: the same few names come in every line."""
    return redact_text(name), _SECRET_NAME.search(name) is not None


def redact(value: object) -> object:
    """The same value, made of plain types, without what a log must not hold."""
    return _redact(value, depth=0)


def redact_text(text: str) -> str:
    """The text with card numbers, keys and passwords of URLs replaced."""
    folded = text.casefold()
    if any(sign in folded for sign in _SECRET_SIGNS):
        text = _SECRET_TEXT.sub(REDACTED, text)
    return without_card_numbers(text)


def _redact_named(name: str, value: object, *, depth: int) -> object:
    return REDACTED if _SECRET_NAME.search(name) else _redact(value, depth=depth)


def _redact(value: object, *, depth: int) -> object:
    match value:
        case None | bool():
            return value
        case int() | float():
            return value if _holds_no_card(value) else REDACTED
        case str():
            return _short_redacted(value) if len(value) <= _SHORT else redact_text(value)
        case _ if depth >= _DEPTH_MAX:
            return REDACTED
        case Mapping():
            return {
                redact_text(str(name)): _redact_named(str(name), one, depth=depth + 1)
                for name, one in value.items()
            }
        case bytes() | bytearray():
            return redact_text(repr(value))
        case Sequence() | AbstractSet():
            return [_redact(one, depth=depth + 1) for one in value]
        case _:
            return redact_text(str(value))


@lru_cache(maxsize=_TEXTS_REMEMBERED)
def _short_redacted(text: str) -> str:
    """The same for short text, most of which comes in every line: a route, a logger's name, a merchant."""
    return redact_text(text)


def _holds_no_card(value: float) -> bool:
    if isinstance(value, int):
        return abs(value) < _TOO_SHORT or redact_text(str(value)) == str(value)
    shown = str(value)
    return len(shown) <= _TOO_SHORT_TEXT or redact_text(shown) == shown
