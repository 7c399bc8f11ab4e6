"""What a policy says of a payment: the first rule that holds and decides, nobody who is excluded, always the same."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.policies import (
    ACCOUNTS,
    ALPHA,
    BRAVO,
    CHARLIE,
    DELTA,
    IDS,
    LABELS,
    facts,
    one_rule,
    policy_of,
    read_json,
    read_toml,
)

from recoup.kit.ids import Kind, render
from recoup.routing.core import Facts
from recoup.routing.core.policy import NO_POLICY, looked_at, metadata_keys, rule
from recoup.routing.core.policy_reading import Format, reread
from recoup.routing.core.words import Method

CUSTOMER: Final = UUID(int=77)
FACTS: Final = st.builds(
    facts,
    currency=st.sampled_from(["USD", "EUR"]),
    brand=st.sampled_from(["visa", "amex", "unknown"]),
    issuer_country=st.none() | st.sampled_from(["US", "DE"]),
    amount=st.integers(0, 10_000),
    funding=st.sampled_from(["credit", "debit", "unknown"]),
    attempt_number=st.integers(1, 4),
    customer_id=st.none() | st.just(CUSTOMER),
)
WHENS: Final = st.fixed_dictionaries(
    {},
    optional={
        "currency": st.sampled_from(["USD", "EUR", ["USD", "EUR"]]),
        "brand": st.sampled_from(["visa", ["visa", "amex"]]),
        "funding": st.just(["debit", "credit"]),
        "issuer_country": st.sampled_from(["US", "DE"]),
        "attempt_number": st.just({"at_least": 2}),
    },
)
SOME: Final = st.lists(st.sampled_from(LABELS), min_size=1, max_size=3, unique=True)
THENS: Final = st.one_of(
    st.fixed_dictionaries({"ordered": SOME}, optional={"only": st.just(True)}),
    st.fixed_dictionaries({"exclude": SOME}),
    st.fixed_dictionaries({"require": SOME}),
    st.fixed_dictionaries({"learned": st.just(True)}, optional={"exclude": SOME}),
    st.just({"split": {"alpha": 60, "bravo": 40}}),
    st.just({"least_cost": True}),
)
POLICIES: Final = st.lists(st.fixed_dictionaries({"when": WHENS, "then": THENS}), max_size=5).map(
    lambda rules: {"rules": [{"name": f"rule {number}", **one} for number, one in enumerate(rules)]}
)


@given(POLICIES, FACTS)
def test_the_same_facts_give_the_same_ruling_and_nobody_excluded_is_left(written: Any, about: Facts) -> None:
    """What is saved can be read again, without its merchant, and rules the same."""
    reading = read_json(written)
    if reading.policy is None:
        assert reading.problems
        return
    ruling = rule(reading.policy, about, ACCOUNTS)
    assert ruling == rule(reading.policy, about, ACCOUNTS)
    source = read_json(written)
    again = reread(_encoded(written), Format.JSON, source.names)
    assert rule(again, about, ACCOUNTS) == ruling
    assert ruling.matched[-1].rule == ruling.rule
    expected = excluded_by_hand(written, about)
    assert set(ruling.excluded) == expected
    assert sum(ruling.shares.values()) == (100 if ruling.method is Method.SPLIT else 0)


def _encoded(written: Any) -> str:
    return msgspec.json.encode(written).decode()


def holds_by_hand(when: dict[str, Any], about: Facts) -> bool:
    """The conditions, read a second time in the plainest way."""
    for name, wanted in when.items():
        value = getattr(about, name)
        if name == "attempt_number":
            if value < wanted["at_least"]:
                return False
        elif value not in (wanted if isinstance(wanted, list) else [wanted]):
            return False
    return True


def excluded_by_hand(written: Any, about: Facts) -> set[UUID]:
    excluded: set[UUID] = set()
    for one in written["rules"]:
        if not holds_by_hand(one["when"], about):
            continue
        then = one["then"]
        excluded |= {IDS[label] for label in then.get("exclude", [])}
        if "require" in then:
            excluded |= {IDS[label] for label in LABELS if label not in then["require"]}
        if then.keys() & {"ordered", "split", "learned", "least_cost"}:
            break
    return excluded


def test_without_a_policy_accounts_are_asked_in_the_merchants_order() -> None:
    ruling = rule(NO_POLICY, facts(), ACCOUNTS)
    assert (ruling.rule, ruling.method, ruling.order, ruling.excluded) == ("default", Method.ORDERED, (), {})
    assert policy_of({}) == NO_POLICY


def test_rules_that_decide_nothing_accumulate() -> None:
    """Both exclude; the third decides, and each exclusion says whose it was."""
    policy = policy_of(
        {
            "rules": [
                {"name": "no amex at alpha", "when": {"brand": "amex"}, "then": {"exclude": ["alpha"]}},
                {"name": "at home", "when": {"currency": "USD"}, "then": {"require": ["alpha", "bravo"]}},
                {"name": "by value", "then": {"learned": True}},
            ]
        }
    )
    ruling = rule(policy, facts(brand="amex"), ACCOUNTS)
    assert (ruling.rule, ruling.method) == ("by value", Method.LEARNED)
    assert ruling.excluded == {
        ALPHA: "the rule 'no amex at alpha' excludes it",
        CHARLIE: "the rule 'at home' requires others",
        DELTA: "the rule 'at home' requires others",
    }
    assert [one.rule for one in ruling.matched] == ["no amex at alpha", "at home", "by value"]
    assert rule(policy, facts(currency="EUR"), ACCOUNTS).excluded == {}


def test_groups_are_taken_apart_in_their_order() -> None:
    policy = policy_of(
        {
            "groups": {
                "europe": ["Delta, Europe", "charlie"],
                "all": ["bravo", "europe", "bravo_again"],
                "bravo_again": ["bravo"],
            },
            "default": {"ordered": ["all", "alpha"]},
        }
    )
    assert rule(policy, facts(), ACCOUNTS).order == (BRAVO, DELTA, CHARLIE, ALPHA)


def test_an_account_may_be_named_by_its_id() -> None:
    named = render(Kind.PROCESSOR_ACCOUNT, DELTA)
    ruling = rule(
        policy_of({"default": {"split": {named: 99, "alpha": 1}, "sticky_by": "customer"}}), facts(), ()
    )
    assert (ruling.shares, ruling.sticky_by) == ({DELTA: 99, ALPHA: 1}, "customer")


def test_settings_of_the_policy_are_in_every_ruling() -> None:
    policy = policy_of(
        {
            "margin_basis_points": 3000,
            "explore_basis_points": 50,
            "attempts_max": 2,
            "failover_within_ms": 8000,
        }
    )
    ruling = rule(policy, facts(), ACCOUNTS)
    assert (ruling.margin, ruling.explore, ruling.attempts_max, ruling.failover_within_ms) == (
        3000,
        50,
        2,
        8000,
    )


@pytest.mark.parametrize(
    ("when", "about", "holds"),
    [
        ({"amount": {"at_least": 5000, "currency": "USD"}}, {"amount": 5000}, True),
        ({"amount": {"at_least": 5000, "currency": "USD"}}, {"amount": 4999}, False),
        ({"amount": {"below": 5000, "currency": "USD"}}, {"amount": 5000}, False),
        ({"amount": {"below": 5000, "currency": "USD"}}, {"amount": 1, "currency": "EUR"}, False),
        ({"bin": ["5", "4242"]}, {}, True),
        ({"bin": "42424242"}, {}, False),
        ({"bin": "4"}, {"bin": None}, False),
        ({"issuer_country": "US"}, {"issuer_country": None}, False),
        ({"cross_border": True}, {"issuer_country": "DE"}, True),
        ({"cross_border": True}, {}, False),
        ({"cross_border": False}, {}, True),
        ({"cross_border": False}, {"issuer_country": None}, False),
        ({"customer": render(Kind.CUSTOMER, CUSTOMER)}, {"customer_id": CUSTOMER}, True),
        ({"customer": render(Kind.CUSTOMER, CUSTOMER)}, {}, False),
        ({"metadata": {"shop": ["a", "b"]}}, {"metadata": {"shop": "b"}}, True),
        ({"metadata": {"shop": "a", "tier": "gold"}}, {"metadata": {"shop": "a"}}, False),
        ({"initiator": "merchant"}, {"initiator": "merchant"}, True),
        ({"agreement": "recurring"}, {"agreement": "recurring"}, True),
        ({"agreement": "recurring"}, {}, False),
        ({"merchant_category": ["5999", "5411"]}, {"merchant_category": "5411"}, True),
        ({"attempt_number": {"at_least": 2}}, {"attempt_number": 1}, False),
        ({"attempt_number": {"below": 2}}, {"attempt_number": 1}, True),
        ({"funding": ["prepaid", "unknown"]}, {"funding": "unknown"}, True),
    ],
)
def test_a_condition_holds_for_what_it_says(when: Any, about: Any, holds: bool) -> None:
    policy = policy_of({"home_countries": ["US"], **one_rule({"learned": True}, when)})
    assert (rule(policy, facts(**about), ACCOUNTS).rule == "one") is holds
    [looked, *_] = looked_at(policy, facts(**about))
    assert looked.holds is holds
    assert looked.why.startswith("not so: ") is not holds


NIGHT: Final = {"from": "22:00", "to": "06:00", "time_zone": "Europe/Berlin", "days": ["fri"]}
OFFICE: Final = {"from": "09:00", "to": "17:30", "time_zone": "America/New_York"}


@pytest.mark.parametrize(
    ("window", "local", "holds"),
    [
        (NIGHT, "2026-11-27T21:59", False),
        (NIGHT, "2026-11-27T22:00", True),
        (NIGHT, "2026-11-28T05:59", True),
        (NIGHT, "2026-11-28T06:00", False),
        (NIGHT, "2026-11-27T03:00", False),
        (NIGHT, "2026-11-28T22:00", False),
        (OFFICE, "2026-11-27T09:00", True),
        (OFFICE, "2026-11-27T17:29", True),
        (OFFICE, "2026-11-27T17:30", False),
        ({"time_zone": "UTC", "days": ["sat", "sun"]}, "2026-11-27T12:00", False),
        ({"time_zone": "UTC", "days": ["sat", "sun"]}, "2026-11-29T23:59", True),
        ({"time_zone": "UTC", "from": "22:00", "to": "00:00"}, "2026-11-27T23:59", True),
        ({"time_zone": "UTC", "to": "24:00"}, "2026-11-27T00:00", True),
    ],
)
def test_a_time_of_day_is_local_and_a_night_belongs_to_the_day_it_begins_on(
    window: Any, local: str, holds: bool
) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(window["time_zone"]))
    policy = policy_of(one_rule({"learned": True}, {"time": window}))
    assert (rule(policy, facts(at=at), ACCOUNTS).rule == "one") is holds
    assert rule(policy, facts(at=None), ACCOUNTS).rule == "default"


def test_a_time_of_day_may_be_written_as_toml_has_it() -> None:
    reading = read_toml(
        """
        [[rules]]
        name = "night"
        when.time = { from = 22:00:00, to = 06:00:00, time_zone = "UTC" }
        then.least_cost = true
        """
    )
    assert reading.policy is not None, reading.told()
    assert reading.policy.rules[0].matched.why == "the time is from 22:00 to 06:00 (UTC)"


def test_the_keys_of_metadata_that_a_policy_reads_are_known() -> None:
    policy = policy_of(one_rule({"learned": True}, {"metadata": {"shop": "a", "tier": ["x"]}}))
    assert metadata_keys(policy) == {"shop", "tier"}
    assert metadata_keys(NO_POLICY) == frozenset()


def test_a_person_is_told_how_each_rule_was_read() -> None:
    policy = policy_of(
        {
            "rules": [
                {
                    "name": "large",
                    "when": {"amount": {"at_least": 10_000, "currency": "USD"}},
                    "then": {"learned": True},
                },
                {"name": "no charlie", "then": {"exclude": ["charlie"]}},
                {
                    "name": "dollars",
                    "when": {"currency": "USD", "brand": ["visa", "amex"]},
                    "then": {"least_cost": True},
                },
                {"name": "never looked at", "when": {"brand": "jcb"}, "then": {"learned": True}},
            ]
        }
    )
    told = [(one.rule, one.holds, one.decides, one.why) for one in looked_at(policy, facts())]
    assert told == [
        ("large", False, False, "not so: the amount is at least 100.00 USD; this payment: 49.99 USD"),
        ("no charlie", True, False, "it holds for every payment"),
        ("dollars", True, True, "the currency is USD; the card's brand is amex or visa"),
    ]


def test_twenty_rules_are_read_in_microseconds() -> None:
    """The bound is 50 us; ten times that is allowed here, on a machine that others use too."""
    rules = [
        {
            "name": f"rule {number}",
            "when": {
                "currency": ["USD", "EUR"],
                "brand": "visa",
                "metadata": {"shop": f"shop {number}"},
            },
            "then": {"ordered": ["alpha", "bravo"]},
        }
        for number in range(20)
    ]
    policy, about = policy_of({"rules": rules}), facts()
    took = []
    for _ in range(200):
        began = time.perf_counter()
        assert rule(policy, about, ACCOUNTS).rule == "default"
        took.append(time.perf_counter() - began)
    assert min(took) < 500e-6, f"{min(took) * 1e6:.0f} us"
