"""After a varied run, no card number and no secret is anywhere but where it belongs: encrypted, or with the caller.

Read are every row of every table, the files of the database with all that was ever written to them, everything that
was logged at the most talkative level, every event, and every answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from tests.whole.served import (
    Answered,
    Client,
    Served,
    client_of,
    new_key,
    opened,
    run_apart,
    serving,
    world_key,
)

from recoup.app import Service
from recoup.db.embedded import conninfo_of_running
from recoup.merchants.core import KeyKind

CARDS: Final = {
    "approved": "4242424242424242",
    "mastercard": "5555555555554444",
    "amex": "378282246310005",
    "long": "6205500000000000004",
    "short": "36227206271667",
    "declined": "4000000000000002",
    "no funds": "4000000000009995",
    "lost": "4000000000009987",
    "wrong cvc": "4000000000000127",
    "authenticates": "4000002500003155",
    "no number": "4242424242424241",
    "in the wrong place": "4012888888881881",
    "cut short": "4111111111111111",
}
CREDENTIAL: Final = "hunter2-of-the-processor"
TOKEN: Final = "pm_token-that-only-its-processor-knows"
RETURNED: Final = "what-the-issuer-gave-the-customer"
WRONG: Final = CARDS["in the wrong place"]
CUT: Final = CARDS["cut short"]
CVC_VALUE: Final = re.compile(
    r"\"?\b(?:cvc|cvv|cvv2|security_code)\b[\"']?\s*[:=]\s*[\"']?\d{3,4}\b", re.IGNORECASE
)
GROUPED: Final = re.compile(r"(?<=\d)[ \-\u00a0](?=\d)")
HEX: Final = re.compile(r"\\x([0-9a-f]{6,})")
BY_DESIGN: Final = {"password", "master.key", "sandbox.json"}
"""Files that hold a secret for their owner's eyes alone; no card number, though."""
FAULTS: Final = ("timeout_after_success", "reset_before", "reset_after", "garbage", "half_reply", "outage")


@dataclass(slots=True)
class Told:
    """Everything that a client was answered."""

    answers: list[str] = field(default_factory=list)

    def note(self, answered: Answered) -> Answered:
        """Keep an answer, headers and all."""
        self.answers.append(f"{dict(answered.headers)} {answered.body.decode()}")
        return answered


@dataclass(frozen=True, slots=True)
class Run:
    """A server that has lived through the varied run, and what must be nowhere, by what it is."""

    served: Served
    told: Told
    secrets: Mapping[str, str] = field(repr=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder: Path = tmp_path_factory.mktemp("leaks") / "data"
    settings = {"RECOUP_LOG_LEVEL": "debug", "RECOUP_PROCESSOR_TIMEOUT_S": "1", "RECOUP_WORKER_POLL_S": "0.1"}
    with serving(folder, **settings) as served:
        told = Told()
        secrets = run_apart(lived(served, told))
        yield Run(served, told, secrets)


async def lived(served: Served, told: Told) -> dict[str, str]:
    """The varied run; gives what is secret."""
    async with client_of(served) as client:
        customer = told.note(await client.send("POST", "/v1/customers", {"name": "Ann"})).json["id"]
        await used(client, told, customer)
        await failed(client, told)
        await tokens(client, told, customer)
        await misused(client, told, customer)
        await garbled(client, told)
    conninfo = conninfo_of_running(served.folder)
    assert conninfo is not None, "it runs"
    async with opened(served, conninfo) as service:
        publishable = await new_key(service, served.key, live=False, kind=KeyKind.PUBLISHABLE)
        world = (await world_key(service, served.key)).reveal()
        remembered = await remembered_tokens(service, served.key)
    return {
        "processor's token": TOKEN,
        "what a customer brought back": RETURNED,
        **{f"remembered token {number}": token for number, token in enumerate(remembered)},
        "API key": served.key,
        "API key without its name": served.key[-40:],
        "publishable key": publishable,
        "world key": world,
        "credential": CREDENTIAL,
        "master key": (served.folder / "master.key").read_text().strip(),
        "database password": str(conninfo_to_dict(conninfo)["password"]),
    } | {f"card: {name}": number for name, number in CARDS.items()}


def card(number: str, **more: Any) -> dict[str, Any]:
    cvc = "8371" if len(number) == 15 else "837"
    return {"type": "card", "card": {"number": number, "exp_month": 11, "exp_year": 2031, "cvc": cvc, **more}}


def paying(number: str, **more: Any) -> dict[str, Any]:
    return {"amount": 2500, "currency": "USD", "payment_method_data": card(number)} | more


async def used(client: Client, told: Told, customer: str) -> None:
    """Every card pays, is stored, pays again by agreement; some are refunded, captured, authenticated."""
    for name, number in CARDS.items():
        paid = told.note(
            await client.send(
                "POST",
                "/v1/payments",
                paying(number, return_url="https://shop.example/after"),
                once=f"new {name}".replace(" ", "-"),
            )
        ).json
        stored = told.note(
            await client.send("POST", "/v1/payment_methods", {"customer": customer} | card(number))
        )
        if stored.status == 201:
            body = {
                "amount": 900,
                "currency": "USD",
                "initiator": "merchant",
                "payment_method": stored.json["id"],
            }
            told.note(await client.send("POST", "/v1/payments", body))
        if paid.get("status") == "captured":
            told.note(await client.send("POST", "/v1/refunds", {"payment": paid["id"], "amount": 100}))
        if paid.get("status") == "requires_action":
            await authenticated(client, paid["next_action"]["redirect_to_url"]["url"])
            back = {"return_parameters": {"redirectResult": RETURNED}}
            told.note(
                await client.send(
                    "POST", f"/v1/payments/{paid['id']}/confirm", back, once=f"back-{paid['id']}"
                )
            )
    body = {
        "connector": "bravo",
        "label": "mine",
        "credentials": {"api_key": CREDENTIAL},
        "base_url": "http://user:hunter2-of-the-processor@127.0.0.1:9",
    }
    told.note(await client.send("POST", "/v1/processor_accounts", body))
    account = told.note(await client.send("POST", "/v1/processor_accounts", {**body, "base_url": None})).json[
        "id"
    ]
    told.note(
        await client.send(
            "POST", "/v1/payments", paying(CARDS["approved"], routing={"processor_accounts": [account]})
        )
    )


async def tokens(client: Client, told: Told, customer: str) -> None:
    """Processors' tokens: brought by the merchant, given by processors, in good places and in wrong ones."""
    accounts = told.note(await client.send("GET", "/v1/processor_accounts")).json["data"]
    at = accounts[-1]["id"]
    data = {"type": "processor_token", "processor_account": at, "token": TOKEN, "processor_customer": "cus_1"}
    told.note(await client.send("POST", "/v1/payments", {**paying("0"), "payment_method_data": data}))
    stored = told.note(await client.send("POST", "/v1/payment_methods", data | {"customer": customer})).json
    path = f"/v1/payment_methods/{stored['id']}"
    again = {"processor_account": at, "token": TOKEN}
    told.note(await client.send("POST", f"{path}/processor_tokens", again, once="the-same-token"))
    told.note(await client.send("POST", f"{path}/verify", {"currency": "USD", "processor_account": at}))
    for wrong in (
        {"token": [TOKEN]},
        {"processor_account": TOKEN},
        {"card": {"brand": TOKEN}},
        {"type": TOKEN},
    ):
        told.note(await client.send("POST", "/v1/payment_methods", data | wrong))
    card_of_theirs = told.note(
        await client.send("POST", "/v1/payment_methods", {"customer": customer} | card(CARDS["approved"]))
    ).json["id"]
    for once in ("remembered", "charged"):
        body = {"amount": 900, "currency": "USD", "payment_method": card_of_theirs}
        told.note(await client.send("POST", "/v1/payments", body, once=once))
    told.note(
        await client.send(
            "POST", f"/v1/payment_methods/{card_of_theirs}/verify", {"currency": "EUR"}, once="v"
        )
    )


async def remembered_tokens(service: Service, key: str) -> list[str]:
    """What the simulated processors call the cards that they were asked to remember."""
    caller = await service.merchants.authenticate(key)
    assert caller is not None, "the sandbox merchant's key"
    methods = await service.methods.list(caller.merchant.id, limit=100)
    opened = [await service.tokens.open(caller.merchant.id, one) for one in methods]
    found = [one.value.reveal() for tokens in opened for one in tokens.values()]
    assert any(one.startswith("saved_") for one in found), "a processor remembered a card"
    return [one for one in found if one != TOKEN]


async def authenticated(client: Client, url: str) -> None:
    async with client.session.post(url, data={"result": "approve"}, allow_redirects=False) as response:
        await response.read()


async def failed(client: Client, told: Told) -> None:
    """Charges and questions that go wrong on their way."""
    for number, kind in enumerate(FAULTS):
        told.note(await client.send("POST", "/v1/test/faults", {"kind": kind, "on": "any", "times": 2}))
        body = paying(CARDS["mastercard"], merchant_reference=f"order-{number}")
        paid = told.note(await client.send("POST", "/v1/payments", body)).json
        told.note(await client.send("POST", f"/v1/payments/{paid['id']}/sync", {}))
        told.note(await client.send("GET", f"/v1/payments/{paid['id']}/timeline"))


async def misused(client: Client, told: Told, customer: str) -> None:
    """Requests with a card number where none belongs."""
    good = paying(CARDS["approved"])
    bodies = [
        good | {"amount": WRONG},
        good | {"amount": int(WRONG)},
        good | {"currency": WRONG},
        good | {"customer": WRONG},
        good | {"customer": f"cus_{WRONG}"},
        good | {"capture": WRONG},
        good | {WRONG: "1"},
        good | {"metadata": {"nested": {"number": WRONG}}},
        good | {"metadata": {WRONG * 3: "x"}},
        good | {"return_url": WRONG},
        good | {"routing": {"processor_accounts": [WRONG]}},
        good | {"payment_method_data": card(CARDS["approved"], exp_month=int(WRONG))},
        good | {"payment_method_data": card(CARDS["approved"], cvc=WRONG)},
        good | {"payment_method_data": card(CARDS["approved"], number_=WRONG)},
        good | {"payment_method_data": card(f"{WRONG}0000")},
        good | {"payment_method_data": card(f"{WRONG[:4]} {WRONG[4:8]} {WRONG[8:12]} {WRONG[12:]} x")},
        good | {"payment_method_data": {"type": WRONG}},
        good | {"payment_method_data": WRONG},
        {"amount": 1, "currency": "USD", "payment_method": WRONG},
    ]
    for body in bodies:
        answered = told.note(await client.send("POST", "/v1/payments", body))
        assert 400 <= answered.status < 500, (body, answered.body)
    spaced = f"{WRONG[:4]} {WRONG[4:8]} {WRONG[8:12]} {WRONG[12:]}"
    for path in (
        f"/v1/payments/{WRONG}",
        f"/v1/payments/pay_{WRONG}",
        f"/v1/payments?customer={WRONG}",
        f"/v1/payments?{WRONG}=1",
        f"/v1/events?type={WRONG}&limit={WRONG}",
        f"/v1/{WRONG}",
        f"/v1/test/world/cards/{WRONG}",
        f"/v1/declines/alpha/{WRONG}",
        f"/v1/customers/{spaced}",
    ):
        told.note(await client.send("GET", path))
    told.note(await client.send("POST", f"/v1/customers/{customer}", {"email": WRONG, "country": WRONG}))
    told.note(await client.send("POST", f"/v1/customers/{customer}", {"time_zone": WRONG}))


async def garbled(client: Client, told: Told) -> None:
    """Bodies that break off or are no JSON, and keys that are none."""
    whole = b'{"amount": 1, "payment_method_data": {"card": {"number": "%s", "cvc": "837"' % CUT.encode()
    for raw in (whole, whole[:-1], b'"%s"' % CUT.encode(), CUT.encode(), b"\xff" + whole, whole + b"}" * 9):
        told.note(await client.send("POST", "/v1/payments", raw=raw))
    told.note(await client.send("POST", "/v1/payments", raw=whole, headers={"Content-Type": f"text/{CUT}"}))
    told.note(await client.send("POST", "/v1/payments", raw=whole, headers={"Recoup-Version": CUT}))
    for authorization in (f"Bearer {client.key}x", f"Basic {client.key}", f"Bearer {CUT}", client.key):
        told.note(await client.send("GET", "/v1/payments", headers={"Authorization": authorization}))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(client.base_url().rpartition(":")[2]))
    writer.write(
        f"GET /v1/payments?number={CUT} HTTX/9.9\r\nAuthorization: Bearer {client.key}\r\n\r\n".encode()
    )
    await reader.read(4096)
    writer.close()


def leaks(text: str, secrets: Mapping[str, str]) -> set[str]:
    """What of the secrets stands in a text, also in groups of digits."""
    joined = GROUPED.sub("", text)
    found = {name for name, secret in secrets.items() if secret in text or secret in joined}
    return found | ({"a security code"} if CVC_VALUE.search(text) else set())


def unhexed(text: str) -> str:
    """The text, and behind it what its binary values say."""
    values = [bytes.fromhex(found[: len(found) // 2 * 2]).decode("latin-1") for found in HEX.findall(text)]
    return "\n".join([text, *values])


def rows(conninfo: str) -> Iterator[tuple[str, str]]:
    """Every row of every table as text, with the table's name."""
    with psycopg.connect(conninfo) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert len(tables) > 15
        for schema, table in tables:
            name = sql.Identifier(schema, table)
            for (row,) in connection.execute(sql.SQL("select t::text from {} t").format(name)):
                yield f"{schema}.{table}", unhexed(row)


def test_no_row_of_the_database(run: Run) -> None:
    """Not even the row that keeps an answer to be given again."""
    conninfo = conninfo_of_running(run.served.folder)
    assert conninfo is not None, "it runs"
    read = list(rows(conninfo))
    assert len(read) > 200
    assert not {(table, found) for table, row in read for found in leaks(row, run.secrets)}


def test_no_line_of_the_log(run: Run) -> None:
    """At debug, with every request, every call to a processor and every fault in it."""
    text = run.served.log.read_text()
    assert "processor_request" in text
    assert text.count("\n") > 100
    assert leaks(text, run.secrets) == set()


async def test_no_event(run: Run) -> None:
    """What a merchant's other systems will be told."""
    async with client_of(run.served) as client:
        events = await client.events()
    assert len(events) > 50
    assert not {(event["type"], found) for event in events for found in leaks(str(event), run.secrets)}


def test_no_answer(run: Run) -> None:
    """A refusal says what is wrong without saying it again."""
    assert len(run.told.answers) > 100
    assert not [(found, answer[:600]) for answer in run.told.answers for found in leaks(answer, run.secrets)]


async def test_no_list(run: Run) -> None:
    """Nor what is read back."""
    async with client_of(run.served) as client:
        for path in (
            "payments",
            "payment_methods",
            "customers",
            "processor_accounts",
            "refunds",
            "test/faults",
            "test/world/charges",
            "recoveries",
        ):
            assert (
                leaks(
                    str(
                        await client.get(f"/v1/{path}?limit=100" if path != "test/faults" else f"/v1/{path}")
                    ),
                    run.secrets,
                )
                == set()
            )


def test_no_file_of_the_database(run: Run) -> None:
    """Neither as it is now nor as it ever was: the write-ahead log keeps what has been deleted."""
    read = 0
    for path in (path for path in run.served.folder.rglob("*") if path.is_file()):
        held = path.read_bytes()
        read += len(held)
        known = {
            name: secret
            for name, secret in run.secrets.items()
            if name.startswith("card") or path.name not in BY_DESIGN
        }
        assert not [name for name, secret in known.items() if secret.encode() in held], path
    assert read > 10_000_000
