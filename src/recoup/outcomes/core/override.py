"""A merchant's own reading of a raw code: what it may change, and how it is applied.

An override may say what a code means, or how hard it is and what to do next. It may never loosen a stop: that is the
word of the network, of the issuer or of the cardholder, and trying on against it is fined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from recoup.kit.refusals import conflict, invalid, not_found
from recoup.outcomes.codes.standard import OTHER, STANDARD
from recoup.outcomes.codes.words import Advice, AdviceAction, Category, Hardness, Signal
from recoup.outcomes.core.answers import Decline
from recoup.outcomes.core.classify import Meaning
from recoup.outcomes.core.tables import NETWORKS, PROCESSORS, plain

OVERRIDES_MAX: Final = 500
"""The most codes that one tenant can read in its own way."""
CODE_LENGTH_MAX: Final = 200
"""The longest code that can be read in one's own way: no more of one is kept with a decline."""
WAIT_HOURS_MAX: Final = 24 * 90
NOTE_LENGTH_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Reading:
    """What a merchant says of a code; None leaves what the tables say."""

    standard_code: str | None = None
    category: Category | None = None
    hardness: Hardness | None = None
    action: AdviceAction | None = None
    wait_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """One version of a merchant's reading of a code. `reading` None: from this version on, the tables hold again.

    `set_by` is the id of the API key that set it, as callers see it.
    """

    connector: str
    code: str
    version: int
    reading: Reading | None
    note: str | None
    set_by: str | None
    set_at: datetime


Overrides = Mapping[tuple[str, str], Override]
"""The versions in force, by connector (or network) and plain code."""


def key_of(connector: str, code: str) -> tuple[str, str]:
    """Under which an override is kept: however the code is written."""
    return connector, plain(code)


def check_code(code: str) -> None:
    """Refuses what is longer than any code."""
    if len(code) > CODE_LENGTH_MAX:
        raise invalid("unknown_value", f"A code has {CODE_LENGTH_MAX} characters at most.", param="code")


def check(connector: str, reading: Reading, known: Meaning | None) -> None:
    """Refuses an override of no table, one that says nothing, and one that would loosen a stop."""
    if connector not in PROCESSORS and connector not in NETWORKS:
        raise not_found(
            "table of decline codes",
            connector[:64],
            hint=f"There are: {', '.join((*sorted(PROCESSORS), *NETWORKS))}.",
        )
    if reading == Reading():
        raise invalid(
            "override_empty",
            "Say what to change: `standard_code`, `category`, `hardness` or `advice`.",
            param="standard_code",
        )
    if reading.standard_code is not None and reading.standard_code not in STANDARD:
        raise invalid(
            "unknown_value",
            "`standard_code` must be one of our standard codes: see `docs/reference/declines.md`.",
            param="standard_code",
        )
    if reading.wait_hours is not None and reading.action is not AdviceAction.RETRY_LATER:
        raise invalid(
            "unknown_value", "`advice.wait_hours` goes with `retry_later` only.", param="advice.wait_hours"
        )
    if known is not None and known.advice.stops and not _stops(reading):
        raise conflict(
            "override_loosens_a_stop",
            f"This code says stop ({known.code}): the networks fine further tries, so an override cannot allow them.",
            param="advice.action",
        )


def _stops(reading: Reading) -> bool:
    if reading.action is not None:
        return Advice(reading.action).stops
    return reading.standard_code is None or STANDARD[reading.standard_code].advice.stops


def overridden(decline: Decline, *, connector: str, brand: str, overrides: Overrides) -> Decline:
    """The decline as the merchant reads it: by the processor's code, else by the network's."""
    if not overrides:
        return decline
    for table, code in ((connector, decline.processor_code), (brand, decline.network_code)):
        found = None if code is None else overrides.get(key_of(table, code))
        if found is not None and found.reading is not None:
            return _applied(decline, found, found.reading)
    return decline


def _applied(decline: Decline, override: Override, reading: Reading) -> Decline:
    standard = None if reading.standard_code is None else STANDARD[reading.standard_code]
    advice = decline.advice if standard is None else standard.advice
    if reading.action is not None:
        wait = None if reading.wait_hours is None else timedelta(hours=reading.wait_hours)
        advice = Advice(reading.action, wait)
    hardness = reading.hardness or (decline.hardness if standard is None else standard.hardness)
    if decline.advice.stops and not advice.stops:
        advice = decline.advice  # something else that came with this answer said stop
    if advice.stops:
        hardness = Hardness.HARD
    code = decline.code if standard is None else standard.code
    return replace(
        decline,
        code=code,
        category=reading.category or (decline.category if standard is None else standard.category),
        hardness=hardness,
        message=decline.message if standard is None else standard.message,
        advice=advice,
        recognised=code != OTHER.code,
        source=f"your override, version {override.version} ({override.set_at.date().isoformat()})",
        decided_by=Signal.MERCHANT_OVERRIDE,
        advice_by=decline.advice_by if advice is decline.advice else Signal.MERCHANT_OVERRIDE,
    )
