"""What must hold of a customer."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.refusals import Refusal
from recoup.vault.core import (
    Address,
    BillingDetails,
    CustomerDetails,
    Payday,
    check_billing,
    check_customer,
    check_payday,
)
from recoup.vault.flow.customers import time_zones

ZONES = time_zones()


@pytest.mark.parametrize(
    "payday",
    [
        Payday(cycle="weekly", weekday=4),
        Payday(cycle="biweekly", anchor_date=date(2026, 11, 6)),
        Payday(cycle="semi_monthly", day_of_month=1, second_day_of_month=15),
        Payday(cycle="semi_monthly", day_of_month=15, second_day_of_month=31),
        Payday(cycle="monthly", day_of_month=31),
    ],
)
def test_a_payday_says_what_its_cycle_needs(payday: Payday) -> None:
    check_payday(payday)
    assert msgspec.json.decode(msgspec.json.encode(payday), type=Payday) == payday


@given(
    st.builds(
        Payday,
        cycle=st.sampled_from(["weekly", "biweekly", "semi_monthly", "monthly"]),
        weekday=st.none() | st.integers(0, 6),
        anchor_date=st.none() | st.dates(),
        day_of_month=st.none() | st.integers(1, 31),
        second_day_of_month=st.none() | st.integers(1, 31),
    )
)
def test_a_payday_says_neither_less_nor_more(payday: Payday) -> None:
    said = {
        name for name in payday.__struct_fields__ if name != "cycle" and getattr(payday, name) is not None
    }
    needed = {
        "weekly": {"weekday"},
        "biweekly": {"anchor_date"},
        "semi_monthly": {"day_of_month", "second_day_of_month"},
        "monthly": {"day_of_month"},
    }[payday.cycle]
    in_order = (payday.second_day_of_month or 32) > (payday.day_of_month or 0)
    try:
        check_payday(payday)
    except Refusal as refused:
        assert said != needed or not in_order
        assert refused.param is not None and refused.param.startswith("payday.")
    else:
        assert said == needed and in_order


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"email": "jane"}, "email"),
        ({"email": "@example.com"}, "email"),
        ({"email": "jane@"}, "email"),
        ({"email": "jane doe@example.com"}, "email"),
        ({"country": "UK"}, "country"),
        ({"country": "us"}, "country"),
        ({"time_zone": "Berlin"}, "time_zone"),
        ({"time_zone": "localtime"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"payday": Payday(cycle="weekly")}, "payday.weekday"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_customer(CustomerDetails(**fields), time_zones=ZONES)
    assert caught.value.param == param


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "America/Sao_Paulo"]
)
def test_time_zones_are_those_of_the_iana(zone: str) -> None:
    check_customer(CustomerDetails(time_zone=zone, country="DE", email="j@example.com"), time_zones=ZONES)


def test_a_billing_country_exists() -> None:
    check_billing(BillingDetails(address=Address(country="BR")), param="billing_details")
    with pytest.raises(Refusal) as caught:
        check_billing(BillingDetails(address=Address(country="XX")), param="billing_details")
    assert caught.value.param == "billing_details.address.country"


def test_what_is_personal_is_not_printed() -> None:
    details = CustomerDetails(name="Jane Doe", email="jane@example.com")
    billing = BillingDetails(name="Jane Doe", address=Address(line1="1 Main Street"))
    assert not [word for word in ("Jane", "Main") if word in f"{details!r} {billing!r}"]
