"""The processor of the simulated years, within this process: cardholders' issuers answer it, and it keeps the truth.

It is a connector that answers without a request, so that everything of the service takes part in a charge but the wire.
A key that comes again gets its first answer again, and is counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn

from bench.billing.people import Crowd, Said
from recoup.budgets.core import stops
from recoup.connectors.base import (
    Account,
    Addresses,
    Capabilities,
    Card,
    Change,
    Charge,
    Credential,
    Defaults,
    Exchange,
    Question,
)
from recoup.kit.clock import Clock
from recoup.outcomes.core import (
    Approved,
    Declined,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Hardness,
    Outcome,
    Unknown,
)
from recoup.outcomes.core.classify import declined
from recoup.sandbox.core.codes import codes
from recoup.sandbox.model.answers import WORDS, Cause

NAME: Final = "alpha"
"""Whose table of codes it speaks by: the sandbox's, as cardholders' issuers do."""


@dataclass(frozen=True, slots=True)
class Told:
    """One charge and what was answered, in truth and in words."""

    person: int
    at: datetime
    payment: str
    amount: int
    cause: Cause
    word: str

    @property
    def is_approved(self) -> bool:
        """Whether money moved."""
        return self.cause is Cause.NONE


@dataclass(slots=True)
class _Wallet:
    """The cards that somebody had, by number, the last one the one that is theirs; and when they got that."""

    numbers: list[str] = field(default_factory=list, repr=False)
    since: int = -1
    """The period in which the last card came: what befell the one before is over."""


class Bank(Defaults):
    """Every issuer behind one account."""

    name = NAME
    credentials: Final[dict[str, Credential]] = {}
    addresses = Addresses(test="http://bank.invalid", live=None)
    capabilities = Capabilities(
        currencies=None,
        countries=None,
        brands=frozenset({"visa", "mastercard", "amex"}),
        manual_capture=False,
        multiple_captures=False,
        partial_refunds=False,
        stored_credentials=True,
        lookup=True,
        withdraw=False,
        network_transaction_ids=True,
    )

    def __init__(self, crowd: Crowd, clock: Clock) -> None:
        self._crowd, self._clock = crowd, clock
        self._persons: dict[str, int] = {}
        self._wallets = [_Wallet() for _ in range(len(crowd))]
        self._tried: list[list[int]] = [[] for _ in range(len(crowd))]
        self._answers: dict[str, Outcome] = {}
        self.told: list[Told] = []
        self.again: Counter[str] = Counter()
        self.spoilt: dict[int, int] = {}
        """Whose card nobody may charge any more, and in which period that was said."""

    def knows(self, person: int, *, customer: str) -> None:
        """Say what a merchant calls somebody."""
        self._persons[customer] = person

    def gives(self, person: int, number: str, *, period: int = -1) -> None:
        """Somebody has a new card, which their old one is not."""
        wallet = self._wallets[person]
        wallet.numbers.append(number)
        wallet.since = period
        self.spoilt.pop(person, None)

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Ask the card's issuer."""
        yield from ()
        if charge.key in self._answers:
            self.again[charge.key] += 1
            return self._answers[charge.key]
        answer = self._answer(charge)
        self._answers[charge.key] = answer
        return answer

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What was answered under a key."""
        yield from ()
        found = self._answers.get(question.key)
        return found if isinstance(found, Approved | Declined) else Unknown("nothing is known under this key")

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """What is approved is taken at once."""
        _never()

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Nothing is held."""
        _never()

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Nobody gives anything back here."""
        _never()

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """Nothing is ever changed."""
        _never()

    def _answer(self, charge: Charge) -> Outcome:
        assert charge.customer_key is not None and isinstance(charge.source, Card), "a card of somebody known"
        person, now = self._persons[charge.customer_key], self._clock.now()
        wallet, period = self._wallets[person], self._crowd.period(person, now)
        is_theirs = charge.source.number.reveal() == wallet.numbers[-1]
        said = (
            self._crowd.answer(
                person,
                now,
                amount=charge.amount.minor,
                recent=self._recent(person, now),
                mended=wallet.since == period,
            )
            if is_theirs
            else _replaced(charge.source.brand)
        )
        cause, word = (Cause.NONE, "") if said is None else (said.cause, WORDS[said.word])
        self.told.append(Told(person, now, charge.payment_key, charge.amount.minor, cause, word))
        if said is None:
            return Approved(f"bank-{charge.key}", captured=charge.capture)
        answer = declined(
            NAME,
            word,
            on=charge.today,
            network_code=said.network_code,
            advice_code=said.advice,
            brand=charge.source.brand,
            reference=f"bank-{charge.key}",
        )
        if is_theirs and (stops(answer.decline.rule) or answer.decline.hardness is Hardness.HARD):
            self.spoilt.setdefault(person, period)
        return answer

    def _recent(self, person: int, now: datetime) -> int:
        """In how many other slots of late somebody was tried, as issuers remember it; and that they were now."""
        slot = self._crowd.slot(person, now)
        kept = [one for one in self._tried[person] if slot - self._crowd.patience_slots < one < slot]
        self._tried[person] = [*kept, slot]
        return len(set(kept))


def _replaced(brand: str) -> Said:
    """What is said of a card in whose place there is another."""
    said = codes("expired_card", brand)
    return Said(Cause.DEAD, WORDS.index("expired_card"), said.network_code, said.advice_code)


def _never() -> NoReturn:
    raise AssertionError("nobody asks for this here")
