"""The worlds by name: scenarios that ask one question each, and sweeps over what nobody has published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from bench.routing.world import Parameters

INCIDENTS_A_DAY: Final = 34 / 177
"""34 incidents in 177 days: the public status page of one large processor; their median length was 63 minutes."""
GOAL_GAP: Final = 70.0
"""The part of the gap between best static and oracle to be closed where issuers differ, as a percentage."""
GOAL_BELOW: Final = 0.1
"""How far below the best static route one may fall where nothing can be learned, in points."""
GOAL_LOST: Final = 20.0
"""How many payments may be lost before the breaker opens, at a thousand payments a minute."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world and what it asks. `has_issuers` says that issuers differ by acquirer, `is_flat` that nothing can
    be learned, `has_outages` that a second table with failover is worth showing, `is_slow` that differences are so
    small that a week of payments hardly shows them, so that a month is shown beside it."""

    name: str
    title: str
    parameters: Parameters
    has_issuers: bool = False
    is_flat: bool = False
    has_outages: bool = False
    is_slow: bool = False


_BASE: Final = Parameters()
_MIXED: Final = replace(_BASE, gap_points=1.0, affinity_logit=0.4)
_ALL: Final = (
    Scenario("nothing", "Nothing to learn: acquirers are alike", _BASE, is_flat=True),
    Scenario(
        "point",
        "Acquirers differ by a point, and issuers do not care",
        replace(_BASE, gap_points=1.0),
        is_slow=True,
    ),
    Scenario(
        "affinity_small",
        "Small affinity of issuers and acquirers (0.2)",
        replace(_MIXED, affinity_logit=0.2),
        has_issuers=True,
        is_slow=True,
    ),
    Scenario("affinity_medium", "Medium affinity (0.4)", _MIXED, has_issuers=True, is_slow=True),
    Scenario("affinity_large", "Large affinity (0.8)", replace(_MIXED, affinity_logit=0.8), has_issuers=True),
    Scenario(
        "cross_border",
        "Two thirds of the volume from other countries; a penalty of about ten points abroad",
        replace(_BASE, gap_points=1.0, affinity_logit=0.1, cross_border_logit=0.6, abroad_share=0.65),
        has_issuers=True,
    ),
    Scenario(
        "drift",
        "Medium affinity that moves: half forgotten in ten days, one pair in fifty jumps every day",
        replace(_MIXED, drift_half_life_days=10.0, jumps_a_day=0.02),
        has_issuers=True,
    ),
    Scenario(
        "outages",
        "Outages of published frequency and length",
        replace(_BASE, gap_points=1.0, incidents_a_day=INCIDENTS_A_DAY),
        has_outages=True,
    ),
    Scenario(
        "fees",
        "Fees differ by 0.9 % and abroad by 0.6 % more; small affinity",
        replace(_MIXED, affinity_logit=0.2, fees_spread_bp=90, cross_border_bp=60),
    ),
    Scenario(
        "everything",
        "Everything at once",
        replace(
            _MIXED,
            cross_border_logit=0.5,
            abroad_share=0.5,
            drift_half_life_days=20.0,
            jumps_a_day=0.01,
            incidents_a_day=INCIDENTS_A_DAY,
            fees_spread_bp=60,
            cross_border_bp=60,
        ),
        has_issuers=True,
        has_outages=True,
    ),
)
SCENARIOS: Final[Mapping[str, Scenario]] = {one.name: one for one in _ALL}


@dataclass(frozen=True, slots=True)
class Sweep:
    """One parameter over several values, everything else as with medium affinity."""

    name: str
    title: str
    points: tuple[tuple[str, Parameters], ...]


_OUT: Final = replace(_MIXED, affinity_logit=0.0)
SWEEPS: Final = (
    Sweep(
        "affinity",
        "Size of the affinity (standard deviation on the logit scale)",
        tuple((f"{x:g}", replace(_MIXED, affinity_logit=x)) for x in (0.0, 0.1, 0.2, 0.4, 0.8)),
    ),
    Sweep(
        "drift",
        "Half-life of the affinity, days",
        tuple((f"{x:g}", replace(_MIXED, drift_half_life_days=x)) for x in (20.0, 7.0, 2.0)),
    ),
    Sweep(
        "rate",
        "Payments a minute, over seven days",
        tuple((f"{x:g}", replace(_MIXED, payments_a_minute=x)) for x in (1.0, 2.0, 10.0)),
    ),
    Sweep(
        "issuers",
        "Issuers",
        tuple((f"{x}", replace(_MIXED, issuers=x)) for x in (120, 400)),
    ),
    Sweep(
        "outages",
        "Incidents of each acquirer in 177 days, without affinity",
        tuple((f"{x}", replace(_OUT, incidents_a_day=x / 177)) for x in (17, 136)),
    ),
    Sweep(
        "margin",
        "Margin of the merchant, % of the amount, where fees differ by 0.9 %",
        tuple((f"{x // 100}", replace(SCENARIOS["fees"].parameters, margin_bp=x)) for x in (500, 10_000)),
    ),
)


MONTH_DAYS: Final = 30.0


def month(parameters: Parameters) -> Parameters:
    """The same world for a month."""
    return replace(parameters, days=MONTH_DAYS)


def cut_short(parameters: Parameters) -> Parameters:
    """The same world, cut short."""
    return replace(parameters, days=min(parameters.days, 0.5))
