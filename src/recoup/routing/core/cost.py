"""What a try costs at an account, and what asking it is worth.

All is counted in thousandths of a minor unit of the payment's currency, in whole numbers, and rounded up: half a cent
too much is a smaller mistake than a fee forgotten. What is not known of a card counts as what is most common and not
cheap: a domestic credit card.

A price is put together in two steps. What depends on the kind of payment is looked up once and remembered (a `Tariff`);
what depends on the amount is a few multiplications, since ten accounts are priced before every payment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from recoup.merchants.core import FeeModel, FeeRate, Fees, Relation
from recoup.routing.core.exchange import converted
from recoup.routing.core.facts import UNKNOWN_FUNDING, Facts, RoutableAccount
from recoup.routing.core.prices import EEA, Taker, book_rate, list_price
from recoup.routing.core.words import THOUSANDTHS, Estimate, Price

_TARIFFS_MAX: Final = 8192
"""How many tariffs are remembered: one takes about a kilobyte."""
_WHOLE: Final = 10_000
"""A whole in basis points."""
_CERTAIN: Final = 10**9
"""Certainty, where probabilities are counted in whole numbers so that every machine gets the same value."""
NEVER: Final = 1 << 62
"""What an approval costs that never comes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a price: a share of the amount, and a fixed part in thousandths of its currency's minor unit."""

    basis_points: int
    fixed: int = 0
    at_most: int | None = None

    def of(self, amount: int) -> int:
        """The part for an amount in minor units, in thousandths, rounded up."""
        whole = -(-amount * self.basis_points * THOUSANDTHS // _WHOLE) + self.fixed
        return whole if self.at_most is None else min(whole, self.at_most)


@dataclass(frozen=True, slots=True)
class Tariff:
    """What an account takes for one kind of payment, in thousandths of a minor unit of the payment's currency."""

    approved: tuple[Part, ...]
    declined: int
    per_attempt: int
    assumed: bool

    def price(self, amount: int) -> Price:
        """What a try for this amount costs."""
        approved = sum(part.of(amount) for part in self.approved)
        return Price(
            approved=approved + self.per_attempt,
            declined=self.declined + self.per_attempt,
            assumed=self.assumed,
        )


class _NoRate(Exception):
    """Two currencies that nobody can compare."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a tariff depends on, the account's fees aside."""

    country: str | None
    issuer: str | None
    brand: str
    funding: str
    currency: str
    on: date | None

    @property
    def relation(self) -> Relation:
        """Where the card comes from; at home, where nobody knows."""
        if self.country is None or self.issuer is None or self.country == self.issuer:
            return Relation.DOMESTIC
        both_in_europe = self.country in EEA and self.issuer in EEA
        return Relation.REGIONAL if both_in_europe else Relation.INTERNATIONAL


def price_of(account: RoutableAccount, facts: Facts) -> Price | None:
    """What one try of this payment costs at an account, by its own fees or else by the price book; None where a part is
    in a currency that no reference rate is known of.

    A card that is only checked costs what every try costs.
    """
    funding = "credit" if facts.funding == UNKNOWN_FUNDING else facts.funding
    on = None if facts.at is None else facts.at.date()
    kind = _Kind(account.country, facts.issuer_country, facts.brand, funding, facts.currency, on)
    tariff = _tariff(account.fees, account.connector, kind)
    if tariff is None:
        return None
    if not facts.charges:
        return Price(tariff.per_attempt, tariff.per_attempt, assumed=tariff.assumed)
    return tariff.price(facts.amount)


@lru_cache(maxsize=_TARIFFS_MAX)
def _tariff(said: Fees | None, connector: str, kind: _Kind) -> Tariff | None:
    fees = list_price(connector, country=kind.country).fees if said is None else said
    try:
        return Tariff(
            approved=tuple(_parts(fees, kind)),
            declined=_worth(fees.fixed_on_decline * THOUSANDTHS, fees.currency, kind),
            per_attempt=_worth(fees.per_attempt * THOUSANDTHS, fees.currency, kind),
            assumed=said is None,
        )
    except _NoRate:
        return None


def _parts(fees: Fees, kind: _Kind) -> Iterator[Part]:
    own = _first(fees.rates, kind) or FeeRate(basis_points=fees.basis_points, fixed=fees.fixed)
    yield _part(own, fees.currency, kind)
    if fees.model is FeeModel.INTERCHANGE_PLUS_PLUS:
        yield _passed_on(Taker.ISSUER, fees.interchange, fees.currency, kind)
        yield _passed_on(Taker.NETWORK, fees.scheme, fees.currency, kind)
    if kind.relation is not Relation.DOMESTIC:
        abroad = FeeRate(basis_points=fees.cross_border_basis_points, fixed=fees.cross_border_fixed)
        yield _part(abroad, fees.currency, kind)
    if kind.currency != fees.currency:
        yield Part(fees.conversion_basis_points)


def _passed_on(taker: Taker, own: Sequence[FeeRate] | None, currency: str, kind: _Kind) -> Part:
    """What somebody else takes: by the account's own table, or by the price book where it has none or says nothing."""
    rate = _first(own or (), kind)
    if rate is not None:
        return _part(rate, currency, kind)
    row = book_rate(
        taker,
        country=kind.country,
        issuer=kind.issuer or kind.country,
        brand=kind.brand,
        funding=kind.funding,
        on=kind.on,
    )
    return _part(row.rate, row.currency, kind)


def _first(rates: Sequence[FeeRate], kind: _Kind) -> FeeRate | None:
    return next((rate for rate in rates if _is_for(rate, kind)), None)


def _is_for(rate: FeeRate, kind: _Kind) -> bool:
    return (
        (rate.brands is None or kind.brand in rate.brands)
        and (rate.fundings is None or kind.funding in rate.fundings)
        and (rate.relation is None or rate.relation is kind.relation)
        and (rate.issuer_countries is None or (kind.issuer or kind.country) in rate.issuer_countries)
    )


def _part(rate: FeeRate, currency: str, kind: _Kind) -> Part:
    fixed = _worth(rate.fixed * THOUSANDTHS + rate.fixed_thousandths, currency, kind)
    most = None if rate.at_most is None else _worth(rate.at_most * THOUSANDTHS, currency, kind)
    return Part(rate.basis_points, fixed, most)


def _worth(thousandths: int, currency: str, kind: _Kind) -> int:
    found = converted(thousandths, given=currency, wanted=kind.currency)
    if found is None:
        raise _NoRate
    return found


def expected_value(estimate: Estimate, price: Price, facts: Facts, margin: int) -> int:
    """What asking an account is worth, in thousandths of a minor unit: what an approval leaves to the merchant, times
    its chance, less what the try is expected to cost.

    `margin` is the merchant's gross margin in basis points of the amount.
    """
    chance = _counted(estimate)
    gain = facts.amount * THOUSANDTHS * margin // _WHOLE
    return _rounded(chance * (gain - price.approved) - (_CERTAIN - chance) * price.declined)


def value_spread(estimate: Estimate, price: Price, facts: Facts, margin: int) -> int:
    """The standard deviation of `expected_value`, which is linear in the chance of approval."""
    gain = facts.amount * THOUSANDTHS * margin // _WHOLE
    return round(abs(gain - price.approved + price.declined) * estimate.spread)


def expected_cost_per_approval(estimate: Estimate | None, price: Price) -> int:
    """What an approval costs in the end, the declined tries before it included, in thousandths of a minor unit. Without
    an estimate: what an approval costs at the first try."""
    if estimate is None:
        return price.approved
    chance = _counted(estimate)
    if chance == 0:
        return NEVER
    return min(NEVER, price.approved - (-price.declined * (_CERTAIN - chance) // chance))


def _counted(estimate: Estimate) -> int:
    return round(min(max(estimate.probability, 0.0), 1.0) * _CERTAIN)


def _rounded(value: int) -> int:
    """To the nearest, halves up."""
    return (2 * value + _CERTAIN) // (2 * _CERTAIN)
