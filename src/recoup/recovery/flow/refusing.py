"""What is refused of recoveries: what is not there, and what cannot be hastened."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import conflict, not_found
from recoup.recovery.core import Recovery, Status


def refuse_to_hasten(recovery: Recovery, now: datetime) -> None:
    """Refuses to make a try sooner that is none, or that may not be made yet."""
    match recovery.status:
        case Status.RUNNING:
            message = "A try is under way; wait for its outcome before you ask for another."
            raise conflict("recovery_running", message, retry_after_s=1)
        case Status.SCHEDULED:
            pass
        case _:
            message = f"This recovery is {recovery.status}; only a scheduled try can be made sooner."
            raise conflict("recovery_unexpected_state", message)
    planned = recovery.plan
    if planned is not None and planned.not_before is not None and now < planned.not_before:
        allowed = rfc3339(planned.not_before)
        message = f"Advice and network limits allow no try before {allowed}. The plan: {planned.why}."
        raise conflict("retry_too_early", message)


def there(recovery: Recovery | None, recovery_id: UUID) -> Recovery:
    """The recovery; refuses with 404 where there is none."""
    if recovery is None:
        raise not_found("recovery", render(Kind.RECOVERY, recovery_id))
    return recovery
