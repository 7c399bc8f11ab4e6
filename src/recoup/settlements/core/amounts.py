"""Amounts and times as reports write them, read exactly: decimal text to whole minor units, never by way of a float."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from recoup.kit.currencies import DECIMALS

PARTS: Final = 10**6
"""Into how many parts a minor unit is told apart where a report tells fractions of it: fees of 0.00125 dollars."""
_DIGITS: Final = 6
_AMOUNT: Final = re.compile(r"(-?)([0-9]{1,13})(?:\.([0-9]{1,14}))?", re.ASCII)
_ZONES: Final = {
    name: timedelta(minutes=minutes)
    for name, minutes in (
        *((zone, 0) for zone in ("UTC", "GMT", "WET", "Z")),
        *((zone, 60) for zone in ("CET", "BST", "WEST")),
        *((zone, 120) for zone in ("CEST", "EET", "SAST")),
        *((zone, 180) for zone in ("EEST", "MSK")),
        *((zone, 480) for zone in ("SGT", "HKT", "AWST")),
        *((zone, 600) for zone in ("AEST",)),
        *((zone, 660) for zone in ("AEDT",)),
        *((zone, 720) for zone in ("NZST",)),
        *((zone, 780) for zone in ("NZDT",)),
        *((zone, 540) for zone in ("JST", "KST")),
        *((zone, -180) for zone in ("BRT", "ART")),
        *((zone, -240) for zone in ("EDT",)),
        *((zone, -300) for zone in ("EST", "CDT")),
        *((zone, -360) for zone in ("CST", "MDT")),
        *((zone, -420) for zone in ("MST", "PDT")),
        *((zone, -480) for zone in ("PST",)),
    )
}
"""The abbreviations of time zones that are not ambiguous among those that processors write."""


_USUAL: Final = len("2026-11-22 10:00:00")


class NoAmount(ValueError):
    """A text that is no amount of its currency; says why."""


@lru_cache(maxsize=1 << 16)
def parts_of(text: str, currency: str) -> int:
    """A decimal text as millionths of the currency's minor unit; raises `NoAmount`."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise NoAmount(
            f"{text[:40]!r} is no amount: digits, with a point before the decimals, and nothing else."
        )
    sign, whole, after = found.groups(default="")
    places = DECIMALS[currency] + _DIGITS
    if after[places:].strip("0"):
        raise NoAmount(f"{text!r} has more decimals than an amount in {currency} can have.")
    value = int(whole + after[:places].ljust(places, "0"))
    return -value if sign else value


@lru_cache(maxsize=1 << 16)
def minor_of(text: str, currency: str) -> int:
    """A decimal text as whole minor units; raises `NoAmount`. An empty text is nothing, so zero."""
    if not text:
        return 0
    value, rest = divmod(parts_of(text, currency), PARTS)
    if rest:
        raise NoAmount(f"{text!r} has more decimals than an amount in {currency} can have.")
    return value


@lru_cache(maxsize=1 << 16)
def rounded(text: str, currency: str) -> tuple[int, int]:
    """A decimal text as the nearest minor units (a half goes to the even one), and what is left over, in millionths.

    For reports that tell fees in fractions of a minor unit; raises `NoAmount`.
    """
    if not text:
        return 0, 0
    parts = parts_of(text, currency)
    minor = nearest(parts)
    return minor, parts - minor * PARTS


def nearest(parts: int) -> int:
    """Millionths to whole units; a half goes to the even one."""
    whole, rest = divmod(parts, PARTS)
    return whole + (rest * 2 > PARTS or (rest * 2 == PARTS and whole % 2 == 1))


@lru_cache(maxsize=64)
def currency_of(text: str) -> str:
    """A currency's code, in capitals; raises `NoAmount`."""
    code = text.strip().upper()
    if code not in DECIMALS:
        raise NoAmount(f"{text[:20]!r} is no currency of ISO 4217.")
    return code


@lru_cache(maxsize=1 << 14)
def moment(text: str, zone: str = "UTC") -> str | None:
    """A time as `2026-11-22T10:00:00+00:00`; None where the text is none, or its zone is ambiguous."""
    text = text.strip()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        offset = _ZONES.get(zone.strip().upper())
        if offset is None:
            return None
        if not offset:  # almost every line of almost every report: a fraction of the time of the other way
            if len(text) == _USUAL and text[4] == text[7] == "-" and text[13] == text[16] == ":":
                return f"{text[:10]}T{text[11:]}+00:00"
            return f"{found.isoformat(timespec='seconds')}+00:00"
        found = found.replace(tzinfo=timezone(offset))
    try:
        return found.astimezone(UTC).isoformat(timespec="seconds")
    except OverflowError:
        return None
