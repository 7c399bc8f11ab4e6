"""A processor that tells: a connector that signs with one key, what it says as JSON, and how it is sent to our edge."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from tests.payments.bank import FakeConnector, capabilities, decline
from tests.payments.house import House
from tests.vault.house import Answer

from recoup.connectors.base import (
    Account,
    Authentic,
    Connector,
    CredentialNews,
    Delivery,
    DisputeNews,
    DisputeState,
    Forged,
    HttpRequest,
    Notice,
    Subject,
)
from recoup.connectors.base.webhooks import AskAgain, hmac_hex, same
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved, Done, Pending, Refused

SECRET: Final = b"whsec_telling"
ASKS: Final = "x-asks"
"""With this header the processor has to be asked whether it sent this."""


@dataclass
class Telling(FakeConnector):
    """A processor that tells what happens."""

    webhook_reply: str = "[heard]"

    def authenticate(
        self, account: Account, delivery: Delivery
    ) -> Generator[HttpRequest, Any, Authentic | Forged]:
        if ASKS in delivery.headers:
            yield HttpRequest(method="GET", url="http://processor.invalid/events")
        if not same(hmac_hex(SECRET, delivery.body), delivery.headers.get("x-signature", "")):
            return Forged("the signature is wrong")
        return Authentic(str(msgspec.json.decode(delivery.body)["id"]))

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        said = msgspec.json.decode(delivery.body)
        if said.get("breaks"):
            raise RuntimeError("a connector's bug")
        return tuple(_notice(said["id"], each) for each in said["notices"])


def _notice(id_: str, said: Mapping[str, Any]) -> Notice:
    word, reference = said["says"], said.get("reference", "ch-1")
    meaning: Any = {
        "approved": Approved(reference, captured=True),
        "declined": decline(),
        "pending": Pending(reference),
        "done": Done(reference),
        "refused": Refused("no", "It did not work."),
        "ask": AskAgain(),
        "dispute": DisputeNews("dp-1", DisputeState.OPENED),
        "dispute_won": DisputeNews("dp-1", DisputeState.WON),
        "dispute_lost": DisputeNews("dp-1", DisputeState.LOST),
        "card": CredentialNews(Secret("tok-1"), **said.get("card", {})),
        "nothing": None,
    }[word]
    minor = said.get("minor")
    return Notice(
        event_id=said.get("event", id_),
        about=Subject(said.get("about", "charge")),
        meaning=meaning,
        reference=reference,
        charge_reference=said.get("charge", reference),
        key=said.get("key"),
        amount=None if minor is None else Money(minor, "USD"),
        occurred_at=datetime.fromisoformat(said["at"]) if "at" in said else None,
    )


def telling(house: House, *names: str) -> None:
    """Let these processors tell; those made of nothing but a name that cannot be asked end with `_mute`."""
    known = cast(dict[str, Connector], house.around.connectors)
    for name in names:
        known[name] = cast(Connector, Telling(name, capabilities(lookup="_mute" not in name, withdraw=False)))


def saying(id_: str, *notices: Mapping[str, Any], **more: Any) -> bytes:
    """A body."""
    return msgspec.json.encode({"id": id_, "notices": list(notices)} | more)


def signed(body: bytes, **more: str) -> dict[str, str]:
    """The headers of a genuine delivery."""
    return {"x-signature": hmac_hex(SECRET, body)} | more


async def account_of(house: House, merchant: Merchant) -> UUID:
    """The merchant's first account."""
    return (await house.accounts.accounts_of(merchant.id))[0].id


async def send(
    house: House, account: UUID | str, body: bytes, headers: Mapping[str, str] | None = None
) -> Answer:
    """A processor's request to our edge, a moment after what was before; without headers signed as it should be."""
    house.clock.advance(timedelta(milliseconds=1))
    shown = account if isinstance(account, str) else render(Kind.PROCESSOR_ACCOUNT, account)
    house._edge = house._edge or house.edge(base_url="http://test")
    given = signed(body) if headers is None else headers
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/v1/inbound/{shown}",
        "raw_path": b"",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
    }
    parts = [{"type": "http.request", "body": body}]
    sent: list[Any] = []

    async def receive() -> Any:
        return parts.pop() if parts else await asyncio.Event().wait()

    async def answer(message: Any) -> None:
        sent.append(message)

    await house._edge(scope, receive, answer)
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], answered, sent[1]["body"])


async def rows(house: House, merchant: Merchant) -> Sequence[dict[str, Any]]:
    """The merchant's journal, oldest first."""
    return await house.database.fetch_all(
        "select * from inbound where merchant_id = %(merchant_id)s order by id", {"merchant_id": merchant.id}
    )


async def results(house: House, merchant: Merchant) -> list[str | None]:
    """What came of everything, oldest first."""
    return [row["result"] for row in await rows(house, merchant)]


async def cases(house: House, merchant: Merchant) -> list[tuple[str, str]]:
    """The merchant's audit cases: their kinds and what they are about."""
    found = await house.database.fetch_all(
        "select kind, subject from audit_cases where merchant_id = %(merchant_id)s order by id",
        {"merchant_id": merchant.id},
    )
    return [(row["kind"], row["subject"]) for row in found]
