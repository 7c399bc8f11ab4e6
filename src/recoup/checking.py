"""`recoup ledger check`: whether the books balance, agree with their transfers, and with the payments."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Final, assert_never

from cyclopts import App
from rich.console import Console
from rich.markup import escape

from recoup.app import Service
from recoup.beside import own_settings, with_service
from recoup.kit.ids import Kind, render
from recoup.ledger.flow import Finding, Unbalanced, WrongBalance, WrongPayment
from recoup.merchants.core import Merchant

ledger = App(name="ledger", help="The merchants' books.")
SHOWN_MAX: Final = 100
"""How many findings of one merchant are printed."""
BATCHES_MAX: Final = 10**9
"""As many batches as there are."""
_out: Final = Console(highlight=False, soft_wrap=True)


@ledger.command
def check() -> None:
    """Look for anything in the books that cannot be true: every account, every payment, of every merchant.

    What the events tell is posted first. Ends with 1 where something was found.
    """
    found = 0

    async def look(service: Service) -> None:
        nonlocal found
        async for name, side in _sides(service):
            found += await checked(service, name, side)

    with_service(own_settings(), look)
    if found:
        sys.exit(1)


async def _sides(service: Service) -> AsyncIterator[tuple[str, Merchant]]:
    last = None
    while pairs := await service.merchants.pairs(after=last):
        for pair in pairs:
            yield f"{pair.name}, live", pair.live
            yield f"{pair.name}, test", pair.test
        last = pairs[-1].test.id


async def checked(service: Service, name: str, side: Merchant) -> int:
    """Check one side of a merchant, and tell; how many findings there were."""
    books = service.books
    await books.follower.follow(side.id, batches=BATCHES_MAX)
    found = 0
    async for one in books.ledger.findings(side.id):
        found += 1
        if found <= SHOWN_MAX:
            _out.print(f"[red]{escape(name)}[/]: {escape(told(one))}")
    trial = await books.ledger.trial_balance(side.id)
    verdict = f"[red]{found} things cannot be true[/]" if found else "[green]in order[/]"
    _out.print(
        f"{escape(name)}: {trial.book.transfers} entries, {trial.book.accounts} accounts, "
        f"posted up to event {trial.book.events}: {verdict}"
    )
    return found


def told(finding: Finding) -> str:
    """A finding in a sentence."""
    match finding:
        case Unbalanced():
            return (
                f"{finding.currency} is out of balance: {finding.debits} debits, {finding.credits} credits."
            )
        case WrongBalance():
            return (
                f"Account {finding.account} ({finding.kind}, {finding.currency}) says {finding.debits} debits and "
                f"{finding.credits} credits, its entries {finding.transfers_debits} and {finding.transfers_credits}."
            )
        case WrongPayment():
            return (
                f"{render(Kind.PAYMENT, finding.payment_id)} says {finding.captured} captured and "
                f"{finding.refunded} refunded, its entries {finding.posted_captured} and {finding.posted_refunded}."
            )
        case _:
            assert_never(finding)
