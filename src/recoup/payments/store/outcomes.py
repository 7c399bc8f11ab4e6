"""SQL of what became of the attempts that decisions led to, for those who look back at decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from recoup.db import Queries
from recoup.payments.core.machine import AttemptState
from recoup.routing.core.hindsight import Came, State

_STATES: Final[Mapping[AttemptState, State]] = {
    AttemptState.APPROVED: State.APPROVED,
    AttemptState.DECLINED: State.REFUSED,
    AttemptState.UNPROCESSED: State.REFUSED,
    AttemptState.REVERSED: State.REFUSED,
}
"""What has ended; everything else is still open."""


async def of_decisions(
    queries: Queries, asked: Sequence[tuple[UUID, UUID]], *, merchant_id: UUID
) -> dict[UUID, Came]:
    """What came of decisions, by decision; `asked` are payments with their decisions."""
    rows = await queries.fetch_all(
        """
        select a.decision_id, a.processor_account_id, a.state, a.started_at, p.metadata
        from unnest(%(payments)s::uuid[], %(decisions)s::uuid[]) as asked (payment_id, decision_id)
        join payments p on p.merchant_id = %(merchant_id)s and p.id = asked.payment_id
        join attempts a on a.merchant_id = %(merchant_id)s and a.payment_id = asked.payment_id
            and a.decision_id = asked.decision_id
        """,
        {
            "merchant_id": merchant_id,
            "payments": [payment_id for payment_id, _ in asked],
            "decisions": [decision_id for _, decision_id in asked],
        },
    )
    return {
        row["decision_id"]: Came(
            account_id=row["processor_account_id"],
            state=_STATES.get(AttemptState(row["state"]), State.OPEN),
            started_at=row["started_at"],
            metadata=row["metadata"],
        )
        for row in rows
    }
