"""Every recorded webhook of every processor comes in over HTTP once, is read, and is refused when a byte is changed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

import pytest
from tests.connectors.cases import CASES
from tests.connectors.conformance import Case, Webhooks, drive
from tests.connectors.recorded import Recorded, recorded
from tests.payments.house import House
from tests.webhooks.telling import rows, send

from recoup.connectors.base import Connector, Delivery
from recoup.connectors.base.webhooks import hmac_bytes
from recoup.connectors.registry import CONNECTORS
from recoup.db import Database
from recoup.gateway.calls import Timed
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.merchants.flow import NewAccount

SIMULATED: Final = {"alpha", "bravo", "charlie"}
"""Whose key Recoup makes itself, whatever an account brings: they are heard in the tests of the sandbox."""
SIGNED: Final = {
    case.name: (case, case.webhooks, [one for one in recorded(case.name) if one.folder == "webhooks"])
    for case in CASES.values()
    if case.webhooks is not None and case.name not in SIMULATED
}
ASKED: Final = {"paypal"}
"""Whose signature is checked only after the processor was asked for its certificate."""
DONE: Final = {"foreign", "unused", "known", "unreadable", "applied", "contradiction"}
"""Applied is what is told of disputes, which are kept whoever made the payment; recorded at different times, two of one
name may end in two ways."""
LATE: Final = timedelta(minutes=5, seconds=1)

each = pytest.mark.parametrize("name", SIGNED)


class Certified:
    """A gateway that brings what the processor would answer."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._replies = webhooks.replies

    async def authenticate(
        self, connector: Any, account: Any, delivery: Delivery, *, account_id: UUID
    ) -> Timed[Any]:
        return Timed(drive(connector.authenticate(account, delivery), self._replies).meant, 1)


async def shop_at(database: Database, case: Case) -> tuple[House, Merchant, UUID]:
    """A merchant with an account at a real processor, as its case has it."""
    house = House(database)
    cast(dict[str, Connector], house.around.connectors).update(CONNECTORS)
    merchant = await house.merchant()
    new = NewAccount(case.name, label=case.name, credentials=case.account.credentials)
    async with house.database.transaction() as connection:
        account = await house.accounts.create(connection, merchant, new, now=house.now)
    house.accounts._remembered.forget(merchant.id)
    return house, merchant, account.id


def delivered(house: House, case: Case, account: UUID, body: bytes) -> Delivery:
    """A genuine delivery of now; Square signs the address too."""
    assert case.webhooks is not None
    delivery = case.webhooks.sign(case.account, body, house.now)
    if case.name == "square":
        url = f"http://test/v1/inbound/{render(Kind.PROCESSOR_ACCOUNT, account)}"
        key = case.account.credential("webhook_signature_key").encode()
        signature = b64encode(hmac_bytes(key, url.encode() + body)).decode()
        delivery = replace(delivery, headers={"x-square-hmacsha256-signature": signature})
    return delivery


async def sent(house: House, account: UUID, delivery: Delivery, body: bytes | None = None) -> int:
    """The status of the answer."""
    house._edge = house._edge or house.edge(base_url="http://test")
    given: Mapping[str, str] = delivery.headers
    return (await send(house, account, delivery.body if body is None else body, given)).status


def tampered(webhooks: Webhooks, body: bytes) -> bytes:
    """The body with something changed that the signature covers."""
    if webhooks.tampered is not None:
        return next(iter(webhooks.tampered(body)))
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


@each
async def test_what_processors_send_is_taken_and_read(name: str, database: Database) -> None:
    """Twice the same, too: it is one row, read once."""
    case, webhooks, every = SIGNED[name]
    house, merchant, account = await shop_at(database, case)
    house.inbound.reader._gateway = Certified(webhooks)  # type: ignore[assignment]
    for one in every:
        delivery = delivered(house, case, account, one.body)
        assert await sent(house, account, delivery) == 200, str(one)
        assert await sent(house, account, delivery) == 200, str(one)
        for row in await rows(house, merchant):
            assert await house.inbound.reader.read(merchant, row["id"], house.now) is None
        found = await rows(house, merchant)
        assert all(row["verified"] for row in found)
        first, *again = sorted((row["result"] for row in found), key="known".__eq__)
        assert first in DONE and again == (["known"] if name in ASKED else []), str(one)
        await emptied(house, merchant)
    await house.close()


async def emptied(house: House, merchant: Merchant) -> None:
    """The files of a processor share names of events: each is told by itself."""
    whose = {"merchant_id": merchant.id}
    await house.database.execute("delete from inbound where merchant_id = %(merchant_id)s", whose)


@each
async def test_a_byte_changed_or_an_old_time_is_refused(name: str, database: Database) -> None:
    """Where the processor is asked first, the journal forgets it once the processor has not vouched for it."""
    case, webhooks, every = SIGNED[name]
    house, merchant, account = await shop_at(database, case)
    house.inbound.reader._gateway = Certified(webhooks)  # type: ignore[assignment]
    ends = {200} if name in ASKED else {400}
    for one in every:
        delivery = delivered(house, case, account, one.body)
        assert await sent(house, account, delivery, tampered(webhooks, delivery.body)) in ends, str(one)
    await house.work()
    await an_old_one(house, case, account, every[0])
    assert await rows(house, merchant) == []
    await house.close()


async def an_old_one(house: House, case: Case, account: UUID, one: Recorded) -> None:
    """What was signed long ago is no news, where the signature tells when that was."""
    assert case.webhooks is not None
    delivery = delivered(house, case, account, one.body)
    if case.webhooks.stamped:
        house.clock.advance(LATE)
        assert await sent(house, account, delivery) == 400
