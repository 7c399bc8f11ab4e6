"""What processors advise in words of their own, beside the networks' merchant advice codes."""

from __future__ import annotations

from datetime import date
from typing import Final

from recoup.outcomes.codes.words import Advice, AdviceAction, AdviceCode

STRIPE: Final = "Stripe: advice codes"
READ: Final = date(2026, 11, 22)

ADVICE_WORDS: Final = (
    AdviceCode("confirm_card_data", Advice(AdviceAction.FIX_DATA), source=STRIPE, as_of=READ),
    AdviceCode("do_not_try_again", Advice(AdviceAction.STOP), source=STRIPE, as_of=READ),
    AdviceCode("try_again_later", Advice(AdviceAction.RETRY_LATER), source=STRIPE, as_of=READ),
)
"""Words of advice, by the word; a connector passes them on as its own advice code or in `raw["advice_code"]`."""
