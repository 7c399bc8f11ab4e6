"""Whether the card may be tried once more: not after a hard decline, and not where card networks forbid it now.

The networks' limits hold over all payments, processors and accounts of a merchant; they are asked before another
processor follows a decline. The decline that has just come is counted too, although it is written only with the step
that this decides about.
"""

from __future__ import annotations

from datetime import datetime

from recoup.budgets.core import HISTORY_NEEDED, PastTry, next_try
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Decline, Hardness
from recoup.payments import store
from recoup.payments.core import Payment, Snapshot
from recoup.payments.core.machine import MOVES, News
from recoup.payments.flow.tools import Means, Tools


async def forbidden_by_budget(
    tools: Tools, merchant: Merchant, payment: Payment, means: Means, decline: Decline
) -> str | None:
    """Why the card may not be tried again now, or None where it may."""
    now = tools.now(merchant)
    tries = await store.card_tries(
        tools.database,
        merchant_id=merchant.id,
        fingerprint=means.fingerprint,
        payment_method_id=means.payment_method_id if is_everybodys(tools, merchant, means) else None,
        since=now - HISTORY_NEEDED,
    )
    history = [PastTry(one.at, one.amount, one.declined, one.rule) for one in tries]
    budget = next_try(
        [*history, _just_now(payment, decline, now)],
        brand=means.brand,
        amount=payment.money,
        region=None,
        now=now,
    )
    return None if budget.allowed else budget.why


def _just_now(payment: Payment, decline: Decline, now: datetime) -> PastTry:
    return PastTry(now, payment.money, declined=True, rule=decline.rule)


def is_everybodys(tools: Tools, merchant: Merchant, means: Means | None) -> bool:
    """Whether this may be a published test card, or a processor's test token, that everybody uses for every customer:
    networks count by person, so of such a card only its own payment method's tries count."""
    if merchant.livemode:
        return False
    return means is None or means.card is None or tools.is_published(means.card.number.reveal())


def refuse_hopeless(snapshot: Snapshot, means: Means) -> None:
    """Stop means stop: what was declined for good is not asked again for this payment, by anyone, whatever came since.

    That is the same payment method after any hard decline, and the same card, however it is given, after one that says
    to stop; a card whose details were wrong or have been renewed may come again as another payment method. What was
    said of a card before it was renewed in place no longer holds, unless it said to stop and the number is the same.
    """
    if MOVES[snapshot.payment.status].get(News.STARTED) is None:
        return  # the step itself refuses, and says why
    for attempt in snapshot.attempts:
        decline = attempt.decline
        if decline is None or decline.hardness is not Hardness.HARD:
            continue
        same_card = decline.advice.stops and attempt.fingerprint == means.fingerprint
        renewed = means.renewed_at is not None and attempt.started_at < means.renewed_at
        if same_card or (attempt.payment_method_id == means.payment_method_id and not renewed):
            raise conflict(
                "payment_method_declined_for_good",
                f"This payment method was declined for good ({decline.code}). Confirm with another payment method.",
                param="payment_method",
            )
