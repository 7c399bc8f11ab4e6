"""What the service asks of a subject that a file of its own puts together, so that one line makes it a part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from recoup.http.routes import Route
from recoup.worker import Handler


class Part(Protocol):
    """A subject, put together."""

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        ...

    def routes(self) -> list[Route]:
        """All routes."""
        ...
