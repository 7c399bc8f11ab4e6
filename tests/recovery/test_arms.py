"""The same person is always in the same arm, and nobody is let go by a greater share."""

from __future__ import annotations

from collections import Counter
from typing import Final
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from recoup.recovery.core.arms import HOLD_OUT, WHOLE, Share, arm_of, drawn, person

SEEDS: Final = st.tuples(*[st.binary(min_size=16, max_size=16).map(bytes.hex)] * 2)
HALVES: Final = (Share("a", "default", None, WHOLE // 2), Share("b", "patient", 1, WHOLE // 2))
EXPERIMENT: Final = UUID(int=1)


def of(number: int) -> str:
    return person(customer_id=UUID(int=number), fingerprint="f", payment_id=UUID(int=0))


@given(SEEDS, st.integers(0, 2**128 - 1), st.integers(0, WHOLE), st.integers(0, WHOLE))
def test_a_greater_share_holds_out_the_same_people_and_more(
    seeds: tuple[str, str], number: int, one: int, other: int
) -> None:
    low, high = sorted((one, other))
    by_low = arm_of(HALVES, held_out=low, seeds=seeds, drawn_from=of(number))
    by_high = arm_of(HALVES, held_out=high, seeds=seeds, drawn_from=of(number))
    assert by_high in (by_low, HOLD_OUT)
    assert (by_low == HOLD_OUT) <= (by_high == HOLD_OUT)
    again = drawn(EXPERIMENT, HALVES, held_out=low, seeds=seeds, drawn_from=of(number))
    assert (again.name, again.seeds, again.held_out) == (by_low, seeds, low)


@given(st.uuids(), st.uuids(), st.text(min_size=1))
def test_a_customer_is_one_person_with_every_card_and_a_card_without_one_is_another(
    customer: UUID, payment: UUID, fingerprint: str
) -> None:
    owner = person(customer_id=customer, fingerprint=fingerprint, payment_id=payment)
    assert owner == person(customer_id=customer, fingerprint=None, payment_id=UUID(int=0))
    card = person(customer_id=None, fingerprint=fingerprint, payment_id=payment)
    assert card == person(customer_id=None, fingerprint=fingerprint, payment_id=UUID(int=0)) != owner
    assert fingerprint == "" or fingerprint not in card or len(fingerprint) < len(card)
    assert person(customer_id=None, fingerprint=None, payment_id=payment) not in (owner, card)


def test_shares_are_kept() -> None:
    """Of 20,000 people each arm has its share within five standard deviations; the draws are independent."""
    seeds = ("01" * 16, "02" * 16)
    counts = Counter(arm_of(HALVES, held_out=500, seeds=seeds, drawn_from=of(one)) for one in range(20_000))
    assert abs(counts[HOLD_OUT] - 1_000) < 155
    assert abs(counts["a"] - counts["b"]) < 700
