"""The ledger over HTTP: accounts with their balances, entries, the trial balance.

What is new is posted before a question is answered, so an answer knows everything that was answered before it.
"""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from recoup.http.fields import IdText, Moment, parse_id
from recoup.http.routes import Call, ListQuery, Page, Route
from recoup.kit.ids import Kind
from recoup.kit.refusals import invalid, not_found
from recoup.ledger.core.chart import ACCOUNTS_MAX
from recoup.ledger.flow import Ledger
from recoup.ledger.objects import (
    CurrencyTotalObject,
    LedgerAccountList,
    LedgerAccountObject,
    LedgerEntryList,
    LedgerEntryObject,
    TrialBalanceObject,
    account_object,
    entry_object,
)
from recoup.ledger.store.reading import NUMBER_MAX, Filters

_TAG: Final = "ledger"
_ACCOUNTS: Final = "/v1/ledger/accounts"
_ENTRIES: Final = "/v1/ledger/entries"


class AccountsQuery(ListQuery, frozen=True):
    """Which accounts."""

    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")] | None = None


class AccountQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As of when."""

    at: Annotated[IdText | None, Meta(description="An entry: the balance as it was right after it.")] = None


class EntriesQuery(ListQuery, frozen=True):
    """Which entries."""

    account: Annotated[IdText | None, Meta(description="Only those that debit or credit this account.")] = (
        None
    )
    payment: Annotated[IdText | None, Meta(description="Only those of this payment.")] = None
    since: Annotated[
        Moment | None,
        Meta(description="Only what happened then or later, in the order in which it happened (RFC 3339)."),
    ] = None


class LedgerApi:
    """The routes of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _ACCOUNTS,
                self.accounts,
                query=AccountsQuery,
                answer=LedgerAccountList,
                summary="List ledger accounts",
                description="Every account with its balance: what is held, captured, owed to you, refunded, paid out.",
                tag=_TAG,
            ),
            Route(
                "GET",
                f"{_ACCOUNTS}/{{ledger_account}}",
                self.account,
                query=AccountQuery,
                answer=LedgerAccountObject,
                summary="Read a ledger account",
                description="With `at`, its balance as it was right after an entry.",
                tag=_TAG,
            ),
            Route(
                "GET",
                _ENTRIES,
                self.entries,
                query=EntriesQuery,
                answer=LedgerEntryList,
                summary="List ledger entries",
                description="Entries are posted and never changed; what turns out otherwise is posted back.",
                tag=_TAG,
            ),
            Route(
                "GET",
                f"{_ENTRIES}/{{ledger_entry}}",
                self.entry,
                answer=LedgerEntryObject,
                summary="Read a ledger entry",
                tag=_TAG,
            ),
            Route(
                "GET",
                "/v1/ledger/trial_balance",
                self.trial_balance,
                answer=TrialBalanceObject,
                summary="Read the trial balance",
                description="All debits and credits by currency, which are equal, and how far the books are.",
                tag=_TAG,
            ),
        ]

    async def accounts(self, call: Call[None, AccountsQuery]) -> LedgerAccountList:
        """`GET /v1/ledger/accounts`."""
        page = call.query.page(Kind.LEDGER_ACCOUNT)
        book = await self._ledger.catch_up(call.merchant.id)
        found = await self._ledger.balances(
            call.merchant.id,
            currency=call.query.currency,
            after=_number(page.after, ACCOUNTS_MAX),
            before=min(page.before.int, ACCOUNTS_MAX) if page.before is not None else 0,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        return LedgerAccountList(
            data=[account_object(one, livemode=call.merchant.livemode) for one in shown],
            has_more=has_more,
            url=_ACCOUNTS,
            events_posted=book.events,
        )

    async def account(self, call: Call[None, AccountQuery]) -> LedgerAccountObject:
        """`GET /v1/ledger/accounts/{id}`."""
        id_ = call.path_id("ledger_account", Kind.LEDGER_ACCOUNT)
        merchant = call.merchant
        await self._ledger.catch_up(merchant.id)
        upto = await self._as_of(call)
        found = None
        if id_.int <= ACCOUNTS_MAX:
            found = await self._ledger.balance(merchant.id, id_.int, upto=upto)
        if found is None:
            raise not_found("ledger account", call.path["ledger_account"])
        return account_object(found, livemode=merchant.livemode)

    async def _as_of(self, call: Call[None, AccountQuery]) -> int | None:
        at = call.query.at
        if at is None:
            return None
        number = parse_id(Kind.LEDGER_ENTRY, at, param="at").int
        if number > NUMBER_MAX or await self._ledger.entry(call.merchant.id, number) is None:
            raise not_found("ledger entry", at, param="at")
        return number

    async def entries(self, call: Call[None, EntriesQuery]) -> LedgerEntryList:
        """`GET /v1/ledger/entries`."""
        query, merchant = call.query, call.merchant
        page = query.page(Kind.LEDGER_ENTRY)
        filters = _filters(query)
        book = await self._ledger.catch_up(merchant.id)
        if query.since is None:
            found = await self._ledger.entries(
                merchant.id,
                filters,
                after=_number(page.after, NUMBER_MAX),
                before=_number(page.before, NUMBER_MAX) if page.before is not None else 0,
                limit=page.fetch,
            )
            shown, has_more = page.cut(found)
        else:
            later = await self._ledger.entries_since(
                merchant.id,
                filters,
                since=query.since,
                after=_behind(page),
                limit=page.fetch,
            )
            shown, has_more = list(later[: page.limit]), len(later) > page.limit
        return LedgerEntryList(
            data=[entry_object(one, livemode=merchant.livemode) for one in shown],
            has_more=has_more,
            url=_ENTRIES,
            events_posted=book.events,
        )

    async def entry(self, call: Call[None, None]) -> LedgerEntryObject:
        """`GET /v1/ledger/entries/{id}`."""
        id_ = call.path_id("ledger_entry", Kind.LEDGER_ENTRY)
        found = None
        if id_.int <= NUMBER_MAX:
            await self._ledger.catch_up(call.merchant.id)
            found = await self._ledger.entry(call.merchant.id, id_.int)
        if found is None:
            raise not_found("ledger entry", call.path["ledger_entry"])
        return entry_object(found, livemode=call.merchant.livemode)

    async def trial_balance(self, call: Call[None, None]) -> TrialBalanceObject:
        """`GET /v1/ledger/trial_balance`."""
        found = await self._ledger.trial_balance(call.merchant.id)
        return TrialBalanceObject(
            currencies=[
                CurrencyTotalObject(
                    currency=one.currency,
                    debits=one.debits,
                    credits=one.credits,
                    balanced=one.debits == one.credits,
                )
                for one in found.totals
            ],
            accounts=found.book.accounts,
            entries=found.book.transfers,
            events_posted=found.book.events,
            livemode=call.merchant.livemode,
        )


def _filters(query: EntriesQuery) -> Filters:
    """The filters of a query; refuses what is no id."""
    account = None
    if query.account is not None:
        number = parse_id(Kind.LEDGER_ACCOUNT, query.account, param="account").int
        account = min(number, ACCOUNTS_MAX)
    payment = None
    if query.payment is not None:
        payment = parse_id(Kind.PAYMENT, query.payment, param="payment")
    return Filters(account, payment)


def _number(id_: UUID | None, most: int) -> int:
    """The number in an id of a page, as far as numbers go."""
    return most if id_ is None else min(id_.int, most)


def _behind(page: Page) -> int:
    """Behind which entry a list in order of time goes on; refuses to go backwards."""
    if page.before is not None:
        raise invalid(
            "one_direction_only",
            "A list with `since` goes on from `starting_after`; leave `ending_before` out.",
            param="ending_before",
        )
    return 0 if page.after is None else min(page.after.int, NUMBER_MAX)
