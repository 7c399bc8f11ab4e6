"""How the demo says times and names."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def moment(at: datetime, zone: str | None = None) -> str:
    """A time as people say it, in a zone or in UTC: "Tue 1 Dec 06:00"."""
    local = at.astimezone(UTC if zone is None else ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def words(name: str) -> str:
    """A name of the API in plain words."""
    return name.replace("_", " ")
