"""`recoup audit check`: looks through all that is kept for laws that are broken."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Final

from cyclopts import App
from rich.console import Console
from rich.markup import escape

from recoup.app import Service
from recoup.audit.core.invariants import MEANINGS
from recoup.beside import own_settings, with_service
from recoup.merchants.core import Merchant

audit = App(name="audit", help="Whether what is kept is true.")
SHOWN_MAX: Final = 100
"""How many broken laws of one merchant are printed."""
_out: Final = Console(highlight=False, soft_wrap=True)


@audit.command
def check() -> None:
    """Look for anything that cannot be: every payment, account and delivery of every merchant.

    Ends with 1 where something was found. A server does the same by itself, part by part, and opens audit cases.
    """
    found = 0

    async def look(service: Service) -> None:
        nonlocal found
        async for name, side in sides(service):
            found += await checked(service, name, side)

    with_service(own_settings(), look)
    if found:
        sys.exit(1)


async def sides(service: Service) -> AsyncIterator[tuple[str, Merchant]]:
    """Both sides of every merchant, with their names."""
    last = None
    while pairs := await service.merchants.pairs(after=last):
        for pair in pairs:
            yield f"{pair.name}, live", pair.live
            yield f"{pair.name}, test", pair.test
        last = pairs[-1].test.id


async def checked(service: Service, name: str, side: Merchant) -> int:
    """Check one side of a merchant, and tell; how many broken laws there were."""
    hits = await service.audited.watch.everything(side)
    for hit in hits[:SHOWN_MAX]:
        meaning = MEANINGS[hit.invariant]
        facts = ", ".join(f"{key} {value}" for key, value in hit.facts.items())
        _out.print(f"[red]{escape(name)}[/]: {hit.invariant} {escape(hit.about)} ({escape(facts)})")
        _out.print(f"    {escape(meaning.summary)} {escape(meaning.remedy)}")
    verdict = f"[red]{len(hits)} laws are broken[/]" if hits else "[green]in order[/]"
    _out.print(f"{escape(name)}: {verdict}")
    return len(hits)
