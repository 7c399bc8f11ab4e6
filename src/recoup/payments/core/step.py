"""A step: a planned change of a payment, and what it leaves to be told, asked and looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from recoup.payments.core.machine import Reason
from recoup.payments.core.records import Attempt, Operation, Payment, Snapshot

UNRECOGNISED: Final = "decline.unrecognised"
"""The news, beside a step's events, that it brought a decline whose code no table knows."""

MOVED: Final = "payment.moved"
"""The news, beside a step's events, that a payment changed at all: for who asks where it stands, not what happened."""


class Step(Struct, frozen=True):
    """A planned change: the payment as it will be, what happened (event types, in order), and what must be looked at.

    `ask_at` is when to ask the processor about whatever is still open, or None where nothing is. Events named
    `refund.*` are about the operation `operation_id`, all others about the payment.
    """

    before: Snapshot | None
    after: Snapshot
    happened: tuple[str, ...]
    ask_at: datetime | None = None
    network_transaction_id: str | None = None
    operation_id: UUID | None = None

    @property
    def payment(self) -> Payment:
        """The payment as it will be."""
        return self.after.payment

    @property
    def begun(self) -> Attempt | None:
        """The attempt that this step starts."""
        known = 0 if self.before is None else len(self.before.attempts)
        assert len(self.after.attempts) <= known + 1, "a step starts one attempt at most"
        return self.after.attempts[known] if len(self.after.attempts) > known else None

    @property
    def changed_attempt(self) -> Attempt | None:
        """The attempt that this step changes."""
        before = () if self.before is None else self.before.attempts
        changed = [new for old, new in zip(before, self.after.attempts, strict=False) if new is not old]
        assert len(changed) <= 1, "a step changes one attempt at most"
        return changed[0] if changed else None

    @property
    def changed_operations(self) -> tuple[Operation, ...]:
        """The operations that this step starts or changes."""
        known = () if self.before is None else self.before.operations
        return tuple(one for one in self.after.operations if not any(one is old for old in known))

    def is_in(self, fresh: Snapshot) -> bool:
        """Whether this very step was written, though nobody heard of it.

        What it starts has an id that is nobody else's. What it only changes is there as it left it, with the payment.
        """
        if self.begun is not None:
            return fresh.attempt(self.begun.id) is not None
        known = () if self.before is None else tuple(one.id for one in self.before.operations)
        operations = self.changed_operations
        started = [one for one in operations if one.id not in known]
        if started:
            return all(fresh.operation(one.id) is not None for one in started)
        attempt = self.changed_attempt
        return (
            fresh.payment == self.payment
            and all(fresh.operation(one.id) == one for one in operations)
            and (attempt is None or fresh.attempt(attempt.id) == attempt)
        )


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked for the money, with what, and by which stored decision."""

    attempt_id: UUID
    decision_id: UUID
    processor_account_id: UUID
    payment_method_id: UUID
    fingerprint: str
    brand: str
    reason: Reason
