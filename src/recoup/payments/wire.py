"""What callers send about payments and refunds."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from recoup.http.fields import IdText, ListQuery, Metadata
from recoup.kit.money import MINOR_MAX
from recoup.kit.secret import Secret
from recoup.vault.wire import PaymentMethodData

ACCOUNTS_ASKED_MAX: Final = 20
RETURNED_MAX: Final = 50
RETURNED_LENGTH_MAX: Final = 40_000
"""The longest parameters, together: an issuer's signed answer is some thousand letters."""

Amount = Annotated[
    int, Meta(ge=1, le=MINOR_MAX, description="In the currency's smallest unit: 4999 is 49.99 USD.")
]
Currency = Annotated[
    str, Meta(min_length=3, max_length=3, description="ISO 4217 code, in capitals.", examples=["USD"])
]
ReturnUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^\s/?#]",
        max_length=2000,
        description="Where the customer comes back to after they acted: a whole http or https URL.",
        examples=["https://shop.example/after"],
    ),
]
Reference = Annotated[str, Meta(min_length=1, max_length=200)]


ReturnParameters = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=200)], Secret],
    Meta(
        max_length=RETURNED_MAX,
        description="The parameters with which the processor sent the customer back to your `return_url`, from its "
        "query or form, as they came; `{}` where there were none. They are handed to the processor and not kept. "
        "Without this field the processor is only asked what became of the payment, unless the customer came back to "
        "a page of ours (`next_action`): what they brought there is handed over then.",
        examples=[{"redirectResult": "X6XtfGC3!Y..."}],
    ),
]
Header = Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00-\x1f\x7f]*\Z")]


class BrowserData(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The customer's browser: by it banks decide whether the customer must authenticate.

    The first four your server sees; the others a script in the page knows (`screen`, `navigator.javaEnabled()`). Some
    processors authenticate nobody without `user_agent` and `accept`.
    """

    ip: Annotated[str, Meta(max_length=45, description="IPv4 or IPv6.", examples=["203.0.113.7"])] | None = (
        None
    )
    user_agent: Annotated[Header | None, Meta(description="The `User-Agent` header.")] = None
    accept: Annotated[Header | None, Meta(description="The `Accept` header.")] = None
    language: Annotated[Header | None, Meta(description="The first of `Accept-Language`.")] = None
    color_depth: Annotated[int, Meta(ge=1, le=48, description="`screen.colorDepth`.")] | None = None
    screen_width: Annotated[int, Meta(ge=0, le=999_999, description="`screen.width`.")] | None = None
    screen_height: Annotated[int, Meta(ge=0, le=999_999, description="`screen.height`.")] | None = None
    time_zone_offset: (
        Annotated[
            int, Meta(ge=-840, le=840, description="Minutes west of UTC: `new Date().getTimezoneOffset()`.")
        ]
        | None
    ) = None
    java_enabled: Annotated[bool | None, Meta(description="`navigator.javaEnabled()`.")] = None

    def __repr__(self) -> str:
        """Without what is personal."""
        return "BrowserData(…)"


TransactionId = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z",
        examples=["f25084f0-5b16-4c0a-ae5d-b24808a95e4b"],
    ),
]


class ThreeDSecureData(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What a 3-D Secure authentication came to that your own 3-D Secure server made, for this payment.

    It goes to the processor with the charge, and to the next one where the charge fails over, and is not stored: a
    later try of the same payment needs it again.
    """

    version: Annotated[
        Literal["2.1.0", "2.2.0", "2.3.0", "2.3.1"], Meta(description="Of the protocol.", examples=["2.2.0"])
    ]
    status: Annotated[
        Literal["Y", "A"],
        Meta(description="The protocol's `transStatus`: fully authenticated, or only attempted."),
    ]
    eci: Annotated[
        Literal["01", "02", "05", "06"],
        Meta(
            description="The electronic commerce indicator: 02 and 01 of Mastercard, 05 and 06 of the others."
        ),
    ]
    cryptogram: Annotated[
        Secret,
        Meta(
            description="The authentication value (CAVV, AAV, AEVV), in base64.",
            examples=["M6+990I6FLD8Y6rZz9d5QbfrMNY="],
        ),
    ]
    ds_transaction_id: Annotated[TransactionId, Meta(description="The directory server's id of it.")]
    acs_transaction_id: Annotated[
        TransactionId | None, Meta(description="The id that the issuer's access control server gave it.")
    ] = None


class RoutingWish(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Which accounts to ask, in this order; without it the merchant's own order holds."""

    processor_accounts: Annotated[list[IdText], Meta(min_length=1, max_length=ACCOUNTS_ASKED_MAX)]


class RecoveryWish(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What to do when a merchant-initiated payment is declined."""

    policy: Annotated[Literal["default", "none"], Meta(description="`none`: no recovery is opened.")] = (
        "default"
    )


class CreatePayment(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A payment to make now, or, without a payment method, later by `confirm`."""

    amount: Amount
    currency: Currency
    capture: Literal["automatic", "manual"] = "automatic"
    payment_method_data: PaymentMethodData | None = None
    payment_method: IdText | None = None
    customer: IdText | None = None
    initiator: Annotated[
        Literal["customer", "merchant"],
        Meta(
            description="`customer`: in session (CIT). `merchant`: by agreement, without the customer (MIT)."
        ),
    ] = "customer"
    merchant_reference: Reference | None = None
    routing: RoutingWish | None = None
    recovery: RecoveryWish | None = None
    return_url: ReturnUrl | None = None
    browser: BrowserData | None = None
    three_d_secure: ThreeDSecureData | None = None
    agreement: Annotated[
        Literal["unscheduled", "recurring"] | None,
        Meta(
            description="What the customer agreed to with a stored payment method: charges on no fixed dates, or a "
            "series. Processors and networks are told; null means `unscheduled`."
        ),
    ] = None
    merchant_category: Annotated[
        Annotated[str, Meta(pattern="^[0-9]{4}\\Z")] | None,
        Meta(
            description="What is sold: the 4 digits of an ISO 18245 category. Accounts that do not take it are left "
            "out, and routing policies may ask for it; processors are not told. null: accounts of all are asked.",
            examples=["5411"],
        ),
    ] = None
    metadata: Metadata = msgspec.field(default_factory=dict)


class ConfirmPayment(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Go on with a payment: after the customer acted, or with a payment method."""

    payment_method_data: PaymentMethodData | None = None
    payment_method: IdText | None = None
    return_parameters: ReturnParameters | None = None
    browser: BrowserData | None = None
    three_d_secure: ThreeDSecureData | None = None


class CapturePayment(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """How much of the held money to take; without an amount, all of it."""

    amount: Amount | None = None
    final: Annotated[bool, Meta(description="Let go of what this capture leaves.")] = False


class Nothing(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A request without fields."""


class CreateRefund(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """How much to give back; without an amount, all that is left."""

    payment: IdText
    amount: Amount | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer", "other"] | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)


class PaymentQuery(ListQuery, frozen=True):
    """A page of payments."""

    customer: IdText | None = None


class RefundQuery(ListQuery, frozen=True):
    """A page of refunds."""

    payment: IdText | None = None


EXAMPLE: Final[dict[str, Any]] = {
    "amount": 4999,
    "currency": "USD",
    "payment_method_data": {
        "type": "card",
        "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"},
        "billing_details": {"name": "Jane Doe", "address": {"country": "US", "postal_code": "94103"}},
    },
    "merchant_reference": "order-1001",
}
