"""Customers and payment methods as values.

The structs here are written into JSON columns and shown by the API as they are, so they carry their own limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from recoup.vault.core.bins import Funding

METHODS_PER_CUSTOMER_MAX: Final = 200
"""The most payment methods that can be attached to one customer by hand."""

Line = Annotated[str, Meta(max_length=200)]
Country = Annotated[
    str,
    Meta(min_length=2, max_length=2, description="ISO 3166-1 alpha-2 code, in capitals.", examples=["US"]),
]
Email = Annotated[str, Meta(min_length=3, max_length=512)]
Phone = Annotated[str, Meta(max_length=50)]
Description = Annotated[str, Meta(max_length=1000)]
Reference = Annotated[
    str,
    Meta(
        min_length=1, max_length=255, description="Your own name for this customer.", examples=["user-1001"]
    ),
]
TimeZone = Annotated[
    str,
    Meta(max_length=64, description="IANA name of the customer's time zone.", examples=["America/New_York"]),
]
DayOfMonth = Annotated[int, Meta(ge=1, le=31, description="31 means the last day of every month.")]


class Payday(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The days on which a customer usually has money.

    Weekly needs `weekday`; biweekly needs `anchor_date`; monthly needs `day_of_month`; semi-monthly needs that and a
    later `second_day_of_month`.
    """

    cycle: Literal["weekly", "biweekly", "semi_monthly", "monthly"]
    weekday: Annotated[int, Meta(ge=0, le=6, description="0 is Monday, 6 is Sunday.")] | None = None
    anchor_date: (
        Annotated[date, Meta(description="Any one of the paydays.", examples=["2026-11-06"])] | None
    ) = None
    day_of_month: DayOfMonth | None = None
    second_day_of_month: DayOfMonth | None = None


class Address(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A postal address."""

    line1: Line | None = None
    line2: Line | None = None
    city: Line | None = None
    state: Line | None = None
    postal_code: Annotated[str, Meta(max_length=20)] | None = None
    country: Country | None = None


class BillingDetails(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose card it is, in the words of the customer."""

    name: Line | None = None
    email: Email | None = None
    phone: Phone | None = None
    address: Address = Address()

    def __repr__(self) -> str:
        """Without what is personal."""
        return "BillingDetails(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for `rich`, which msgspec would tell every field."""
        return []


class CustomerDetails(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a merchant says of a customer."""

    name: Line | None = None
    email: Email | None = None
    phone: Phone | None = None
    description: Description | None = None
    merchant_reference: Reference | None = None
    country: Country | None = None
    time_zone: TimeZone | None = None
    payday: Payday | None = None
    metadata: dict[str, str] = {}

    def __repr__(self) -> str:
        """Without what is personal."""
        return "CustomerDetails(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for `rich`, which msgspec would tell every field."""
        return []


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays."""

    id: UUID
    details: CustomerDetails
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None


class MethodType(StrEnum):
    """What a payment method is: a card in the vault, or what a processor keeps for the merchant."""

    CARD = "card"
    PROCESSOR_TOKEN = "processor_token"  # noqa: S105 - a type, not a token


@dataclass(frozen=True, slots=True)
class ProcessorToken:
    """A processor's own name for a payment method, sealed; good at the account that gave it and nowhere else.

    `remembered`: the processor gave it when it was asked to keep a card; else the merchant brought it.
    """

    processor_account_id: UUID
    data_key_id: UUID
    ciphertext: bytes = field(repr=False)
    remembered: bool
    created_at: datetime
    digest: bytes | None = field(default=None, repr=False)
    """What it is found by when its processor names it; None of an older row, until it is made."""

    def row(self, merchant_id: UUID, method_id: UUID) -> dict[str, Any]:
        """The whole row of `processor_tokens`, as `PaymentMethod.row` is one."""
        return {
            "merchant_id": merchant_id,
            "payment_method_id": method_id,
            "processor_account_id": self.processor_account_id,
            "data_key_id": self.data_key_id,
            "ciphertext": f"\\x{self.ciphertext.hex()}",
            "remembered": self.remembered,
            "created_at": self.created_at,
            "digest": None if self.digest is None else f"\\x{self.digest.hex()}",
        }


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """With what is paid: a card, whose number is in the ciphertext and nowhere else, or processors' `tokens`, or both.

    Without a card in the vault there is no `bin`, and of the card only what the merchant says. The `fingerprint` is
    then made of the first token, so that the same token counts as the same card, however often it is given.

    `renewed_at`: since when its details are newer than what was given. `closed_at`: since when its account is known to
    be closed. `superseded_at`: since when the number in the vault is known to be replaced by one that only processors
    have, so that it is charged by its tokens alone.
    """

    id: UUID
    customer_id: UUID | None
    fingerprint: bytes = field(repr=False)
    brand: str
    bin: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    funding: Funding
    issuer_country: str | None
    data_key_id: UUID | None
    ciphertext: bytes | None = field(repr=False)
    billing: BillingDetails = field(repr=False)
    network_transaction_id: str | None
    metadata: Mapping[str, str]
    created_at: datetime
    updated_at: datetime
    detached_at: datetime | None = None
    tokens: tuple[ProcessorToken, ...] = ()
    renewed_at: datetime | None = None
    closed_at: datetime | None = None
    superseded_at: datetime | None = None

    @property
    def type(self) -> MethodType:
        """Whether the vault has a card."""
        return MethodType.PROCESSOR_TOKEN if self.ciphertext is None else MethodType.CARD

    def row(self, merchant_id: UUID) -> dict[str, Any]:
        """The whole row of `payment_methods`, ready to be encoded as JSON and read by `json_populate_record`."""
        return {
            "merchant_id": merchant_id,
            "id": self.id,
            "customer_id": self.customer_id,
            "type": self.type,
            "fingerprint": f"\\x{self.fingerprint.hex()}",
            "brand": self.brand,
            "bin": self.bin,
            "last4": self.last4,
            "exp_month": self.exp_month,
            "exp_year": self.exp_year,
            "funding": self.funding,
            "issuer_country": self.issuer_country,
            "data_key_id": self.data_key_id,
            "ciphertext": None if self.ciphertext is None else f"\\x{self.ciphertext.hex()}",
            "billing": self.billing,
            "network_transaction_id": self.network_transaction_id,
            "metadata": self.metadata,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "detached_at": self.detached_at,
            "renewed_at": self.renewed_at,
            "closed_at": self.closed_at,
            "superseded_at": self.superseded_at,
        }
