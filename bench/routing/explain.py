"""What explaining a route costs: ten accounts, a learned policy, 500 requests a second at one process.

python -m bench.routing.explain
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.whole.served import Client, Served, client_of, serving

ACCOUNTS: Final = 10
PAYMENTS_BEFORE: Final = 60
SETTLED_AFTER_S: Final = 20.0
"""How long a change of accounts makes every request read them anew, and what was paid takes to be learned."""
WARM_S: Final = 3.0
POLICY: Final = {"rules": [{"name": "whoever approves", "then": {"learned": True}}]}


async def prepared(served: Served) -> None:
    """Ten accounts, a policy that ranks by what was learned, and some payments to learn from."""
    async with client_of(served) as shop:
        there = len((await shop.get("/v1/processor_accounts"))["data"])
        for number in range(there, ACCOUNTS):
            account = {"connector": "bravo", "label": f"account {number}", "credentials": {"api_key": "any"}}
            await shop.post("/v1/processor_accounts", account | {"acquirer": f"Bank {number}"})
        await shop.post("/v1/routing/policy", {"policy": POLICY})
        for _ in range(PAYMENTS_BEFORE):
            await _pay(shop)
        await asyncio.sleep(SETTLED_AFTER_S)


async def _pay(shop: Client) -> None:
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
    method = {"type": "card", "card": card}
    await shop.post("/v1/payments", {"amount": 4999, "currency": "USD", "payment_method_data": method})


def measured(served: Served, *, rate: float, seconds: float) -> dict[str, Any]:
    """Ask at a steady rate from a process of its own, with the CPU that the service used meanwhile."""
    port = served.base_url.rsplit(":", 1)[1]
    command = [
        sys.executable,
        "-m",
        "bench.load",
        port,
        served.key,
        "open",
        str(rate),
        str(seconds),
        "explain",
    ]
    before = _cpu_s(served.pid)
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    used = _cpu_s(served.pid) - before
    seen: dict[str, Any] = json.loads(said)
    return seen | {"cpu_us": used * 1e6 / seen["payments"]}


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as served:
        asyncio.run(prepared(served))
        measured(served, rate=given.rate / 2, seconds=WARM_S)
        seen = measured(served, rate=given.rate, seconds=given.seconds)
    print(f"{seen['payments']} explained at {given.rate:g} a second, {seen['failures']} failed")
    print(f"p50 {seen['p50_ms']:.2f} ms, p95 {seen['p95_ms']:.2f} ms, p99 {seen['p99_ms']:.2f} ms")
    print(f"{seen['cpu_us']:.0f} us of the service's CPU each")


if __name__ == "__main__":
    main()
