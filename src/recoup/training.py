"""`recoup train`: learns from what came of recoveries' tries, and says how good it is on people it never saw."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from recoup.app import Service
from recoup.beside import own_settings, with_service
from recoup.kit.clock import rfc3339
from recoup.merchants.core import Merchant
from recoup.recovery.core.learning import Breadth, Card, Judged
from recoup.recovery.flow.training import Outcome

Mode = Literal["test", "live"]

_out: Final = Console(highlight=False, soft_wrap=True)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)


def train(
    *,
    merchant: str | None = None,
    mode: Mode | None = None,
    breadth: Breadth = Breadth.HOPE,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    off: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Learn from what came of recoveries' tries, and plan by it where it is better than what is in place.

    A server does this by itself once a week. Nothing is needed for it beside the database; without a model, plans go by
    published figures.

    Parameters
    ----------
    merchant:
        Whose tries; without it, everybody's, each by themselves.
    mode:
        The test or the live side; without it, both.
    breadth:
        hope, how often anything helps at all; whole, the shares of causes, pay cycles and accounts too, which tries can
        only tell where they were drawn by lot.
    dry_run:
        Only say how good the model would be.
    off:
        Go back to published figures, and learn nothing until this command is run again.
    json:
        Print the cards as JSON.
    """

    async def work(service: Service) -> None:
        cards = []
        for name, side in await _sides(service, merchant, mode):
            now = side.now(service.around.clock.now())
            if off:
                await service.brought.training.switch_off(side, now=now)
                _out.print(f"{escape(name)}: plans go by published figures from now on")
                continue
            with _errors.status(f"learning from {escape(name)}"):
                outcome = await service.brought.training.train(
                    side, now=now, breadth=breadth, dry_run=dry_run
                )
            cards.append(_told(name, outcome, dry_run=dry_run, quiet=json))
        if json:
            _out.out(msgspec.json.format(msgspec.json.encode(cards), indent=2).decode())

    with_service(own_settings(), work)


async def _sides(service: Service, merchant: str | None, mode: Mode | None) -> list[tuple[str, Merchant]]:
    pairs = [one for one in await service.merchants.pairs() if merchant in (None, one.name)]
    if not pairs:
        who = "yet" if merchant is None else f"of the name {escape(merchant)!r}"
        _errors.print(f"There is no merchant {who}.")
        sys.exit(2)
    return [
        (f"{pair.name}, {word}", side)
        for pair in pairs
        for word, side in (("live", pair.live), ("test", pair.test))
        if mode in (None, word)
    ]


def _told(name: str, outcome: Outcome, *, dry_run: bool, quiet: bool) -> dict[str, Any]:
    """Say what training came to; the same for JSON."""
    if not quiet:
        for line in _lines(name, outcome, dry_run=dry_run):
            _out.print(line)
    return {"merchant": name, "version": outcome.version, "card": outcome.card.kept()}


def _lines(name: str, outcome: Outcome, *, dry_run: bool) -> list[str]:
    card = outcome.card
    if card.model is None:
        return [f"{escape(name)}: no model, {card.refused}"]
    return [f"{escape(name)}: {_verdict(outcome, dry_run=dry_run)}", *_measures(card)]


def _verdict(outcome: Outcome, *, dry_run: bool) -> str:
    refused = outcome.card.refused
    if refused is not None:
        return f"[yellow]refused[/], {refused}"
    if dry_run:
        return "would be taken"
    if outcome.version is None:
        return "not kept: somebody else trained at the same time"
    return f"[green]taken[/] as version {outcome.version}"


def _measures(card: Card) -> list[str]:
    window = card.window
    rows = (
        ("this model", card.model),
        ("published figures alone", card.untrained),
        ("the model in place", card.in_place),
    )
    since, until = rfc3339(window.since), rfc3339(window.until)
    learned = f"  {window.tries} tries from {since} to {until}, {window.approved} of them approved;"
    return [
        f"{learned} on {window.held_back} of people held back:",
        *(f"  {_measure(words, judged)}" for words, judged in rows if judged is not None),
    ]


def _measure(words: str, judged: Judged) -> str:
    return f"{words}: log loss {judged.log_loss:.4f}, rates off by {judged.off:.1%}"
