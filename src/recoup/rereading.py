"""`recoup inbound replay`: has what processors sent read again, one webhook or a span of time."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from typing import Any, Final

from cyclopts import App
from rich.console import Console

from recoup.beside import own_settings
from recoup.calling import Api, calling
from recoup.kit.clock import rfc3339

inbound = App(name="inbound", help="What processors sent.")
CALLS_MAX: Final = 10_000
_out: Final = Console(highlight=False, soft_wrap=True)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)


@inbound.command
def replay(
    id_: str | None = None,
    /,
    *,
    account: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    url: str | None = None,
    key: str | None = None,
) -> None:
    """Have webhooks of processors read again: what was applied already is not applied twice.

    Parameters
    ----------
    id_:
        Which one, such as `inb_...`; or say `--account` and `--since`.
    account:
        To which processor account they came.
    since:
        From which moment on, such as 2026-11-22T05:00:00; without a zone, this machine's time.
    until:
        Before which moment; without it, up to now.
    url:
        A server that is up; without it the one that runs here.
    key:
        A secret key of that server; without it the sandbox merchant's.
    """
    if (id_ is None) == (account is None or since is None):
        _errors.print("Say which: the id of one, or both --account and --since.")
        sys.exit(1)

    async def call() -> int:
        async with calling(own_settings(), url=url, key=key) as api:
            if id_ is not None:
                await api.post(f"/v1/inbound/{id_}/replay", {})
                return 1
            body: dict[str, Any] = {"account": account, "since": _said(since)}
            return await replay_span(api, body if until is None else body | {"until": _said(until)})

    _out.print(f"{asyncio.run(call())} will be read again.")


async def replay_span(api: Api, body: dict[str, Any]) -> int:
    """Call until there are no more; how many there were."""
    count, last = 0, None
    for _ in range(CALLS_MAX):
        said = await api.post("/v1/inbound/replay", body if last is None else body | {"after": last})
        count, last = count + said["replayed"], said["last"]
        if not said["has_more"]:
            break
    return count


def _said(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment.astimezone())
