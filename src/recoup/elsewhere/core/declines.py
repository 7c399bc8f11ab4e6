"""What a decline elsewhere means: by its processor's code, by the network's, or by a standard code that says it all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from recoup.kit.refusals import invalid
from recoup.outcomes.codes.standard import STANDARD
from recoup.outcomes.core import Decline, Hardness
from recoup.outcomes.core.classify import RawDecline, classify
from recoup.outcomes.core.tables import PROCESSORS

STANDARD_CODES: Final = "standard"
"""The connector of codes that are standard ones already."""
CONNECTORS: Final = frozenset({STANDARD_CODES, *PROCESSORS})


@dataclass(frozen=True, slots=True)
class Said:
    """A decline as it was told: whose code it is, and what came beside it."""

    connector: str
    code: str | None
    network_code: str | None = None
    advice_code: str | None = None
    text: str | None = None


def decline_of(said: Said, *, brand: str, on: date, param: str) -> Decline:
    """What it means, by the tables in force on that day; refuses a connector and a standard code that are none."""
    if said.connector not in CONNECTORS:
        message = f"`{param}.connector` must be one of: {', '.join(sorted(CONNECTORS))}."
        raise invalid("unknown_value", message, param=f"{param}.connector")
    if said.connector != STANDARD_CODES:
        return _read(said, brand=brand, on=on)
    if said.code is not None and said.code not in STANDARD:
        message = f"`{param}.code` is no standard code: see GET /v1/declines, or name its `connector`."
        raise invalid("unknown_value", message, param=f"{param}.code")
    return _standard(said, _read(replace(said, code=None), brand=brand, on=on))


def _read(said: Said, *, brand: str, on: date) -> Decline:
    raw = RawDecline(said.connector, said.code, said.network_code, said.advice_code, brand, said.text)
    return classify(raw, on)


def _standard(said: Said, beside: Decline) -> Decline:
    """The standard code, with the advice of what came beside it where that says more."""
    row = STANDARD.get(said.code or "")
    if row is None:
        return beside
    told = said.network_code is not None or said.advice_code is not None
    advice = beside.advice if told and beside.advice_by is not None else row.advice
    return replace(
        beside,
        code=row.code,
        category=row.category,
        hardness=Hardness.HARD if advice.stops else row.hardness,
        message=row.message,
        advice=advice,
        source=row.citation,
        recognised=True,
    )
