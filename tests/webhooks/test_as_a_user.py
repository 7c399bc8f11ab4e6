"""Webhooks as a merchant meets them: a real server, a real consumer, the commands, and the code in the docs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from standardwebhooks.webhooks import Webhook
from tests.webhooks.receiver import Receiver, Says
from tests.whole.served import Client, Served, client_of, free_port, payment_of, serving

from recoup.calling import calling
from recoup.settings import load
from recoup.triggering import TRIGGERS, trigger

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "how-to" / "receive-webhooks.md"
TUTORIAL: Final = ROOT / "docs" / "tutorial" / "first-payment.md"
NPM: Final = Path(__file__).parent / "verify_npm"
PATIENCE_S: Final = 60.0
BY_COMMAND: Final = ("payment.captured", "dispute.opened")
"""What is triggered as a user types it; the others by what the command calls: a process takes seconds to start."""
POLL_S: Final = 0.05


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("webhooks") / "data"
    with serving(folder, RECOUP_DATABASE_URL=database_url, RECOUP_WORKER_POLL_S="0.05") as served:
        yield served


@pytest.fixture
async def shop(served: Served) -> AsyncIterator[Client]:
    async with client_of(served) as client:
        yield client


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def until(found: Any, *, within_s: float = PATIENCE_S) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within_s):
        while not found():  # noqa: ASYNC110 - another process makes it so
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def program(
    *command: str, environment: Mapping[str, str], cwd: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """A program that runs until the block ends, and the lines that it has printed."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RECOUP_")}
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**own, **environment},
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    lines: list[str] = []

    async def read() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            lines.append(line.decode().rstrip())  # noqa: PERF401 - each is looked at as it comes

    reading = asyncio.create_task(read())
    try:
        yield process, lines
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reading


async def test_signatures_are_taken_by_the_specification_s_own_libraries(
    shop: Client, receiver: Receiver, tmp_path: Path
) -> None:
    """The one from PyPI, and, where Node.js is, the one from npm; also while a secret is rotated."""
    made = await shop.post("/v1/webhook_endpoints", {"url": receiver.url(), "events": ["payment.*"]})
    path = f"/v1/webhook_endpoints/{made['id']}"
    rotated = await shop.post(f"{path}/rotate_secret", {"overlap_s": 600})
    assert made["secret"] != rotated["secret"]
    await shop.post("/v1/payments", payment_of(900))
    await until(lambda: len(receiver.got) >= 2)
    for got in receiver.got:
        for secret in (made["secret"], rotated["secret"]):
            assert Webhook(secret).verify(got.body, dict(got.headers)) == got.json
    if (npm := shutil.which("npm")) is not None:
        shutil.copytree(NPM, tmp_path / "npm")
        install_from_npm(npm, tmp_path / "npm")
        got = receiver.got[0]
        asked = {"secret": rotated["secret"], "headers": dict(got.headers), "body": got.body.decode()}
        assert verified_by_npm(tmp_path / "npm", asked) == f"good {got.json['type']}"
        forged = asked | {"body": got.body.decode().replace("900", "901")}
        assert verified_by_npm(tmp_path / "npm", forged).startswith("bad ")
    await shop.send("DELETE", path)


def install_from_npm(npm: str, folder: Path) -> None:
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)


def verified_by_npm(folder: Path, asked: Mapping[str, Any]) -> str:
    lowered = {name.lower(): value for name, value in asked["headers"].items()}
    done = subprocess.run(
        ["node", "verify.js"],
        cwd=folder,
        input=json.dumps({**asked, "headers": lowered}),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


async def test_a_secret_is_shown_once(shop: Client) -> None:
    """Not again, not in a replayed answer, not in an event, not in what is kept."""
    body = {"url": "http://127.0.0.1:9/hook", "events": ["refund.failed"], "enabled": False}
    first = await shop.send("POST", "/v1/webhook_endpoints", body, once="endpoint")
    secret = first.json["secret"]
    again = await shop.send("POST", "/v1/webhook_endpoints", body, once="endpoint")
    assert (again.status, again.replayed) == (201, True)
    assert again.json == first.json | {"secret": None}
    path = f"/v1/webhook_endpoints/{first.json['id']}"
    rotated = await shop.send("POST", f"{path}/rotate_secret", {}, once="rotation")
    again = await shop.send("POST", f"{path}/rotate_secret", {}, once="rotation")
    assert (again.replayed, again.json["secret"]) == (True, None)
    seen = json.dumps([await shop.get(path), await shop.events(), await shop.every("/v1/webhook_endpoints")])
    assert secret not in seen
    assert rotated.json["secret"] not in seen
    assert len((await shop.get(path))["secrets"]) == 2


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"url": "ftp://shop.example/hook"}, "invalid_url", "url"),
        ({"url": "http://user:word@shop.example/hook"}, "invalid_url", "url"),
        ({"url": "http://10.0.0.1/hook"}, "url_forbidden", "url"),
        ({"url": "http://127.1/hook"}, "invalid_url", "url"),
        ({"url": "http://169.254.169.254/latest"}, "url_forbidden", "url"),
        ({"url": "https://shop.example/", "events": ["payment.cpatured"]}, "event_type_unknown", "events[0]"),
        ({"url": "https://shop.example/", "events": ["*", "nobody.*"]}, "event_type_unknown", "events[1]"),
    ],
)
async def test_an_endpoint_that_could_not_work_is_refused(
    shop: Client, body: Mapping[str, Any], code: str, param: str
) -> None:
    answered = await shop.send("POST", "/v1/webhook_endpoints", body)
    assert (answered.status, answered.code, answered.json["error"]["param"]) == (400, code, param)


async def test_a_replay_and_a_delivery_over_the_api(shop: Client, receiver: Receiver) -> None:
    made = await shop.post("/v1/webhook_endpoints", {"url": receiver.url(), "events": ["refund.failed"]})
    path = f"/v1/webhook_endpoints/{made['id']}"
    ping = await shop.post(f"{path}/test", {})
    await until(lambda: len(receiver.got) == 1)
    assert receiver.got[0].json == ping
    listed = await shop.get(f"{path}/deliveries")
    deadline = time.monotonic() + PATIENCE_S
    while listed["data"][0]["status"] != "delivered" and time.monotonic() < deadline:
        listed = await shop.get(f"{path}/deliveries?limit=1")
    one = await shop.get(f"/v1/webhook_deliveries/{listed['data'][0]['id']}")
    assert (one["status"], one["attempts"][0]["http_status"], one["attempts"][0]["reply"]) == (
        "delivered",
        200,
        "ok",
    )
    replayed = await shop.post(f"{path}/deliveries/{one['id']}/replay", {})
    assert replayed["status"] == "pending"
    await until(lambda: len(receiver.got) == 2)
    assert receiver.got[0].body == receiver.got[1].body
    failed = await shop.post(f"{path}/replay", {"failed": True})
    assert (failed["replayed"], failed["has_more"]) == (0, False)
    assert (
        await shop.send("POST", f"{path}/replay", {"failed": True, "to_sequence": 3})
    ).code == "replay_what"
    await shop.send("DELETE", path)
    assert (await shop.send("POST", f"{path}/test", {})).code == "webhook_endpoint_deleted"


async def test_what_is_triggered_is_listened_to(
    served: Served, shop: Client, receiver: Receiver, tmp_path: Path
) -> None:
    """Every trigger makes its event, and each is forwarded, signed with the secret that was printed."""
    there = {"RECOUP_DATA_DIR": str(served.folder), "RECOUP_PORT": served.base_url.rpartition(":")[2]}
    command = (sys.executable, "-m", "recoup")
    listening = (*command, "listen", "--forward", receiver.url("hook"))
    async with program(*listening, environment=there, cwd=tmp_path) as (_, told):
        await until(lambda: any("Signing secret" in line for line in told))
        secret = next(word for line in told for word in line.split() if word.startswith("whsec_"))
        for kind in BY_COMMAND:
            async with program(*command, "trigger", kind, environment=there, cwd=tmp_path) as (made, said):
                assert await made.wait() == 0, said
            assert said[0].startswith(f"{kind} evt_")
        async with calling(load({}), url=served.base_url, key=served.key) as api:
            for kind in TRIGGERS.keys() - set(BY_COMMAND):
                assert (await trigger(api, kind)).type == kind
        await until(lambda: {got.json["type"] for got in receiver.got} >= set(TRIGGERS))
        for got in receiver.got:
            Webhook(secret).verify(got.body, dict(got.headers))
        assert any(re.search(r"payment.captured evt_\w+ -> HTTP 200 \(\d+ ms\)", line) for line in told)
    async with program(*command, "trigger", "moon.landed", environment=there, cwd=tmp_path) as (made, said):
        assert await made.wait() == 1
    assert "payment.captured" in "\n".join(said)


@pytest.mark.slow
async def test_the_consumer_of_the_page_misses_nothing(served: Served, shop: Client, tmp_path: Path) -> None:
    """Down while things happen, with filters in between, it ends with every event there is, once."""
    text = PAGE.read_text(encoding="utf-8")
    [code] = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "consumer.py").write_text(code)
    port = str(free_port())
    made = await shop.post("/v1/webhook_endpoints", {"url": f"http://127.0.0.1:{port}/hook"})
    environment = {
        "URL": served.base_url,
        "KEY": served.key,
        "WEBHOOK_SECRET": made["secret"],
        "PORT": port,
    }
    command = (sys.executable, "consumer.py")
    await shop.post("/v1/payments", payment_of(1))
    for number in range(2):
        async with program(*command, environment=environment, cwd=tmp_path) as (_, lines):
            await until(lambda lines=lines: any(line.startswith("complete") for line in lines))
            await shop.post("/v1/payments", payment_of(10 + number))
            last = (await shop.events())[-1]["sequence"]
            await until(lambda lines=lines, last=last: any(line.startswith(f"{last} ") for line in lines))
        await shop.post("/v1/payments", payment_of(20 + number))
    async with program(*command, environment=environment, cwd=tmp_path) as (_, lines):
        last = (await shop.events())[-1]["sequence"]
        await until(lambda: f"complete up to {last} of {last}" in lines)
    await shop.send("DELETE", f"/v1/webhook_endpoints/{made['id']}")


async def test_the_commands_of_the_page_are_taken(served: Served) -> None:
    fenced = re.compile(r"^ *```bash\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
    helper = next(code for code in fenced.findall(TUTORIAL.read_text()) if "post()" in code)
    own = fenced.findall(PAGE.read_text())
    code = "\n".join([helper, *own])
    environment = {"URL": served.base_url, "KEY": served.key}
    async with program("bash", "-euo", "pipefail", "-c", code, environment=environment, cwd=ROOT) as (
        done,
        said,
    ):
        assert await done.wait() == 0, said
    answers = [json.loads(line) for line in said if line.startswith("{")]
    assert len(answers) == 7
    assert not [answer for answer in answers if "error" in answer]


async def test_a_slow_endpoint_does_not_hold_up_a_stop(tmp_path: Path, empty_database_url: str) -> None:
    """What is cut off leaves again after the next start, under the same id."""
    async with Receiver() as receiver:
        receiver.answer = lambda _: Says(after_s=30)
        with serving(tmp_path / "data", RECOUP_DATABASE_URL=empty_database_url) as served:
            async with client_of(served) as shop:
                await shop.post("/v1/webhook_endpoints", {"url": receiver.url(), "events": ["customer.*"]})
                await shop.post("/v1/customers", {"name": "Jenny"})
            await until(lambda: len(receiver.got) == 1)
            assert served.stop() == 0
