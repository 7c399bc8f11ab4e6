"""What later subjects may know of the first try of a payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recoup.payments.core.machine import Reason


@dataclass(frozen=True, slots=True)
class FirstTry:
    """The first try of a payment: when, why, with what, and what its issuer answered. `approved` is None where it has
    not been answered, or not by an issuer."""

    payment_id: UUID
    at: datetime
    finished_at: datetime | None
    reason: Reason
    payment_method_id: UUID
    brand: str
    approved: bool | None
