"""`recoup import subscriptions`, as somebody who moves from Stripe runs it: a look, a table, taken in, and again."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from tests.billing.exports import customer, method, subscription
from tests.vault.house import master_text

from recoup.app import Service
from recoup.beside import with_service
from recoup.kit.clock import SystemClock
from recoup.kit.ids import Kind, render
from recoup.kit.secret import Secret
from recoup.merchants.flow import NewAccount
from recoup.settings import load


def exported(folder: Path) -> list[Path]:
    """Two subscriptions, of which one is metered, and what they name in files of their own."""
    ends = int((SystemClock().now() + timedelta(days=20)).timestamp())
    times = {
        "current_period_start": ends - 30 * 86_400,
        "current_period_end": ends,
        "billing_cycle_anchor": ends,
    }
    plain, metered = subscription(**times), subscription(**times, id="sub_metered")
    metered["items"]["data"][0]["price"]["recurring"]["usage_type"] = "metered"
    product = {"id": "prod_example1", "object": "product", "name": "Pro"}
    page = {"object": "list", "data": [plain, metered], "has_more": False}
    texts = {
        "customers.json": json.dumps({"object": "list", "data": [customer()]}, indent=2),
        "others.json": f"{json.dumps(method())}\n{json.dumps(product)}\n",
        "subscriptions.json": json.dumps(page, indent=2),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def test_a_stripe_export_is_looked_at_made_a_table_and_taken_in_once(
    tmp_path: Path, database_url: str
) -> None:
    settings = {
        "RECOUP_DATABASE_URL": database_url,
        "RECOUP_DATA_DIR": str(tmp_path / "data"),
        "RECOUP_MASTER_KEY": master_text(7),
        "RECOUP_SANDBOX": "false",
    }
    made: list[str] = []

    async def furnish(service: Service) -> None:
        now = service.around.clock.now()
        shop = (await service.merchants.create("Shop", now=now)).test
        credentials = {name: Secret("sk_test_x") for name in service.around.connectors["stripe"].credentials}
        async with service.database.transaction() as connection:
            new = NewAccount("stripe", "Stripe", credentials)
            account = await service.accounts.create(connection, shop, new, now=now)
        made.append(render(Kind.PROCESSOR_ACCOUNT, account.id))

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "recoup", "import", "subscriptions", *map(str, words)]
        return subprocess.run(
            command, env=os.environ | settings, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    with_service(load(settings), furnish)
    files, table = exported(tmp_path), tmp_path / "lines.csv"
    stripe = ("--from", "stripe", *files, "--account", made[0])
    looked = run(*stripe, "--dry-run")
    assert looked.returncode == 0, looked.stderr
    first, second, counted, *_ = looked.stdout.splitlines()
    assert first.split("\t")[1:3] == ["sub_example1", "created"] and "19.99 EUR" in first
    assert second.split("\t")[1:3] == ["sub_metered", "refused"] and "usage_type" in second
    assert counted == "2 lines: 1 created, 0 updated, 0 ended, 0 skipped, 1 refused"
    assert "19.99 EUR (1)" in looked.stdout
    written = run(*stripe, "--as-csv", table)
    assert written.returncode == 0 and table.stat().st_mode & 0o077 == 0, written.stderr
    (row,) = csv.DictReader(table.open(encoding="utf-8", newline=""))
    assert (row["token"], row["amount"], row["plan"]) == ("pm_example1", "1999", "Pro")
    taken = run(*stripe, "--skip-refused")
    assert taken.returncode == 0 and "1 created" in taken.stdout, taken.stderr
    with table.open("a", encoding="utf-8") as opened:
        opened.write("too,few\n")
    guessed = run(table, "--account", made[0], "--time-zone", "UTC", "--skip-refused")
    assert guessed.returncode == 1 and "--source stripe" in guessed.stderr, "it would be billed twice"
    stopped = run(table, "--source", "stripe", "--account", made[0], "--time-zone", "UTC")
    assert stopped.returncode == 1 and "Nothing was taken in: mend 1 lines" in stopped.stderr
    assert "1 skipped, 1 refused" in stopped.stdout, "a table made of Stripe's objects says the same as they"
