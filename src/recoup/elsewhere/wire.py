"""What requests say of failures elsewhere."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from recoup.http.fields import IdText, Metadata, Moment
from recoup.kit.money import MINOR_MAX
from recoup.vault.core import Funding
from recoup.vault.core.records import Country, Payday, Reference, TimeZone
from recoup.vault.wire import PaymentMethodData

Word = Annotated[str, Meta(min_length=1, max_length=100)]


class DeclineData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a try was declined, as far as you were told."""

    connector: Annotated[
        Word,
        Meta(
            description="Whose `code` it is: `standard`, or a processor such as `stripe`.",
            examples=["stripe"],
        ),
    ] = "standard"
    code: Annotated[Word | None, Meta(description="The code.", examples=["insufficient_funds"])] = None
    network_code: Annotated[
        Word | None, Meta(description="The network's response code.", examples=["51"])
    ] = None
    advice_code: Annotated[Word | None, Meta(description="The merchant advice code.", examples=["25"])] = None
    text: Annotated[str, Meta(max_length=1000)] | None = None


class TryData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A try before the failure. Without a `decline` it never reached the issuer."""

    at: Moment
    decline: DeclineData | None = None
    amount: Annotated[int, Meta(ge=1, le=MINOR_MAX)] | None = None
    processor_account: IdText | None = None


class PayerData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who pays, where they are no customer here."""

    reference: Annotated[
        Reference | None, Meta(description="Your name for them: their imported history is found by it.")
    ] = None
    country: Country | None = None
    time_zone: TimeZone | None = None
    payday: Payday | None = None


class CardFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What you know of the card, where we do not have it."""

    brand: Annotated[str, Meta(max_length=20, examples=["visa"])] = "unknown"
    funding: Funding = Funding.UNKNOWN
    country: Annotated[Country | None, Meta(description="The issuer's country.")] = None


class CreateRecovery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment that failed elsewhere."""

    external_id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=255,
            description="Your name for the failure, such as the invoice's id. Sent again, it names the same recovery.",
            examples=["in_1N9aWX2eZvKYlo2C"],
        ),
    ]
    mode: Annotated[
        Literal["act", "advise"],
        Meta(description="`act`: we try it. `advise`: we say when, where and how, and you try it."),
    ]
    amount: Annotated[int, Meta(ge=1, le=MINOR_MAX, description="What is owed, in the smallest unit.")]
    currency: Annotated[str, Meta(min_length=3, max_length=3)]
    description: Annotated[str, Meta(max_length=1000, description="What it was for.")] | None = None
    failed_at: Moment
    decline: Annotated[
        DeclineData | None, Meta(description="Why it failed; left out: it never reached the issuer.")
    ] = None
    tries: Annotated[list[TryData], Meta(max_length=50, description="The tries before that.")] = []
    customer: Annotated[IdText | None, Meta(description="A customer here.")] = None
    customer_details: Annotated[PayerData | None, Meta(description="Or what you know of them.")] = None
    payment_method: Annotated[IdText | None, Meta(description="A payment method here.")] = None
    payment_method_data: Annotated[
        PaymentMethodData | None,
        Meta(description="Or a new one: a card, or a token of a processor of yours."),
    ] = None
    card: Annotated[CardFacts | None, Meta(description="For advice without a payment method here.")] = None
    processor_account: Annotated[
        IdText | None, Meta(description="The account where it failed, where that is one of those here.")
    ] = None
    processor_accounts: (
        Annotated[
            list[IdText],
            Meta(min_length=1, max_length=20, description="The accounts that may be asked, in order."),
        ]
        | None
    ) = None
    deadline: Annotated[
        Moment | None, Meta(description="After it nothing is tried; as usual where left out.")
    ] = None
    metadata: Annotated[Metadata, Meta(description="Goes onto the payment where we act.")] = msgspec.field(
        default_factory=dict
    )


class ReportResult(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of a try that we advised."""

    at: Moment
    approved: bool
    decline: DeclineData | None = None
    amount: Annotated[int, Meta(ge=1, le=MINOR_MAX)] | None = None
    processor_account: Annotated[
        IdText | None, Meta(description="The account that was asked, where that is one of those here.")
    ] = None


class ReportPaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The debt was paid by another way."""

    outcome: Literal["paid_elsewhere"]
    at: Annotated[Moment | None, Meta(description="When; now, where left out.")] = None
