"""The page of the simulated years, the tables on the screen, and the picture: made from what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bench.billing.figures import Interval, Lived, Resampled
from bench.billing.life import DUE, PAYDAY
from bench.billing.people import STATED_RIGHT, STATED_SHARE
from recoup.backtests.drawing import Bars, Point, bars

_COLOURS: Final = {DUE.name: "#c8553d", PAYDAY.name: "#0b6e4f"}
_TITLES: Final = {DUE.name: "charged when due", PAYDAY.name: f"within {PAYDAY.window_days} days agreed to"}
_FEWEST: Final = 0.0005
"""A cause that is rarer than this among invoices is not named."""

_HEAD: Final = """# Charging on payday, on a simulated world

What it is worth to charge a renewal on another day than it is due, where the customer agreed to a few days.
`python -m bench.billing.years` writes this page from its own run: {people:,} subscriptions, {months} months each, seed
{seed}, {invoices:,} invoices in each of two runs. The runs know the same people, who have the same luck. They live in
groups of {group:,}, each the customers of one merchant with a database of its own: what a merchant learns, it learns of
so many.

* **{due}**: every invoice is charged when it is due, spread over some minutes.
* **{payday}**: the customer agreed to be charged up to {days} days after the due day; the service chooses the moment.

Everything is the service's own: cycles, invoices, payments, recoveries (untrained, as a new merchant has them), their
rows in PostgreSQL. Its clock jumps from one due row to the next, in steps of {minutes:g} minutes. The processor is a
fake in the same process, asked without a wire; behind it are the cardholders of [the world of declined
renewals](world-model.md), with accounts that fill on payday and are spent from. What the service knows of them is what
a merchant could know: country, time zone, what came of earlier charges, and of {stated:.0%} of those who are paid on
fixed days a payday that they told, which is right for {right:.0%} of them.

Intervals are of 95 %, by bootstrap over customers; the difference is of each customer's two runs.
"""

_TAIL: Final = """## How to read it, and what it does not show

* **For lack of money** and **dormant account** are what was really the matter, which only the bank knows; **the issuer
  said so** is what a merchant sees. Some issuers hide it behind "do not honor".
* A dormant account is one to which no money comes before the next renewal. No day of charging helps there.
* Few people lack money, and the same ones again and again: among few subscriptions the level of failures is a matter of
  who is among them, and the difference says more. In the field 3.3 % of charges are said to fail for lack of money, and
  1.1 % of those on payday; both count dormant accounts, too.
* What befalls a card or an account lasts until the next renewal: by then whoever stayed a customer brought another.
  Nobody leaves, so that both runs bill the same. In truth some of those who failed would, and more where more fail.
* Nobody asks customers, updates cards, or has a second card or processor. Amounts of all currencies are added as they
  are, in their smallest unit.
* The service's trust in a payday that was told is the share of them that are right here, and what it believes of how
  often people are paid in a country comes from the statistics that the world was made from: a real merchant's customers
  may be further from what it believes.
* Whether a customer agrees to a window, and what they think of another day, is not simulated: here all agree.
"""


def printed(found: Sequence[Lived]) -> Iterator[str]:
    """What was measured, as lines for a terminal."""
    yield from _figures(found)
    yield from _causes(found)
    yield from _shifts(found)
    yield from _costs(found)


def page(found: Sequence[Lived], *, groups: int = 1) -> str:
    """The page, as Markdown, of people who lived in so many groups."""
    span = found[0].span
    head = _HEAD.format(
        people=span.subscriptions,
        months=span.months,
        group=span.subscriptions // groups,
        seed=span.seed,
        invoices=round(found[0].total("invoices")),
        minutes=span.tick_s / 60,
        due=_TITLES[DUE.name].capitalize(),
        payday=_TITLES[PAYDAY.name].capitalize(),
        days=PAYDAY.window_days,
        stated=STATED_SHARE,
        right=STATED_RIGHT,
    )
    picture_line = "![First tries that failed, by cause](../images/billing-payday.svg)"
    parts = [
        head,
        *_figures(found),
        picture_line,
        "",
        *_causes(found),
        *_shifts(found),
        *_costs(found),
        _TAIL,
    ]
    return "\n".join(parts)


_TOOK: Final = (
    "Rows and bytes are what was added, as it lies, for every year of a subscription. Run time is that of one process "
    "with its own PostgreSQL, group after group; what else the machine had to do is in it."
)
_ROWS: Final = (
    ("first tries that failed, %", "failed", "invoices", 100.0),
    ("  for lack of money, %", "short", "invoices", 100.0),
    ("  on a dormant account, %", "dormant", "invoices", 100.0),
    ("  insufficient funds, the issuer said so, %", "said_short", "invoices", 100.0),
    ("of the failed, won back, %", "recovered", "failed", 100.0),
    ("invoices paid in the end, %", "paid", "invoices", 100.0),
    ("revenue, % of what was billed", "paid_minor", "billed_minor", 100.0),
    ("days from due to paid, of what was paid", "late_days", "paid", 1.0),
    ("tries an invoice", "tries", "invoices", 1.0),
)


def _figures(found: Sequence[Lived]) -> Iterator[str]:
    resampled = Resampled(found[0].span.subscriptions, seed=found[0].span.seed)
    yield from ("## The figures", "")
    rows = [("invoices", *(f"{round(one.total('invoices')):,}" for one in found))]
    rows += [
        ("invoices first charged half a day or more after they were due", *(_moved(one) for one in found))
    ]
    if len(found) > 1:
        rows = [(*row, "") for row in rows]
    for name, top, bottom, times in _ROWS:
        cells = [resampled.ratio(one.of(top), one.of(bottom), times=times).shown() for one in found]
        if len(found) > 1:
            pairs = [(one.of(top), one.of(bottom)) for one in found]
            cells.append(resampled.difference(pairs[0], pairs[1], times=times).shown(sign=True))
        rows.append((name.replace("  ", "&nbsp;&nbsp;"), *cells))
    heads = [_TITLES[one.arm.name] for one in found]
    yield from _table(("", *heads, *(["difference"] if len(found) > 1 else [])), rows)


def _moved(one: Lived) -> str:
    return f"{round(one.total('moved')):,} ({one.total('moved') / one.total('invoices'):.1%})"


def _causes(found: Sequence[Lived]) -> Iterator[str]:
    yield from ("## Why first tries failed", "", "In truth, of a thousand invoices.", "")
    names = sorted(
        {name for one in found for name in one.causes}, key=lambda name: -found[0].causes.get(name, 0)
    )
    rows = [
        (name.replace("_", " "), *(f"{_of_invoices(one, name) * 1000:.2f}" for one in found))
        for name in names
    ]
    yield from _table(("cause", *(_TITLES[one.arm.name] for one in found)), rows)


def _of_invoices(one: Lived, cause: str) -> float:
    return one.causes.get(cause, 0) / one.total("invoices")


def _shifts(found: Sequence[Lived]) -> Iterator[str]:
    moved = next((one for one in found if one.arm.window_days), None)
    if moved is None:
        return
    yield from ("## How many days after the due day invoices were first charged, rounded", "")
    rows = [
        (str(days), f"{count:,}", f"{count / moved.total('invoices'):.1%}")
        for days, count in sorted(moved.moved_by.items())
    ]
    yield from _table(("days", "invoices", "share"), rows)
    one = moved.believed
    found_share = one.found / max(1, one.count)
    yield (
        f"Of those that were moved, the service believed the money to be there with a chance of {one.at_due:.1%} when "
        f"they were due and of {one.at_charge:.1%} when they were charged; it was there for {found_share:.1%}."
    )
    yield ""


def _costs(found: Sequence[Lived]) -> Iterator[str]:
    yield from ("## What it took", "", _TOOK, "")
    rows = [
        ("run time, minutes", *(f"{one.took_s / 60:.1f}" for one in found)),
        ("invoices a second, with everything that follows", *(f"{_rate(one):,.0f}" for one in found)),
        ("rows a subscription-year", *(f"{sum(one.kept.rows.values()) / _years(one):,.1f}" for one in found)),
        (
            "bytes a subscription-year, indexes too",
            *(f"{one.kept.bytes / _years(one):,.0f}" for one in found),
        ),
    ]
    names = sorted(found[0].kept.rows, key=lambda name: -found[0].kept.rows[name])
    for name in names:
        cells = [f"{one.kept.rows.get(name, 0) / _years(one):,.2f}" for one in found]
        if found[0].kept.rows[name] / _years(found[0]) >= _FEWEST:
            rows.append((f"&nbsp;&nbsp;of them in {name}", *cells))
    yield from _table(("", *(_TITLES[one.arm.name] for one in found)), rows)


def _rate(one: Lived) -> float:
    return one.total("invoices") / one.took_s


def _years(one: Lived) -> float:
    return one.span.subscriptions * one.span.months / 12


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"| --- |{' --: |' * (len(heads) - 1)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def picture(found: Sequence[Lived]) -> str:
    """First tries that failed, by what was the matter, as SVG."""
    resampled = Resampled(found[0].span.subscriptions, seed=found[0].span.seed)
    groups = {"all": "failed", "lack of money": "short", "dormant account": "dormant", "still unpaid": ""}
    series = []
    for one in found:
        values = [_point(_share(resampled, one, column)) for column in groups.values()]
        series.append(Bars(_TITLES[one.arm.name], _COLOURS[one.arm.name], values))
    return bars(
        "First tries that failed, by cause", list(groups), series, label="% of invoices, 95 % intervals"
    )


def _share(resampled: Resampled, one: Lived, column: str) -> Interval:
    top = one.of(column) if column else one.of("invoices") - one.of("paid")
    return resampled.ratio(top, one.of("invoices"), times=100.0)


def _point(one: Interval) -> Point:
    return Point(0.0, one.value, one.low, one.high)
