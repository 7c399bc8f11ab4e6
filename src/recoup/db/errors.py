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


def is_connection_lost(error: BaseException) -> bool:
    """Whether the line broke: a statement that was under way may or may not have been committed."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    # libpq's own reports, such as "server closed the connection unexpectedly", carry no SQLSTATE.
    state = error.sqlstate
    return state is None or state.startswith(_CONNECTION_CLASS) or state in {"57P01", "57P02"}


def is_transient(error: BaseException) -> bool:
    """Whether the same work with the same keys may succeed a moment later."""
    if is_connection_lost(error):
        return True
    return isinstance(error, psycopg.Error) and error.sqlstate in _TRANSIENT
