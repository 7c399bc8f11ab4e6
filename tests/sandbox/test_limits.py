"""What the simulated network knows of cards: which are of a model, and what it had forbidden."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from recoup.kit.money import Money
from recoup.sandbox.core.cardfile import (
    MODELLED_FROM,
    ModelledCard,
    UnknownCard,
    account_name,
    account_of,
    identify,
    name_of,
    named,
)
from recoup.sandbox.core.limits import Counting, Seen
from recoup.sandbox.core.people import number_of

START = datetime(2026, 12, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def tries(count: int, apart: timedelta, code: str = "51", advice: str | None = None) -> list[Seen]:
    return [Seen(START + n * apart, Money(4999, "USD"), code, advice) for n in range(count)]


def broken(brand: str | None, seen: list[Seen]) -> dict[str, int]:
    count = Counting()
    count.card(brand, seen)
    assert count.broken.tries == len(seen)
    return dict(count.broken.by_rule)


def test_what_networks_allow_is_not_counted_and_the_next_try_is() -> None:
    assert broken("visa", tries(16, DAY)) == {}
    assert broken("visa", tries(17, DAY)) == {"visa.15_in_30_days": 1}
    assert broken("visa", tries(40, 2 * DAY)) == {}
    assert broken("mastercard", tries(10, HOUR)) == {}
    assert broken("mastercard", tries(11, HOUR)) == {"mastercard.10_in_24_hours": 1}
    assert broken("mastercard", tries(36, 15 * HOUR)) == {"mastercard.35_in_30_days": 1}
    assert broken("amex", tries(100, HOUR)) == {}


def test_what_is_forbidden_for_good_stays_so() -> None:
    assert broken("visa", [*tries(1, DAY, "57"), *tries(3, 20 * DAY)[1:]]) == {"visa.category_1": 2}
    stopped = [*tries(1, DAY, "51", "03"), *tries(3, 20 * DAY)[1:]]
    assert broken("mastercard", stopped) == {"mastercard.stopped": 1}
    assert broken("visa", tries(30, HOUR, "00")) == {}


def test_a_number_of_a_model_is_recognised_and_has_a_name_that_leads_back_to_it() -> None:
    for held in (MODELLED_FROM, MODELLED_FROM + 1, 99_999):
        number = number_of(7, "520000276", held)
        card = identify(number, seed=7, born=2026, secret=b"")
        assert isinstance(card, ModelledCard) and (card.number, card.held) == (number, held)
        assert (card.facts.brand, card.facts.funding, card.facts.country) == ("mastercard", "debit", "DE")
        assert named(name_of(card), seed=7, born=2026) == card and number not in name_of(card)
        assert account_name(name_of(card)) == account_of(card)
        assert isinstance(identify(number, seed=8, born=2026, secret=b""), ModelledCard | UnknownCard)
    assert isinstance(identify(number_of(7, "520000999", 20_000), seed=7, born=2026, secret=b""), UnknownCard)
