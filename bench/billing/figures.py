"""What came of the years: by person, read from the service's rows and the bank's own book, and checked against both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from bench.billing.bank import Told
from bench.billing.life import Arm, Life, Span
from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.records import Invoice
from recoup.db import Database
from recoup.kit.ids import Kind, render
from recoup.sandbox.model.answers import Cause

Floats = NDArray[np.float64]
K = TypeVar("K", bound=Hashable)

RESAMPLES: Final = 2_000
SHORT: Final = "insufficient_funds"
NOT_TRIED: Final = "not tried"
_PART: Final = re.compile(r"_(?:[0-9_]+|rest)$")
"""What is added to a table's name for its part of a month."""
_FIRST_PERIOD: Final = 2
"""The trial is the first."""
_DAY_S: Final = 86_400

COLUMNS: Final = (
    "invoices",
    "failed",
    "said_short",
    "short",
    "dormant",
    "recovered",
    "paid",
    "moved",
    "tries",
    "billed_minor",
    "paid_minor",
    "late_days",
)
"""What is counted of each person: invoices; first tries that failed, that failed with the word, and in truth, for lack
of money, and on dormant accounts; invoices paid after a first failure, and paid at all; charge days moved; all tries;
amounts in the smallest unit; days from due to paid of what was paid."""


@dataclass(frozen=True, slots=True)
class Believed:
    """Of invoices that were moved: how many, the chance believed at the due time and at the charge, and how many first
    tries found the money."""

    count: int
    at_due: float
    at_charge: float
    found: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What the service keeps of it: rows by table, bytes of all tables with their indexes."""

    rows: Mapping[str, int]
    bytes: int

    def since(self, before: Kept) -> Kept:
        """What was added."""
        added = {name: count - before.rows.get(name, 0) for name, count in self.rows.items()}
        return Kept({name: count for name, count in added.items() if count}, self.bytes - before.bytes)


@dataclass(frozen=True, slots=True, eq=False)
class Lived:
    """One arm, lived to its end. `people` has a row a person, and the columns that `COLUMNS` names."""

    span: Span
    arm: Arm
    people: Floats
    causes: Mapping[str, int]
    moved_by: Mapping[int, int]
    believed: Believed
    took_s: float
    kept: Kept

    def of(self, name: str) -> Floats:
        """One column."""
        found: Floats = self.people[:, COLUMNS.index(name)]
        return found

    def total(self, name: str) -> float:
        """Its sum."""
        return float(self.of(name).sum())


def joined(parts: Sequence[Lived]) -> Lived:
    """One arm, whose people lived in groups."""
    first = parts[0]
    assert len({one.arm for one in parts}) == 1, "arms are not mixed"
    spans = sorted((one.span for one in parts), key=lambda span: span.first)
    for span, after in pairwise(spans):
        assert span.first + span.subscriptions == after.first, "nobody is left out, or lives twice"
    parts = sorted(parts, key=lambda one: one.span.first)
    moved = sum(one.believed.count for one in parts)
    return Lived(
        replace(spans[0], subscriptions=sum(span.subscriptions for span in spans)),
        first.arm,
        np.concatenate([one.people for one in parts]),
        _summed(one.causes for one in parts),
        _summed(one.moved_by for one in parts),
        Believed(
            moved,
            sum(one.believed.at_due * one.believed.count for one in parts) / max(1, moved),
            sum(one.believed.at_charge * one.believed.count for one in parts) / max(1, moved),
            sum(one.believed.found for one in parts),
        ),
        sum(one.took_s for one in parts),
        Kept(_summed(one.kept.rows for one in parts), sum(one.kept.bytes for one in parts)),
    )


def _summed(counted: Iterable[Mapping[K, int]]) -> dict[K, int]:
    found: Counter[K] = Counter()
    for one in counted:
        found.update(one)
    return dict(found)


async def looked_at(life: Life, before: Kept) -> Lived:
    """What came of a life, with everything that must hold of it checked."""
    invoices = await _invoices(life)
    first = _first_tries(life.bank.told)
    checked(life, invoices, first)
    people = np.zeros((len(life.subscriptions), len(COLUMNS)))
    place = {subscription_id: person for person, subscription_id in enumerate(life.subscriptions)}
    causes: Counter[str] = Counter()
    moved_by: Counter[int] = Counter()
    for invoice in invoices:
        assert invoice.subscription_id is not None, "nothing else is billed"
        told = first.get(_key(invoice))
        people[place[invoice.subscription_id]] += _counted(invoice, told)
        if told is None or not told.is_approved:
            causes[NOT_TRIED if told is None else told.cause.name.lower()] += 1
        moved_by[_moved_days(invoice, told)] += 1
    for told in life.bank.told:
        people[told.person, COLUMNS.index("tries")] += 1
    kept = (await kept_by(life.service.database)).since(before)
    believed = _believed(invoices, first)
    return Lived(life.span, life.arm, people, dict(causes), dict(moved_by), believed, life.took_s, kept)


async def kept_by(database: Database) -> Kept:
    """Rows and bytes as they are now."""
    tables = await database.fetch_all(
        """
        select s.schemaname, s.relname as name, pg_total_relation_size(s.relid) as bytes
        from pg_stat_user_tables s join pg_class c on c.oid = s.relid and c.relkind = 'r'
        """
    )
    rows: Counter[str] = Counter()
    async with database.connection() as connection:
        for table in tables:
            name = sql.Identifier(table["schemaname"], table["name"])
            cursor = await connection.execute(sql.SQL("select count(*) as rows from {}").format(name))
            found = await cursor.fetchone()
            assert found is not None, "a count"
            rows[_PART.sub("", table["name"])] += int(found["rows"])
    return Kept(rows, sum(int(table["bytes"]) for table in tables))


async def _invoices(life: Life) -> list[Invoice]:
    rows = await life.service.database.fetch_all(
        "select data::text as data from invoices where merchant_id = %(merchant_id)s order by id",
        {"merchant_id": life.merchant.id},
    )
    decoder = msgspec.json.Decoder(Invoice)
    return [decoder.decode(row["data"]) for row in rows]


def _first_tries(told: list[Told]) -> dict[str, Told]:
    """By payment: its first try."""
    found: dict[str, Told] = {}
    for one in told:
        found.setdefault(one.payment, one)
    return found


def _key(invoice: Invoice) -> str:
    return "" if invoice.payment_id is None else render(Kind.PAYMENT, invoice.payment_id)


def _counted(invoice: Invoice, told: Told | None) -> Floats:
    """An invoice in the order of `COLUMNS`."""
    is_paid, is_first = invoice.status is InvoiceStatus.PAID, told is not None and told.is_approved
    late_s = 0.0
    if is_paid:
        assert invoice.paid_at is not None and invoice.due_at is not None, "it is paid, and was due"
        late_s = (invoice.paid_at - invoice.due_at).total_seconds()
    cause = None if told is None else told.cause
    found = {
        "invoices": 1,
        "failed": not is_first,
        "said_short": told is not None and told.word == SHORT,
        "short": cause is Cause.FUNDS,
        "dormant": cause is Cause.DORMANT,
        "recovered": is_paid and not is_first,
        "paid": is_paid,
        "moved": _moved_days(invoice, told) > 0,
        "billed_minor": invoice.amount_due,
        "paid_minor": invoice.amount_due if is_paid else 0,
        "late_days": late_s / _DAY_S,
    }
    return np.array([float(found.get(name, 0)) for name in COLUMNS])


def _moved_days(invoice: Invoice, told: Told | None) -> int:
    """By how many days it was first charged after it was due."""
    if told is None or invoice.due_at is None:
        return 0
    return round((told.at - invoice.due_at).total_seconds() / _DAY_S)


def _believed(invoices: list[Invoice], first: Mapping[str, Told]) -> Believed:
    """Of those moved by a day or more."""
    moved = [
        (one.expected, first[_key(one)])
        for one in invoices
        if one.expected is not None and _key(one) in first and _moved_days(one, first[_key(one)]) > 0
    ]
    count = max(1, len(moved))
    return Believed(
        len(moved),
        sum(expected.at_due for expected, _ in moved) / count,
        sum(expected.at_charge for expected, _ in moved) / count,
        sum(told.cause not in {Cause.FUNDS, Cause.DORMANT} for _, told in moved),
    )


def checked(life: Life, invoices: list[Invoice], first: Mapping[str, Told]) -> None:
    """What must hold, whatever happened: each period billed once, nothing paid twice, and sums that agree."""
    periods: dict[object, list[int]] = {}
    for one in invoices:
        assert one.period is not None, "only periods are billed"
        periods.setdefault(one.subscription_id, []).append(one.period.number)
        assert not one.payments and one.payment_id is not None, f"{one.id} has one payment"
    wanted = list(range(_FIRST_PERIOD, _FIRST_PERIOD + life.span.months))
    for subscription_id in life.subscriptions:
        assert sorted(periods[subscription_id]) == wanted, f"{subscription_id}: each period is billed once"
    assert len({_key(one) for one in invoices}) == len(invoices), "a payment is one invoice's"
    assert set(first) <= {_key(one) for one in invoices}, "nothing else was charged"
    approved = Counter(one.payment for one in life.bank.told if one.is_approved)
    assert all(count == 1 for count in approved.values()), "no payment is paid twice"
    assert not life.bank.again, "no key was charged twice"
    paid = {_key(one) for one in invoices if one.status is InvoiceStatus.PAID}
    assert paid == set(approved), "an invoice is paid where the bank says so, and nowhere else"
    taken = sum(one.amount for one in life.bank.told if one.is_approved)
    assert taken == sum(one.amount_due for one in invoices if _key(one) in paid), "sums agree"


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def shown(self, digits: int = 2, *, sign: bool = False) -> str:
        """As written in a table."""
        form = f"{'+' if sign else ''}.{digits}f"
        return f"{self.value:{form}} ({self.low:{form}} to {self.high:{form}})"


class Resampled:
    """Intervals by bootstrap over customers: arms are drawn together, so that each is compared with itself."""

    def __init__(self, people: int, *, seed: int) -> None:
        chance = np.random.default_rng(seed)
        self._weights = chance.multinomial(people, np.full(people, 1 / people), size=RESAMPLES).astype(
            np.float32
        )

    def ratio(self, top: Floats, bottom: Floats, *, times: float = 1.0) -> Interval:
        """A ratio of sums."""
        drawn = (self._weights @ top) / np.maximum(self._weights @ bottom, 1e-9)
        return _interval(float(top.sum() / max(bottom.sum(), 1e-9)), drawn, times)

    def difference(
        self, one: tuple[Floats, Floats], other: tuple[Floats, Floats], *, times: float = 1.0
    ) -> Interval:
        """By how much a ratio of sums is more in the second."""
        drawn = [
            (self._weights @ top) / np.maximum(self._weights @ bottom, 1e-9) for top, bottom in (one, other)
        ]
        values = [float(top.sum() / max(bottom.sum(), 1e-9)) for top, bottom in (one, other)]
        return _interval(values[1] - values[0], drawn[1] - drawn[0], times)


def _interval(value: float, drawn: Floats, times: float) -> Interval:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(value * times, float(low) * times, float(high) * times)
