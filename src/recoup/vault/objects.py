"""Customers and payment methods as the API and the events show them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.vault.core import BillingDetails, Customer, Funding, MethodType, Payday, PaymentMethod

_FINGERPRINT_BYTES = 16


class CustomerObject(Struct, frozen=True, kw_only=True):
    """Who pays."""

    id: str
    object: Literal["customer"] = "customer"
    name: str | None
    email: str | None
    phone: str | None
    description: str | None
    merchant_reference: str | None
    country: str | None
    time_zone: str | None
    payday: Payday | None
    metadata: dict[str, str]
    created_at: str
    updated_at: str
    livemode: bool


class CardObject(Struct, frozen=True, kw_only=True):
    """What may be known of a card without its number."""

    brand: str
    bin: Annotated[
        str | None,
        Meta(description="The leading digits: 8 of a number of 16 digits, else 6; null without a number."),
    ]
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    funding: Funding
    country: Annotated[str | None, Meta(description="The issuer's country (ISO 3166-1), where it is known.")]
    fingerprint: Annotated[
        str | None,
        Meta(
            description="The same for the same number at the same merchant, in one mode; tells nothing else. null "
            "where only processors have the number."
        ),
    ]


class ProcessorTokenObject(Struct, frozen=True, kw_only=True):
    """That a processor keeps this payment method; its token is never shown."""

    processor_account: str
    created_at: str


class PaymentMethodObject(Struct, frozen=True, kw_only=True):
    """With what is paid."""

    id: str
    object: Literal["payment_method"] = "payment_method"
    type: Annotated[
        MethodType,
        Meta(description="`card`: the vault has the card. `processor_token`: only processors have it."),
    ]
    card: Annotated[
        CardObject, Meta(description="What is known of the card; of a processor's, what you told.")
    ]
    processor_tokens: Annotated[
        list[ProcessorTokenObject],
        Meta(description="The accounts that can charge what their processor keeps, without a card number."),
    ]
    billing_details: BillingDetails
    customer: str | None
    network_transaction_id: Annotated[
        str | None, Meta(description="What the network calls the payment that the customer agreed to last.")
    ]
    metadata: dict[str, str]
    created_at: str
    updated_at: str
    detached_at: Annotated[str | None, Meta(description="Since when it can no longer be used.")]
    renewed_at: Annotated[
        str | None, Meta(description="Since when the card is newer than what was given; see `…/updates`.")
    ]
    closed_at: Annotated[str | None, Meta(description="Since when its account is known to be closed.")]
    livemode: bool


def customer_object(customer: Customer, *, livemode: bool) -> CustomerObject:
    """A customer."""
    details = customer.details
    return CustomerObject(
        id=render(Kind.CUSTOMER, customer.id),
        name=details.name,
        email=details.email,
        phone=details.phone,
        description=details.description,
        merchant_reference=details.merchant_reference,
        country=details.country,
        time_zone=details.time_zone,
        payday=details.payday,
        metadata=details.metadata,
        created_at=rfc3339(customer.created_at),
        updated_at=rfc3339(customer.updated_at),
        livemode=livemode,
    )


def payment_method_object(method: PaymentMethod, *, livemode: bool) -> PaymentMethodObject:
    """A payment method."""
    card = CardObject(
        brand=method.brand,
        bin=method.bin,
        last4=method.last4,
        exp_month=method.exp_month,
        exp_year=method.exp_year,
        funding=method.funding,
        country=method.issuer_country,
        fingerprint=None if method.bin is None else method.fingerprint[:_FINGERPRINT_BYTES].hex(),
    )
    tokens = [
        ProcessorTokenObject(
            processor_account=render(Kind.PROCESSOR_ACCOUNT, one.processor_account_id),
            created_at=rfc3339(one.created_at),
        )
        for one in method.tokens
    ]
    return PaymentMethodObject(
        id=render(Kind.PAYMENT_METHOD, method.id),
        type=method.type,
        card=card,
        processor_tokens=tokens,
        billing_details=method.billing,
        customer=None if method.customer_id is None else render(Kind.CUSTOMER, method.customer_id),
        network_transaction_id=method.network_transaction_id,
        metadata=dict(method.metadata),
        created_at=rfc3339(method.created_at),
        updated_at=rfc3339(method.updated_at),
        detached_at=_time(method.detached_at),
        renewed_at=_time(method.renewed_at),
        closed_at=_time(method.closed_at),
        livemode=livemode,
    )


def _time(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)
