"""The demo tells the truth: it succeeds on a sound server, and fails where one of its claims does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from io import StringIO

import aiohttp
import pytest
from aiohttp import web
from rich.console import Console

from recoup import cli
from recoup.demo.page import Page
from recoup.demo.running import tell, told_all
from recoup.demo.shop import Shop, Unexpected
from recoup.demo.telling import Chapter, Check, Say, Tellings, equal
from recoup.kit.secret import Secret
from recoup.sandboxed import Ready
from recoup.settings import SettingsError

NOWHERE = "http://127.0.0.1:9"


def page() -> tuple[Page, StringIO]:
    """A page that is written into text."""
    text = StringIO()
    return Page(Console(file=text, width=100)), text


async def command(*arguments: str) -> tuple[int, str]:
    """`recoup demo` in a process of its own: its exit code, and all that it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "recoup",
        "demo",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.slow
async def test_every_claim_holds_twice_in_a_row(serving: Ready) -> None:
    """The second run meets a merchant with history, and a clock that the first has moved."""
    assert serving.key is not None
    code, first = await command("--url", serving.base_url, "--key", serving.key.reveal())
    assert code == 0, first
    assert "✗" not in first and "double charges  0" in first

    told, text = page()
    async with aiohttp.ClientSession() as session:
        shop = Shop(session, base_url=serving.base_url, key=serving.key, run="again", silence_s=3)
        assert await tell(shop, told, base_url=serving.base_url), text.getvalue()
    assert not [number for number in ("4242424242424242", serving.key.reveal()) if number in text.getvalue()]


async def test_a_claim_that_fails_is_counted_shown_and_stops_nobody() -> None:
    async def wrong() -> Tellings:
        yield Say("A payment.")
        yield equal("it was captured", "declined", "captured")
        yield equal("it was charged once", 1, 1)

    async def broken() -> Tellings:
        yield Check("there is a server", holds=True)
        raise Unexpected("POST /v1/payments was refused with 500, internal: something broke")

    told, text = page()
    counted = await told_all([Chapter("Wrong", wrong), Chapter("Broken", broken)], told)
    assert counted == (2, 2)
    assert "✗ it was captured: expected captured, found declined" in text.getvalue()
    assert "✗ POST /v1/payments was refused with 500" in text.getvalue()


async def test_a_demo_whose_claims_fail_ends_with_1() -> None:
    code, said = await command("--url", NOWHERE, "--key", "sk_test_none")
    assert code == 1
    assert "Is the server running?" in " ".join(said.split())


@pytest.mark.parametrize(
    "arguments", [["--url", NOWHERE], ["--key", "sk_test_x"], ["--url", NOWHERE, "--key", "sk_live_x"]]
)
def test_the_demo_takes_a_test_key_and_an_address_or_neither(arguments: list[str]) -> None:
    """A live key would charge real cards."""
    with pytest.raises(SettingsError, match=r"sk_test_|--url and --key"):
        cli.app(["demo", *arguments], result_action="return_value")


async def test_a_server_that_answers_nonsense_is_named_not_believed(serving_nonsense: str) -> None:
    told, text = page()
    async with aiohttp.ClientSession() as session:
        shop = Shop(session, base_url=serving_nonsense, key=Secret("sk_test_x"), run="n", silence_s=1)
        assert not await tell(shop, told, base_url=serving_nonsense)
    assert "gave an answer that cannot be read" in " ".join(text.getvalue().split())


@pytest.fixture
async def serving_nonsense() -> AsyncIterator[str]:
    """A server that greets whoever asks for anything."""
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", _greeting)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def _greeting(_: web.Request) -> web.Response:
    return web.Response(text="hello")
