"""Accounts and entries of the ledger as the API shows them.

A ledger numbers its accounts and entries from 1 without gap, so their ids are these numbers, written as every other
id: they sort in the order of posting, and are the merchant's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from recoup.http.fields import ListObject
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.ledger.core import CHART, POSTINGS, AccountKind, Side, Source, TransferKind
from recoup.ledger.store.reading import Balance, Entry

_IDS: Final[Mapping[Source, Kind]] = {Source.EVENT: Kind.EVENT}
"""How the id of a cause reads, where it is the id of an object; any other is the plain UUID."""

_Minor = Annotated[int, Meta(description="In minor units of the currency.")]
_EventsPosted = Annotated[
    int, Meta(description="All your events up to this `sequence` are posted; later ones are not in it yet.")
]


class LedgerAccountObject(Struct, kw_only=True, frozen=True):
    """An account with its balance."""

    id: str
    object: Literal["ledger_account"] = "ledger_account"
    kind: AccountKind
    currency: str
    processor_account: Annotated[
        str | None, Meta(description="Null for kinds of which there is one account in a currency.")
    ]
    description: str
    normal_side: Annotated[Side, Meta(description="The side on which its balance grows.")]
    balance: Annotated[
        int,
        Meta(
            description="On its normal side, in minor units; below zero where the other side is the larger."
        ),
    ]
    debits: _Minor
    credits: _Minor
    last_entry: Annotated[str | None, Meta(description="The last entry on it.")]
    livemode: bool


class EntrySideObject(Struct, kw_only=True, frozen=True):
    """One side of an entry."""

    account: str
    kind: AccountKind


class EntryCauseObject(Struct, kw_only=True, frozen=True):
    """Why an entry was posted."""

    type: Source
    id: Annotated[
        str, Meta(description="The event's id; for other causes the id that they have in their own place.")
    ]


class LedgerEntryObject(Struct, kw_only=True, frozen=True):
    """Money that moved from one account to another: one row, with both its sides."""

    id: str
    object: Literal["ledger_entry"] = "ledger_entry"
    kind: TransferKind
    description: str
    amount: _Minor
    currency: str
    debit: EntrySideObject
    credit: EntrySideObject
    payment: str | None
    cause: EntryCauseObject
    occurred_at: str
    livemode: bool


class LedgerAccountList(ListObject[LedgerAccountObject], frozen=True):
    """A page of accounts, the newest first."""

    events_posted: _EventsPosted


class LedgerEntryList(ListObject[LedgerEntryObject], frozen=True):
    """A page of entries: newest first; with `since`, in the order in which they happened."""

    events_posted: _EventsPosted


class CurrencyTotalObject(Struct, kw_only=True, frozen=True):
    """All debits and all credits of a currency."""

    currency: str
    debits: _Minor
    credits: _Minor
    balanced: bool


class TrialBalanceObject(Struct, kw_only=True, frozen=True):
    """The sums of all accounts, by currency."""

    object: Literal["ledger_trial_balance"] = "ledger_trial_balance"
    currencies: list[CurrencyTotalObject]
    accounts: int
    entries: int
    events_posted: _EventsPosted
    livemode: bool


def account_id(number: int) -> str:
    """The id of the account with this number."""
    return render(Kind.LEDGER_ACCOUNT, UUID(int=number))


def entry_id(number: int) -> str:
    """The id of the entry with this number."""
    return render(Kind.LEDGER_ENTRY, UUID(int=number))


def account_object(balance: Balance, *, livemode: bool) -> LedgerAccountObject:
    """An account with its balance."""
    account = balance.account
    place = account.processor_account_id
    return LedgerAccountObject(
        id=account_id(balance.number),
        kind=account.kind,
        currency=account.currency,
        processor_account=None if place is None else render(Kind.PROCESSOR_ACCOUNT, place),
        description=CHART[account.kind].summary,
        normal_side=CHART[account.kind].normal,
        balance=balance.balance,
        debits=balance.debits,
        credits=balance.credits,
        last_entry=entry_id(balance.version) if balance.version else None,
        livemode=livemode,
    )


def entry_object(entry: Entry, *, livemode: bool) -> LedgerEntryObject:
    """An entry."""
    kind = _IDS.get(entry.source)
    return LedgerEntryObject(
        id=entry_id(entry.number),
        kind=entry.kind,
        description=POSTINGS[entry.kind].when,
        amount=entry.amount,
        currency=entry.currency,
        debit=EntrySideObject(account=account_id(entry.debit), kind=entry.debited),
        credit=EntrySideObject(account=account_id(entry.credit), kind=entry.credited),
        payment=None if entry.payment_id is None else render(Kind.PAYMENT, entry.payment_id),
        cause=EntryCauseObject(
            type=entry.source, id=str(entry.cause) if kind is None else render(kind, entry.cause)
        ),
        occurred_at=rfc3339(entry.at),
        livemode=livemode,
    )
