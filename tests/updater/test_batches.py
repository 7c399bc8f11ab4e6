"""Batches: what leaves is sealed and complete, what comes back counts once, and no card number is anywhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.payments.house import House
from tests.vault.house import dump

from recoup.db import Database
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.merchants.core import KeyKind, Merchant
from recoup.settings import Settings
from recoup.updater.flow import KeyUnusable, Recipient, opened

OLD: Final = "4242424242424242"
NEW: Final = "4000056655665556"
PATH: Final = "/v1/updater/batches"


def keys(folder: Path, kind: str) -> tuple[Path, Path]:
    """A public and a private key in PEM."""
    key: Any = (
        ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    )
    public, private = folder / "public.pem", folder / "private.pem"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return public, private


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_only_the_private_key_opens_what_was_sealed(tmp_path: Path, kind: str) -> None:
    public, private = keys(tmp_path, kind)
    text = Secret(f"ref,{OLD},2701\r\n" * 2000)
    sealed = Recipient(public).sealed(text)
    assert OLD not in sealed and opened(sealed, private) == text
    with pytest.raises(KeyUnusable, match="private key"):
        Recipient(private)
    with pytest.raises(KeyUnusable, match="no RSA or EC key"):
        Recipient(Path(__file__))
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(KeyUnusable, match="does not open"):
        opened(sealed, keys(other, kind)[1])


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    public, _ = keys(tmp_path, "ec")
    house = House(database, settings=Settings(updater_key_file=public))
    yield house
    await house.close()


class Shop:
    """A merchant's own calls."""

    def __init__(self, house: House, key: str) -> None:
        self.house, self.key = house, key

    @classmethod
    async def of(cls, house: House, merchant: Merchant) -> Shop:
        _, key = await house.merchants.create_key(merchant, KeyKind.SECRET, now=house.now)
        return cls(house, key.text.reveal())

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = await self.house.call(method, path, body, key=self.key)
        assert answer.status == status, answer.json
        return answer.json

    async def card(self, number: str = OLD, year: int = 2026) -> str:
        """A customer's card, which expires soon."""
        customer = await self.call("POST", "/v1/customers", {"name": "Ann"}, status=201)
        given = {"number": number, "exp_month": 12, "exp_year": year}
        body = {"type": "card", "card": given, "customer": customer["id"]}
        return str((await self.call("POST", "/v1/payment_methods", body, status=201))["id"])

    async def take(self, batch: str, *lines: str) -> Any:
        return await self.call("POST", f"{PATH}/{batch}/answers", {"file": "\r\n".join(lines)})


async def test_a_card_that_expires_soon_is_asked_about_and_renewed_by_the_answer(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merchant = await house.merchant()
    shop, stranger = await Shop.of(house, merchant), await Shop.of(house, await house.merchant())
    method, fine = await shop.card(), await shop.card("5555555555554444", 2031)
    made = await shop.call("POST", PATH, {"format": "visa_vau"}, status=201)
    text = opened(made["file"], tmp_path / "private.pem").reveal()
    assert text == f"{method},{OLD},2612\r\n" and fine not in text
    assert (await shop.call("POST", PATH, {"format": "visa_vau"}, status=409))["error"][
        "code"
    ] == "nothing_to_ask"

    good = f"{method},{OLD},{NEW},2612,3101,A"
    await stranger.call("POST", f"{PATH}/{made['id']}/answers", {"file": good}, status=404)
    wrong = [f"{method},{NEW},{NEW},2612,3101,A", f"{fine},{OLD},{NEW},2612,3101,A", f"pm_x,{OLD},,2612,,V"]
    taken = await shop.take(made["id"], *wrong)
    assert (taken["changed"], [one["line"] for one in taken["left_out"]]) == (0, [1, 2, 3])
    broken = {"file": f"{good}\r\n{method},{OLD}"}
    refused = await shop.call("POST", f"{PATH}/{made['id']}/answers", broken, status=400)
    assert refused["error"]["code"] == "unreadable_answers" and OLD not in str(refused)
    taken = await shop.take(made["id"], good)
    assert (taken["changed"], taken["batch"]["answered"], taken["left_out"]) == (1, 1, [])
    assert (await shop.take(made["id"], good))["changed"] == 0, "once"
    known = await shop.call("GET", f"/v1/payment_methods/{method}")
    assert (known["card"]["last4"], known["card"]["exp_year"], known["card"]["brand"]) == (
        "5556",
        2031,
        "visa",
    )
    everything = await dump(house.database) + capsys.readouterr().out
    assert OLD not in everything and NEW not in everything, "card numbers are in the sealed file alone"


async def test_who_is_asked_for_is_asked_once_and_again_when_nothing_came(house: House) -> None:
    """In live mode a card waits for the next batch; five days without an answer and it may be asked about anew."""
    merchant = await house.merchant()
    shop = await Shop.of(house, merchant)
    method = await shop.card(year=2031)
    waiting = await shop.call("POST", f"/v1/payment_methods/{method}/inquire")
    assert (waiting["reason"], waiting["asked_at"], waiting["answer"]) == ("requested", None, None)
    made = await shop.call("POST", PATH, {"format": "cybersource", "requester": "shop"}, status=201)
    assert made["cards"] == 1
    again = await shop.call("POST", f"/v1/payment_methods/{method}/inquire")
    assert again["batch"] == made["id"], "the question is under way"
    house.clock.advance(timedelta(days=6))
    anew = await shop.call("POST", f"/v1/payment_methods/{method}/inquire")
    assert anew["batch"] is None
    token_only = {"format": "mastercard_abu"}
    assert (await shop.call("POST", PATH, token_only, status=409))["error"]["code"] == "nothing_to_ask"


async def test_without_a_key_of_the_operator_no_file_leaves(database: Database) -> None:
    house = House(database)
    shop = await Shop.of(house, await house.merchant())
    refused = await shop.call("POST", PATH, {"format": "visa_vau"}, status=409)
    assert refused["error"]["code"] == "updater_key_missing"
    await house.close()


async def test_an_answer_about_a_card_that_changed_since_changes_nothing(house: House) -> None:
    merchant = await house.merchant()
    shop = await Shop.of(house, merchant)
    method = await shop.card()
    first = await shop.call("POST", PATH, {"format": "visa_vau"}, status=201)
    good = f"{method},{OLD},{NEW},2612,3101,A"
    assert (await shop.take(first["id"], good))["changed"] == 1
    house.clock.advance(timedelta(days=8))
    await shop.call("POST", f"/v1/payment_methods/{method}/inquire")
    second = await shop.call("POST", PATH, {"format": "visa_vau"}, status=201)
    stale = await shop.take(second["id"], good)
    assert (stale["changed"], stale["left_out"][0]["why"]) == (
        0,
        "The old number is not the one that was asked about.",
    )
    closed = await shop.take(second["id"], f"{method},{NEW},,3101,,C")
    assert closed["changed"] == 1
    with pytest.raises(Refusal, match="closed"):
        await house.methods.usable(merchant.id, (await house.methods.list(merchant.id, limit=1))[0].id)
    assert msgspec.json.encode(closed)
