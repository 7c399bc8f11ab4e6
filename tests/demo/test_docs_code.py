"""The code in the README, the tutorial and the how-to pages does what they say."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from recoup.sandboxed import Ready

ROOT: Final = Path(__file__).parents[2]
BLOCK: Final = re.compile(r"^ *```(bash|python)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
TUTORIAL: Final = "docs/tutorial/first-payment.md"
SANDBOX: Final = "docs/how-to/test-with-the-sandbox.md"
TOKENS: Final = "docs/how-to/charge-without-card-numbers.md"
ACCOUNTS: Final = "docs/how-to/set-up-accounts-for-routing.md"
CHALLENGES: Final = "docs/how-to/authenticate-customers.md"
ROTATE: Final = "docs/how-to/rotate-keys.md"


def blocks(page: str, language: str) -> list[str]:
    """The page's code in one language, but for `make`, which others test."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [code for tag, code in BLOCK.findall(text) if tag == language]
    return [code for code in found if not code.startswith("make ")]


async def ran(*command: str, **variables: str) -> str:
    """What a command printed; it must succeed."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RECOUP_")}
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**own, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await process.communicate()
    assert process.returncode == 0, f"{errors.decode()}\n{said.decode()}"
    return said.decode()


def shell(server: Ready) -> Mapping[str, str]:
    """Where the code finds its server."""
    assert server.key is not None
    return {"URL": server.base_url, "KEY": server.key.reveal()}


async def test_the_curl_of_the_readme_charges_a_card(serving: Ready) -> None:
    [curl] = blocks("README.md", "bash")
    here = curl.replace("http://127.0.0.1:8080", serving.base_url)
    paid = json.loads(await ran("bash", "-euo", "pipefail", "-c", here, **shell(serving)))
    assert (paid["status"], len(paid["attempts"])) == ("captured", 1)


async def test_the_decline_of_the_readme_is_what_the_api_says(serving: Ready) -> None:
    [curl] = blocks("README.md", "bash")
    here = curl.replace("http://127.0.0.1:8080", serving.base_url).replace(
        "4242424242424242", "4000000000009995"
    )
    declined = json.loads(await ran("bash", "-euo", "pipefail", "-c", here, **shell(serving)))
    [shown] = re.findall(r"^```json\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert _without_nulls(declined["decline"]) == json.loads(shown)


def _without_nulls(found: Mapping[str, object]) -> dict[str, object]:
    return {
        name: _without_nulls(value) if isinstance(value, dict) else value
        for name, value in found.items()
        if value is not None
    }


@pytest.mark.slow
async def test_the_tutorial_ends_with_a_recovered_renewal(serving: Ready) -> None:
    code = "\n".join(blocks(TUTORIAL, "bash"))
    said = await ran("bash", "-euo", "pipefail", "-c", code, **shell(serving))
    answers = [json.loads(line) for line in said.splitlines() if line]
    refused = [answer["error"] for answer in answers if "error" in answer]
    assert not refused
    failed_over = [one for one in answers if one.get("status") == "captured" and len(one["attempts"]) == 2]
    assert [attempt["reason"] for attempt in failed_over[0]["attempts"]] == ["initial", "failover"]
    assert answers[-2]["status"] == "captured"
    assert [attempt["reason"] for attempt in answers[-2]["attempts"]] == ["initial", "recovery"]
    assert (answers[-1]["object"], answers[-1]["status"]) == ("recovery", "recovered")


async def test_the_sandbox_page_asks_for_what_there_is(serving: Ready) -> None:
    commands = next(code for code in blocks(TUTORIAL, "bash") if "post()" in code)
    code = "\n".join([commands, *blocks(SANDBOX, "bash")])
    said = await ran("bash", "-euo", "pipefail", "-c", code, **shell(serving))
    answers = [json.loads(line) for line in said.splitlines() if line]
    assert len(answers) > 8
    assert not [answer["error"] for answer in answers if "error" in answer]


async def test_tokens_are_charged_as_the_page_says(serving: Ready) -> None:
    commands = next(code for code in blocks(TUTORIAL, "bash") if "post()" in code)
    code = "\n".join([commands, *blocks(TOKENS, "bash")])
    said = await ran("bash", "-euo", "pipefail", "-c", code, **shell(serving))
    answers = [json.loads(line) for line in said.splitlines() if line]
    assert not [answer["error"] for answer in answers if "error" in answer]
    method, by_customer, by_merchant, verified, both = answers
    assert (method["type"], len(both["processor_tokens"])) == ("processor_token", 2)
    assert [by_customer["status"], by_merchant["status"]] == ["captured", "captured"]
    assert verified["status"] == "verified"


async def test_accounts_are_set_up_for_routing_as_the_page_says(serving: Ready) -> None:
    commands = next(code for code in blocks(TUTORIAL, "bash") if "post()" in code)
    code = "\n".join([commands, *blocks(ACCOUNTS, "bash")])
    said = await ran("bash", "-euo", "pipefail", "-c", code, **shell(serving))
    lines = [line for line in said.splitlines() if line]
    taken = [line for line in lines if not line.startswith("{")]
    answers = [json.loads(line) for line in lines if line.startswith("{")]
    assert not [answer["error"] for answer in answers if "error" in answer]
    alpha, bravo, blended, plus_plus, drained, payment, back = answers
    assert (alpha["acquirer"], bravo["country"], taken) == ("First Bank", "GB", ["authorized"])
    assert blended["fees"]["rates"][0]["brands"] == ["amex"]
    assert plus_plus["fees"]["model"] == "interchange_plus_plus"
    assert (drained["drained"], back["drained"]) == (True, False)
    assert payment["status"] == "captured"
    assert payment["processor_account"] == bravo["id"], "not the drained one, which is the first"


async def test_customers_are_sent_to_their_bank_as_the_page_says(serving: Ready) -> None:
    commands = next(code for code in blocks(TUTORIAL, "bash") if "post()" in code)
    code = "\n".join([commands, *blocks(CHALLENGES, "bash")])
    said = await ran("bash", "-euo", "pipefail", "-c", code, **shell(serving))
    asked, waits, done = (json.loads(line) for line in said.splitlines() if line)
    assert (asked["status"], waits["status"]) == ("requires_action", "requires_action")
    assert done["status"] == "captured", "who authenticated elsewhere is not asked again"
    assert asked["next_action"]["redirect_to_url"]["url"].startswith(f"{serving.base_url}/actions/")


@pytest.mark.slow
async def test_keys_are_rotated_as_the_page_says(empty_database_url: str, tmp_path: Path) -> None:
    revoke, rewrap = blocks(ROTATE, "python")
    rewrap = re.sub(r"^   ", "", rewrap, flags=re.MULTILINE)
    keys = [b64encode(bytes([number]) * 32).decode() for number in (1, 2)]
    file = tmp_path / "master.key"
    file.write_text(f"{keys[0]}\n")
    settings = {
        "RECOUP_DATABASE_URL": empty_database_url,
        "RECOUP_MASTER_KEY_FILE": str(file),
        "RECOUP_SANDBOX": "false",
        "RECOUP_LOG_LEVEL": "error",
    }
    recoup = (sys.executable, "-m", "recoup")
    key = (await ran(*recoup, "keys", "My shop", "--create", "--mode", "live", **settings)).strip()
    assert key.startswith("sk_live_")
    assert "revoked" in await ran(sys.executable, "-c", revoke, "My shop", key[-4:], **settings)

    file.write_text(f"{keys[1]}\n{keys[0]}\n")
    assert "ok" in await ran(*recoup, "doctor", **settings)
    assert re.findall(r"My shop \w+ (\d+)", await ran(sys.executable, "-c", rewrap, **settings)) == ["0", "0"]
