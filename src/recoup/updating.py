"""`recoup updater export`, `import`, `open`: batches of cards for account updaters, and what they answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, Literal, NoReturn

from cyclopts import App
from rich.console import Console
from rich.markup import escape

from recoup.app import Service
from recoup.beside import own_settings, with_service
from recoup.db import Connection
from recoup.kit.ids import Kind, parse, render
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.updater.core.files import Format, Header
from recoup.updater.core.inquiries import Batch
from recoup.updater.flow import KeyUnusable, opened

updater = App(name="updater", help="Account updaters of card networks, asked by file.")
_OWNER_ONLY: Final = 0o600
_out: Final = Console(highlight=False, soft_wrap=True)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)


@updater.command
def export(
    file: Path,
    /,
    *,
    merchant: str,
    format: Format,  # noqa: A002 - the word of the API
    mode: Literal["test", "live"] = "live",
    requester: str = "recoup",
    number: str = "1",
    email: str = "",
) -> None:
    """Write the cards to ask about into a file, sealed under the key of RECOUP_UPDATER_KEY_FILE.

    They are those of open recoveries and those that expire soon; those that wait longest come first.

    Parameters
    ----------
    file:
        Where to write it; nothing that is there is overwritten.
    merchant:
        The name of the merchant whose cards they are.
    format:
        visa_vau, mastercard_abu, or cybersource.
    mode:
        The live or the test side.
    requester:
        What the acquirer calls you, for a format that says so.
    number:
        Your number of the file, for such a format.
    email:
        Where such a format has news of the file sent.
    """
    if file.exists():
        _stop(f"{file} is there already: name another file.")

    async def work(service: Service) -> None:
        recipient, side = service.updated.recipient, await _side(service, merchant, mode)
        if recipient is None:
            _stop(
                "Set RECOUP_UPDATER_KEY_FILE: files of card numbers are sealed for whoever has the private half."
            )
        now = side.now(service.around.clock.now())
        batches = service.updated.batches
        await batches.select(side, now=now)
        header = Header(requester=requester, batch=number, email=email, on=now.date())

        async def make(connection: Connection) -> tuple[Batch, Secret] | None:
            return await batches.make(connection, side, format, header, now=now)

        made = await service.database.retrying(make)
        if made is None:
            _out.print("No card of this network waits to be asked about.")
            return
        _write(file, recipient.sealed(made[1]))
        _out.print(f"{made[0].cards} cards in {escape(str(file))}: {render(Kind.UPDATE_BATCH, made[0].id)}")

    with_service(own_settings(), work)


@updater.command(name="import")
def import_(
    file: Path,
    /,
    *,
    batch: str,
    merchant: str,
    mode: Literal["test", "live"] = "live",
    key: Path | None = None,
) -> None:
    """Take the answers to a batch; the same file again changes nothing.

    Parameters
    ----------
    file:
        As the acquirer gave it, or sealed.
    batch:
        Which batch it answers, such as upb_01k….
    merchant:
        The name of the merchant whose cards they are.
    mode:
        The live or the test side.
    key:
        The private key that opens the file, where it is sealed.
    """
    batch_id = parse(Kind.UPDATE_BATCH, batch)
    if batch_id is None:
        _stop(f"{batch!r} is no id of a batch: it begins with upb_.")
    plain = _read(file, key)

    async def work(service: Service) -> None:
        side = await _side(service, merchant, mode)
        try:
            now = side.now(service.around.clock.now())
            taken = await service.updated.batches.take(side, batch_id, plain, now=now)
        except Refusal as refusal:
            _stop(refusal.message)
        _out.print(
            f"{taken.changed} cards changed; {taken.batch.answered} of {taken.batch.cards} are answered."
        )
        for line, why in taken.left_out:
            _errors.print(f"line {line}: {escape(why)}")

    with_service(own_settings(), work)


@updater.command(name="open")
def open_(file: Path, /, *, key: Path, to: Path) -> None:
    """Open a sealed file where its private key is, to hand it to the acquirer.

    Parameters
    ----------
    file:
        The sealed file.
    key:
        The private key in PEM.
    to:
        Where to write it, readable for you alone; nothing that is there is overwritten.
    """
    _write(to, _read(file, key).reveal())


def _read(file: Path, key: Path | None) -> Secret:
    try:
        text = file.read_text(encoding="ascii")
        return Secret(text) if key is None else opened(text, key)
    except UnicodeDecodeError:
        _stop(f"{file} is no text in ASCII.")
    except KeyUnusable as unusable:
        _stop(str(unusable))


def _write(file: Path, text: str) -> None:
    file.touch(mode=_OWNER_ONLY, exist_ok=False)
    file.write_text(text, encoding="ascii")


async def _side(service: Service, merchant: str, mode: str) -> Merchant:
    found = next((one for one in await service.merchants.pairs() if one.name == merchant), None)
    if found is None:
        _stop(f"There is no merchant {merchant!r}.")
    return found.live if mode == "live" else found.test


def _stop(why: str) -> NoReturn:
    _errors.print(f"[red]recoup:[/] {escape(why)}")
    sys.exit(1)
