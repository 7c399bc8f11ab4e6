"""One request on its way through the edge, and what is told of it afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import structlog

from recoup.http.answers import Answer, refuse
from recoup.http.failures import as_refusal, bug, describe, sentence
from recoup.http.intake import Receive
from recoup.http.metrics import Metrics

UNMATCHED: Final = "unmatched"
OTHER_METHOD: Final = "OTHER"
CLIENT_GONE: Final = 499
"""What logs and figures say of a request whose client went away before it was whole."""

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_.-]{1,64}")


@dataclass(slots=True)
class Exchange:
    """A request's raw parts, and what becomes known of it."""

    method: str
    path: str
    query_string: bytes
    headers: Mapping[bytes, bytes]
    receive: Receive = field(repr=False)
    request_id: str
    started: float = field(default_factory=perf_counter)
    route: str = UNMATCHED


def own_request_id(headers: Mapping[bytes, bytes]) -> str | None:
    """The id that the caller gave the request, where it is one that logs bear."""
    given = headers.get(b"request-id")
    return given.decode("ascii") if given is not None and _REQUEST_ID.fullmatch(given) else None


class Reporter:
    """Says what happened: to the caller in words, to the logs in a line, to the figures in a count."""

    def __init__(self, metrics: Metrics, *, docs_url: str) -> None:
        self._metrics = metrics
        self._docs_url = docs_url
        self._log: Any = structlog.get_logger("recoup.http")

    def refused(self, error: Exception, exchange: Exchange) -> Answer:
        """The answer to a failure. A bug is logged with its place, and the caller hears nothing of it."""
        refusal = as_refusal(error)
        if refusal is None:
            self._log.error("request_broke", route=exchange.route, traceback=describe(error))
            refusal = bug()
        elif refusal is not error:
            self._log.warning("request_failed", route=exchange.route, why=sentence(error))
        return refuse(refusal, exchange.request_id, docs_url=self._docs_url)

    def answered(self, exchange: Exchange, status: int) -> None:
        """One line and one count for each request: the route's template, never the path, the query or the body."""
        seconds = perf_counter() - exchange.started
        known = exchange.route != UNMATCHED
        self._metrics.answered(
            method=exchange.method if known else OTHER_METHOD,
            route=exchange.route,
            status=status,
            seconds=seconds,
        )
        # Who asked, and the request's id, are in the context of every line.
        self._log.info(
            "request",
            method=exchange.method,
            route=exchange.route,
            status=status,
            ms=round(seconds * 1000, 2),
        )
