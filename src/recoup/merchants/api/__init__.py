"""Processor accounts and connectors over HTTP. Credentials go in, and only their names ever come out.

API keys have no routes: a key is shown once, and an answer that is kept to be replayed must never hold one. The command
`recoup keys` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from recoup.http.routes import Call, Idempotency, ListQuery, Page, Problem, Route
from recoup.kit.ids import Kind
from recoup.merchants.api.connectors import ConnectorList, connector_object
from recoup.merchants.api.shapes import (
    CreateProcessorAccount,
    ProcessorAccountList,
    ProcessorAccountObject,
    UpdateProcessorAccount,
    account_object,
)
from recoup.merchants.core import ProcessorAccount
from recoup.merchants.flow import NewAccount, ProcessorAccounts

_TAG: Final = "processor accounts"

_EXAMPLE: Final[Mapping[str, Any]] = {
    "connector": "alpha",
    "label": "Alpha, United States",
    "credentials": {"api_key": "world_1"},
    "country": "US",
    "countries": ["US", "CA"],
    "fees": {"basis_points": 290, "fixed": 30, "cross_border_basis_points": 150, "currency": "USD"},
}
_WRONG_FIELDS: Final = tuple(
    Problem(code, 400)
    for code in (
        "base_url_in_live_mode",
        "base_url_missing",
        "blank",
        "capability_missing",
        "connector_unknown",
        "credential_missing",
        "credential_of_other_mode",
        "credential_unknown",
        "fees_of_other_model",
        "invalid_url",
        "limits_crossed",
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
                examples={"try it first": {"position": 0}, "move payments away from it": {"drained": True}},
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
        return account_object(account, livemode=call.merchant.livemode)

    async def read(self, call: Call[None, None]) -> ProcessorAccountObject:
        """GET /v1/processor_accounts/{processor_account}."""
        account_id = call.path_id("processor_account", Kind.PROCESSOR_ACCOUNT)
        account = await self._accounts.account(call.merchant.id, account_id)
        return account_object(account, livemode=call.merchant.livemode)

    async def list(self, call: Call[None, ListQuery]) -> ProcessorAccountList:
        """GET /v1/processor_accounts."""
        page = call.query.page(Kind.PROCESSOR_ACCOUNT)
        accounts = await self._accounts.accounts_of(call.merchant.id)
        shown, has_more = page.cut(_selected(accounts, page))
        return ProcessorAccountList(
            data=[account_object(account, livemode=call.merchant.livemode) for account in shown],
            has_more=has_more,
            url="/v1/processor_accounts",
        )

    async def update(self, call: Call[UpdateProcessorAccount, None]) -> ProcessorAccountObject:
        """POST /v1/processor_accounts/{processor_account}."""
        account_id = call.path_id("processor_account", Kind.PROCESSOR_ACCOUNT)
        changes = {
            name: value for name, value in msgspec.structs.asdict(call.body).items() if value is not UNSET
        }
        same_account = changes.pop("same_account")
        account = await self._accounts.update(
            call.transaction(),
            call.merchant,
            account_id,
            changes=changes,
            same_account=same_account,
            now=call.now,
        )
        return account_object(account, livemode=call.merchant.livemode)

    async def disable(self, call: Call[None, None]) -> ProcessorAccountObject:
        """DELETE /v1/processor_accounts/{processor_account}."""
        account_id = call.path_id("processor_account", Kind.PROCESSOR_ACCOUNT)
        account = await self._accounts.disable(call.merchant, account_id, now=call.now)
        return account_object(account, livemode=call.merchant.livemode)

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
