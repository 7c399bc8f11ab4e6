"""What a processor takes for a payment at one account, as the merchant's contract says it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from recoup.kit.countries import COUNTRIES
from recoup.kit.currencies import DECIMALS
from recoup.kit.refusals import Refusal, invalid

FEE_MINOR_MAX: Final = 10**6
BASIS_POINTS_MAX: Final = 10_000
RATES_MAX: Final = 100
"""How many prices of one kind an account can have."""
_NAMES_MAX: Final = 250

FUNDINGS: Final = ("credit", "debit", "prepaid")
"""What a card can be paid from, where that is known."""


class FeeModel(StrEnum):
    """How a processor's price is put together."""

    BLENDED = "blended"
    """One price for everything, the issuer's and the network's parts included."""
    INTERCHANGE_PLUS_PLUS = "interchange_plus_plus"
    """What the issuer takes, plus what the network takes, plus the processor's own mark-up."""


class Relation(StrEnum):
    """Where a card was issued, seen from the country in which the account acquires."""

    DOMESTIC = "domestic"
    """In the same country."""
    REGIONAL = "regional"
    """In another country of the European Economic Area, as the account's is."""
    INTERNATIONAL = "international"
    """Anywhere else."""


BasisPoints = Annotated[
    int,
    msgspec.Meta(ge=0, le=BASIS_POINTS_MAX, description="Share of the amount, in hundredths of a percent."),
]
_Minor = Annotated[int, msgspec.Meta(ge=0, le=FEE_MINOR_MAX)]
_Names = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=_NAMES_MAX)]


class FeeRate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, cache_hash=True):
    """A price for some cards: those that match everything said; null matches all.

    A card of unknown funding counts as credit, and one of an unknown country as domestic.
    """

    brands: Annotated[_Names | None, msgspec.Meta(description="Card brands.")] = None
    fundings: Annotated[
        _Names | None,
        msgspec.Meta(description="`credit`, `debit`, `prepaid`; unknown counts as credit."),
    ] = None
    relation: Annotated[
        Relation | None,
        msgspec.Meta(
            description="Where the card was issued, seen from the account's `country`: `domestic`, `regional` (both in "
            "the European Economic Area) or `international`."
        ),
    ] = None
    issuer_countries: Annotated[
        _Names | None, msgspec.Meta(description="Countries of the issuer (ISO 3166-1).")
    ] = None
    basis_points: BasisPoints = 0
    fixed: Annotated[_Minor, msgspec.Meta(description="In minor units of the fees' `currency`.")] = 0
    fixed_thousandths: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            le=999,
            description="Thousandths of a minor unit on top of `fixed`: 1.95 cents are 1 and 950.",
        ),
    ] = 0
    at_most: Annotated[
        _Minor | None, msgspec.Meta(description="The most that both parts may sum up to, in minor units.")
    ] = None


Rates = Annotated[tuple[FeeRate, ...], msgspec.Meta(max_length=RATES_MAX)]


class Fees(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, cache_hash=True):
    """What the processor takes for a payment.

    `basis_points` and `fixed` are the whole price where the model is `blended`, and the processor's own mark-up where
    it is `interchange_plus_plus`.
    """

    model: Annotated[
        FeeModel,
        msgspec.Meta(
            description="`blended`: one price. `interchange_plus_plus`: the issuer's and the network's parts are added."
        ),
    ] = FeeModel.BLENDED
    basis_points: BasisPoints = 0
    fixed: Annotated[
        _Minor, msgspec.Meta(description="Per approved payment, in minor units of `currency`.")
    ] = 0
    fixed_on_decline: Annotated[
        _Minor, msgspec.Meta(description="Per declined try, in minor units of `currency`.")
    ] = 0
    per_attempt: Annotated[
        _Minor,
        msgspec.Meta(
            description="Per try, whatever the answer, in minor units of `currency`; on top of the others."
        ),
    ] = 0
    cross_border_basis_points: Annotated[
        BasisPoints,
        msgspec.Meta(
            description="On top, where the card was issued in another country than the account's `country`."
        ),
    ] = 0
    cross_border_fixed: Annotated[
        _Minor, msgspec.Meta(description="The same as a fixed part, in minor units of `currency`.")
    ] = 0
    conversion_basis_points: Annotated[
        BasisPoints, msgspec.Meta(description="On top, where the payment's currency is not `currency`.")
    ] = 0
    currency: Annotated[
        str,
        msgspec.Meta(
            min_length=3, max_length=3, description="What the processor settles and bills in (ISO 4217)."
        ),
    ] = "USD"
    rates: Annotated[
        Rates,
        msgspec.Meta(
            description="Prices of some cards, instead of `basis_points` and `fixed`. The first that matches holds."
        ),
    ] = ()
    interchange: Annotated[
        Rates | None,
        msgspec.Meta(
            description="With `interchange_plus_plus`: what the issuer takes; the first that matches holds, and for a "
            "card that none matches, Recoup's price book. null: the price book for all."
        ),
    ] = None
    scheme: Annotated[
        Rates | None,
        msgspec.Meta(description="With `interchange_plus_plus`: what the network takes, in the same way."),
    ] = None


def check_fees(fees: Fees, *, brands: Collection[str]) -> None:
    """Refuses currencies, countries, brands and fundings that do not exist, and parts that the model has not."""
    if fees.currency not in DECIMALS:
        raise _unknown("fees.currency", "must be a currency code of ISO 4217.")
    if fees.model is FeeModel.BLENDED:
        _check_blended(fees)
    for param, rate in _named(fees):
        _check_rate(param, rate, brands)


def _check_blended(fees: Fees) -> None:
    for name in ("interchange", "scheme"):
        if getattr(fees, name) is not None:
            raise invalid(
                "fees_of_other_model",
                f"A blended price includes everything: leave `fees.{name}` out, or set `fees.model` to "
                f"`{FeeModel.INTERCHANGE_PLUS_PLUS}`.",
                param=f"fees.{name}",
            )


def _named(fees: Fees) -> Iterator[tuple[str, FeeRate]]:
    for name in ("rates", "interchange", "scheme"):
        for number, rate in enumerate(getattr(fees, name) or ()):
            yield f"fees.{name}[{number}]", rate


def _check_rate(param: str, rate: FeeRate, brands: Collection[str]) -> None:
    for name, given, known, what in (
        ("brands", rate.brands, brands, f"brands that the connector takes: {', '.join(sorted(brands))}."),
        ("fundings", rate.fundings, FUNDINGS, f"some of: {', '.join(FUNDINGS)}."),
        ("issuer_countries", rate.issuer_countries, COUNTRIES, "country codes of ISO 3166-1, in capitals."),
    ):
        if given is not None and not all(value in known for value in given):
            raise _unknown(f"{param}.{name}", f"must hold {what}")


def _unknown(param: str, what: str) -> Refusal:
    return invalid("unknown_value", f"`{param}` {what}", param=param)
