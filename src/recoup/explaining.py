"""`recoup declines`: what a processor's answer means, told on the command line, with nothing running."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated, Final

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recoup.kit.clock import SystemClock
from recoup.outcomes.core import NETWORKS, PROCESSORS, Meaning, Signal, meaning

declines = App(name="declines", help="What decline codes mean.")
_out: Final = Console(highlight=False)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)

_DECIDED: Final = {
    Signal.ADVICE_CODE: "the merchant advice code",
    Signal.NETWORK_CODE: "the network's response code",
    Signal.PROCESSOR_CODE: "the processor's own code",
    Signal.TEXT: "what is written beside the codes",
    Signal.MERCHANT_OVERRIDE: "your own override",
    None: "the code itself",
}


@declines.command
def explain(
    connector: str,
    code: str,
    *,
    raw: Annotated[str | None, Parameter(help="What was written beside the code.")] = None,
    network_code: Annotated[str | None, Parameter(help="The network's response code, such as 51.")] = None,
    advice_code: Annotated[str | None, Parameter(help="The merchant advice code, such as 03.")] = None,
    brand: Annotated[str | None, Parameter(help="Whose card it was, such as visa.")] = None,
) -> None:
    """Say what one answer of a processor means today, what decided, and where that is written.

    Parameters
    ----------
    connector:
        A processor, such as adyen; a network, such as visa; `iso8583` for any network's response code; `standard` for
        our own codes.
    code:
        The raw code, as the processor wrote it.
    """
    known = tuple(dict.fromkeys((*sorted(PROCESSORS), *NETWORKS, "iso8583", "standard")))
    if connector not in known:
        _errors.print(f"There is no table of {escape(connector)!r}; there are: {', '.join(known)}.")
        sys.exit(1)
    today = SystemClock().now().date()
    found = meaning(
        connector, code, today, network_code=network_code, advice_code=advice_code, brand=brand, text=raw
    )
    if found is None:
        _errors.print(
            f"No table of {connector} knows {escape(code)!r}: such a decline is `other`, keeps its raw code, and is "
            "never tried at another processor."
        )
        sys.exit(1)
    _out.print(_told(connector, code, found))


def _told(connector: str, code: str, found: Meaning) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), title_justify="left")
    table.title = f"[bold]{escape(connector)} {escape(code)}[/]"
    lines = {
        "means": f"[bold]{found.code}[/] ({found.category}, {found.hardness})",
        "decided by": _DECIDED[found.decided_by],
        "do": _advice(found),
        "network rule": found.rule or "none",
        "for you": found.merchant_message,
        "for the cardholder": found.message,
        "source": f"{found.source}, as of {found.as_of}",
    }
    if found.rule_source:
        lines["rule's source"] = found.rule_source
    for name, text in lines.items():
        table.add_row(f"[dim]{name}[/]", text)
    return table


def _advice(found: Meaning) -> str:
    action = found.advice.action.replace("_", " ")
    if found.advice.wait is None:
        return action
    return f"{action}, after {found.advice.wait // timedelta(hours=1)} hours at the earliest"
