"""Subscriptions of Stripe's API as rows of the table: of every version; what is billed otherwise there is refused."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st
from tests.billing.cases import named
from tests.billing.exports import customer, customers_by_id, export, subscription

from recoup.billing.core.importing import stripe
from recoup.billing.core.importing.lines import Left, Line, Options, Over, Read, Refused, Row, Token, Warn
from recoup.billing.core.importing.reading import read_row
from recoup.vault.flow.customers import time_zones

WITH_ACCOUNT: Final = Options(source="stripe", livemode=False, hour=9, zone="UTC", account=named("account"))


def reads(*given_objects: dict[str, Any], livemode: bool = False) -> list[Read]:
    """What a Stripe export is read into."""
    wishes = Options(source="stripe", livemode=livemode, hour=9, zone="UTC")
    return list(stripe.read_stripe(export(*given_objects), customers_by_id().get, wishes))


def stripe_line(**more: Any) -> Line:
    (row,) = reads(subscription(**more))
    assert isinstance(row, Row), row
    found = read_row(row, WITH_ACCOUNT, time_zones=time_zones())
    assert isinstance(found, Line), found
    return found


def test_stripes_subscriptions_of_every_version_are_understood() -> None:
    found = stripe_line()
    assert (found.external_id, found.customer) == ("sub_example1", "cus_example1")
    assert (found.plan.name, found.plan.amount, found.plan.currency) == ("Pro", 1999, "EUR")
    assert (found.next_on, found.hour, found.anchor_day) == (date(2027, 2, 28), 11, 31)
    assert isinstance(found.means, Token) and found.means.token.reveal() == "pm_example1"
    assert (found.means.processor_customer, found.means.card.last4) == ("cus_example1", "4242")
    assert found.metadata == {"team": "north"}
    older = subscription()
    only = older["items"]["data"][0]
    older |= {"current_period_end": only.pop("current_period_end"), "discount": None}
    older["items"]["data"][0] = only | {"plan": only["price"] | {"amount": 1999, "interval": "month"}}
    only["price"] = None
    assert isinstance(reads(older)[0], Row)
    whole = stripe_line(customer=customer("cus_other", default="pm_example1"), default_payment_method=None)
    assert isinstance(whole.means, Token) and whole.means.processor_customer == "cus_other"
    assert stripe_line(status="trialing", trial_end=1803816000).next_on == date(2027, 2, 28)
    assert Warn.OWES_ELSEWHERE in stripe_line(status="past_due").warnings
    paused = stripe_line(pause_collection={"behavior": "void", "resumes_at": 1803900000})
    assert paused.paused and Warn.RESUME_BY_HAND in paused.warnings
    unpaid = stripe_line(status="unpaid")
    assert unpaid.paused and Warn.OWES_ELSEWHERE in unpaid.warnings, "Stripe charges it no more by itself"
    assert stripe_line(cancel_at_period_end=True).cancel_at_period_end
    coupon = {"percent_off": 12.5, "amount_off": None, "duration": "repeating"}
    for shape in ({"coupon": coupon}, {"source": {"type": "coupon", "coupon": coupon}}):
        off = stripe_line(discounts=[{"object": "discount", "end": 1806500000} | shape])
        assert off.discount is not None and (off.discount.percent, off.discount_until) == (
            1250,
            date(2027, 3, 31),
        )
    of_item = subscription()
    of_item["items"]["data"][0]["discounts"] = [{"object": "discount", "coupon": coupon}]
    (row,) = reads(of_item)
    assert isinstance(row, Row) and row.cells["percent_off"] == "12.5", "a discount may be its item's"
    pages = [*reads(subscription(), subscription(id="sub_2", status="canceled"))]
    assert [type(one) for one in pages] == [Row, Over]


def test_what_stripe_bills_otherwise_is_refused() -> None:
    price = subscription()["items"]["data"][0]["price"]

    def with_price(**more: Any) -> dict[str, Any]:
        made = subscription()
        made["items"]["data"][0]["price"] = price | more
        return made

    two = subscription()
    two["items"]["data"] *= 2
    wrong = {
        "items": two,
        "livemode": subscription(livemode=True),
        "collection_method": subscription(collection_method="send_invoice"),
        "application_fee_percent": subscription(application_fee_percent=5.0),
        "automatic_tax": subscription(automatic_tax={"enabled": True}),
        "price.recurring.usage_type": with_price(recurring={"usage_type": "metered"}),
        "price.billing_scheme": with_price(billing_scheme="tiered"),
        "price.unit_amount": with_price(unit_amount=None),
        "price.currency": with_price(currency="xxx"),
        "current_period_end": {**with_price(), "items": {"data": [{"price": price}]}},
        "customer": subscription(customer={"id": "cus_9", "deleted": True}),
        "default_payment_method": subscription(default_payment_method={"id": "pm_2", "type": "sepa_debit"}),
        "discounts": subscription(discounts=["di_1"]),
        "status": subscription(status="of tomorrow"),
        "currency": subscription(currency="usd"),
    }
    found = {name: reads(one)[0] for name, one in wrong.items()}
    assert {name: getattr(one, "column", one) for name, one in found.items()} == {
        name: name for name in wrong
    }
    taxed = with_price(tax_behavior="inclusive") | {"automatic_tax": {"enabled": True}}
    assert getattr(reads(taxed)[0], "warnings", ()) == (Warn.TAX_INCLUDED,)


@given(
    found=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from([*subscription(), "data", "price", "id"]), inner, max_size=4)
        ),
        max_leaves=8,
    ),
    place=st.sampled_from([*subscription(), None]),
)
def test_whatever_stripes_export_holds_it_is_understood_or_refused(found: Any, place: str | None) -> None:
    whole = found if place is None else subscription() | {place: found}
    for read in reads(whole):
        assert isinstance(read, Row | Left | Over | Refused)
        if isinstance(read, Row):
            read_row(read, WITH_ACCOUNT, time_zones=time_zones())
