"""Whether a payment may be tried once more with what it was declined with: not after a hard decline."""

from __future__ import annotations

from recoup.kit.refusals import Refusal, conflict
from recoup.outcomes.core import Hardness
from recoup.payments.core import DeclineRecord, Payment, Snapshot
from recoup.payments.core.machine import MOVES, News
from recoup.payments.flow.tools import Means


def refuse_hopeless(snapshot: Snapshot, means: Means) -> None:
    """Stop means stop: what was declined for good is not asked again for this payment, by anyone, whatever came since.

    That is the same payment method after any hard decline, and the same card, however it is given, after one that says
    to stop; a card whose details were wrong or have been renewed may come again as another payment method. What was
    said of a card before it was renewed in place no longer holds, unless it said to stop and the number is the same.
    """
    if MOVES[snapshot.payment.status].get(News.STARTED) is None:
        return  # the step itself refuses, and says why
    said = snapshot.payment.decline
    if snapshot.payment.part_id is not None and said is not None and _is_final(snapshot.payment, said, means):
        raise _for_good(said.decline.code)
    for attempt in snapshot.attempts:
        decline = attempt.decline
        if decline is None or decline.hardness is not Hardness.HARD:
            continue
        same_card = decline.advice.stops and attempt.fingerprint == means.fingerprint
        renewed = means.renewed_at is not None and attempt.started_at < means.renewed_at
        if same_card or (attempt.payment_method_id == means.payment_method_id and not renewed):
            raise _for_good(decline.code)


def _is_final(payment: Payment, said: DeclineRecord, means: Means) -> bool:
    """Whether what was said last was said of these means for good: a part, of which it was, has its own attempts."""
    renewed = means.renewed_at is not None and said.at < means.renewed_at
    same = means.payment_method_id == payment.payment_method_id
    return said.decline.hardness is Hardness.HARD and same and not renewed


def _for_good(code: str) -> Refusal:
    return conflict(
        "payment_method_declined_for_good",
        f"This payment method was declined for good ({code}). Confirm with another payment method.",
        param="payment_method",
    )
