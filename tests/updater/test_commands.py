"""`recoup updater export`, `open` and `import`, as an operator runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.updater.test_batches import NEW, OLD, keys
from tests.vault.house import card, master_text

from recoup.app import Service
from recoup.beside import with_service
from recoup.kit.ids import Kind, render
from recoup.settings import load
from recoup.vault.wire import CardMethodData


def test_questions_leave_sealed_and_answers_are_taken(tmp_path: Path, database_url: str) -> None:
    public, private = keys(tmp_path, "rsa")
    settings = {
        "RECOUP_DATABASE_URL": database_url,
        "RECOUP_DATA_DIR": str(tmp_path / "data"),
        "RECOUP_MASTER_KEY": master_text(7),
        "RECOUP_UPDATER_KEY_FILE": str(public),
        "RECOUP_SANDBOX": "false",
    }
    made: list[str] = []

    async def furnish(service: Service) -> None:
        now = service.around.clock.now()
        shop = (await service.merchants.create("Shop", now=now)).live
        data: CardMethodData = card(exp_month=now.month, exp_year=now.year)
        async with service.database.transaction() as connection:
            method = await service.methods.create(
                connection, shop, data, customer_id=None, metadata={}, now=now
            )
        async with service.database.transaction() as connection:
            await service.updated.asking.request(connection, shop, method.id, now=now)
        made.append(render(Kind.PAYMENT_METHOD, method.id))

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "recoup", "updater", *map(str, words)]
        done = subprocess.run(
            command, env=os.environ | settings, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert OLD not in done.stdout + done.stderr and NEW not in done.stdout + done.stderr
        return done

    with_service(load(settings), furnish)
    sealed, plain, answers = (tmp_path / name for name in ("q.jwe", "q.csv", "a.csv"))
    exported = run("export", sealed, "--merchant", "Shop", "--format", "visa_vau")
    batch = exported.stdout.split()[-1]
    assert exported.returncode == 0 and batch.startswith("upb_"), exported.stderr
    assert run("open", sealed, "--key", private, "--to", plain).returncode == 0
    assert OLD not in sealed.read_text() and plain.stat().st_mode & 0o077 == 0
    assert plain.read_text().startswith(f"{made[0]},{OLD},")
    answers.write_text(f"{made[0]},{OLD},{NEW},2612,3101,A\n{made[0]},{NEW},,2612,,V\n")
    taken = run("import", answers, "--batch", batch, "--merchant", "Shop")
    assert taken.stdout.endswith("1 cards changed; 1 of 1 are answered.\n"), taken.stderr
    again = run("export", sealed, "--merchant", "Shop", "--format", "visa_vau")
    assert (again.returncode, again.stdout) == (1, "") and "is there already" in again.stderr
