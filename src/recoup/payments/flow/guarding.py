"""Guards what follows a request to a processor: whatever happens to it, it must not read as "nothing was done"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import structlog

from recoup.db import is_passing
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal, RefusalType

_log: Final = structlog.get_logger("recoup.payments")


@contextmanager
def processor_asked(payment_id: UUID) -> Iterator[None]:
    """Around all that follows a request to a processor: from now on no error may read as "nothing was done"."""
    try:
        yield
    except Exception as error:
        if not is_passing(error):
            raise
        _log.warning("payments.outcome_not_stored", error=type(error).__name__)
        shown = render(Kind.PAYMENT, payment_id)
        raise Refusal(
            RefusalType.INTERNAL,
            "outcome_not_stored",
            f"The processor was asked for {shown}, and its answer could not be stored yet; it will be asked again. "
            "Read that payment, or send the same request with the same Idempotency-Key; do not make another one.",
            status=503,
        ) from None
