"""The page about unresolved payments does what it says."""

from __future__ import annotations

import json

from tests.demo.test_docs_code import TUTORIAL, blocks, ran, shell

from recoup.sandboxed import Ready

PAGE = "docs/how-to/unresolved-payments.md"


async def test_an_unresolved_payment_ends_as_the_page_says(serving: Ready) -> None:
    commands = next(code for code in blocks(TUTORIAL, "bash") if "post()" in code)
    code = "\n".join([commands, *blocks(PAGE, "bash")])
    said = await ran("bash", "-euo", "pipefail", "-c", code, **shell(serving))
    fault, synced, refused = (json.loads(line) for line in said.splitlines() if line)
    assert fault["kind"] == "reset_after"
    assert (synced["status"], len(synced["attempts"])) == ("captured", 1)
    assert refused["error"]["code"] == "attempt_not_unknown"
