"""A failure elsewhere as the API shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from recoup.elsewhere.core.failures import Failure, Told
from recoup.elsewhere.store.failures import Kept
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.outcomes.core import Category
from recoup.vault.core.records import Payday


class TryObject(Struct, kw_only=True, frozen=True):
    """One try elsewhere."""

    at: str
    amount: int
    approved: bool
    advised: Annotated[bool, Meta(description="Whether it was made after our advice.")]
    processor_account: str | None
    code: Annotated[str | None, Meta(description="What its decline means.")]
    category: Category | None


class FailureObject(Struct, kw_only=True, frozen=True):
    """A payment that failed elsewhere, as you told of it, with the tries known by now."""

    object: Literal["failure"] = "failure"
    recovery: str
    external_id: str
    mode: Literal["act", "advise"]
    amount: int
    currency: str
    description: str | None
    failed_at: str
    tries: Annotated[list[TryObject], Meta(description="In order of time.")]
    customer: str | None
    customer_reference: str | None
    country: str | None
    time_zone: str | None
    payday: Payday | None
    payment_method: str | None
    payment: str | None
    livemode: bool


def failure_object(kept: Kept, *, livemode: bool) -> FailureObject:
    """A failure as it is known by now."""
    failure = kept.failure
    return FailureObject(
        recovery=render(Kind.RECOVERY, kept.recovery_id),
        external_id=kept.external_id,
        mode="advise" if kept.payment_id is None else "act",
        amount=failure.amount,
        currency=failure.currency,
        description=failure.description,
        failed_at=rfc3339(failure.failed_at),
        tries=[_try_object(one) for one in failure.tries],
        customer=None if failure.customer_id is None else render(Kind.CUSTOMER, failure.customer_id),
        customer_reference=failure.customer,
        country=failure.country,
        time_zone=failure.time_zone,
        payday=failure.payday,
        payment_method=_method(failure),
        payment=None if kept.payment_id is None else render(Kind.PAYMENT, kept.payment_id),
        livemode=livemode,
    )


class HistoryImportObject(Struct, kw_only=True, frozen=True):
    """Tries that were made without us, taken into the record together."""

    id: str
    object: Literal["history_import"] = "history_import"
    source: str
    tries: Annotated[int, Meta(description="How many were new.")]
    imported_at: str
    livemode: bool


def history_object(
    batch_id: UUID, *, source: str, tries: int, livemode: bool, at: datetime
) -> HistoryImportObject:
    """A batch of imported tries."""
    return HistoryImportObject(
        id=render(Kind.HISTORY_IMPORT, batch_id),
        source=source,
        tries=tries,
        imported_at=rfc3339(at),
        livemode=livemode,
    )


def _method(failure: Failure) -> str | None:
    id_ = failure.payment_method_id
    return None if id_ is None else render(Kind.PAYMENT_METHOD, id_)


def _try_object(told: Told) -> TryObject:
    return TryObject(
        at=rfc3339(told.at),
        amount=told.amount,
        approved=told.approved,
        advised=told.advised,
        processor_account=None if told.account is None else render(Kind.PROCESSOR_ACCOUNT, told.account),
        code=None if told.decline is None else told.decline.code,
        category=None if told.decline is None else told.decline.category,
    )
