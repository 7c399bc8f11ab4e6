"""A card as a request brings it in: shared by the API of the vault and by the APIs that take a new card."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.kit.secret import Secret
from recoup.vault.core import BillingDetails

CARD_PARAM: Final = "payment_method_data.card"
BILLING_PARAM: Final = "payment_method_data.billing_details"


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


class CardMethodData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new payment method: a card in the clear. Only a server that may handle card numbers should send it."""

    type: Literal["card"]
    card: CardData
    billing_details: BillingDetails = BillingDetails()


PaymentMethodData = CardMethodData
"""What may be sent as `payment_method_data`; further types become a union told apart by `type`."""
