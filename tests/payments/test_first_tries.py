"""Whether a renewal was refused at its first try: by the whole of that try, and by nothing after it."""

from __future__ import annotations

from tests.together import each

from recoup.payments.core import AttemptState, Reason
from recoup.payments.core.past import refused_at_first

RENEWAL, FAILOVER, RECOVERY, MANUAL = Reason.RENEWAL, Reason.FAILOVER, Reason.RECOVERY, Reason.MANUAL
NO, YES, GONE = AttemptState.DECLINED, AttemptState.APPROVED, AttemptState.UNPROCESSED
UNKNOWN, BACK = AttemptState.UNKNOWN, AttemptState.REVERSED


@each(
    {
        "approved": ([(RENEWAL, YES)], False),
        "approved, and given back later": ([(RENEWAL, BACK)], False),
        "refused": ([(RENEWAL, NO)], True),
        "refused, and won back later": ([(RENEWAL, NO), (RECOVERY, YES)], True),
        "refused, and approved by the next processor": ([(RENEWAL, NO), (FAILOVER, YES)], False),
        "not processed, and refused by the next": ([(RENEWAL, GONE), (FAILOVER, NO), (RECOVERY, YES)], True),
        "never decided on": ([(RENEWAL, GONE), (RECOVERY, NO)], None),
        "unknown yet": ([(RENEWAL, NO), (FAILOVER, UNKNOWN)], None),
        "paid by hand first": ([(MANUAL, NO), (RENEWAL, YES)], None),
        "not tried": ([], None),
    }
)
def test_a_first_try_is_refused_where_nobody_asked_for_it_approved(
    attempts: list[tuple[Reason, AttemptState]], refused: bool | None
) -> None:
    assert refused_at_first(attempts) is refused
