"""The acquirer link's case. Its processor's replies are messages, which the files hold by their fields."""

from __future__ import annotations

from typing import Final

from tests.connectors.conformance import recorded_case

from recoup.connectors.base import Account, LinkRequest
from recoup.connectors.base import iso8583 as wire
from recoup.connectors.iso8583 import CONNECTORS
from recoup.kit.secret import Secret

CREDENTIALS: Final = {
    "transport": "tcp",
    "host": "127.0.0.1",
    "port": "9",
    "acquirer_id": "412345",
    "terminal_id": "RECOUP01",
    "merchant_id": "RECOUPMERCHANT1",
    "merchant_category": "5732",
    "name_and_place": "ORMSBY ELECTRONICS       BERLIN       DE",
    "sign_on_key": "no-real-sign-on-key-0000",
}
ACCOUNT: Final = Account("tcp://127.0.0.1:9", {name: Secret(value) for name, value in CREDENTIALS.items()})
CHARGE_REFERENCE: Final = "0100-WXBYLHYRIXHJ-A1B2C3-4999"


def fields(request: LinkRequest) -> dict[str, str]:
    """What a message says."""
    said = wire.decode(request.body)
    assert said is not None
    return said


def moves_money(request: LinkRequest) -> bool:
    """An amount, in anything but a reversal advice: that only undoes."""
    return request.method != "0420" and fields(request)["4"] != "0" * 12


CASES: Final = (
    recorded_case(
        CONNECTORS[0],
        ACCOUNT,
        moves_money=moves_money,
        sent_amount=lambda request: fields(request)["4"],
        amounts=dict.fromkeys(("JPY", "EUR", "KWD"), "000000004990"),
        charge_reference=CHARGE_REFERENCE,
    ),
)
