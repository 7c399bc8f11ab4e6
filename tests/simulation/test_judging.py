"""The judge of the simulation can say no: whatever is falsified in a world that was true is found, by its own law."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.simulation.judging import Books, judged

Falsify = Callable[[Books], Books]


def payment(id_: str, status: str, *, attempt: str, captured: int = 0, refunded: int = 0) -> dict[str, Any]:
    outcome = "declined" if status == "declined" else "approved"
    return {
        "id": id_,
        "status": status,
        "amount": 900,
        "currency": "USD",
        "amount_captured": captured,
        "amount_refunded": refunded,
        "merchant_reference": f"order of {id_}",
        "attempts": [{"id": attempt, "outcome": outcome, "reason": "initial"}],
    }


def charge(key: str, order: str, state: str = "approved", **more: int) -> dict[str, Any]:
    sums = {"captured": 0, "released": 0, "refunded": 0} | more
    return {
        "key": key,
        "order": order,
        "state": state,
        "amount": 900,
        "currency": "USD",
        "processor": "alpha",
        **sums,
    }


def true_books() -> Books:
    """A sale of which some was refunded, a hold, a cancellation, a decline, and a renewal that was won back."""
    payments = [
        payment("pay_sale", "captured", attempt="att_1", captured=900, refunded=300),
        payment("pay_hold", "authorized", attempt="att_2"),
        payment("pay_gone", "canceled", attempt="att_3"),
        payment("pay_no", "declined", attempt="att_4"),
        payment("pay_late", "captured", attempt="att_5", captured=900),
    ]
    refunds = [{"id": "ref_1", "payment": "pay_sale", "status": "succeeded", "amount": 300}]
    disputes = [
        {
            "id": "dsp_1",
            "reference": "dp_1",
            "payment": "pay_late",
            "status": "needs_response",
            "amount": 900,
            "funds_withdrawn": True,
        }
    ]
    recoveries = [{"id": "rec_1", "payment": "pay_late", "status": "recovered"}]
    return Books(
        orders={one["merchant_reference"]: one["id"] for one in payments},
        payments=payments,
        refunds=refunds,
        recoveries=recoveries,
        disputes=disputes,
        changes=[{"kind": "refund", "key": "ref_1", "state": "done"}],
        disputed=[
            {"id": "dp_1", "order": "pay_late", "state": "opened", "amount": 900, "withdrawn": True},
            {"id": "dp_2", "order": "pay_sale", "state": "announced", "amount": 900, "withdrawn": False},
        ],
        charges=[
            charge("att_1", "pay_sale", captured=900, refunded=300),
            charge("att_2", "pay_hold"),
            charge("att_3", "pay_gone", released=900),
            charge("att_4", "pay_no", "declined"),
            charge("att_5", "pay_late", captured=900),
        ],
        double_charges=0,
        told={one["id"]: copy.deepcopy(one) for one in [*payments, *refunds, *recoveries, *disputes]},
    )


def test_what_is_true_is_found_true() -> None:
    assert judged(true_books()) == []


def _world(number: int, **said: Any) -> Falsify:
    """The world says something else of a charge."""

    def falsify(books: Books) -> Books:
        books.charges[number].update(said)
        return books

    return falsify


def _ours(subject: str, **said: Any) -> Falsify:
    """We and the consumer say something else of the first object of a kind."""

    def falsify(books: Books) -> Books:
        thing = getattr(books, subject)[0]
        thing.update(said)
        books.told[thing["id"]].update(said)
        return books

    return falsify


def _told(books: Books) -> Books:
    books.told["pay_sale"]["amount_refunded"] = 0
    return books


def _never_told(books: Books) -> Books:
    return replace(books, told={id_: one for id_, one in books.told.items() if id_ != "ref_1"})


def _charged_again(books: Books) -> Books:
    return replace(books, charges=[*books.charges, charge("att_9", "pay_sale", captured=900)])


def _charged_after_a_decline(books: Books) -> Books:
    return replace(books, charges=[*books.charges, charge("att_9", "pay_no")])


def _charge_of_nobody(books: Books) -> Books:
    return replace(books, charges=[*books.charges, charge("att_9", "pay_unheard_of")])


def _refunded_behind_our_back(books: Books) -> Books:
    return replace(books, changes=[*books.changes, {"kind": "refund", "key": "ref_9", "state": "done"}])


def _two_of_one_order(books: Books) -> Books:
    second = payment("pay_twice", "declined", attempt="att_9") | {"merchant_reference": "order of pay_sale"}
    return replace(
        books, payments=[*books.payments, second], told={**books.told, "pay_twice": copy.deepcopy(second)}
    )


@pytest.mark.parametrize(
    ("law", "falsify"),
    [
        ("statuses are true", _world(0, captured=899)),
        ("statuses are true", _world(0, refunded=0)),
        ("statuses are true", _world(0, amount=901)),
        ("statuses are true", _world(0, currency="EUR")),
        ("statuses are true", _world(0, state="declined")),
        ("statuses are true", _world(1, captured=900)),
        ("statuses are true", _world(1, released=900)),
        ("statuses are true", _world(2, released=0)),
        ("statuses are true", _world(3, state="approved")),
        ("statuses are true", _ours("payments", status="unresolved")),
        ("statuses are true", _charged_after_a_decline),
        ("attempts are true", _world(3, state="approved", released=900)),
        ("attempts are true", _world(4, state="pending")),
        ("charged once", _charged_again),
        ("charged once", _charge_of_nobody),
        ("charged once", lambda books: replace(books, double_charges=1)),
        ("one payment an order", _two_of_one_order),
        ("one payment an order", _ours("payments", merchant_reference="order of nobody")),
        ("refunds are true", _ours("refunds", status="pending")),
        ("refunds are true", _ours("refunds", status="failed")),
        ("refunds are true", _ours("refunds", amount=301)),
        ("refunds are true", lambda books: replace(books, changes=[])),
        ("refunds are true", _refunded_behind_our_back),
        ("disputes are true", _ours("disputes", status="won")),
        ("disputes are true", _ours("disputes", funds_withdrawn=False)),
        ("disputes are true", _ours("disputes", amount=901)),
        ("disputes are true", _ours("disputes", payment=None)),
        ("disputes are true", _ours("disputes", reference="dp_unheard_of")),
        ("disputes are true", lambda books: replace(books, disputes=[])),
        ("recoveries are true", _ours("recoveries", status="scheduled")),
        ("recoveries are true", _ours("recoveries", status="exhausted")),
        ("the consumer knows all", _told),
        ("the consumer knows all", _never_told),
    ],
)
def test_a_falsified_world_is_found_out(law: str, falsify: Falsify) -> None:
    """A simulation that cannot fail proves nothing."""
    assert law in {one.law for one in judged(falsify(true_books()))}
