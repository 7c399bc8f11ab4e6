"""`recoup updater export`, `open` and `import`, as an operator runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.updater.test_batches import NEW, OLD, keys
from tests.vault.house import card, master_text

from recoup import updating
from recoup.app import Service
from recoup.beside import own_settings, with_service
from recoup.kit.ids import Kind, render
from recoup.updater.core.files import Format
from recoup.vault.wire import CardMethodData


def test_questions_leave_sealed_and_answers_are_taken(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    public, private = keys(tmp_path, "rsa")
    for name, value in {
        "DATABASE_URL": database_url,
        "DATA_DIR": str(tmp_path / "data"),
        "MASTER_KEY": master_text(7),
        "UPDATER_KEY_FILE": str(public),
        "SANDBOX": "false",
    }.items():
        monkeypatch.setenv(f"RECOUP_{name}", value)
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

    with_service(own_settings(), furnish)
    sealed, plain, answers = (tmp_path / name for name in ("q.jwe", "q.csv", "a.csv"))
    updating.export(sealed, merchant="Shop", format=Format.VISA_VAU)
    updating.open_(sealed, key=private, to=plain)
    assert OLD not in sealed.read_text() and plain.stat().st_mode & 0o077 == 0
    assert plain.read_text().startswith(f"{made[0]},{OLD},")
    with pytest.raises(SystemExit):
        updating.export(sealed, merchant="Shop", format=Format.VISA_VAU)
    batch = capsys.readouterr().out.split()[-1]
    answers.write_text(f"{made[0]},{OLD},{NEW},2612,3101,A\n{made[0]},{NEW},,2612,,V\n")
    updating.import_(answers, batch=batch, merchant="Shop")
    said = capsys.readouterr()
    assert said.out.endswith("1 cards changed; 1 of 1 are answered.\n")
    with pytest.raises(SystemExit):
        updating.import_(answers, batch=batch, merchant="Nobody")
    assert OLD not in said.out + said.err and NEW not in said.out + said.err
