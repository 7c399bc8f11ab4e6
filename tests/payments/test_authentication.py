"""A customer who authenticated elsewhere: the result goes with every attempt of its call, and is kept nowhere."""

from __future__ import annotations

from typing import Any, Final

import pytest
from tests.payments.bank import decline, no_funds
from tests.payments.house import House
from tests.payments.test_api import CARD, PAYMENT

from recoup.connectors.base import Authenticated, Authentication
from recoup.merchants.core import Merchant
from recoup.payments.core import Status

CRYPTOGRAM: Final = "M6+990I6FLD8Y6rZz9d5QbfrMNY="
RESULT: Final = {
    "version": "2.2.0",
    "status": "Y",
    "eci": "05",
    "cryptogram": CRYPTOGRAM,
    "ds_transaction_id": "f25084f0-5b16-4c0a-ae5d-b24808a95e4b",
}
AUTHENTICATED: Final = PAYMENT | {"three_d_secure": RESULT}
MASTERCARD: Final = {**CARD, "card": {**CARD["card"], "number": "5555555555554444"}}


def told(house: House) -> list[Authentication | None]:
    """What the processors were told of the customer's authentication, attempt by attempt."""
    return [charge.authentication for charge in house.bank.charges.values()]


async def everything_written(house: House) -> str:
    """Every row of every table."""
    tables = await house.database.fetch_all(
        """
        select table_schema || '.' || table_name as name from information_schema.tables
        where table_schema in ('public', 'sandbox') and table_type = 'BASE TABLE'
        """,
        {},
    )
    async with house.database.transaction() as connection:
        rows = [
            row["row"]
            for table in tables
            for row in await connection.fetch_all(f"select t::text as row from {table['name']} t", {})
        ]
    return "".join(rows)


async def test_it_goes_on_to_the_next_processor_and_is_kept_nowhere(
    house: House, merchant: Merchant, capsys: pytest.CaptureFixture[str]
) -> None:
    key = await house.key_of(merchant)
    house.bank.will("charge", decline())
    answer = await house.call("POST", "/v1/payments", AUTHENTICATED, key=key, once="once")
    assert (answer.status, answer.json["status"], len(answer.json["attempts"])) == (201, "captured", 2)
    first, second = told(house)
    assert first is not None
    assert first == second
    assert (first.status, first.eci, first.cryptogram.reveal()) == (Authenticated.FULLY, "05", CRYPTOGRAM)
    said = str(answer.json) + "".join(capsys.readouterr()) + repr(first)
    assert CRYPTOGRAM not in await everything_written(house) + said
    again = await house.call("POST", "/v1/payments", AUTHENTICATED, key=key, once="once")
    assert again.json == answer.json
    assert len(told(house)) == 2


async def test_another_try_needs_it_again(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    house.bank.will("charge", no_funds(), no_funds())
    made = await house.call("POST", "/v1/payments", AUTHENTICATED, key=key)
    path = f"/v1/payments/{made.json['id']}/confirm"
    await house.call("POST", path, {}, key=key)
    other = {"payment_method_data": MASTERCARD, "three_d_secure": RESULT | {"eci": "02"}}
    await house.call("POST", path, other, key=key)
    assert [None if one is None else one.eci for one in told(house)] == ["05", None, "02"]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"three_d_secure": RESULT | {"eci": "02"}}, ".eci", "invalid_eci"),
        ({"three_d_secure": RESULT | {"status": "A"}}, ".eci", "invalid_eci"),
        ({"payment_method_data": MASTERCARD}, ".eci", "invalid_eci"),
        ({"three_d_secure": RESULT | {"cryptogram": "AAAA"}}, ".cryptogram", "invalid_cryptogram"),
        (
            {"three_d_secure": RESULT | {"cryptogram": CRYPTOGRAM[:-1] + "!"}},
            ".cryptogram",
            "invalid_cryptogram",
        ),
        ({"initiator": "merchant"}, "", "authentication_without_customer"),
        ({"payment_method_data": None}, "", "payment_method_missing"),
    ],
)
async def test_what_no_network_would_take_is_refused_and_nothing_is_sent(
    house: House, merchant: Merchant, change: dict[str, Any], field: str, code: str
) -> None:
    key = await house.key_of(merchant)
    refused = await house.call("POST", "/v1/payments", AUTHENTICATED | change, key=key)
    assert (refused.status, refused.error["code"]) == (400, code)
    assert refused.error["param"] == f"three_d_secure{field}"
    assert not house.bank.asked
    assert CRYPTOGRAM not in str(refused.json)


@pytest.mark.parametrize(
    "wrong",
    [{"version": "1.0.2"}, {"status": "N"}, {"eci": "07"}, {"ds_transaction_id": "x"}, {"cryptogram": None}],
)
async def test_what_is_no_result_is_refused(house: House, merchant: Merchant, wrong: dict[str, Any]) -> None:
    body = PAYMENT | {"three_d_secure": RESULT | wrong}
    refused = await house.call("POST", "/v1/payments", body, key=await house.key_of(merchant))
    assert refused.status == 400
    assert refused.error["param"].startswith("three_d_secure")


async def test_a_mastercard_has_indicators_of_its_own(house: House, merchant: Merchant) -> None:
    body = PAYMENT | {"payment_method_data": MASTERCARD, "three_d_secure": RESULT | {"eci": "02"}}
    made = await house.call("POST", "/v1/payments", body, key=await house.key_of(merchant))
    assert made.json["status"] == Status.CAPTURED


async def test_a_processor_that_does_not_take_it_is_left_out(house: House) -> None:
    """It would ask the customer again, or decline; a payment without a result may go there."""
    merchant = await house.merchant("east", "north")
    key = await house.key_of(merchant)
    await house.call("POST", "/v1/payments", AUTHENTICATED, key=key)
    await house.call("POST", "/v1/payments", PAYMENT, key=key)
    assert [one.processor for one in house.bank.asked] == ["north", "east"]
