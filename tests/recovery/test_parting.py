"""Parts: when one is worth trying before the rest, and that nothing changes where no policy asks for any."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recovery.cases import (
    NEW_YORKER,
    NOW,
    PAID_ON_FRIDAYS,
    PAID_ON_THE_FIRST,
    PRICE,
    attempt,
    case,
    days,
    decline,
    payment,
)

from recoup.kit.money import Money
from recoup.outcomes.core import Category
from recoup.payments.core import AttemptState, Reason
from recoup.payments.core.facts import CardTry
from recoup.recovery.core import DEFAULT, Case, Person, plan
from recoup.recovery.core.knowing import known_of
from recoup.recovery.core.otherwise import Situation, TryThen, otherwise
from recoup.recovery.core.parting import Short
from recoup.recovery.core.parting import _chances as chances
from recoup.recovery.core.parting import _thought as thought_of
from recoup.recovery.core.policy import Partial
from recoup.recovery.core.policy_file import policy_from, read, written
from recoup.recovery.core.records import PLANNED, Plan, Retry
from recoup.recovery.core.replaying import action_of, answer, replay
from recoup.recovery.core.storing import kept_case, kept_made
from recoup.routing.core.policy_reading import Format
from recoup.routing.core.replaying import Same

PAYDAY: Final = datetime(2026, 12, 1, 15, tzinfo=UTC)
"""The payday of who is paid on the first, at ten in the morning in New York."""
WITH_PARTS: Final = replace(DEFAULT, partial=Partial())


def short_on_payday(**fields: object) -> Case:
    """Who is paid on the first of the month lacked money on that very day: pay is not enough, or was spent at once."""
    facts = payment(at=PAYDAY, divisible=True)
    found = case(facts, person=PAID_ON_THE_FIRST, opened_at=PAYDAY)
    return replace(found, policy=WITH_PARTS, **fields)  # type: ignore[arg-type]


def part_of(plan: Plan) -> int | None:
    assert isinstance(plan, Retry)
    return plan.part


def test_where_pay_was_not_enough_a_part_is_tried_first() -> None:
    chosen = plan(short_on_payday(), PAYDAY)
    assert isinstance(chosen, Retry) and chosen.part is not None
    assert PRICE.minor * 0.4 <= chosen.part < PRICE.minor
    told = chosen.facts["part"]
    assert told["expected_value"] > told["expected_value_of_the_whole"]
    assert told["amount"] == chosen.part and Money(chosen.part, "USD").__str__() in chosen.why
    assert PAYDAY <= chosen.not_before <= chosen.at < PAYDAY + WITH_PARTS.window


def test_where_the_next_payday_will_bring_it_the_whole_is_waited_for() -> None:
    facts = payment(divisible=True)
    waits = replace(case(facts, person=PAID_ON_THE_FIRST), policy=WITH_PARTS)
    assert part_of(plan(waits, NOW)) is None


@pytest.mark.parametrize("person", [NEW_YORKER, PAID_ON_THE_FIRST, PAID_ON_FRIDAYS])
@pytest.mark.parametrize("at", [NOW, PAYDAY])
def test_without_the_policys_word_nothing_changes(person: Person, at: datetime) -> None:
    whole = replace(short_on_payday(), person=person, opened_at=at, deadline=at + days(28))
    off = replace(whole, policy=DEFAULT)
    indivisible = replace(whole, payment=replace(whole.payment, divisible=False))
    before = replace(off, payment=indivisible.payment)
    plans = [msgspec.to_builtins(plan(one, PAYDAY)) for one in (off, indivisible, before)]
    assert plans[0] == plans[1] == plans[2]
    assert "part" not in plans[0]["facts"] and plans[0]["part"] is None


@pytest.mark.parametrize("category", [Category.ISSUER, Category.LIMIT, Category.PROCESSOR, Category.OTHER])
def test_only_missing_money_is_asked_for_in_parts(category: Category) -> None:
    """To an issuer that gave no reason, smaller amounts look like feeling about."""
    other = short_on_payday()
    facts = payment(decline(category), at=PAYDAY, divisible=True)
    assert part_of(plan(replace(other, payment=facts), PAYDAY)) is None


@given(
    minor=st.integers(1, 1_000_000),
    share=st.integers(1_000, 9_000),
    least=st.integers(100, 20_000),
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_a_part_keeps_to_its_bounds(minor: int, share: int, least: int, currency: str) -> None:
    asked, amount = short_on_payday(), Money(minor, currency)
    facts = replace(asked.payment, amount=amount)
    policy = replace(WITH_PARTS, partial=Partial(share, least))
    chosen = plan(replace(asked, payment=facts, policy=policy), PAYDAY)
    part = chosen.part if isinstance(chosen, Retry) else None
    if part is not None:
        bound = round(least * 10.0 ** (amount.decimals - 2))
        assert bound <= part <= minor - bound and 0 < part < minor
        assert part * 10_000 >= minor * share


@pytest.mark.parametrize("at", [NOW, PAYDAY, NOW + days(3)])
@pytest.mark.parametrize("person", [NEW_YORKER, PAID_ON_THE_FIRST, PAID_ON_FRIDAYS])
def test_less_is_there_at_least_as_likely(person: Person, at: datetime) -> None:
    """And nearly the whole is hardly likelier to be there than the whole."""
    facts = replace(case(payment(at=at), opened_at=at), person=person)
    known = known_of(facts, at, refused_at=at, not_before=at, tries_left=2, accounts=facts.payment.accounts)
    short = Short(known, thought_of(known))
    places = np.flatnonzero(np.isfinite(short.thought.alone[0]).any(axis=1))
    options, weights = short.thought.alone[0, places].argmax(axis=1), short.thought.question.weights[0]
    whole = short.thought.question.chances.at(np.zeros_like(places), places, options) @ weights
    by_share = [chances(short, places, options, share=share) @ weights for share in (0.999, 0.75, 0.5, 0.25)]
    for more, less in pairwise([whole, *by_share]):
        assert (less >= more - 1e-12).all() and (less <= 1).all()
    assert (by_share[0] - whole).max() < 0.01


def test_after_a_part_the_rest_is_planned_for_whole() -> None:
    """Its approval is no refusal: who refused last, and when, is known all the same."""
    asked = short_on_payday()
    at = PAYDAY + days(2)
    paid = replace(
        attempt(at, reason=Reason.RECOVERY),
        state=AttemptState.APPROVED,
        amount=Money(2000, "USD"),
        decline_code=None,
        is_part=True,
    )
    facts = replace(
        asked.payment,
        amount=Money(2999, "USD"),
        debt=PRICE,
        divisible=False,
        attempts=(*asked.payment.attempts, paid),
        card_tries=(*asked.payment.card_tries, CardTry(at, paid.amount, declined=False, rule=None)),
    )
    chosen = plan(replace(asked, payment=facts, tries_made=1), at)
    assert isinstance(chosen, Retry) and chosen.part is None
    known = chosen.facts["known"]
    assert known["amount"] == 2999 and known["refused_at"].startswith("2026-12-01T15:00")
    assert [(one[1], one[3], one[4]) for one in known["seen"]] == [(True, False, 2000)], "not of this amount"


def test_a_decision_for_a_part_is_made_again_from_its_record() -> None:
    asked = short_on_payday()
    chosen = plan(asked, PAYDAY)
    record = {
        "action": action_of(chosen),
        **answer(chosen),
        "now": PAYDAY.isoformat(),
        "made": kept_made(PLANNED),
        "facts": chosen.facts,
        "case": kept_case(asked),
    }
    stored = msgspec.json.decode(msgspec.json.encode(record))
    assert stored["part"] == part_of(chosen)
    assert replay(stored) == Same()
    assert replay({**stored, "part": stored["part"] - 1}) != Same()
    old = kept_case(replace(asked, policy=DEFAULT))
    del old["policy"]["partial"]
    for name in ("debt", "divisible", "part_of"):
        del old["payment"][name]
    whole = plan(replace(asked, policy=DEFAULT), PAYDAY)
    before = {**record, **answer(whole), "facts": whole.facts, "case": old}
    del before["part"]
    assert replay(before) == Same(), "what was stored before there were parts"


def test_what_parts_would_have_brought_nobody_logged() -> None:
    """A back-test asks a policy with parts what it would do without them."""
    situation = Situation(short_on_payday(), PAYDAY)
    with_parts, without = (otherwise(one, [situation]) for one in (WITH_PARTS, DEFAULT))
    assert with_parts == without
    assert isinstance(without[0], TryThen)


def test_a_policy_says_so_in_words() -> None:
    found = read('name = "kind"\n[partial]\nmin_share_basis_points = 5000', Format.TOML)
    assert found.policy is not None and found.policy.partial == Partial(5_000, 500)
    assert policy_from(written(found.policy)) == found.policy
    wrong = read('name = "kind"\nmethod = "baseline"\n[partial]\nmin_share_basis_points = 50', Format.TOML)
    assert wrong.policy is None and "min_share_basis_points" in wrong.told()
    fixed = read('name = "kind"\nmethod = "baseline"\n[partial]', Format.TOML)
    assert "belongs to the method `joint`" in fixed.told()
