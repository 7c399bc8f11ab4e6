"""Stripe's decline codes: its words are our standard codes, so each means itself."""

from __future__ import annotations

from typing import Final

from recoup.outcomes.codes.standard import READ, STRIPE_DOCS, STRIPES_WORDS
from recoup.outcomes.codes.words import CodeRow

_SAYS_NO_MORE: Final = frozenset({"generic_decline"})

ROWS: Final = (
    *(
        CodeRow(row.code, row.code, generic=row.code in _SAYS_NO_MORE, source=row.source, as_of=row.as_of)
        for row in STRIPES_WORDS
    ),
    # The error code that stands beside the decline code, and alone where Stripe gives none.
    CodeRow("card_declined", "generic_decline", generic=True, source=STRIPE_DOCS, as_of=READ),
)
