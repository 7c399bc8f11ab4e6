"""Pre-renewal notices: each rule binds whom it says it binds, and there is time for every notice that is asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from recoup.billing.core.notices import READY, RULES, Renewal, lead_of, notices_of
from recoup.billing.core.periods import Interval, Unit

DUE: Final = datetime(2027, 3, 31, 9, tzinfo=UTC)
DAY: Final = timedelta(days=1)
MONTH: Final = Interval(Unit.MONTH)
YEAR: Final = Interval(Unit.YEAR)
EARLY: Final = DUE - 100 * DAY

intervals = st.sampled_from(
    [
        Interval(Unit.DAY),
        Interval(Unit.WEEK, 2),
        MONTH,
        Interval(Unit.MONTH, 6),
        YEAR,
        Interval(Unit.DAY, 365),
    ]
)
places = st.sampled_from([None, "US", "FR", "IN", "DE"])
renewals = st.builds(
    Renewal,
    due=st.just(DUE),
    interval=intervals,
    currency=st.sampled_from(["USD", "EUR", "INR"]),
    trial_days=st.none() | st.integers(1, 60),
    brand=st.sampled_from([None, "visa", "mastercard", "sepa_debit", "amex"]),
    issued_in=places,
    country=places,
    state=st.sampled_from([None, "CA", "IL", "TX"]),
)


def asked(**more: Any) -> list[str]:
    """The rules that ask for a notice of this charge."""
    given_: dict[str, Any] = {"due": DUE, "interval": MONTH, "currency": "USD"} | more
    return [one.rule.id for one in notices_of(Renewal(**given_), now=EARLY)]


def test_every_rule_binds_whom_it_says_it_binds() -> None:
    assert asked() == asked(brand="visa", country="US") == []
    assert asked(brand="visa", trial_days=3) == ["visa_trial"]
    assert asked(brand="mastercard", trial_days=7) == []
    assert asked(brand="mastercard", trial_days=8) == ["mastercard_trial"]
    assert asked(brand="mastercard", interval=Interval(Unit.MONTH, 5)) == []
    assert asked(brand="mastercard", interval=Interval(Unit.MONTH, 6)) == ["mastercard_long_period"]
    assert asked(brand="mastercard", interval=Interval(Unit.DAY, 183)) == ["mastercard_long_period"]
    assert asked(brand="visa", issued_in="IN", currency="INR") == ["india_e_mandate"]
    assert asked(brand="sepa_debit", currency="EUR") == ["sepa_pre_notification"]
    assert asked(country="US", state="CA", interval=YEAR) == ["us_california_year"]
    assert asked(country="US", state="IL", interval=Interval(Unit.DAY, 365)) == ["us_illinois_year"]
    assert asked(country="US", interval=YEAR) == ["us_illinois_year", "us_california_year"], "it may be there"
    assert asked(country="US", state="TX", interval=YEAR) == asked(interval=YEAR) == []
    assert asked(country="US", state="CA", interval=Interval(Unit.WEEK, 52)) == ["us_california_year"]
    assert asked(brand="mastercard", interval=Interval(Unit.WEEK, 26)) == ["mastercard_long_period"]
    assert asked(brand="mastercard", interval=Interval(Unit.DAY, 180)) == ["mastercard_long_period"]
    assert asked(brand="mastercard", interval=Interval(Unit.WEEK, 23)) == []
    assert asked(country="US", state="CA", trial_days=31) == ["us_california_trial"]
    assert asked(country="FR", interval=YEAR) == ["france_tacit_renewal"]
    assert asked(brand="visa", trial_days=3, due=datetime(2019, 1, 1, tzinfo=UTC)) == [], (
        "it did not hold yet"
    )


def test_every_rule_has_a_source_that_was_read_and_days_that_can_be_kept() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "prevent-declined-renewals.md").read_text("utf-8")
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.source.startswith("https://") and rule.read >= date(2026, 11, 23) >= rule.since
        assert rule.must_say and rule.least_days > 0 and f"| `{rule.id}` |" in page
        assert rule.most_days is None or rule.most_days > rule.least_days
        assert rule.until is None or rule.until > rule.since


@given(renewals, st.booleans())
def test_who_looks_as_early_as_the_lead_has_time_for_every_notice(renewal: Renewal, is_known: bool) -> None:
    """Also where nobody knows yet with what it will be paid, nor where the customer lives."""
    lead = lead_of(
        renewal.interval,
        trial_days=renewal.trial_days,
        currency=renewal.currency,
        country=renewal.country if is_known else None,
        on=DUE.date(),
    )
    found = notices_of(renewal, now=DUE - lead)
    assert all(one.in_time and one.send_by >= DUE - lead + READY for one in found)
    assert found == sorted(found, key=lambda one: (one.send_by, one.rule.id))
    late = notices_of(renewal, now=DUE)
    assert not any(one.in_time for one in late)
    assert [one.rule for one in late] == [one.rule for one in found]
