"""The outage drill of the real service: one of three processors dies under load and returns.

A server as `make run` starts it, three accounts at simulated processors, and payments over HTTP at a fixed rate. The
first account in order answers 503 to everything for a minute. What is drawn: approvals a second by processor.

    python -m bench.routing.sandbox_drill --rate 20 --out docs/images/outage-drill.svg
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.whole.served import Client, Served, client_of, serving

from bench.routing.intervals import Mean
from bench.routing.plots import Line, chart

WARM_S: Final = 30
OUTAGE_S: Final = 60
AFTER_S: Final = 60
BROKEN: Final = "alpha"
CARD: Final = {"number": "4000002760000016", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
POLICY: Final = {"rules": [{"name": "shared", "then": {"split": {"alpha": 40, "bravo": 35, "charlie": 25}}}]}
SMOOTHED_S: Final = 5


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment: when it was sent, in seconds since the start, who approved it, who was asked, how long it took."""

    sent_s: float
    account: str | None
    asked: tuple[str, ...]
    took_ms: float


@dataclass(frozen=True, slots=True)
class Drill:
    """All payments, and when the breaker opened and closed, in seconds since the start."""

    rate: float
    paid: Sequence[Paid]
    opened_s: float | None
    closed_s: float | None


async def drilled(served: Served, *, rate: float) -> Drill:
    """Run it."""
    async with client_of(served) as shop:
        labels = {one["id"]: one["label"] for one in (await shop.get("/v1/processor_accounts"))["data"]}
        await shop.post("/v1/routing/policy", {"policy": POLICY})
        await _pay(shop, labels, 0.0)
        began, began_at = time.monotonic(), datetime.now(UTC)
        sending = [
            asyncio.create_task(_broken(shop, began)),
            *[
                asyncio.create_task(_paid_at(shop, labels, began, number / rate))
                for number in range(round(rate * (WARM_S + OUTAGE_S + AFTER_S)))
            ],
        ]
        done = await asyncio.gather(*sending)
        events = await shop.every("/v1/events?type=processor.degraded")
        closed = await shop.every("/v1/events?type=processor.recovered")
        return Drill(
            rate,
            [one for one in done if one is not None],
            _first(events, began_at),
            _first(closed, began_at),
        )


async def _broken(shop: Client, began: float) -> None:
    await asyncio.sleep(max(0.0, began + WARM_S - time.monotonic()))
    until = datetime.now(UTC) + timedelta(seconds=OUTAGE_S)
    await shop.post("/v1/test/faults", {"kind": "outage", "processor": BROKEN, "until": until.isoformat()})


async def _paid_at(shop: Client, labels: Mapping[str, str], began: float, at_s: float) -> Paid:
    await asyncio.sleep(max(0.0, began + at_s - time.monotonic()))
    return await _pay(shop, labels, at_s)


async def _pay(shop: Client, labels: Mapping[str, str], at_s: float) -> Paid:
    began = time.monotonic()
    paid = await shop.post(
        "/v1/payments",
        {
            "amount": 1999,
            "currency": "EUR",
            "payment_method_data": {"type": "card", "card": CARD},
            "merchant_reference": f"drill-{at_s}",
        },
    )
    asked = tuple(labels[one["processor_account"]] for one in paid["attempts"])
    approved = paid["status"] == "captured"
    return Paid(at_s, asked[-1] if approved else None, asked, (time.monotonic() - began) * 1000)


def _first(events: Sequence[Mapping[str, Any]], began: datetime) -> float | None:
    moments = [datetime.fromisoformat(one["created_at"]) for one in events]
    return min(((moment - began).total_seconds() for moment in moments), default=None)


def told(drill: Drill) -> str:
    """What happened, in words."""
    end = WARM_S + OUTAGE_S
    during = [one for one in drill.paid if WARM_S <= one.sent_s < end]
    met = [one for one in during if BROKEN in one.asked]
    lost = [one for one in drill.paid if one.account is None]
    rows = [
        f"{len(drill.paid)} payments at {drill.rate:g} a second; {BROKEN} dead from {WARM_S} s to {end} s",
        f"breaker opened after {_since(drill.opened_s, WARM_S)}, closed after {_since(drill.closed_s, end)} of health",
        f"in the outage {len(during)} payments, of which {len(met)} asked {BROKEN} first (probes included)",
        f"payments that nobody approved: {len(lost)}",
    ]
    for name, low, high in (("before", 0, WARM_S), ("outage", WARM_S, end), ("after", end, end + AFTER_S)):
        part = [one for one in drill.paid if low <= one.sent_s < high]
        by = Counter(one.account for one in part)
        shares = ", ".join(f"{label} {count}" for label, count in sorted(by.items(), key=str))
        rows.append(f"{name}: {shares}; median {median(one.took_ms for one in part):.0f} ms")
    return "\n".join(rows)


def _since(moment: float | None, begin: float) -> str:
    return "never" if moment is None else f"{moment - begin:.1f} s"


def drawn(drill: Drill) -> str:
    """Approvals a second by processor, over some seconds each, as SVG."""
    lines = []
    for label in ("alpha", "bravo", "charlie"):
        counts = Counter(int(one.sent_s) // SMOOTHED_S for one in drill.paid if one.account == label)
        steps = range((WARM_S + OUTAGE_S + AFTER_S) // SMOOTHED_S)
        points = [
            (step * SMOOTHED_S + SMOOTHED_S / 2, Mean(counts[step] / SMOOTHED_S, 0.0)) for step in steps
        ]
        lines.append(Line(label, points))
    return chart(
        f"{BROKEN} is dead for a minute: approvals a second by processor",
        lines,
        labels=("seconds", "approvals a second"),
        shaded=(WARM_S, WARM_S + OUTAGE_S),
    )


def main() -> None:
    """Run the drill, print it, draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as served:
        drill = asyncio.run(drilled(served, rate=given.rate))
    print(told(drill))
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(drawn(drill))


if __name__ == "__main__":
    main()
