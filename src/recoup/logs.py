"""Structured logs on stderr, with the request's id, and with nothing in them that a log must not hold.

The last step before a line is written redacts it, whatever library wrote it: values under names such as `password`,
anything that reads like a card number or a key, in every depth of the line, tracebacks included. That is the net, not
the rule: the rule is that secrets travel as `Secret` and are never handed to a log.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Final

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
_TOO_SHORT: Final = 10**12
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


def configure(*, level: LogLevel, format_: LogFormat) -> None:
    """Send everything that is logged in this process, by us or by a library, to stderr in one shape."""
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _without_doubles,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=_last_steps(format_))
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
    # Nobody reads them, and each line would pay for them (see the logging HOWTO, "Optimization").
    logging._srcfile = None  # noqa: SLF001 - documented there
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def _last_steps(format_: LogFormat) -> list[Processor]:
    renderer: Processor
    match format_:
        case LogFormat.JSON:
            renderer = _json
        case LogFormat.CONSOLE:
            renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=40)
    # A traceback is made text first, without the values of local variables, and redacted as text.
    plain_traceback = structlog.processors.format_exc_info
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        plain_traceback,
        redact_event,
        renderer,
    ]


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
    return {
        shown: REDACTED if is_secret else _redact(value, depth=0)
        for (shown, is_secret), value in ((_name(name), value) for name, value in event.items())
    }


@lru_cache(maxsize=_NAMES_REMEMBERED)
def _name(name: str) -> tuple[str, bool]:
    """A field's name as it may be shown, and whether its value may not: the same few names come in every line."""
    return redact_text(name), _SECRET_NAME.search(name) is not None


def redact(value: object) -> object:
    """The same value, made of plain types, without what a log must not hold."""
    return _redact(value, depth=0)


def redact_text(text: str) -> str:
    """The text with card numbers, keys and passwords of URLs replaced."""
    return without_card_numbers(_SECRET_TEXT.sub(REDACTED, text))


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
    if isinstance(value, int) and abs(value) < _TOO_SHORT:
        return True
    return redact_text(str(value)) == str(value)
