"""What can go wrong with a database, told apart by what to do about it: retry, refuse, or give up."""

from __future__ import annotations

from typing import Final

import psycopg

_TRANSIENT: Final = frozenset(
    {
        "40001",  # serialization failure
        "40P01",  # deadlock
        "57P01",  # the administrator shut the server down
        "57P02",  # the server crashed
        "57P03",  # the server starts, or stops
        "25006",  # read only: a failover moved the primary away
    }
)
_CONNECTION_CLASS: Final = "08"


class DatabaseUnusable(Exception):
    """The database cannot be used as it is; the message says what to do."""


class Overloaded(Exception):
    """More work is waiting for the database than is allowed to; nothing of this piece was done, so try later."""


def is_transient(error: BaseException) -> bool:
    """Whether the same work with the same keys may succeed a moment later.

    Where the line broke, what was under way may have been committed all the same.
    """
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return True  # libpq's own reports, such as "server closed the connection unexpectedly"
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return state is not None and (state in _TRANSIENT or state.startswith(_CONNECTION_CLASS))


def is_passing(error: BaseException) -> bool:
    """Whether the database was only busy or away: the work itself was in order."""
    return isinstance(error, Overloaded | psycopg.errors.QueryCanceled) or is_transient(error)
