"""What went wrong below a route, told apart by what a caller can do; and bugs, described without their data."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from typing import Final

import psycopg

from recoup.db import DatabaseUnusable, Overloaded, is_transient
from recoup.kit.refusals import Refusal, RefusalType, conflict

_SENTENCE_MAX: Final = 300
_CAUSES_MAX: Final = 5
_CARD_NUMBER: Final = re.compile(r"\d(?:[ -]?\d){11,18}")
_KEY: Final = re.compile(r"\b(sk|pk|rk|whsec)_[A-Za-z0-9_+/=-]{6,}")


def overloaded(message: str) -> Refusal:
    """More work than is taken at once (503): nothing was done, so the same request may come again."""
    return Refusal(RefusalType.RATE_LIMITED, "overloaded", message, status=503, retry_after_s=1)


def as_refusal(error: Exception) -> Refusal | None:
    """How a failure is answered, or None for a bug."""
    match error:
        case Refusal():
            return error
        case Overloaded():
            return overloaded("Too much is waiting for the database: try again in a moment.")
        case psycopg.errors.LockNotAvailable():
            return conflict(
                "busy", "Another request is changing this object: try again in a moment.", retry_after_s=1
            )
        case DatabaseUnusable() | psycopg.errors.QueryCanceled():
            return _unavailable()
        case psycopg.Error() if is_transient(error):
            return _unavailable()
        case _:
            return None


def _unavailable() -> Refusal:
    return Refusal(
        RefusalType.INTERNAL,
        "unavailable",
        "The database does not answer: send the same request with the same Idempotency-Key in a moment.",
        status=503,
        retry_after_s=1,
    )


def bug() -> Refusal:
    """What a caller hears of a bug: nothing of ours."""
    return Refusal(
        RefusalType.INTERNAL,
        "internal",
        "Something broke on our side. Send the same request with the same Idempotency-Key again; if it stays, "
        "say the request id to those who run this server.",
    )


def describe(error: BaseException) -> str:
    """An exception with where it was raised and what caused it, without any variable and without secrets."""
    parts = []
    for number, one in enumerate(_chain(error)):
        heading = "Caused by" if number else "Raised"
        parts.append(f"{heading} {sentence(one)}\n{''.join(traceback.format_tb(one.__traceback__))}")
    return "".join(parts)


def sentence(error: BaseException) -> str:
    """The exception's kind and its words, where they are known to hold no data."""
    name = type(error).__qualname__
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        # The server's full message repeats the row that was refused.
        diagnosis = error.diag
        known = (error.sqlstate, diagnosis.message_primary, diagnosis.table_name, diagnosis.constraint_name)
        return scrub(f"{name}: {' '.join(part for part in known if part)}")
    return scrub(f"{name}: {error}")


def scrub(text: str) -> str:
    """Text without what looks like a card number or a key, cut to a length that a log line bears."""
    return _KEY.sub(r"\1_***", _CARD_NUMBER.sub("***", text))[:_SENTENCE_MAX]


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if current is None:
            return
        yield current
        hidden = None if current.__suppress_context__ else current.__context__
        current = current.__cause__ or hidden
