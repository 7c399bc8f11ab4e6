"""The default price book: what issuers and networks take, and what processors publish as their list prices.

It is there so that accounts can be compared before anybody has typed in a contract. Every row has its source and the
day on which that was last so; a row that is `assumed` was not found published, and is our guess. What a merchant says
of an account always goes before it. Caps are taken as the price, since issuers hardly ever take less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from recoup.merchants.core import FeeModel, FeeRate, Fees, Relation
from recoup.outcomes.codes.words import Dated

_EEA: Final = """
    AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK
"""
EEA: Final = frozenset(_EEA.split())
"""The European Economic Area: the European Union, Iceland, Liechtenstein and Norway."""
UK: Final = frozenset({"GB"})
US: Final = frozenset({"US"})
AUSTRALIA: Final = frozenset({"AU"})

CREDIT: Final = frozenset({"credit"})
DEBIT: Final = frozenset({"debit", "prepaid"})
_BOTH: Final = frozenset({"visa", "mastercard"})
_VISA: Final = frozenset({"visa"})
_MASTERCARD: Final = frozenset({"mastercard"})
READ: Final = date(2026, 11, 22)
"""When pages that bear no date were read."""


class Taker(StrEnum):
    """Who takes a part of a price."""

    ISSUER = "issuer"
    NETWORK = "network"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRate(Dated):
    """What an issuer or a network takes of an approved payment.

    A set that is None holds for everything. The fixed part of `rate` is in `currency`; its own conditions are not used.
    """

    taker: Taker
    acquired_in: frozenset[str] | None
    issued_in: frozenset[str] | None
    brands: frozenset[str] | None
    fundings: frozenset[str] | None
    rate: FeeRate
    currency: str
    assumed: bool

    def is_for(self, *, country: str | None, issuer: str | None, brand: str, funding: str) -> bool:
        """Whether it holds for a card of `issuer`'s country at an account that acquires in `country`."""
        return (
            _within(self.acquired_in, country)
            and _within(self.issued_in, issuer)
            and _within(self.brands, brand)
            and _within(self.fundings, funding)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPrice(Dated):
    """What a processor asks of everybody, for accounts that acquire in some countries (None: all others)."""

    connector: str
    acquired_in: frozenset[str] | None
    fees: Fees
    assumed: bool = False


def _within(known: frozenset[str] | None, value: str | None) -> bool:
    return known is None or value in known


def book_rate(
    taker: Taker, *, country: str | None, issuer: str | None, brand: str, funding: str, on: date | None
) -> BookRate:
    """The row that holds on that day (None: the last one known). There always is one."""
    for row in RATES:
        holds = row.until is None if on is None else row.in_force(on)
        if (
            holds
            and row.taker is taker
            and row.is_for(country=country, issuer=issuer, brand=brand, funding=funding)
        ):
            return row
    raise AssertionError("the last row of each taker holds for everything")


def list_price(connector: str, *, country: str | None) -> ListPrice:
    """A processor's list price where the account acquires, else the one it asks of all others, else our guess."""
    for row in LIST_PRICES:
        if row.connector == connector and _within(row.acquired_in, country):
            return row
    return NO_LIST_PRICE


_EU_CAPS: Final = "Regulation (EU) 2015/751, articles 3 and 4, as summed up by EUR-Lex"
_EU_OFFER: Final = (
    "Visa's and Mastercard's commitments to the European Commission, till November 2029 (Domino Cards)"
)
_PSR: Final = "Payment Systems Regulator: market review of UK-EEA interchange fees (MR22/2)"
_MONEK: Final = "Monek: UK card interchange and its cap in 2026"
_REGULATION_II: Final = (
    "Federal Reserve, Regulation II: 21 cents, 5 basis points, 1 cent for fraud prevention (Orrick)"
)
_US_VISA: Final = "Clearly Payments: interchange rates in the USA, card not present"
_US_MASTERCARD: Final = "True Cost of Credit: Mastercard Merit I"
_US_PREPAID: Final = "TRX Services: Visa CPS prepaid, card not present"
_RBA_2016: Final = "Reserve Bank of Australia: card payments regulation of 2016 (impact analysis)"
_RBA_2026: Final = "APS: the Reserve Bank of Australia's conclusions of March 2026, explained"
_US_NETWORKS: Final = "SoboNet: fees of card brands in the USA"
_COMGATE: Final = "Comgate: indicative scheme fees of Visa and Mastercard in Europe, online"
_GUESS: Final = "Recoup: a guess, for want of a published price"
_REFORM: Final = date(2026, 10, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What rows of one source share."""

    source: str
    currency: str
    as_of: date = READ
    since: date | None = None
    until: date | None = None
    assumed: bool = False


_Row = tuple[frozenset[str] | None, frozenset[str] | None, FeeRate]
"""Brands, fundings and the price of their cards; None: of all."""


def _rates(
    taker: Taker, where: frozenset[str] | None, issued: frozenset[str] | None, said: _Said, *rows: _Row
) -> Iterator[BookRate]:
    """What is taken of cards issued there and acquired here."""
    for brands, fundings, rate in rows:
        yield BookRate(
            taker=taker,
            acquired_in=where,
            issued_in=issued,
            brands=brands,
            fundings=fundings,
            rate=rate,
            currency=said.currency,
            source=said.source,
            as_of=said.as_of,
            since=said.since,
            until=said.until,
            assumed=said.assumed,
        )


def _guessed(currency: str) -> _Said:
    return _Said(source=_GUESS, currency=currency, assumed=True)


def _share(basis_points: int, fixed: int = 0, thousandths: int = 0, *, at_most: int | None = None) -> FeeRate:
    return FeeRate(basis_points=basis_points, fixed=fixed, fixed_thousandths=thousandths, at_most=at_most)


def _interchange() -> Iterator[BookRate]:
    """What issuers take: of domestic cards first, then of those from elsewhere, then a guess for all that is left."""
    take = Taker.ISSUER
    yield from _rates(take, None, None, _guessed("EUR"), (frozenset({"amex"}), None, _share(250)))
    yield from _interchange_of_europe(take)
    yield from _interchange_of_the_usa(take)
    yield from _interchange_of_australia(take)
    yield from _rates(
        take, None, None, _guessed("EUR"), (None, DEBIT, _share(110)), (None, None, _share(170))
    )


def _interchange_of_europe(take: Taker) -> Iterator[BookRate]:
    """Consumer cards. Between the Area and the United Kingdom, and from further away, as of payments online."""
    capped = ((_BOTH, DEBIT, _share(20)), (_BOTH, CREDIT, _share(30)))
    online = ((_BOTH, DEBIT, _share(115)), (_BOTH, CREDIT, _share(150)))
    offered = _Said(source=_EU_OFFER, currency="EUR", as_of=date(2024, 7, 7))
    reviewed = _Said(source=_PSR, currency="GBP", as_of=date(2023, 12, 19))
    yield from _rates(take, EEA, EEA, _Said(source=_EU_CAPS, currency="EUR"), *capped)
    yield from _rates(take, EEA, None, offered, *online)
    yield from _rates(take, UK, UK, _Said(source=_MONEK, currency="GBP"), *capped)
    yield from _rates(take, UK, EEA, reviewed, *online)
    yield from _rates(take, UK, None, _guessed("GBP"), *online)


def _interchange_of_the_usa(take: Taker) -> Iterator[BookRate]:
    """Debit as of a large bank, which most cards are of; credit as of a card without rewards."""
    regulated = _Said(source=_REGULATION_II, currency="USD", as_of=date(2025, 9, 17))
    prepaid = _Said(source=_US_PREPAID, currency="USD")
    visa = _Said(source=_US_VISA, currency="USD")
    mastercard = _Said(source=_US_MASTERCARD, currency="USD")
    yield from _rates(take, US, US, regulated, (None, frozenset({"debit"}), _share(5, 22)))
    yield from _rates(take, US, US, prepaid, (None, frozenset({"prepaid"}), _share(175, 20)))
    yield from _rates(take, US, US, visa, (_VISA, CREDIT, _share(189, 10)))
    yield from _rates(take, US, US, mastercard, (_MASTERCARD, CREDIT, _share(189, 10)))
    yield from _rates(take, US, US, _guessed("USD"), (None, CREDIT, _share(190, 10)))


def _interchange_of_australia(take: Taker) -> Iterator[BookRate]:
    """Caps, which were lowered on 2026-10-01."""
    before = _Said(source=_RBA_2016, currency="AUD", as_of=date(2016, 5, 26), until=_REFORM)
    after = _Said(source=_RBA_2026, currency="AUD", as_of=date(2026, 4, 28), since=_REFORM)
    home = AUSTRALIA
    yield from _rates(take, home, home, before, (_BOTH, DEBIT, _share(20)), (_BOTH, CREDIT, _share(80)))
    lowered = ((_BOTH, DEBIT, _share(16, at_most=8)), (_BOTH, CREDIT, _share(30)))
    yield from _rates(take, home, home, after, *lowered)


def _schemes() -> Iterator[BookRate]:
    """What networks take, for authorization, clearing and the use of the brand, rolled into one."""
    take, said = Taker.NETWORK, _Said(source=_US_NETWORKS, currency="USD")
    visa = ((_VISA, CREDIT, _share(14, 1, 950)), (_VISA, DEBIT, _share(13, 1, 550)))
    yield from _rates(take, US, US, said, *visa, (_MASTERCARD, None, _share(13, 1, 950)))
    yield from _rates(take, US, None, said, (_VISA, None, _share(139, 1, 950)))
    domestic = ((_VISA, None, _share(20)), (_MASTERCARD, None, _share(36)))
    foreign = ((_VISA, None, _share(131)), (_MASTERCARD, None, _share(137)))
    for home in (EEA, UK):
        indicative = _Said(source=_COMGATE, currency="EUR", assumed=home is UK)
        yield from _rates(take, home, home, indicative, *domestic)
        yield from _rates(take, home, None, indicative, *foreign)
    for home in (US, AUSTRALIA):
        yield from _rates(take, home, home, _guessed("EUR"), (None, None, _share(15)))
        yield from _rates(take, home, None, _guessed("EUR"), (None, None, _share(130)))
    yield from _rates(take, None, None, _guessed("EUR"), (None, None, _share(30)))


RATES: Final[Sequence[BookRate]] = (*_interchange(), *_schemes())
"""In order: the first that matches holds."""

_STRIPE: Final = "Stripe's pricing pages, as repeated by UtilityForge and CalcMastery"
_STRIPE_AU: Final = "Stripe Support: pricing updates of October 2023, and Flipdare's table"
_ADYEN: Final = "Adyen Help: what is Interchange++; the fee per try as repeated by Toolstac"
_BRAINTREE: Final = "APIScout: Stripe vs Braintree 2026; declines are free (PayPal, pricing of Braintree)"
_PAYPAL: Final = "PayPal's merchant fees, as repeated by ToolOrbit and E-commerce Fee Calculator"
_SQUARE: Final = "Square: understanding payment fees"
_MOLLIE: Final = "Mollie Help: transaction costs of card payments"
_GOCARDLESS: Final = "GoCardless Support: transactions and fees"
_SANDBOX: Final = "Recoup: made up, as the simulated processor is"
_SPRING: Final = date(2026, 5, 1)
_ABROAD: Final = Relation.INTERNATIONAL


def _stripe_in_europe(currency: str, fixed: int, *, near: frozenset[str]) -> Fees:
    neighbours = FeeRate(issuer_countries=tuple(sorted(near)), basis_points=250, fixed=fixed)
    abroad = FeeRate(relation=_ABROAD, basis_points=325, fixed=fixed)
    return Fees(
        basis_points=150,
        fixed=fixed,
        conversion_basis_points=200,
        currency=currency,
        rates=(neighbours, abroad),
    )


def _fees(basis_points: int, fixed: int, currency: str, *, abroad: int = 0, conversion: int = 0) -> Fees:
    return Fees(
        basis_points=basis_points,
        fixed=fixed,
        currency=currency,
        cross_border_basis_points=abroad,
        conversion_basis_points=conversion,
    )


def _plus_plus(basis_points: int, per_attempt: int, currency: str) -> Fees:
    model = FeeModel.INTERCHANGE_PLUS_PLUS
    return Fees(model=model, basis_points=basis_points, per_attempt=per_attempt, currency=currency)


def _listed(
    connector: str,
    fees: Fees,
    source: str,
    *,
    where: frozenset[str] | None = None,
    as_of: date = READ,
    assumed: bool = False,
) -> ListPrice:
    return ListPrice(
        connector=connector, acquired_in=where, fees=fees, source=source, as_of=as_of, assumed=assumed
    )


_MOLLIE_FEES: Final = Fees(
    basis_points=180,
    fixed=25,
    currency="EUR",
    rates=(
        FeeRate(brands=("amex",), basis_points=280, fixed=25),
        FeeRate(relation=_ABROAD, basis_points=280, fixed=25),
    ),
)
_CANADA: Final = frozenset({"CA"})
_DIRECT_DEBIT: Final = FeeRate(basis_points=100, at_most=200)

LIST_PRICES: Final[Sequence[ListPrice]] = (
    _listed("stripe", _stripe_in_europe("EUR", 25, near=UK), _STRIPE, where=EEA, as_of=_SPRING),
    _listed("stripe", _stripe_in_europe("GBP", 20, near=EEA), _STRIPE, where=UK, as_of=_SPRING),
    _listed("stripe", _fees(170, 30, "AUD", abroad=180, conversion=200), _STRIPE_AU, where=AUSTRALIA),
    _listed("stripe", _fees(290, 30, "CAD", abroad=80, conversion=200), _STRIPE_AU, where=_CANADA),
    _listed("stripe", _fees(290, 30, "USD", abroad=150, conversion=100), _STRIPE, as_of=_SPRING),
    _listed("adyen", _plus_plus(60, 13, "USD"), _ADYEN),
    _listed("braintree", _fees(290, 30, "USD", abroad=100), _BRAINTREE),
    _listed("paypal", _fees(299, 49, "USD", abroad=150), _PAYPAL, as_of=date(2026, 1, 10)),
    _listed("square", _fees(280, 30, "CAD"), _SQUARE, where=_CANADA),
    _listed("square", _fees(220, 0, "AUD"), _SQUARE, where=AUSTRALIA),
    _listed("square", _fees(290, 30, "USD"), _SQUARE),
    _listed("mollie", _MOLLIE_FEES, _MOLLIE),
    _listed("gocardless", Fees(currency="GBP", rates=(_DIRECT_DEBIT,)), _GOCARDLESS, where=UK),
    _listed("gocardless", Fees(currency="EUR", rates=(_DIRECT_DEBIT,)), _GOCARDLESS),
    _listed("authorize_net", _fees(290, 30, "USD"), _GUESS, assumed=True),
    _listed("alpha", _fees(290, 30, "USD"), _SANDBOX, assumed=True),
    _listed("bravo", _fees(250, 25, "USD"), _SANDBOX, assumed=True),
    _listed("charlie", _fees(180, 20, "EUR"), _SANDBOX, assumed=True),
)
"""In order: the first that matches holds. Processors that publish no price (Checkout.com, CyberSource, NMI, Worldpay,
and acquirers that are linked to directly) have no row."""

NO_LIST_PRICE: Final = _listed("any other", _plus_plus(50, 12, "EUR"), _GUESS, assumed=True)
"""Where no list price is known."""
