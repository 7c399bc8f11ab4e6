"""Processor accounts as the API takes and shows them: bodies, answers, and what each field means."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from recoup.http.routes import ListObject, Metadata
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.kit.secret import Secret
from recoup.merchants.core import (
    ACQUIRER_LENGTH_MAX,
    CATEGORIES_MAX,
    POSITION_MAX,
    TIMEOUT_MS_MAX,
    TIMEOUT_MS_MIN,
    AmountLimits,
    Fees,
    ProcessorAccount,
)

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Label = Annotated[str, Meta(min_length=1, max_length=200, description="Your own name for the account.")]
Credentials = Annotated[
    dict[Name, Secret],
    Meta(
        max_length=20,
        description="What the connector asks for, by name (see `/v1/connectors`). Never shown again. The simulated "
        "processors of this server take any.",
    ),
]
Url = Annotated[
    Annotated[str, Meta(max_length=500)] | None,
    Meta(
        description="Another address than the processor's own. Test mode only, but for processors that have no address "
        "of their own (`needs_base_url` in `/v1/connectors`)."
    ),
]
Countries = Annotated[
    Annotated[frozenset[Annotated[str, Meta(min_length=2, max_length=2)]], Meta(min_length=1, max_length=250)]
    | None,
    Meta(
        description="Take cards issued in these countries only (ISO 3166-1). null: whatever the connector takes."
    ),
]
Currencies = Annotated[
    Annotated[frozenset[Annotated[str, Meta(min_length=3, max_length=3)]], Meta(min_length=1, max_length=250)]
    | None,
    Meta(description="Take these currencies only (ISO 4217). null: whatever the connector takes."),
]
Brands = Annotated[
    Annotated[frozenset[Name], Meta(min_length=1, max_length=50)] | None,
    Meta(description="Take cards of these networks only. null: whatever the connector takes."),
]
Timeout = Annotated[
    Annotated[int, Meta(ge=TIMEOUT_MS_MIN, le=TIMEOUT_MS_MAX)] | None,
    Meta(
        description="How long the processor may take for one call, in milliseconds, at most what the server allows; "
        "null: what the server allows."
    ),
]
Country = Annotated[
    Annotated[str, Meta(min_length=2, max_length=2)] | None,
    Meta(
        description="Where the account acquires (ISO 3166-1); a card issued elsewhere is cross-border. null: unknown.",
        examples=["US"],
    ),
]
Acquirer = Annotated[
    Annotated[str, Meta(min_length=1, max_length=ACQUIRER_LENGTH_MAX)] | None,
    Meta(
        description="Who carries its payments to the issuers. Two accounts with the same acquirer are one to an "
        "issuer, so after a decline at one of them the other is not asked. null: the connector's name."
    ),
]
Fundings = Annotated[
    Annotated[frozenset[Literal["credit", "debit", "prepaid"]], Meta(min_length=1)] | None,
    Meta(
        description="Take cards of these fundings only; one whose funding is not known is taken. null: all."
    ),
]
Limits = Annotated[
    Annotated[dict[str, AmountLimits], Meta(min_length=1, max_length=250)] | None,
    Meta(
        description="By currency (ISO 4217): the least and the most that one payment may be. A currency that is not "
        "named has no limit. null: no limits.",
        examples=[{"USD": {"min": 100, "max": 500000}}],
    ),
]
Categories = Annotated[
    Annotated[
        frozenset[Annotated[str, Meta(min_length=4, max_length=4)]],
        Meta(min_length=1, max_length=CATEGORIES_MAX),
    ]
    | None,
    Meta(
        description="Take payments of these merchant categories only (ISO 18245), where the payment says its own. "
        "null: all."
    ),
]
Drained = Annotated[
    bool,
    Meta(
        description="Whether payments are being moved away from it: it is asked for new ones only where no other "
        "account can do them. Captures, refunds and everything else it has go on. To forbid it, set `enabled` to false."
    ),
]
ThreeDSecure = Annotated[
    bool | None,
    Meta(
        description="Whether customers can be authenticated here: false where the contract is without it. null: "
        "whatever the connector can do."
    ),
]
Position = Annotated[
    int, Meta(ge=0, le=POSITION_MAX, description="Accounts with a lower position are tried first.")
]


class CreateProcessorAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new account at a processor."""

    connector: Annotated[Name, Meta(description="The name of a connector.", examples=["alpha"])]
    label: Label
    credentials: Credentials = {}
    base_url: Url = None
    countries: Countries = None
    currencies: Currencies = None
    brands: Brands = None
    fees: Fees | None = None
    timeout_ms: Timeout = None
    position: Annotated[Position | None, Meta(description="null: behind the accounts that there are.")] = None
    enabled: bool = True
    metadata: Metadata = {}
    country: Country = None
    acquirer: Acquirer = None
    fundings: Fundings = None
    amount_limits: Limits = None
    merchant_categories: Categories = None
    drained: Drained = False
    three_d_secure: ThreeDSecure = None


class UpdateProcessorAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; a field that is left out stays as it is. Credentials are replaced as a whole."""

    label: Label | UnsetType = UNSET
    credentials: Credentials | UnsetType = UNSET
    base_url: Url | UnsetType = UNSET
    same_account: Annotated[
        bool,
        Meta(
            description="Say `true` where new credentials only renew the old ones, as in the rotation of a key. Else "
            "they may lead to another account: methods saved at the old one are then not charged by their tokens any "
            "more, since there they could be somebody else's, and what is unresolved cannot be withdrawn."
        ),
    ] = False
    countries: Countries | UnsetType = UNSET
    currencies: Currencies | UnsetType = UNSET
    brands: Brands | UnsetType = UNSET
    fees: Fees | UnsetType | None = UNSET
    timeout_ms: Timeout | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    country: Country | UnsetType = UNSET
    acquirer: Acquirer | UnsetType = UNSET
    fundings: Fundings | UnsetType = UNSET
    amount_limits: Limits | UnsetType = UNSET
    merchant_categories: Categories | UnsetType = UNSET
    drained: Drained | UnsetType = UNSET
    three_d_secure: ThreeDSecure | UnsetType = UNSET


class ProcessorAccountObject(Struct, frozen=True, kw_only=True):
    """A merchant's account at a processor."""

    id: str
    object: Literal["processor_account"] = "processor_account"
    connector: str
    label: str
    credentials: Annotated[list[str], Meta(description="The names of the credentials that are kept.")]
    base_url: str | None
    countries: list[str] | None
    currencies: list[str] | None
    brands: list[str] | None
    fees: Fees | None
    timeout_ms: int | None
    position: int
    enabled: bool
    metadata: dict[str, str]
    country: str | None
    acquirer: str | None
    fundings: list[str] | None
    amount_limits: dict[str, AmountLimits] | None
    merchant_categories: list[str] | None
    drained: bool
    three_d_secure: bool | None
    created_at: str
    updated_at: str
    livemode: bool


class ProcessorAccountList(ListObject[ProcessorAccountObject], frozen=True):
    """A page of processor accounts."""


def account_object(account: ProcessorAccount, *, livemode: bool) -> ProcessorAccountObject:
    """An account, without what its credentials are."""
    return ProcessorAccountObject(
        id=render(Kind.PROCESSOR_ACCOUNT, account.id),
        connector=account.connector,
        label=account.label,
        credentials=sorted(account.credentials),
        base_url=account.base_url,
        countries=_sorted(account.countries),
        currencies=_sorted(account.currencies),
        brands=_sorted(account.brands),
        fees=account.fees,
        timeout_ms=account.timeout_ms,
        position=account.position,
        enabled=account.enabled,
        metadata=dict(account.metadata),
        country=account.country,
        acquirer=account.acquirer,
        fundings=_sorted(account.fundings),
        amount_limits=None if account.amount_limits is None else dict(sorted(account.amount_limits.items())),
        merchant_categories=_sorted(account.merchant_categories),
        drained=account.drained,
        three_d_secure=account.three_d_secure,
        created_at=rfc3339(account.created_at),
        updated_at=rfc3339(account.updated_at),
        livemode=livemode,
    )


def _sorted(values: frozenset[str] | None) -> list[str] | None:
    return None if values is None else sorted(values)
