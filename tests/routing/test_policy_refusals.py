"""A wrong policy is refused with the place of everything that is wrong with it."""

from __future__ import annotations

import time
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.policies import DIRECTORY, LABELS, one_rule, read_json, read_toml

from recoup.routing.core.policy_file import RULES_MAX, SOURCE_LENGTH_MAX
from recoup.routing.core.policy_names import ANY_ACCOUNT, Directory
from recoup.routing.core.policy_reading import PROBLEMS_MAX, Format, read

LEARNED: Final = {"learned": True}
WHEN: Final = "rules[0].when"
THEN: Final = "rules[0].then"


def rules(*thens: Any, **more: Any) -> dict[str, Any]:
    """A policy of rules without conditions, or with those that come with the action."""
    return {
        "rules": [
            {"name": f"rule {number}", "when": then.pop("when", {}), "then": then}
            for number, then in enumerate(map(dict, thens))
        ],
        **more,
    }


WRONG: Final[list[tuple[Any, str, str]]] = [
    ([], "", "must be a table of fields, not an empty list"),
    ({"rule": []}, "rule", "is no field of this table; did you mean `rules`?"),
    ({"rules": {}}, "rules", "must be a list of rules, not an empty table"),
    ({"rules": [3]}, "rules[0]", "must be a table of fields, not 3"),
    ({"rules": [{"then": LEARNED}]}, "rules[0]", "lacks `name`"),
    ({"rules": [{"name": "a"}]}, "rules[0]", "lacks `then`"),
    ({"rules": [{"name": "a\nb", "then": LEARNED}]}, "rules[0].name", "line break"),
    ({"rules": [{"name": "", "then": LEARNED}]}, "rules[0].name", "text of 1 to 100 characters"),
    ({"rules": [{"name": "default", "then": LEARNED}]}, "rules[0].name", "the name of the default"),
    ({"rules": [{"name": "a", "then": LEARNED}] * (RULES_MAX + 1)}, "rules", f"{RULES_MAX} is the most"),
    ({"explore_basis_points": 1001}, "explore_basis_points", "a whole number from 0 to 1000, not 1001"),
    ({"margin_basis_points": "3 %"}, "margin_basis_points", "a whole number from 0 to 10000, not '3 %'"),
    ({"attempts_max": 0}, "attempts_max", "a whole number from 1 to 10, not 0"),
    ({"failover_within_ms": -1}, "failover_within_ms", "not -1"),
    ({"home_countries": ["UK"]}, "home_countries[0]", "did you mean `GB`?"),
    ({"home_countries": []}, "home_countries", "not an empty list"),
    # Names of accounts and groups
    (rules({"ordered": ["alfa"]}), f"{THEN}.ordered[0]", "no account 'alfa'; did you mean `alpha`?"),
    (rules({"ordered": ["pa_0"]}), f"{THEN}.ordered[0]", "there is no account 'pa_0'"),
    (rules({"ordered": ["alpha", "alpha"]}), f"{THEN}.ordered[1]", "is named twice"),
    ({"groups": {"a": []}}, "groups.a", "a list of 1 to 100 items"),
    ({"groups": {"a": ["nobody"]}}, "groups.a[0]", "there is no account 'nobody'"),
    ({"groups": {"a": ["a"]}}, "groups.a[0]", "contains itself: a → a"),
    ({"groups": {"a": ["b"], "b": ["alpha", "c"], "c": ["a"]}}, "groups.c[0]", "contains itself: a → b → c → a"),
    ({"groups": {"alpha": ["bravo"]}}, "groups.alpha", "is also the label of an account"),
    ({"groups": {"pa_x": ["bravo"]}}, "groups.pa_x", "begins with `pa_`"),
    # What a rule does
    (rules({}), THEN, "does nothing"),
    (rules({"ordered": ["alpha"], "learned": True}), THEN, "has `ordered` and `learned`"),
    (rules({"learned": False}), f"{THEN}.learned", "is `true` or left out"),
    (rules({"split": {}}), f"{THEN}.split", "is empty"),
    (rules({"split": {"alpha": 60, "bravo": 30}}), f"{THEN}.split", "the shares sum to 90, not 100"),
    (rules({"split": {"alpha": 0, "bravo": 100}}), f"{THEN}.split.alpha", "from 1 to 100, not 0"),
    (rules({"split": {"alpha": 99.5, "bravo": 0.5}}), f"{THEN}.split.alpha", "a whole number"),
    (rules({"split": {"g": 100}}, groups={"g": ["alpha"]}), f"{THEN}.split.g", "is a group"),
    (rules({"split": {"Delta Europa": 100}}), f"{THEN}.split.'Delta Europa'", "did you mean `Delta, Europe`?"),
    (rules({"ordered": ["alpha"], "sticky_by": "customer"}), f"{THEN}.sticky_by", "belongs to `split`"),
    (rules({"split": {"alpha": 100}, "sticky_by": "card"}), f"{THEN}.sticky_by", "must be 'customer'"),
    (rules({"learned": True, "only": True}), f"{THEN}.only", "belongs to `ordered` or `split`"),
    (rules({"ordered": [], "only": True}), f"{THEN}.only", "leaves no account"),
    ({"default": {"exclude": ["alpha"]}}, "default", "must decide"),
    # Rules that go ill together
    (rules(LEARNED, {"ordered": []}), "rules[1]", "never reached: rules[0] decides before it and always holds"),
    (rules(LEARNED, default=LEARNED), "default", "never reached: rules[0] decides"),
    (
        rules({"when": {"brand": "visa"}, **LEARNED}, {"when": {"brand": "visa", "currency": "USD"}, **LEARNED}),
        "rules[1]",
        "never reached: rules[0] decides before it and holds whenever this one does",
    ),
    ({"rules": [{"name": "a", "when": {"brand": b}, "then": LEARNED} for b in ("visa", "jcb")]}, "rules[1].name",
     "the name of an earlier rule too"),
    (rules({"exclude": list(LABELS)}), THEN, "excludes every account"),
    (rules({"exclude": ["alpha"]}, {"exclude": list(LABELS[1:])}), "default", "every account is excluded"),
    (rules({"require": ["alpha"]}, {"require": ["bravo"]}), "default", "every account is excluded"),
    (rules({"require": ["alpha"], "exclude": ["alpha"]}), THEN, "excludes every account"),
    (rules({"ordered": ["alpha"], "only": True, "exclude": ["alpha"]}), THEN, "every account is excluded"),
    (rules({"exclude": ["bravo"]}, {"split": {"alpha": 50, "bravo": 50}}), "rules[1].then.split",
     "names 'bravo', but rules[0] excludes it"),
    (rules({"require": ["alpha"]}, {"ordered": ["alpha", "bravo"]}), "rules[1].then.ordered",
     "names 'bravo', but rules[0] requires others"),
    # Conditions
    (one_rule(LEARNED, {"curency": "USD"}), f"{WHEN}.curency", "did you mean `currency`?"),
    (one_rule(LEARNED, {"currency": "usd"}), f"{WHEN}.currency", "did you mean `USD`?"),
    (one_rule(LEARNED, {"currency": ["USD", "XXQ"]}), f"{WHEN}.currency[1]", "no currency code of ISO 4217"),
    (one_rule(LEARNED, {"currency": ["USD", "USD"]}), f"{WHEN}.currency[1]", "is named twice"),
    (one_rule(LEARNED, {"currency": []}), f"{WHEN}.currency", "not an empty list"),
    (one_rule(LEARNED, {"brand": "Visa"}), f"{WHEN}.brand", "no card brand; did you mean `visa`?"),
    (one_rule(LEARNED, {"funding": "debt"}), f"{WHEN}.funding", "did you mean `debit`?"),
    (one_rule(LEARNED, {"initiator": "me"}), f"{WHEN}.initiator", "no initiator; there are: customer, merchant"),
    (one_rule(LEARNED, {"agreement": "subscription"}), f"{WHEN}.agreement", "is no agreement"),
    (one_rule(LEARNED, {"issuer_country": ["US", "Germany"]}), f"{WHEN}.issuer_country[1]", "ISO 3166-1"),
    (one_rule(LEARNED, {"bin": "424242424"}), f"{WHEN}.bin", "'…' is not 1 to 8 digits"),
    (one_rule(LEARNED, {"bin": ["4", "x"]}), f"{WHEN}.bin[1]", "is not 1 to 8 digits"),
    (one_rule(LEARNED, {"merchant_category": "retail"}), f"{WHEN}.merchant_category", "4 digits"),
    (one_rule(LEARNED, {"customer": "pay_1"}), f"{WHEN}.customer", "no id of a customer"),
    (one_rule(LEARNED, {"cross_border": True}), f"{WHEN}.cross_border", "needs `home_countries`"),
    ({"home_countries": ["US"], **one_rule(LEARNED, {"cross_border": True, "issuer_country": "US"})},
     f"{WHEN}.cross_border", "contradicts `issuer_country`: all are inside"),
    (one_rule(LEARNED, {"metadata": {"a": []}}), f"{WHEN}.metadata.a", "not an empty list"),
    (one_rule(LEARNED, {"metadata": {}}), f"{WHEN}.metadata", "must have 1 to 20 entries"),
    (one_rule(LEARNED, {"amount": {"currency": "USD"}}), f"{WHEN}.amount", "needs `at_least` or `below`"),
    (one_rule(LEARNED, {"amount": {"at_least": 5}}), f"{WHEN}.amount", "lacks `currency`"),
    (one_rule(LEARNED, {"amount": {"at_least": 5, "currency": "dollars"}}), f"{WHEN}.amount.currency", "ISO 4217"),
    (one_rule(LEARNED, {"amount": {"at_least": 5, "below": 5, "currency": "USD"}}), f"{WHEN}.amount",
     "nothing is at least 5 and below 5"),
    (one_rule(LEARNED, {"amount": {"below": 0, "currency": "USD"}}), f"{WHEN}.amount.below", "nothing is below 0"),
    (one_rule(LEARNED, {"amount": {"below": 9, "currency": "USD"}, "currency": "EUR"}), f"{WHEN}.currency",
     "contradicts `amount`"),
    (one_rule(LEARNED, {"attempt_number": {"at_least": 3, "below": 2}}), f"{WHEN}.attempt_number", "nothing is"),
    (one_rule(LEARNED, {"attempt_number": {}}), f"{WHEN}.attempt_number", "needs `at_least` or `below`"),
    (one_rule(LEARNED, {"time": {"time_zone": "Europe/Berln"}}), f"{WHEN}.time.time_zone", "`Europe/Berlin`"),
    (one_rule(LEARNED, {"time": {"time_zone": "../etc"}}), f"{WHEN}.time.time_zone", "is no time zone"),
    (one_rule(LEARNED, {"time": {"from": "9"}}), f"{WHEN}.time", "lacks `time_zone`"),
    (one_rule(LEARNED, {"time": {"from": "9:00", "time_zone": "UTC"}}), f"{WHEN}.time.from", "no time of the day"),
    (one_rule(LEARNED, {"time": {"to": "25:00", "time_zone": "UTC"}}), f"{WHEN}.time.to", "no time of the day"),
    (one_rule(LEARNED, {"time": {"from": "09:00", "to": "09:00", "time_zone": "UTC"}}), f"{WHEN}.time", "no time"),
    (one_rule(LEARNED, {"time": {"days": ["monday"], "time_zone": "UTC"}}), f"{WHEN}.time.days[0]", "is no day"),
    (one_rule(LEARNED, {"time": {"days": ["mon", "mon"], "time_zone": "UTC"}}), f"{WHEN}.time.days[1]", "twice"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "path", "said"), WRONG)
def test_a_wrong_policy_is_refused_with_its_place(written: Any, path: str, said: str) -> None:
    reading = read_json(written)
    assert reading.policy is None
    assert path in [one.path for one in reading.problems], reading.told()
    assert said in reading.told()


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_text() -> None:
    reading = read_toml(
        """\
explore_basis_points = 5000
margin = 3

[groups]
us = ["alpha", "nobody"]

[[rules]]
name = "one"
when.currency = ["USD", "usd"]
[rules.when.amount]
at_least = 100
below = 50
currency = "USD"

[[rules]]
name = "two"
then.split = { alpha = 50, "Delta, Europe" = 40 }

[[rules]]
[rules.then]
ordered = [
  "us",
  "bravo", # twice
  "bravo",
]
"""
    )
    assert reading.told().splitlines() == [
        "line 1, explore_basis_points: must be a whole number from 0 to 1000, not 5000",
        "line 2, margin: is no field of this table; did you mean `margin_basis_points`?",
        "line 5, groups.us[1]: there is no account 'nobody'",
        "line 7, rules[0]: lacks `then`",
        "line 9, rules[0].when.currency[1]: 'usd' is no currency code of ISO 4217; did you mean `USD`?",
        "line 10, rules[0].when.amount: nothing is at least 100 and below 50",
        "line 17, rules[1].then.split: the shares sum to 90, not 100",
        "line 19, rules[2]: lacks `name`",
        "line 24, rules[2].then.ordered[2]: 'bravo' is named twice",
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("rules = [", 1, "is no TOML"),
        ("a = 1\na = 2", 2, "cannot overwrite a value"),
        ("a = 1\n\nb = nonsense", 3, "invalid value"),
        ("a = [" + "[" * 5000, None, "is no TOML"),
        ("a" + ".a" * 5000 + " = 1", 1, "crowded with dots"),
        ("a = " + "9" * 5000, None, "is no TOML"),
        ("#" * (SOURCE_LENGTH_MAX + 1), None, "is the most"),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(text: str, line: int | None, said: str) -> None:
    [problem] = read_toml(text).problems
    assert said in problem.message
    assert line is None or problem.line == line


def test_what_is_no_json_is_refused() -> None:
    for text, said in (("{", "is no JSON"), ("[" * 50_000, "is no JSON")):
        [problem] = read(text, Format.JSON, DIRECTORY).problems
        assert said in problem.message


def test_of_many_problems_the_rest_are_counted() -> None:
    written = {"rules": [{"name": str(n), "when": {"currency": "usd"}, "then": {}} for n in range(50)]}
    reading = read_json(written)
    assert (len(reading.problems), reading.more) == (PROBLEMS_MAX, 100 - PROBLEMS_MAX)
    assert reading.told().endswith(f"… and {100 - PROBLEMS_MAX} more")


def test_two_accounts_of_one_label_are_named_by_their_ids() -> None:
    one, two = list(DIRECTORY.ids or ())[:2]
    both = Directory({"same": (one, two)}, DIRECTORY.ids)
    reading = read('default.ordered = ["same"]', Format.TOML, both)
    assert reading.told() == (
        "line 1, default.ordered[0]: 2 accounts have the label 'same': name the one you mean by its id"
    )


def test_without_its_merchant_a_policy_is_checked_but_for_the_names() -> None:
    good = read('default.ordered = ["Nobody knows"]', Format.TOML, ANY_ACCOUNT)
    assert good.policy is not None
    bad = read("default.split = { a = 50, b = 49 }", Format.TOML, ANY_ACCOUNT)
    assert "the shares sum to 99" in bad.told()
    nobody = read('default = { ordered = ["a"], only = true, exclude = ["a"] }', Format.TOML, ANY_ACCOUNT)
    assert "every account is excluded" in nobody.told()


def test_what_could_be_a_card_number_is_not_repeated() -> None:
    number = "4242424242424242"
    reading = read_json(
        one_rule({"learned": True, "exclude": [number]}, {"bin": number, "currency": [number]})
    )
    assert len(reading.problems) >= 3
    assert "424242424" not in reading.told()


NAMES: Final = (
    "rules groups default then when name split ordered exclude only amount currency time from at_least a"
)
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 200) | st.sampled_from(["alpha", "USD", "", "\x00", "pa_"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(JSON)
def test_whatever_is_sent_is_a_policy_or_refused(written: Any) -> None:
    """Reading raises nothing, and every problem has words."""
    reading = read_json(written)
    assert (reading.policy is None) == bool(reading.problems)
    assert all(one.message for one in reading.problems)


def test_a_text_full_of_unknown_names_is_refused_soon() -> None:
    """Guessing what each of them meant would hold up every other request for half a minute."""
    many = [f"Europe/Nowhere{number}" for number in range(400)]
    written = {
        "rules": [
            {"name": str(n), "when": {"brand": many[:20]}, "then": {"ordered": many[:9]}}
            for n in range(RULES_MAX)
        ]
    }
    began = time.process_time()
    assert read_json(written).more > 500
    assert time.process_time() - began < 5
