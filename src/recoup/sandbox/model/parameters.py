"""Of what the world of declined renewals is made: every number once, and in `PROVENANCE` where each comes from.

A number is measured (somebody published it), set (nobody did; it is chosen so that the world gives the published
figures of `bench.recovery.calibration`), or swept (nobody did, and a sensible range is given to try).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

ROUTES: Final = 5
"""How many processors the merchant has; the first is where renewals go."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What may be changed of a world. Shares and rates are of 1, hours and days are local."""

    pay_us: tuple[float, ...] = (0.324, 0.365, 0.198, 0.113)
    pay_gb: tuple[float, ...] = (0.13, 0.03, 0.02, 0.82)
    pay_eu: tuple[float, ...] = (0.02, 0.02, 0.01, 0.95)
    pay_ca: tuple[float, ...] = (0.12, 0.55, 0.20, 0.13)
    pay_au: tuple[float, ...] = (0.32, 0.47, 0.01, 0.20)
    irregular_share: float = 0.10
    irregular_every_days: tuple[int, int] = (5, 21)
    credited_late_share: float = 0.2
    income_monthly: float = 280_000.0
    income_sigma: float = 0.55
    renewal_median: float = 3_500.0
    renewal_sigma: float = 0.8
    tight_share: float = 0.088
    credit_tight: float = 0.6
    spends_least: float = 0.9
    spends_more: float = 0.55
    spends_noise: float = 0.12
    bills_share: tuple[float, float] = (0.2, 0.7)
    claims_hours: tuple[float, float] = (4.0, 72.0)
    living_bend: float = 1.4
    top_up_every_days: int = 12
    top_up_share: float = 0.35
    top_up_lasts_days: tuple[float, float] = (0.5, 4.0)
    dormant_monthly: float = 0.0105
    dead_monthly: float = 0.0095
    expired_of_dead: float = 0.5
    closed_of_dead: float = 0.2
    updater_coverage: float = 0.8
    updater_delay_days: float = 2.0
    revoked_monthly: float = 0.0015
    authenticates_share: float = 0.02
    authentication_wanted: float = 0.08
    limited_monthly: float = 0.003
    issuers_each: int = 30
    masks_share: float = 0.27
    masks_dead_share: float = 0.12
    risk_base: float = -9.2
    risk_issuer_sigma: float = 1.2
    risk_cardholder_sigma: float = 2.6
    risk_route_sigma: float = 1.6
    risk_affinity_sigma: float = 1.0
    risk_slot_sigma: float = 0.8
    risk_abroad: float = 0.8
    risk_authenticated: float = -2.0
    tires_share: float = 0.3
    tires_each: float = 0.25
    tires_from: int = 2
    tires_hours: int = 72
    outage_every_days: int = 30
    outage_share: float = 0.6
    outage_hours: float = 3.0
    route_outage_every_days: int = 45
    route_outage_share: float = 0.6
    route_outage_hours: float = 2.0
    glitch_share: float = 0.0015
    advice_issuers_share: float = 0.6
    advice_right: float = 0.7
    backup_share: float = 0.15
    backup_funded: float = 0.6
    acts_funds: float = 0.14
    acts_dormant: float = 0.08
    acts_dead: float = 0.32
    acts_risk: float = 0.28
    acts_revoked: float = 0.02
    acts_again: float = 0.55
    acts_median_hours: float = 20.0
    acts_sigma: float = 1.3
    pays_share: float = 0.85
    tenure_months_max: int = 6


class Provenance(NamedTuple):
    """Where a number comes from: `kind` is measured, set or swept; `source` a publication and its date, or a range."""

    meaning: str
    kind: str
    source: str
