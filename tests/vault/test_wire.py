"""A request that brings a card shows it nowhere: not in a repr, a refusal, a traceback, or an answer."""

from __future__ import annotations

import io
import traceback
from typing import Any

import msgspec
import pytest
import rich.console
from tests.vault.house import NUMBER, House, card, card_json

from recoup.http.parsing import BodyParser
from recoup.kit.refusals import Refusal
from recoup.vault.api.methods import CreatePaymentMethod
from recoup.vault.wire import CardMethodData


def parse(body: Any) -> Any:
    return BodyParser(CreatePaymentMethod).parse(msgspec.json.encode(body))


def test_what_was_parsed_prints_stars() -> None:
    body = parse(card_json())
    page = io.StringIO()
    rich.console.Console(file=page, width=200).print(body)
    shown = f"{body!r} {body} {body.card!r} {page.getvalue()}"
    assert NUMBER not in shown
    assert "'123'" not in shown


def test_what_was_parsed_is_not_serialised_by_mistake() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(card())


@pytest.mark.parametrize(
    "body",
    [
        {"type": NUMBER},
        {"type": "card", "card": NUMBER},
        {"type": "card", "card": {"number": int(NUMBER), "exp_month": 12, "exp_year": 2030}},
        {"type": "card", "card": {"number": [NUMBER], "exp_month": 12, "exp_year": 2030}},
        card_json(exp_month=NUMBER),
        card_json(exp_month=int(NUMBER)),
        card_json(exp_year=int(NUMBER)),
        card_json(cvc=int(NUMBER)),
        card_json() | {"billing_details": {"name": [NUMBER]}},
        card_json() | {"billing_details": {"address": {"country": NUMBER}}},
        card_json() | {"metadata": NUMBER},
        card_json() | {"metadata": {NUMBER * 4: "x"}},
    ],
)
def test_a_number_in_the_wrong_place_is_not_repeated(body: Any) -> None:
    with pytest.raises(Refusal) as caught:
        parse(body)
    report = "".join(traceback.format_exception(caught.value))
    assert NUMBER not in f"{caught.value.message} {caught.value.param} {report}"


def test_an_encrypted_card_is_not_taken_yet() -> None:
    with pytest.raises(Refusal) as caught:
        parse({"type": "encrypted_card", "card": card_json()["card"]})
    assert (caught.value.code, caught.value.param) == ("not_a_choice", "type")
    assert "card" in caught.value.message


def test_the_type_is_said() -> None:
    with pytest.raises(Refusal) as caught:
        parse({"card": card_json()["card"]})
    assert (caught.value.code, caught.value.param) == ("missing_field", "type")


@pytest.mark.parametrize("number", ["4242424242424241", "424242424242424", "x"])
async def test_a_refusal_of_the_vault_has_no_number_in_any_variable_of_ours(
    house: House, number: str
) -> None:
    pair = await house.merchant()
    data: CardMethodData = card(number)
    with pytest.raises(Refusal) as caught:
        await house.vault.seal_card(pair.test, data, now=house.clock.now())
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    own = [frame.locals for frame in report.stack if "src/recoup" in frame.filename]
    assert own
    assert f"'{number}'" not in f"{caught.value} {own}"
