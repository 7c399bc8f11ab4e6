"""A world to route payments in: acquirers, issuers, cardholders, outages and luck, from parameters and a seed.

Luck belongs to the world: one uniform number per payment for what no acquirer can change, and one per payment and
acquirer for what they can. Every policy that asks the same acquirer for the same payment meets the same answer, whoever
it is and whatever was asked before.

An answer is approved with probability p(payment, acquirer) = logistic(the acquirer's base + issuer + BIN + funding +
initiator + amount + the affinity of issuer and acquirer at that time + those of brand and of funding with the acquirer
- the cross-border penalty where their countries differ). Part of every decline is the cardholder's (no money, an old
card) and would have come from any acquirer; its code mostly says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from math import exp, log, sqrt
from random import Random
from statistics import NormalDist
from typing import Final

DAY_S: Final = 86_400.0
MINUTE_S: Final = 60.0
COUNTRIES: Final = ("DE", "FR", "GB", "US", "NL", "BR")
"""Where issuers are. The first ones are also where acquirers are, one each."""
BRANDS: Final = ("visa", "mastercard", "amex")
BRAND_WEIGHTS: Final = (0.55, 0.37, 0.08)
FUNDINGS: Final = ("debit", "credit", "prepaid")
FUNDING_WEIGHTS: Final = (0.5, 0.42, 0.08)
FUNDING_EFFECTS: Final = {"debit": -0.1, "credit": 0.1, "prepaid": -0.6}
INITIATOR_EFFECTS: Final = {"customer": 0.1, "merchant": -0.2}
AMOUNT_EFFECT: Final = -0.12
"""On the logit, for each unit of the logarithm of the amount above the median."""
AMOUNT_MEDIAN: Final = 4_000
"""Minor units."""
AMOUNT_SIGMA: Final = 0.9
ISSUER_SIGMA: Final = 0.4
BIN_SIGMA: Final = 0.15
WIDE_SHARE: Final = 0.35
"""How large affinities of brand and of funding with an acquirer are, beside those of an issuer."""
BINS_EACH: Final = (2, 5)
CARDHOLDERS_SHARE: Final = 0.6
"""The part of declines at the best acquirer that no acquirer could have avoided."""
FRESH_EVERY_S: Final = 3_600.0
"""How often drifting affinities move."""

ANSWER_MEDIAN_S: Final = 0.9
ANSWER_SIGMA: Final = 0.4
ANSWER_STEPS: Final = 20
"""How long an answer takes: log-normal, as this many equally likely times."""
REFUSAL_S: Final = 0.3
HANG_S: Final = 30.0
"""How long a caller waits before it calls the outcome unknown."""


class Kind(StrEnum):
    """What came back, as a merchant sees it."""

    APPROVED = "approved"
    DECLINED = "declined"
    UNPROCESSED = "unprocessed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an acquirer answered, after how long. `code` is the standard code of a decline."""

    kind: Kind
    code: str | None
    after_s: float
    is_outage: bool = False
    """Whether the outage answered: kept for counting, not for policies."""

    @property
    def is_approved(self) -> bool:
        """Whether money is held."""
        return self.kind is Kind.APPROVED


_TIMES_S: Final = tuple(
    ANSWER_MEDIAN_S * exp(ANSWER_SIGMA * NormalDist().inv_cdf((step + 0.5) / ANSWER_STEPS))
    for step in range(ANSWER_STEPS)
)
Timed = tuple[Answer, ...]
"""One answer, by the time that it takes."""


def _timed(kind: Kind, code: str | None, *, is_outage: bool = False) -> Timed:
    return tuple(Answer(kind, code, after_s, is_outage) for after_s in _TIMES_S)


APPROVED: Final = _timed(Kind.APPROVED, None)
REFUSED: Final = (Answer(Kind.UNPROCESSED, None, REFUSAL_S, is_outage=True),) * ANSWER_STEPS
HUNG: Final = (Answer(Kind.UNKNOWN, None, HANG_S, is_outage=True),) * ANSWER_STEPS
BROKEN: Final = _timed(Kind.DECLINED, "processing_error", is_outage=True)

_CARDHOLDERS: Final = (("insufficient_funds", 0.6), ("do_not_honor", 0.9), ("expired_card", 1.0))
"""Codes of declines that are the cardholder's, by cumulative share; a third hides behind the generic one."""
_ROUTES: Final = (("do_not_honor", 0.7), ("transaction_not_allowed", 0.85), ("fraudulent", 1.0))
"""Codes of declines that another acquirer might have avoided."""
_DECLINES: Final = {
    code: _timed(Kind.DECLINED, code) for code in sorted({code for code, _ in (*_CARDHOLDERS, *_ROUTES)})
}


@dataclass(frozen=True, slots=True)
class Payment:
    """What a merchant sees of a payment before it is routed. `amount` is in minor units."""

    index: int
    at_s: float
    amount: int
    bin: str
    brand: str
    funding: str
    issuer_country: str
    initiator: str


@dataclass(frozen=True, slots=True)
class Fees:
    """What an acquirer charges its merchant, which is in the contract: basis points of approved amounts, and minor
    units for each try."""

    rate_bp: int
    cross_border_bp: int
    each_try: int

    def approved(self, payment: Payment, *, home: str) -> int:
        """The price of an approval, in thousandths of a minor unit."""
        rate = self.rate_bp + (self.cross_border_bp if payment.issuer_country != home else 0)
        return payment.amount * rate // 10 + self.each_try * 1000

    @property
    def declined(self) -> int:
        """The price of a decline, in thousandths of a minor unit."""
        return self.each_try * 1000


@dataclass(frozen=True, slots=True)
class Acquirer:
    """One of the merchant's accounts, with what the merchant knows of it."""

    index: int
    country: str
    fees: Fees


@dataclass(frozen=True, slots=True)
class Parameters:
    """Of what a world is made. Points are percentage points of approval; what is `_logit` is on the logit scale."""

    days: float = 7.0
    payments_a_minute: float = 5.0
    acquirers: int = 4
    issuers: int = 40
    base_rate: float = 0.86
    """Domestic approval at the best acquirer, before issuers and payments differ."""
    gap_points: float = 0.0
    """Between the best and the worst acquirer; the others lie evenly between."""
    affinity_logit: float = 0.0
    """Standard deviation of what an issuer does to one acquirer and not to another."""
    cross_border_logit: float = 0.0
    abroad_share: float = 0.35
    """The part of issuers (by volume, about) outside the first acquirer's country."""
    drift_half_life_days: float | None = None
    """After how long half of an affinity has been forgotten by its issuer; None: never."""
    jumps_a_day: float = 0.0
    """How often an affinity is drawn anew, for each pair of issuer and acquirer."""
    incidents_a_day: float = 0.0
    """For each acquirer."""
    incident_median_minutes: float = 63.0
    incident_sigma: float = 1.0
    fees_spread_bp: int = 0
    """Between the cheapest and the dearest acquirer."""
    cross_border_bp: int = 0
    margin_bp: int = 2_000
    """The merchant's gross margin: what an approved amount is worth to it."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A time in which an acquirer fails a share of what it is asked."""

    acquirer: int
    from_s: float
    to_s: float
    share: float
    answer: Timed


@dataclass(frozen=True, slots=True)
class World:
    """Payments as they arrive, and what would come of each at every acquirer.

    `answers[i][a]` is what acquirer a answers payment i, `chances[i][a]` the true probability of an approval, outages
    included, which only an oracle may see.
    """

    seed: int
    parameters: Parameters
    acquirers: tuple[Acquirer, ...]
    payments: Sequence[Payment]
    answers: Sequence[tuple[Answer, ...]]
    chances: Sequence[tuple[float, ...]]
    incidents: tuple[Incident, ...]

    def worth(self, payment: Payment, acquirer: int, *, is_approved: bool) -> int:
        """What asking this acquirer brought, in thousandths of a minor unit."""
        own = self.acquirers[acquirer]
        if not is_approved:
            return -own.fees.declined
        return payment.amount * self.parameters.margin_bp // 10 - own.fees.approved(payment, home=own.country)


@dataclass(frozen=True, slots=True)
class _Card:
    """A BIN: who issued it and what its cards are."""

    bin: str
    issuer: int
    country: str
    brand: str
    funding: str
    effect: float


def make(parameters: Parameters, seed: int, incidents: Sequence[Incident] | None = None) -> World:
    """The world of these parameters and this seed, always the same; `incidents` may be given instead of drawn."""
    random = Random(f"world {seed}")
    bases = _bases(parameters, random)
    acquirers = _acquirers(parameters, random)
    cards, weights = _cards(parameters, random)
    affinities = _Affinities(parameters, random)
    drawn = tuple(incidents) if incidents is not None else _incidents(parameters, Random(f"incidents {seed}"))
    payments = _payments(parameters, cards, weights, Random(f"payments {seed}"))
    by_bin = {card.bin: card for card in cards}
    homes = [(one.index, one.country, bases[one.index]) for one in acquirers]
    truth = _Truth(parameters, homes, affinities, incidents=drawn, luck=Random(f"luck {seed}"))
    met = [truth.of(payment, by_bin[payment.bin]) for payment in payments]
    return World(
        seed, parameters, acquirers, payments, [answers for answers, _ in met], [p for _, p in met], drawn
    )


def logistic(x: float) -> float:
    """The probability of a logit."""
    return 1.0 / (1.0 + exp(-x))


def logit(p: float) -> float:
    """The logit of a probability."""
    return log(p / (1.0 - p))


def _bases(parameters: Parameters, random: Random) -> list[float]:
    """The logit of each acquirer's base rate; which of them is best is drawn."""
    steps = max(parameters.acquirers - 1, 1)
    rates = [
        parameters.base_rate - parameters.gap_points / 100 * place / steps
        for place in range(parameters.acquirers)
    ]
    random.shuffle(rates)
    return [logit(rate) for rate in rates]


def _acquirers(parameters: Parameters, random: Random) -> tuple[Acquirer, ...]:
    steps = max(parameters.acquirers - 1, 1)
    rates = [150 + parameters.fees_spread_bp * place // steps for place in range(parameters.acquirers)]
    random.shuffle(rates)
    return tuple(
        Acquirer(index, COUNTRIES[index % len(COUNTRIES)], Fees(rate, parameters.cross_border_bp, 5))
        for index, rate in enumerate(rates)
    )


def _cards(parameters: Parameters, random: Random) -> tuple[list[_Card], list[float]]:
    """BINs, and how much of the volume is each one's: issuers by Zipf's law, their BINs evenly at random."""
    cards: list[_Card] = []
    weights: list[float] = []
    for issuer in range(parameters.issuers):
        abroad = random.random() < parameters.abroad_share
        country = random.choice(COUNTRIES[1:]) if abroad else COUNTRIES[0]
        effect = random.gauss(0.0, ISSUER_SIGMA)
        parts = [random.uniform(0.5, 1.5) for _ in range(random.randint(*BINS_EACH))]
        for place, part in enumerate(parts):
            cards.append(
                _Card(
                    bin=f"{400_000 + issuer * 37 + place:06d}",
                    issuer=issuer,
                    country=country,
                    brand=random.choices(BRANDS, BRAND_WEIGHTS)[0],
                    funding=random.choices(FUNDINGS, FUNDING_WEIGHTS)[0],
                    effect=effect + random.gauss(0.0, BIN_SIGMA),
                )
            )
            weights.append(part / sum(parts) / (issuer + 3))
    return cards, weights


class _Affinities:
    """What issuers, brands and fundings do to one acquirer and not to another, as it moves."""

    def __init__(self, parameters: Parameters, random: Random) -> None:
        self._sigma = parameters.affinity_logit
        self._half_life = parameters.drift_half_life_days
        self._jumps = parameters.jumps_a_day
        self._random = Random(random.random())
        self._moves_at = FRESH_EVERY_S
        count = parameters.acquirers
        self.of_issuer = [
            [random.gauss(0.0, self._sigma) for _ in range(count)] for _ in range(parameters.issuers)
        ]
        wide = self._sigma * WIDE_SHARE
        self.of_brand = {one: [random.gauss(0.0, wide) for _ in range(count)] for one in BRANDS}
        self.of_funding = {one: [random.gauss(0.0, wide) for _ in range(count)] for one in FUNDINGS}

    def until(self, at_s: float) -> None:
        """Moves on to this time."""
        while self._moves_at <= at_s:
            self._moves_at += FRESH_EVERY_S
            if self._half_life is not None or self._jumps > 0:
                self._move(FRESH_EVERY_S / DAY_S)

    def _move(self, days: float) -> None:
        kept = 1.0 if self._half_life is None else 0.5 ** (days / self._half_life)
        fresh = self._sigma * sqrt(1.0 - kept * kept)
        for row in self.of_issuer:
            for acquirer, effect in enumerate(row):
                jumps = self._random.random() < self._jumps * days
                around = self._random.gauss(0.0, 1.0)
                row[acquirer] = self._sigma * around if jumps else kept * effect + fresh * around


class _Truth:
    """What each acquirer would answer, and with which probability."""

    def __init__(
        self,
        parameters: Parameters,
        homes: Sequence[tuple[int, str, float]],
        affinities: _Affinities,
        *,
        incidents: Sequence[Incident],
        luck: Random,
    ) -> None:
        self._penalty = parameters.cross_border_logit
        self._homes = homes
        self._affinities = affinities
        self._incidents = incidents
        self._luck = luck

    def of(self, payment: Payment, card: _Card) -> tuple[tuple[Answer, ...], tuple[float, ...]]:
        """Answers and probabilities by acquirer. As much luck is drawn for each payment, whatever becomes of it."""
        well = self._well(payment, card)
        cardholder = 1.0 - CARDHOLDERS_SHARE * (1.0 - max(well))
        uniform = self._luck.random
        shared, reason, step = uniform(), uniform(), int(uniform() * ANSWER_STEPS)
        hit = self._hit(payment.at_s)
        answers: list[Answer] = []
        chances: list[float] = []
        for acquirer, chance in enumerate(well):
            own, fate = uniform(), uniform()
            incident = hit.get(acquirer)
            chances.append(chance * (1.0 - incident.share) if incident else chance)
            if incident and fate < incident.share:
                found = incident.answer
            elif shared >= cardholder:
                found = _decline(_CARDHOLDERS, reason)
            elif own * cardholder >= chance:
                found = _decline(_ROUTES, reason)
            else:
                found = APPROVED
            answers.append(found[step])
        return tuple(answers), tuple(chances)

    def _well(self, payment: Payment, card: _Card) -> list[float]:
        moving = self._affinities
        moving.until(payment.at_s)
        common = (
            card.effect
            + FUNDING_EFFECTS[card.funding]
            + INITIATOR_EFFECTS[payment.initiator]
            + AMOUNT_EFFECT * log(payment.amount / AMOUNT_MEDIAN)
        )
        issuers = moving.of_issuer[card.issuer]
        brands, fundings = moving.of_brand[card.brand], moving.of_funding[card.funding]
        return [
            logistic(
                base
                + common
                + issuers[index]
                + brands[index]
                + fundings[index]
                - (self._penalty if home != card.country else 0.0)
            )
            for index, home, base in self._homes
        ]

    def _hit(self, at_s: float) -> dict[int, Incident]:
        return {one.acquirer: one for one in self._incidents if one.from_s <= at_s < one.to_s}


def _decline(shares: Sequence[tuple[str, float]], drawn: float) -> Timed:
    return next(_DECLINES[code] for code, until in shares if drawn < until)


def _incidents(parameters: Parameters, random: Random) -> tuple[Incident, ...]:
    """Outages of each acquirer as a Poisson stream with log-normal lengths; six in ten refuse at once."""
    found: list[Incident] = []
    if parameters.incidents_a_day <= 0:
        return ()
    for acquirer in range(parameters.acquirers):
        at = random.expovariate(parameters.incidents_a_day)
        while at < parameters.days:
            minutes = random.lognormvariate(
                log(parameters.incident_median_minutes), parameters.incident_sigma
            )
            answer = random.choices((REFUSED, HUNG, BROKEN), (0.6, 0.2, 0.2))[0]
            start = at * DAY_S
            found.append(
                Incident(acquirer, start, start + minutes * MINUTE_S, random.uniform(0.5, 1.0), answer)
            )
            at += random.expovariate(parameters.incidents_a_day)
    return tuple(found)


def _payments(
    parameters: Parameters, cards: Sequence[_Card], weights: Sequence[float], random: Random
) -> list[Payment]:
    """A Poisson stream."""
    reached = list(accumulate(weights))
    a_second = parameters.payments_a_minute / MINUTE_S
    end_s = parameters.days * DAY_S
    found: list[Payment] = []
    at_s = random.expovariate(a_second)
    while at_s < end_s:
        card = random.choices(cards, cum_weights=reached)[0]
        found.append(
            Payment(
                index=len(found),
                at_s=at_s,
                amount=max(100, round(random.lognormvariate(log(AMOUNT_MEDIAN), AMOUNT_SIGMA))),
                bin=card.bin,
                brand=card.brand,
                funding=card.funding,
                issuer_country=card.country,
                initiator="customer" if random.random() < 0.7 else "merchant",
            )
        )
        at_s += random.expovariate(a_second)
    return found
