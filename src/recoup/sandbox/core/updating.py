"""What the account updater of the simulated networks knows of a card: what its issuer has reported by now.

Issuers report some of the cards that they replace or close (`coverage`), some time after they did (`delay_s`). Whether
an issuer reports is the luck of card and generation, so asking again brings the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from recoup.sandbox.core.cardfile import Card
from recoup.sandbox.core.chance import below
from recoup.sandbox.core.issuer import CardState, Standing
from recoup.sandbox.core.people import Person, person
from recoup.updater.core.inquiries import Answer

WHOLE: Final = 10_000
"""What coverage is parts of."""
COVERAGE: Final = 9_000
DELAY_S: Final = 2 * 86_400
DELAY_MAX_S: Final = 60 * 86_400


@dataclass(frozen=True, slots=True)
class Updater:
    """How good a world's account updater is; the defaults are our own assumption."""

    coverage: int = COVERAGE
    delay_s: int = DELAY_S


@dataclass(frozen=True, slots=True)
class Known:
    """What it answers, with the card as it is now where the answer brings one."""

    answer: Answer
    card: Person | None = None


def known_of(
    card: Card,
    standing: Standing,
    updater: Updater,
    *,
    exp_month: int,
    exp_year: int,
    born: int,
    now: datetime,
) -> Known:
    """What the updater says to a card that is asked about with this expiry."""
    if not isinstance(card, Person):
        return Known(Answer.NOT_PARTICIPATING)
    if not _reported(card, standing, updater, now=now):
        return Known(Answer.NO_MATCH)
    if standing.state is CardState.CLOSED:
        return Known(Answer.CLOSED)
    if standing.generation > card.generation:
        present = person(card.seed, card.index, born=born, generation=standing.generation)
        return Known(Answer.NUMBER, present)
    if (exp_month, exp_year) != (card.exp_month, card.exp_year):
        return Known(Answer.EXPIRY, card)
    return Known(Answer.CURRENT if standing.state is CardState.ACTIVE else Answer.NO_MATCH)


def _reported(card: Person, standing: Standing, updater: Updater, *, now: datetime) -> bool:
    """Whether the issuer tells of this card, and has told by now what became of it last."""
    if below(WHOLE, card.seed, "updater", card.index, standing.generation) >= updater.coverage:
        return False
    at = standing.replaced_at
    return at is None or at + timedelta(seconds=updater.delay_s) <= now
