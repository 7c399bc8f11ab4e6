"""Of what the world of declined renewals is made: every number once, and in `PROVENANCE` where each comes from.

A number is measured (somebody published it), set (nobody did; it is chosen so that the world gives the published
figures of `bench.recovery.calibration`), or swept (nobody did, and a sensible range is given to try).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

ROUTES: Final = 5
"""How many processors the merchant has; the first is where renewals go."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What may be changed of a world: `PROVENANCE` says what each means. Shares are of 1."""

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
    tight_share: float = 0.072
    credit_tight: float = 0.6
    spends_least: float = 0.9
    spends_more: float = 0.42
    spends_noise: float = 0.12
    bills_share: tuple[float, float] = (0.2, 0.7)
    claims_hours: tuple[float, float] = (4.0, 72.0)
    living_bend: float = 1.4
    top_up_every_days: int = 12
    top_up_share: float = 0.45
    top_up_lasts_days: tuple[float, float] = (0.5, 4.0)
    dormant_monthly: float = 0.0112
    dead_monthly: float = 0.0106
    expired_of_dead: float = 0.5
    closed_of_dead: float = 0.2
    updater_coverage: float = 0.8
    updater_delay_days: float = 2.0
    revoked_monthly: float = 0.0015
    authenticates_monthly: float = 0.004
    limited_monthly: float = 0.0028
    issuers_each: int = 60
    masks_share: float = 0.34
    masks_dead_share: float = 0.12
    risk_base: float = -14.0
    risk_issuer_sigma: float = 0.5
    risk_cardholder_sigma: float = 1.3
    risk_route_sigma: float = 5.0
    risk_affinity_sigma: float = 2.1
    risk_slot_sigma: float = 1.0
    risk_abroad: float = 0.8
    risk_authenticated: float = -2.0
    tires_share: float = 0.3
    tires_each: float = 0.25
    tires_from: int = 2
    tires_hours: int = 72
    outage_every_days: int = 30
    outage_share: float = 0.6
    outage_hours: float = 2.5
    route_outage_every_days: int = 45
    route_outage_share: float = 0.6
    route_outage_hours: float = 1.0
    glitch_share: float = 0.0024
    advice_issuers_share: float = 0.6
    advice_right: float = 0.7
    backup_share: float = 0.15
    backup_funded: float = 0.6
    acts_funds: float = 0.12
    acts_dormant: float = 0.08
    acts_dead: float = 0.28
    acts_risk: float = 0.25
    acts_revoked: float = 0.02
    acts_again: float = 0.55
    acts_median_hours: float = 20.0
    acts_sigma: float = 1.3
    pays_share: float = 0.85
    tenure_months_max: int = 6


class Provenance(NamedTuple):
    """What a number means, of what kind it is, and its publication and date, its reason, or the range to try.

    `least` and `most` are the ends of the range, where it is one of single numbers.
    """

    meaning: str
    kind: Literal["measured", "set", "swept"]
    source: str
    least: float | None = None
    most: float | None = None


PROVENANCE: Final = {
    "pay_us": Provenance(
        "how people in the US are paid: weekly, biweekly, semi-monthly, monthly",
        "measured",
        "US Bureau of Labor Statistics, Beyond the Numbers 3 (11), 2014-05 (private businesses, March 2013)",
    ),
    "pay_gb": Provenance("the same in the United Kingdom", "swept", "monthly 0.75 to 0.90"),
    "pay_eu": Provenance(
        "the same in Germany, France, Spain and the Netherlands", "swept", "monthly 0.90 to 1.00"
    ),
    "pay_ca": Provenance("the same in Canada", "swept", "biweekly 0.45 to 0.65"),
    "pay_au": Provenance("the same in Australia", "swept", "biweekly 0.40 to 0.55"),
    "irregular_share": Provenance(
        "people whose money comes on no fixed day", "swept", "0.05 to 0.20", 0.05, 0.2
    ),
    "irregular_every_days": Provenance("how many days of theirs hold one such income", "swept", "3 to 30"),
    "credited_late_share": Provenance(
        "accounts on which pay comes in the morning and not just after midnight",
        "swept",
        "0.1 to 0.5",
        0.1,
        0.5,
    ),
    "income_monthly": Provenance(
        "median income a month, in the smallest unit", "swept", "200,000 to 400,000", 200000.0, 400000.0
    ),
    "income_sigma": Provenance("how incomes differ (of the logarithm)", "swept", "0.4 to 0.8", 0.4, 0.8),
    "renewal_median": Provenance(
        "median amount of a renewal, in the smallest unit", "swept", "1,000 to 10,000", 1000.0, 10000.0
    ),
    "renewal_sigma": Provenance("how amounts differ (of the logarithm)", "swept", "0.5 to 1.2", 0.5, 1.2),
    "tight_share": Provenance(
        "debit cardholders who live from payday to payday without a reserve that would cover a renewal",
        "set",
        "so that 3.3 % of renewals lack funds (figure below)",
    ),
    "credit_tight": Provenance(
        "the same among credit cardholders, as a share of that", "swept", "0.4 to 1.0", 0.4, 1.0
    ),
    "spends_least": Provenance(
        "the least of their pay that such people spend by the next payday", "swept", "0.8 to 1.0", 0.8, 1.0
    ),
    "spends_more": Provenance(
        "what they would spend beyond it, on average: who spends more runs dry earlier",
        "set",
        "so that fixed schedules win what is published (figures below)",
    ),
    "spends_noise": Provenance("how spending differs from cycle to cycle", "swept", "0.05 to 0.2", 0.05, 0.2),
    "bills_share": Provenance(
        "the part of spending that other merchants claim after payday, in three claims", "swept", "0.1 to 0.8"
    ),
    "claims_hours": Provenance(
        "how many hours after the midnight of payday they claim it", "swept", "0 to 120"
    ),
    "living_bend": Provenance(
        "how much faster the rest goes at the beginning (1 is evenly)", "swept", "1 to 2", 1.0, 2.0
    ),
    "top_up_every_days": Provenance(
        "days in which there may be one transfer from elsewhere", "swept", "7 to 30", 7.0, 30.0
    ),
    "top_up_share": Provenance("how often there is one", "swept", "0.2 to 0.6", 0.2, 0.6),
    "top_up_lasts_days": Provenance("how long it lasts", "swept", "0.25 to 7"),
    "dormant_monthly": Provenance(
        "accounts on which money stops coming, a month",
        "set",
        "so that about 30 % of funds declines are on dormant accounts (figure below)",
    ),
    "dead_monthly": Provenance(
        "cards that expire, are lost or closed without the merchant knowing, a month",
        "set",
        "so that an account updater adds about 10 points (figure below)",
    ),
    "expired_of_dead": Provenance("of those: expired", "swept", "0.3 to 0.7", 0.3, 0.7),
    "closed_of_dead": Provenance(
        "of those: closed, with nothing in their place", "swept", "0.1 to 0.3", 0.1, 0.3
    ),
    "updater_coverage": Provenance(
        "replaced cards that their issuer reports to the account updater", "swept", "0.4 to 0.95", 0.4, 0.95
    ),
    "updater_delay_days": Provenance("how long that takes, on average", "swept", "1 to 10", 1.0, 10.0),
    "revoked_monthly": Provenance(
        "customers who tell their issuer to stop the series, a month",
        "swept",
        "0.0005 to 0.003",
        0.0005,
        0.003,
    ),
    "authenticates_monthly": Provenance(
        "cards of Europe whose issuer begins to want authentication, a month",
        "swept",
        "0.001 to 0.008",
        0.001,
        0.008,
    ),
    "limited_monthly": Provenance(
        "cards whose limit is reached at the renewal: until midnight, Monday or four weeks later",
        "swept",
        "0.001 to 0.005",
        0.001,
        0.005,
    ),
    "issuers_each": Provenance("issuers in each country", "swept", "20 to 200", 20.0, 200.0),
    "masks_share": Provenance(
        'funds declines that say "do not honor", on average over issuers',
        "set",
        'so that about half of "do not honor" is funds (figure below)',
    ),
    "masks_dead_share": Provenance("dead cards of which the same is said", "swept", "0.05 to 0.3", 0.05, 0.3),
    "risk_base": Provenance(
        "logit of a refusal for risk, where nothing else speaks for or against it",
        "set",
        "so that 05 and 51 are 65 to 76 % of declines, with the sigmas below",
    ),
    "risk_issuer_sigma": Provenance(
        "how issuers differ in appetite for risk (logit)", "swept", "0.3 to 1.5", 0.3, 1.5
    ),
    "risk_cardholder_sigma": Provenance(
        "how cardholders differ in their issuer's eyes (logit)", "swept", "1 to 3", 1.0, 3.0
    ),
    "risk_route_sigma": Provenance(
        "how one cardholder is seen by one route and not by another (logit)",
        "set",
        "so that other routes add 4 to 5 points (figure below)",
    ),
    "risk_affinity_sigma": Provenance(
        "how an issuer likes one processor and not another (logit)", "swept", "0.5 to 2.5", 0.5, 2.5
    ),
    "risk_slot_sigma": Provenance(
        "how that changes from one five days to the next (logit)", "swept", "0.3 to 1.5", 0.3, 1.5
    ),
    "risk_abroad": Provenance("what a processor abroad costs (logit)", "swept", "0 to 1.5", 0.0, 1.5),
    "risk_authenticated": Provenance("what authentication gains (logit)", "swept", "-3 to -1", -3.0, -1.0),
    "tires_share": Provenance("issuers that take offence at many tries", "swept", "0.1 to 0.6", 0.1, 0.6),
    "tires_each": Provenance(
        "what each try too many adds to their refusals", "swept", "0.1 to 0.5", 0.1, 0.5
    ),
    "tires_from": Provenance("earlier tries from which on they do", "swept", "1 to 4", 1.0, 4.0),
    "tires_hours": Provenance("for how long they remember a try", "swept", "24 to 168", 24.0, 168.0),
    "outage_every_days": Provenance(
        "days of an issuer that may hold one outage", "swept", "15 to 90", 15.0, 90.0
    ),
    "outage_share": Provenance("how often they do", "swept", "0.3 to 1", 0.3, 1.0),
    "outage_hours": Provenance("how long it lasts, on average", "swept", "1 to 6", 1.0, 6.0),
    "route_outage_every_days": Provenance("the same of a processor", "swept", "30 to 180", 30.0, 180.0),
    "route_outage_share": Provenance("the same of a processor", "swept", "0.3 to 1", 0.3, 1.0),
    "route_outage_hours": Provenance(
        "the same of a processor (payment providers' status pages: median of incidents about 63 minutes)",
        "swept",
        "0.5 to 4",
        0.5,
        4.0,
    ),
    "glitch_share": Provenance(
        "tries that fail for a technical reason outside outages", "swept", "0.001 to 0.004", 0.001, 0.004
    ),
    "advice_issuers_share": Provenance(
        "Mastercard issuers that say when to come back (advice 24 to 30)", "swept", "0.2 to 0.9", 0.2, 0.9
    ),
    "advice_right": Provenance("how often that is the next payday", "swept", "0.5 to 0.9", 0.5, 0.9),
    "backup_share": Provenance("customers with a second card on file", "swept", "0.05 to 0.3", 0.05, 0.3),
    "backup_funded": Provenance("how often there is money on it", "swept", "0.4 to 0.8", 0.4, 0.8),
    "acts_funds": Provenance(
        "customers without funds who act on a first message",
        "set",
        "so that asking adds about 10 points (figure below)",
    ),
    "acts_dormant": Provenance("the same on dormant accounts", "set", "see acts_funds"),
    "acts_dead": Provenance("the same with a dead card", "set", "see acts_funds"),
    "acts_risk": Provenance("the same where their issuer refused for other reasons", "set", "see acts_funds"),
    "acts_revoked": Provenance("the same where they revoked", "set", "see acts_funds"),
    "acts_again": Provenance(
        "what is left of that with each further message", "swept", "0.3 to 0.8", 0.3, 0.8
    ),
    "acts_median_hours": Provenance("how long they take, at the median", "swept", "6 to 48", 6.0, 48.0),
    "acts_sigma": Provenance("how that differs (of the logarithm)", "swept", "0.8 to 1.8", 0.8, 1.8),
    "pays_share": Provenance("of those who act: how many end up paying", "swept", "0.7 to 0.95", 0.7, 0.95),
    "tenure_months_max": Provenance(
        "the most earlier renewals that are known of a customer", "set", "enough to learn a payday from"
    ),
}
