"""Compares what Recoup says with what the world did, what the clients wished for, and what the consumer was told.

Pure: lists in, what is wrong out, each with the object and a sentence. An empty list is the only good answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

FINAL: Final = {
    "captured",
    "authorized",
    "partially_captured",
    "declined",
    "failed",
    "canceled",
}
HOLDS_MONEY: Final = {"captured", "authorized", "partially_captured"}
CAPTURED: Final = {"captured", "partially_captured"}
REFUND_ENDS: Final = {"succeeded", "failed"}
STATUS_OF: Final = {
    **{name: name for name in ("warning", "inquiry", "accepted", "won", "lost", "reversed", "closed")},
    "opened": "needs_response",
    "submitted": "under_review",
}
"""Our word for what a processor calls a dispute's state."""
RECOVERY_ENDS: Final = {"recovered", "exhausted", "expired", "stopped"}


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is not as it must be."""

    law: str
    about: str
    why: str


@dataclass(frozen=True, slots=True)
class Books:
    """One merchant's side of everything: `told` is what the consumer knows, `orders` the payment of each order."""

    orders: Mapping[str, str]
    payments: Sequence[Any]
    refunds: Sequence[Any]
    recoveries: Sequence[Any]
    disputes: Sequence[Any]
    charges: Sequence[Any]
    changes: Sequence[Any]
    disputed: Sequence[Any]
    double_charges: int
    told: Mapping[str, Any] = field(repr=False)


def judged(books: Books) -> list[Wrong]:
    """Everything that is wrong."""
    return [
        *_one_payment_an_order(books),
        *_charged_once(books),
        *_statuses(books),
        *_attempts(books),
        *_refunds(books),
        *_recoveries(books),
        *_disputes(books),
        *_told(books),
    ]


def _one_payment_an_order(books: Books) -> Iterator[Wrong]:
    """Every order has the one payment that its client was told of, and there is no other payment."""
    made: dict[str, list[str]] = defaultdict(list)
    for payment in books.payments:
        made[payment["merchant_reference"]].append(payment["id"])
    for reference, id_ in books.orders.items():
        if made.pop(reference, []) != [id_]:
            yield Wrong("one payment an order", id_, f"{reference} has other payments than its client knows")
    for reference, ids in made.items():
        yield Wrong("one payment an order", ids[0], f"nobody wished for {reference}")


def _charged_once(books: Books) -> Iterator[Wrong]:
    """The processors' own count, and ours of what they hold."""
    if books.double_charges:
        yield Wrong("charged once", "", f"the world counted {books.double_charges} double charges")
    held = Counter(one["order"] for one in books.charges if _is_held(one))
    known = {payment["id"] for payment in books.payments}
    for order, count in held.items():
        if count > 1:
            yield Wrong("charged once", order, f"{count} charges hold money")
        if order not in known:
            yield Wrong("charged once", order, "a charge of no payment")


def _is_held(charge: Any) -> bool:
    """Whether a charge took money, or still could: one that was let go of whole did neither."""
    return bool(charge["state"] == "approved" and charge["released"] < charge["amount"])


def _statuses(books: Books) -> Iterator[Wrong]:
    """Every payment says what its processor says: status and every sum."""
    charges: dict[str, list[Any]] = defaultdict(list)
    for charge in books.charges:
        if charge["state"] == "approved":
            charges[charge["order"]].append(charge)
    for payment in books.payments:
        for why in _wrong_status(payment, charges[payment["id"]]):
            yield Wrong("statuses are true", payment["id"], why)


def _wrong_status(payment: Any, approved: Sequence[Any]) -> Iterator[str]:
    status, held = payment["status"], [one for one in approved if _is_held(one)]
    if status not in FINAL:
        yield f"{status} is no end"
    elif status not in HOLDS_MONEY:
        if held:
            yield f"{status}, and {_short(held)}"
    elif len(held) != 1:
        yield f"{status}, and {_short(approved) or 'no charge was made'}"
    else:
        yield from _wrong_sums(payment, held[0])


def _wrong_sums(payment: Any, charge: Any) -> Iterator[str]:
    ours = {
        "amount": payment["amount"],
        "currency": payment["currency"],
        "captured": payment["amount_captured"],
        "refunded": payment["amount_refunded"],
    }
    for name, value in ours.items():
        if charge[name] != value:
            yield f"{name} {value}, and its processor says {charge[name]}"
    if (payment["status"] in CAPTURED) != (charge["captured"] > 0):
        yield f"{payment['status']}, and {charge['captured']} was taken"


def _short(charges: Iterable[Any]) -> str:
    return "; ".join(
        f"{one['processor']} {one['state']} {one['amount']}: {one['captured']} captured, {one['released']} released"
        for one in charges
    )


def _attempts(books: Books) -> Iterator[Wrong]:
    """Every attempt says what became of the charge under its key."""
    states = {charge["key"]: charge["state"] for charge in books.charges}
    for payment in books.payments:
        for attempt in payment["attempts"]:
            state, outcome = states.get(attempt["id"]), attempt["outcome"]
            if (outcome in {"approved", "reversed"}) != (state == "approved"):
                yield Wrong("attempts are true", payment["id"], f"{attempt['id']} {outcome}, charge {state}")
            elif outcome == "unknown" or outcome is None:
                yield Wrong("attempts are true", payment["id"], f"{attempt['id']} has no outcome")


def _refunds(books: Books) -> Iterator[Wrong]:
    """Every refund has ended, and a payment's refunds make its sum, which is its processor's (`_wrong_sums`)."""
    sums: Counter[str] = Counter()
    for refund in books.refunds:
        if refund["status"] not in REFUND_ENDS:
            yield Wrong("refunds are true", refund["id"], f"{refund['status']} is no end")
        if refund["status"] == "succeeded":
            sums[refund["payment"]] += refund["amount"]
    for payment in books.payments:
        if sums[payment["id"]] != payment["amount_refunded"]:
            why = f"its refunds make {sums[payment['id']]}, it says {payment['amount_refunded']}"
            yield Wrong("refunds are true", payment["id"], why)

    done = {one["key"] for one in books.changes if one["kind"] == "refund" and one["state"] == "done"}
    for refund in books.refunds:
        if (refund["status"] == "succeeded") != (refund["id"] in done):
            why = f"{refund['status']}, and its processor says the contrary"
            yield Wrong("refunds are true", refund["id"], why)
    for key in done - {refund["id"] for refund in books.refunds}:
        yield Wrong("refunds are true", key, "nobody here knows of it")


def _disputes(books: Books) -> Iterator[Wrong]:
    """Every dispute says what its processor says; each of the processor's that was told is one of ours."""
    law, ours = "disputes are true", {one["reference"]: one for one in books.disputes}
    for theirs in books.disputed:
        known = ours.pop(theirs["id"], None)
        if theirs["state"] == "announced":
            continue
        if known is None:
            yield Wrong(law, theirs["order"], f"{theirs['id']} {theirs['state']} is not known")
            continue
        pairs = {
            "status": STATUS_OF[theirs["state"]],
            "payment": theirs["order"],
            "amount": theirs["amount"],
            "funds_withdrawn": theirs["withdrawn"],
        }
        for name, value in pairs.items():
            if known[name] != value:
                yield Wrong(law, known["id"], f"{name} {known[name]}, and its processor says {value}")
    for reference, known in ours.items():
        yield Wrong(law, known["id"], f"no processor knows {reference}")


def _recoveries(books: Books) -> Iterator[Wrong]:
    """Every recovery has ended, as recovered where its payment was paid by it and nowhere else."""
    payments = {payment["id"]: payment for payment in books.payments}
    for recovery in books.recoveries:
        status, payment = recovery["status"], payments[recovery["payment"]]
        if status not in RECOVERY_ENDS:
            yield Wrong("recoveries are true", recovery["id"], f"{status} is no end")
        if (status == "recovered") != (payment["status"] in HOLDS_MONEY):
            why = f"{status}, and its payment is {payment['status']}"
            yield Wrong("recoveries are true", recovery["id"], why)


def _told(books: Books) -> Iterator[Wrong]:
    """What the consumer was told last of an object is what the API says of it."""
    for thing in [*books.payments, *books.refunds, *books.recoveries, *books.disputes]:
        known = books.told.get(thing["id"])
        if known is None:
            yield Wrong("the consumer knows all", thing["id"], "it was never told of it")
        elif known != thing:
            differs = {name for name in {*known, *thing} if known.get(name) != thing.get(name)}
            parts = [f"{name} {known.get(name)!r} is {thing.get(name)!r}" for name in sorted(differs)]
            yield Wrong("the consumer knows all", thing["id"], "; ".join(parts))
