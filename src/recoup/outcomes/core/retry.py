"""What a decline leaves open: whether another processor may be asked now, or the same card tried again later.

Another processor helps where the no came from technique, from the way to the issuer, from the merchant's set-up, or
from an issuer that gives no reason (issuers judge acquirers differently). It does not make money appear, raise a limit,
mend card data or undo a suspicion of fraud, and every needless try spends the budget that networks allow a card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from recoup.outcomes.codes.words import AdviceAction, Category, Hardness
from recoup.outcomes.core.answers import Decline

ANOTHER_PROCESSOR_HELPS: Final = frozenset(
    {Category.PROCESSOR, Category.NETWORK, Category.MERCHANT_CONFIGURATION, Category.ISSUER}
)
"""The categories in which another processor may bring another answer."""

WHAT_MUST_CHANGE_FIRST: Final = {
    AdviceAction.UPDATE_CARD: "the card's details must be renewed first",
    AdviceAction.AUTHENTICATE: "the customer must authenticate first",
    AdviceAction.FIX_DATA: "the data sent must be corrected first",
    AdviceAction.CHANGE_CREDENTIAL_FORM: "the card must be sent in another form first",
}
"""Advice after which the same request, sent again, would meet the same answer."""

_NEEDS_THE_CARDHOLDER: Final = frozenset({AdviceAction.UPDATE_CARD, AdviceAction.AUTHENTICATE})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes or no, and why."""

    allowed: bool
    why: str


def another_processor(decline: Decline) -> Verdict:
    """Whether another processor may be asked now for the same payment with the same card."""
    final = _final(decline)
    if final is not None:
        return final
    if not decline.recognised:
        return Verdict(allowed=False, why="no table knows this code, so nothing speaks for another processor")
    if decline.category not in ANOTHER_PROCESSOR_HELPS:
        return Verdict(allowed=False, why=f"another processor cannot help with {decline.category.value}")
    if decline.advice.action in _NEEDS_THE_CARDHOLDER:
        return Verdict(allowed=False, why=WHAT_MUST_CHANGE_FIRST[decline.advice.action])
    if decline.advice.wait:
        return Verdict(allowed=False, why="the network asks to wait before the next try")
    return Verdict(allowed=True, why=f"another processor may help with {decline.category.value}")


def later(decline: Decline) -> Verdict:
    """Whether the same card may be tried again later as it stands, when the advice and the budget allow."""
    final = _final(decline)
    if final is not None:
        return final
    needed = WHAT_MUST_CHANGE_FIRST.get(decline.advice.action)
    if needed is not None:
        return Verdict(allowed=False, why=needed)
    return Verdict(allowed=True, why="a soft decline: the same card may be approved later")


def may_try_another_processor(decline: Decline) -> bool:
    """`another_processor`, without the reason."""
    return another_processor(decline).allowed


def may_retry_later(decline: Decline) -> bool:
    """`later`, without the reason."""
    return later(decline).allowed


def _final(decline: Decline) -> Verdict | None:
    """No, where the card is not to be tried again at all: `classify` makes every stop hard, and so do we."""
    if decline.advice.stops:
        return Verdict(allowed=False, why="the network says to stop")
    if decline.hardness is Hardness.HARD:
        return Verdict(allowed=False, why="a hard decline: this card will not be approved as it stands")
    return None
