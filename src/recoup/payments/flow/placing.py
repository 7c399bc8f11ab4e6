"""Finds what a processor's notice is about: by our key where it gives it back, else by its own name at that account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from recoup.connectors.base import Notice, Subject
from recoup.kit.ids import Kind, parse
from recoup.merchants.core import Merchant
from recoup.payments import store
from recoup.payments.core import Operation, OperationKind, Snapshot
from recoup.payments.core.steps import OPEN_OPERATIONS
from recoup.payments.flow.tools import Tools, attempt_of
from recoup.payments.store import hearing

KIND_OF: Final = {
    Subject.CAPTURE: OperationKind.CAPTURE,
    Subject.CANCEL: OperationKind.CANCEL,
    Subject.REFUND: OperationKind.REFUND,
}
_KEYS: Final = (Kind.CAPTURE, Kind.CANCELLATION, Kind.REFUND)

Found = tuple[Snapshot, UUID, UUID | None]
"""A payment, the attempt, and the capture, cancellation or refund that a notice is about."""


class Placing:
    """Looks only at what was asked of that very account: another's words about our key say nothing."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def find(self, merchant: Merchant, account_id: UUID, notice: Notice) -> Found | None:
        """What a notice is about; None where there is nothing of ours."""
        return (
            await self._by_operation_key(merchant, account_id, notice)
            or await self._by_attempt_key(merchant, account_id, notice)
            or await self._by_operation_reference(merchant, account_id, notice)
            or await self._by_attempt_reference(merchant, account_id, notice)
        )

    async def _by_operation_key(self, merchant: Merchant, account_id: UUID, notice: Notice) -> Found | None:
        ids = (parse(kind, notice.key or "") for kind in _KEYS)
        operation_id = next((id_ for id_ in ids if id_ is not None), None)
        if operation_id is None:
            return None
        payment_id = await hearing.payment_of_operation(
            self._tools.database, merchant_id=merchant.id, operation_id=operation_id
        )
        return await self._operation(merchant, account_id, payment_id, operation_id)

    async def _by_attempt_key(self, merchant: Merchant, account_id: UUID, notice: Notice) -> Found | None:
        attempt_id = parse(Kind.ATTEMPT, notice.key or "")
        if attempt_id is None:
            return None
        snapshot = await store.load_by_attempt(
            self._tools.database, merchant_id=merchant.id, attempt_id=attempt_id
        )
        return None if snapshot is None else _at(account_id, snapshot, attempt_id, notice)

    async def _by_operation_reference(
        self, merchant: Merchant, account_id: UUID, notice: Notice
    ) -> Found | None:
        kind = KIND_OF.get(notice.about)
        if kind is None or not notice.reference:
            return None
        rows = await hearing.payments_of_operation_reference(
            self._tools.database, merchant_id=merchant.id, reference=notice.reference
        )
        found = [await self._operation(merchant, account_id, payment_id, id_) for payment_id, id_ in rows]
        own = [one for one in found if one is not None and _kind_of(one) is kind]
        return own[0] if len(own) == 1 else None

    async def _by_attempt_reference(
        self, merchant: Merchant, account_id: UUID, notice: Notice
    ) -> Found | None:
        for reference in dict.fromkeys((notice.charge_reference, notice.reference)):
            if not reference:
                continue
            rows = await hearing.payments_of_attempt_reference(
                self._tools.database, merchant_id=merchant.id, account_id=account_id, reference=reference
            )
            if rows:
                payment_id, attempt_id = rows[0]
                return _at(account_id, await self._tools.load(merchant, payment_id), attempt_id, notice)
        return None

    async def _operation(
        self, merchant: Merchant, account_id: UUID, payment_id: UUID | None, operation_id: UUID
    ) -> Found | None:
        if payment_id is None:
            return None
        snapshot = await self._tools.load(merchant, payment_id)
        operation = snapshot.operation(operation_id)
        assert operation is not None, "operations are never deleted"
        attempt = attempt_of(snapshot, operation)
        if attempt.processor_account_id != account_id:
            return None
        return snapshot, attempt.id, operation_id


def _kind_of(found: Found) -> OperationKind | None:
    snapshot, _, operation_id = found
    operation = None if operation_id is None else snapshot.operation(operation_id)
    return None if operation is None else operation.kind


def _at(account_id: UUID, snapshot: Snapshot, attempt_id: UUID, notice: Notice) -> Found | None:
    attempt = snapshot.attempt(attempt_id)
    if attempt is None or attempt.processor_account_id != account_id:
        return None
    return snapshot, attempt_id, _operation_meant(snapshot, attempt_id, notice)


def _operation_meant(snapshot: Snapshot, attempt_id: UUID, notice: Notice) -> UUID | None:
    """Which capture, cancellation or refund of a charge is meant: by its name, else by its amount, where that tells one
    from the others; those that have no end yet go first."""
    kind = KIND_OF.get(notice.about)
    if kind is None:
        return None
    ours = [
        one
        for one in snapshot.operations
        if one.kind is kind and attempt_of(snapshot, one).id == attempt_id and _has_amount(one, notice)
    ]
    named = [one for one in ours if notice.reference and one.reference == notice.reference]
    return _only(named) or _only(one for one in ours if one.state in OPEN_OPERATIONS) or _only(ours)


def _has_amount(operation: Operation, notice: Notice) -> bool:
    amount = notice.amount
    if amount is None or operation.kind is OperationKind.CANCEL:
        return True
    return (amount.minor, amount.currency) == (operation.amount, operation.currency)


def _only(operations: Iterable[Operation]) -> UUID | None:
    found = list(operations)
    return found[0].id if len(found) == 1 else None
