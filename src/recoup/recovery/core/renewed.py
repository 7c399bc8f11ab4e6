"""Whether another card is what a refusal asks for, and whether there is one since."""

from __future__ import annotations

from typing import Final

from recoup.outcomes.core import AdviceAction, Category, Decline
from recoup.recovery.core.records import Action, Case, Recovery

_TAKEN_AWAY: Final = frozenset({"lost_card", "stolen_card", "pickup_card"})
"""Cards whose owner gets another one, and keeps the account."""


def needs_another_card(decline: Decline) -> bool:
    """Whether the issuer will not approve this card as it is any more, but may approve what takes its place."""
    return decline.category is Category.LIFECYCLE or decline.code in _TAKEN_AWAY


def is_mended(case: Case) -> bool:
    """Whether the card was what stood in the way, and is newer than the refusal."""
    record, renewed_at = case.payment.decline, case.payment.renewed_at
    if record is None or renewed_at is None or renewed_at < record.at:
        return False
    return needs_another_card(record.decline) or record.decline.advice.action is AdviceAction.UPDATE_CARD


def is_another_card(recovery: Recovery, case: Case) -> bool:
    """Whether the card was renewed, or its account closed, since the plan was made."""
    planned, payment = recovery.plan, case.payment
    if planned is None:
        return False
    if payment.is_closed:
        return planned.action is Action.RETRY
    return payment.renewed_at is not None and planned.renewed_at != payment.renewed_at
