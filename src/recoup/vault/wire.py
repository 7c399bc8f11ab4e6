"""Payment methods as a request brings them in: shared by the API of the vault and by the APIs that take a new one."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup.http.fields import IdText
from recoup.kit.secret import Secret
from recoup.vault.core import BillingDetails, Funding
from recoup.vault.core.records import Country

DATA_PARAM: Final = "payment_method_data"
CARD_PARAM: Final = f"{DATA_PARAM}.card"
BILLING_PARAM: Final = f"{DATA_PARAM}.billing_details"

ProcessorCustomer = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+\Z",
        description="The processor's own id of the customer, where it wants one beside the token.",
        examples=["cus_9s6XKzkNRiz8i3"],
    ),
]
NetworkTransactionId = Annotated[
    str, Meta(min_length=1, max_length=56, pattern=r"^[!-~]+\Z", examples=["016150703802094"])
]
TokenText = Annotated[
    Secret,
    Meta(
        description="The processor's own name for the saved payment method. Encrypted, and never shown again.",
        examples=["pm_1N9aWX2eZvKYlo2C"],
    ),
]


class CardData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card that is new to Recoup. Its number and its security code are secrets from the moment they are parsed."""

    number: Annotated[
        Secret,
        Meta(
            description="12 to 19 digits; spaces and hyphens between them are let pass.",
            examples=["4242424242424242"],
        ),
    ]
    exp_month: Annotated[int, Meta(ge=1, le=12, examples=[12])]
    exp_year: Annotated[
        int, Meta(ge=0, le=2999, description="Four digits; two mean this century.", examples=[2030])
    ]
    cvc: Annotated[
        Secret | None,
        Meta(description="The security code. Used for this one payment, never stored.", examples=["123"]),
    ] = None


class CardMethodData(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="card"
):
    """A new payment method: a card in the clear. Only a server that may handle card numbers should send it."""

    card: CardData
    billing_details: BillingDetails = BillingDetails()
    network_transaction_id: Annotated[
        NetworkTransactionId | None,
        Meta(
            description="For a card that you bring from elsewhere: the network's name of the payment in which its "
            "customer agreed to be charged later. Payments by the merchant name it to whichever processor is asked."
        ),
    ] = None


class KnownCard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the merchant knows of a card that a processor keeps: it helps to choose accounts, and times for retries."""

    brand: Annotated[
        str,
        Meta(
            max_length=20,
            description="Such as `visa`; of a mandate to debit a bank account `sepa_debit`, `bacs_debit` or "
            "`ach_debit`: rules ask for other notices then.",
            examples=["visa"],
        ),
    ] = "unknown"
    last4: Annotated[str, Meta(pattern=r"^[0-9]{4}\Z", examples=["4242"])] | None = None
    exp_month: Annotated[int, Meta(ge=1, le=12)] | None = None
    exp_year: Annotated[int, Meta(ge=0, le=2999)] | None = None
    funding: Funding = Funding.UNKNOWN
    country: Annotated[Country | None, Meta(description="The issuer's country.")] = None


class TokenData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A processor's own saved payment method, at one of your accounts."""

    processor_account: IdText
    token: TokenText
    processor_customer: ProcessorCustomer | None = None


class TokenMethodData(TokenData, frozen=True, kw_only=True, tag_field="type", tag="processor_token"):
    """A new payment method that a processor keeps, so that Recoup never sees a card number."""

    card: KnownCard = KnownCard()
    billing_details: BillingDetails = BillingDetails()


PaymentMethodData = CardMethodData | TokenMethodData
"""What may be sent as `payment_method_data`."""
