"""Processor accounts and connectors over HTTP. Credentials go in, and only their names ever come out.

API keys have no routes: a key is shown once, and an answer that is kept to be replayed must never hold one. The command
`recoup keys` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from recoup.http.routes import Call, Idempotency, ListObject, ListQuery, Metadata, Page, Problem, Route
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.kit.secret import Secret
from recoup.merchants.api.connectors import ConnectorList, connector_object
from recoup.merchants.core import POSITION_MAX, TIMEOUT_MS_MAX, TIMEOUT_MS_MIN, Fees, ProcessorAccount
from recoup.merchants.flow import NewAccount, ProcessorAccounts

_TAG: Final = "processor accounts"

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


class UpdateProcessorAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; a field that is left out stays as it is. Credentials are replaced as a whole."""

    label: Label | UnsetType = UNSET
    credentials: Credentials | UnsetType = UNSET
    base_url: Url | UnsetType = UNSET
    countries: Countries | UnsetType = UNSET
    currencies: Currencies | UnsetType = UNSET
    brands: Brands | UnsetType = UNSET
    fees: Fees | UnsetType | None = UNSET
    timeout_ms: Timeout | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


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
    created_at: str
    updated_at: str
    livemode: bool


class ProcessorAccountList(ListObject[ProcessorAccountObject], frozen=True):
    """A page of processor accounts."""


_EXAMPLE: Final[Mapping[str, Any]] = {
    "connector": "alpha",
    "label": "Alpha, United States",
    "credentials": {"api_key": "world_1"},
    "countries": ["US", "CA"],
    "fees": {"basis_points": 290, "fixed": 30, "currency": "USD"},
}
_WRONG_FIELDS: Final = tuple(
    Problem(code, 400)
    for code in (
        "base_url_in_live_mode",
        "base_url_missing",
        "connector_unknown",
        "credential_missing",
        "credential_of_other_mode",
        "credential_unknown",
        "invalid_url",
        "unknown_value",
        "metadata_limit",
    )
)
_NO_MASTER_KEY: Final = Problem(
    "live_mode_needs_master_key", 403, "The server has no master key of its own to encrypt live data with."
)


class ProcessorAccountsApi:
    """The routes of processor accounts and connectors."""

    def __init__(self, accounts: ProcessorAccounts) -> None:
        self._accounts = accounts

    def routes(self) -> list[Route]:
        """The routes."""
        path = "/v1/processor_accounts"
        return [*self._routes_of_all(path), *self._routes_of_one(f"{path}/{{processor_account}}")]

    def _routes_of_all(self, path: str) -> Sequence[Route]:
        return [
            Route(
                "POST",
                path,
                self.create,
                body=CreateProcessorAccount,
                answer=ProcessorAccountObject,
                status=201,
                summary="Add a processor account",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=("processor_account_limit", _NO_MASTER_KEY, *_WRONG_FIELDS),
                examples={"an account at the simulated processor Alpha": _EXAMPLE},
            ),
            Route(
                "GET",
                path,
                self.list,
                query=ListQuery,
                answer=ProcessorAccountList,
                summary="List processor accounts",
                tag=_TAG,
            ),
            Route(
                "GET",
                "/v1/connectors",
                self.connectors,
                answer=ConnectorList,
                summary="List the connectors and what they can do",
                tag=_TAG,
            ),
        ]

    def _routes_of_one(self, one: str) -> Sequence[Route]:
        return [
            Route(
                "GET",
                one,
                self.read,
                answer=ProcessorAccountObject,
                summary="Read a processor account",
                tag=_TAG,
            ),
            Route(
                "POST",
                one,
                self.update,
                body=UpdateProcessorAccount,
                answer=ProcessorAccountObject,
                summary="Update a processor account",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(_NO_MASTER_KEY, *_WRONG_FIELDS),
                examples={"try it first": {"position": 0}},
            ),
            Route(
                "DELETE",
                one,
                self.disable,
                answer=ProcessorAccountObject,
                summary="Take a processor account out of use",
                description="The account is disabled, not erased: payments name it, and may still have to ask it.",
                tag=_TAG,
                errors=(_NO_MASTER_KEY,),
            ),
        ]

    async def create(self, call: Call[CreateProcessorAccount, None]) -> ProcessorAccountObject:
        """POST /v1/processor_accounts."""
        new = NewAccount(**msgspec.structs.asdict(call.body))
        account = await self._accounts.create(call.transaction(), call.merchant, new, now=call.now)
        return _object(account, livemode=call.merchant.livemode)

    async def read(self, call: Call[None, None]) -> ProcessorAccountObject:
        """GET /v1/processor_accounts/{processor_account}."""
        account_id = call.path_id("processor_account", Kind.PROCESSOR_ACCOUNT)
        account = await self._accounts.account(call.merchant.id, account_id)
        return _object(account, livemode=call.merchant.livemode)

    async def list(self, call: Call[None, ListQuery]) -> ProcessorAccountList:
        """GET /v1/processor_accounts."""
        page = call.query.page(Kind.PROCESSOR_ACCOUNT)
        accounts = await self._accounts.accounts_of(call.merchant.id)
        shown, has_more = page.cut(_selected(accounts, page))
        return ProcessorAccountList(
            data=[_object(account, livemode=call.merchant.livemode) for account in shown],
            has_more=has_more,
            url="/v1/processor_accounts",
        )

    async def update(self, call: Call[UpdateProcessorAccount, None]) -> ProcessorAccountObject:
        """POST /v1/processor_accounts/{processor_account}."""
        account_id = call.path_id("processor_account", Kind.PROCESSOR_ACCOUNT)
        changes = {
            name: value for name, value in msgspec.structs.asdict(call.body).items() if value is not UNSET
        }
        account = await self._accounts.update(
            call.transaction(), call.merchant, account_id, changes=changes, now=call.now
        )
        return _object(account, livemode=call.merchant.livemode)

    async def disable(self, call: Call[None, None]) -> ProcessorAccountObject:
        """DELETE /v1/processor_accounts/{processor_account}."""
        account_id = call.path_id("processor_account", Kind.PROCESSOR_ACCOUNT)
        account = await self._accounts.disable(call.merchant, account_id, now=call.now)
        return _object(account, livemode=call.merchant.livemode)

    async def connectors(self, _: Call[None, None]) -> ConnectorList:
        """GET /v1/connectors."""
        by_name = sorted(self._accounts.connectors.values(), key=lambda connector: connector.name)
        data = [connector_object(connector) for connector in by_name]
        return ConnectorList(data=data, has_more=False, url="/v1/connectors")


def _selected(accounts: tuple[ProcessorAccount, ...], page: Page) -> list[ProcessorAccount]:
    """What a store would select: there are so few accounts that they are all in memory."""
    rows = sorted(accounts, key=lambda account: account.id, reverse=not page.backwards)
    after, before = page.after, page.before
    return [
        account
        for account in rows
        if (after is None or account.id < after) and (before is None or account.id > before)
    ][: page.fetch]


def _object(account: ProcessorAccount, *, livemode: bool) -> ProcessorAccountObject:
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
        created_at=rfc3339(account.created_at),
        updated_at=rfc3339(account.updated_at),
        livemode=livemode,
    )


def _sorted(values: frozenset[str] | None) -> list[str] | None:
    return None if values is None else sorted(values)
