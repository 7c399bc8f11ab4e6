"""When a schedule of fixed days has its next try, before advice and budgets are asked; and the customer's night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from recoup.recovery.core.policy import ALL_DAY, Hours, Policy

APART: Final = timedelta(hours=12)
"""The least time from a refusal to the schedule's next try, where one came late."""


def scheduled(
    policy: Policy, *, opened_at: datetime, tries_made: int, refused_at: datetime, zone: str
) -> datetime:
    """The time of the next try; days are those of the customer."""
    opened = opened_at.astimezone(ZoneInfo(zone))
    day = opened.date() + timedelta(days=policy.days[min(tries_made, len(policy.days) - 1)])
    at = opened.time() if policy.at is None else policy.at
    wanted = datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)
    return max(wanted, refused_at + APART) if tries_made else wanted


def words_of(policy: Policy, tries_made: int) -> str:
    """Which try of the schedule it is, in words."""
    days = ", ".join(map(str, policy.days))
    return f"tried on day {policy.days[tries_made]} of the schedule {days} (policy {policy.name})"


def awake(moment: datetime, zone: str, hours: Hours = ALL_DAY) -> datetime:
    """The moment itself, or in the customer's night the next morning."""
    local = moment.astimezone(ZoneInfo(zone))
    if hours.begins <= local.time() < hours.ends:
        return moment
    day = local.date() + timedelta(days=local.time() >= hours.ends)
    return max(moment, datetime.combine(day, hours.begins, ZoneInfo(zone)).astimezone(UTC))
