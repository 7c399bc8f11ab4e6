"""The command line: `recoup serve`, `demo`, `keys`, `migrate`, `doctor`, `work`, `declines explain`,
`backtest routing`, `backtest recovery`, `decisions replay`, `routing check`, `recovery check`, `ledger check`,
`audit check`, `inbound replay`, `updater export`, `listen`, `trigger`, `import`, `import subscriptions`, `train`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Annotated, Final, Literal

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape

from recoup import sandboxed, server
from recoup.app import Service
from recoup.auditing import audit
from recoup.background import working
from recoup.backtests.command import backtest
from recoup.beside import own_settings, with_service
from recoup.calling import CallRefused, calling
from recoup.checking import ledger
from recoup.db import DatabaseUnusable, migrate
from recoup.db.embedded import EmbeddedPostgresError
from recoup.explaining import declines
from recoup.importing import import_
from recoup.importing_subscriptions import import_subscriptions
from recoup.kit.clock import SystemClock, rfc3339
from recoup.kit.ids import Kind, render
from recoup.listening import listen as forward_events
from recoup.lookingback import decisions
from recoup.merchants.core import KeyKind, Merchant
from recoup.policing import recovery, routing
from recoup.rereading import inbound
from recoup.sandboxed import Ready
from recoup.settings import SettingsError
from recoup.settling import settlements
from recoup.training import train
from recoup.triggering import trigger as make_happen
from recoup.updater.flow import KeyUnusable
from recoup.updating import updater
from recoup.vault.keys import MasterKeyUnusable

app = App(
    name="recoup", help="The payment API that gets declined payments paid.", version_flags=["--version"]
)
app.command(declines)
app.command(routing)
app.command(recovery)
app.command(backtest)
app.command(decisions)
app.command(settlements)
app.command(ledger)
app.command(audit)
app.command(inbound)
app.command(updater)
_imports = App(name="import")
_imports.default(import_)
_imports.command(import_subscriptions, name="subscriptions")
app.command(_imports)
app.command(train)
_out: Final = Console(highlight=False, soft_wrap=True)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)

_REFUSALS: Final = (
    SettingsError,
    EmbeddedPostgresError,
    DatabaseUnusable,
    MasterKeyUnusable,
    CallRefused,
    KeyUnusable,
    OSError,
)
"""What can stop a start, each with a message that says what to do."""


def main() -> None:
    """Run the command line; a refusal is one sentence, not a traceback."""
    try:
        app()
    except _REFUSALS as refusal:
        _errors.print(f"[red]recoup:[/] {escape(str(refusal))}")
        sys.exit(1)


@app.command
def serve() -> None:
    """Run the API and the worker in one process, with the embedded PostgreSQL unless a database is set."""
    server.run(own_settings(), _announce)


def _announce(ready: Ready) -> None:
    _out.print(f"\n[bold]Recoup is up[/] at [cyan]{ready.base_url}[/]   docs: [cyan]{ready.base_url}/docs[/]")
    if ready.key is None:
        _out.print("Stop it with Ctrl-C.\n")
        return
    key = ready.key.reveal()
    _out.print(f"Test key of the sandbox merchant: [green]{key}[/]\n\nCharge a test card:\n")
    print(_curl(ready.base_url, key))  # plain: it must survive copy and paste
    _out.print("\nOther cards, other answers: see the docs. Stop it with Ctrl-C.\n")
    sys.stdout.flush()


def _curl(base_url: str, key: str) -> str:
    return f"""curl {base_url}/v1/payments -H 'Authorization: Bearer {key}' \\
  -H 'Content-Type: application/json' -H "Idempotency-Key: $(date +%s%N)" \\
  -d '{{"amount": 4999, "currency": "USD", "payment_method_data": {{"type": "card",
       "card": {{"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}}}}}}'"""


@app.command
def work() -> None:
    """Run what a server does beside its requests (due work, webhooks, chores) beside API processes on one database."""

    async def work_until_stopped(service: Service) -> None:
        async with working(service):
            await server.until_stopped()

    with_service(own_settings(), work_until_stopped)


@app.command(name="migrate")
def migrate_() -> None:
    """Bring the database's schema up to date."""
    with server.database_beside(own_settings()) as store:
        applied = asyncio.run(migrate(store.conninfo))
    _out.print("\n".join(f"applied {name}" for name in applied) or "The schema is up to date.")


@app.command
def doctor() -> None:
    """Check settings, database, schema and master key, and say what is wrong."""
    settings = own_settings()
    _out.print("[green]ok[/] settings")

    async def look(service: Service) -> None:
        row = await service.database.fetch_one("select current_setting('server_version') as version")
        assert row is not None, "a setting is always there"
        _out.print(f"[green]ok[/] database: PostgreSQL {row['version']}, schema up to date")
        kind = "generated, for the sandbox only" if service.around.master.generated else "set"
        _out.print(f"[green]ok[/] master key {service.around.master.current}: {kind}")
        pairs = await service.merchants.pairs(limit=100)
        _out.print(f"[green]ok[/] merchants: {', '.join(pair.name for pair in pairs) or 'none yet'}")
        for pair in pairs:
            for side, mode in ((pair.live, "live"), (pair.test, "test")):
                await _tell_unseen_codes(service, side, f"{pair.name}, {mode}")
                await _tell_broken_laws(service, side, f"{pair.name}, {mode}")
                await _tell_unasked(service, side, f"{pair.name}, {mode}")

    with_service(settings, look)


async def _tell_unseen_codes(service: Service, side: Merchant, whose: str) -> None:
    for seen in await service.audit_cases.unseen_codes(side):
        override = await service.readings.current(side, seen.connector, seen.code)
        known = (
            f"read as you said: version {override.version}"
            if override
            else "say what it means by an override"
        )
        _out.print(
            f"[{'green]ok' if override else 'yellow]look'}[/] {escape(whose)}: {seen.connector} sent the code "
            f"{escape(seen.code)} (network: {escape(seen.network_code)}) {seen.times} times, which no table knows; "
            f"{known}"
        )


async def _tell_unasked(service: Service, side: Merchant, whose: str) -> None:
    for walk in await service.disputed.asking.failing(side):
        account = render(Kind.PROCESSOR_ACCOUNT, walk.account_id)
        _out.print(
            f"[yellow]look[/] {escape(whose)}: {account} could not be asked about disputes since "
            f"{rfc3339(walk.covered_until)}, {walk.failures} times: {escape(walk.why or 'no reason')}. See its "
            "credentials; until then only webhooks tell of new disputes there."
        )


async def _tell_broken_laws(service: Service, side: Merchant, whose: str) -> None:
    for case in await service.audit_cases.broken_laws(side):
        _out.print(f"[red]wrong[/] {escape(whose)}: {escape(case.summary)} {escape(case.remedy)}")


@app.command
def keys(
    merchant: str,
    *,
    mode: Literal["test", "live"] = "test",
    kind: Literal["secret", "publishable"] = "secret",
    create: Annotated[
        bool,
        Parameter(help="Make the merchant, with a sandbox of its own, where there is none of that name."),
    ] = False,
) -> None:
    """Make a new API key for a merchant and show it: the only time it can be seen."""

    async def make(service: Service) -> None:
        now = service.around.clock.now()
        pair = next((one for one in await service.merchants.pairs() if one.name == merchant), None)
        if pair is None and create:
            pair = await service.merchants.create(merchant, now=now)
            if service.settings.sandbox:
                await sandboxed.add_accounts(service, pair.test, seed=sandboxed.SEED)
        if pair is None:
            _errors.print(f"There is no merchant {escape(merchant)!r}; add --create to make it.")
            sys.exit(1)
        side = pair.live if mode == "live" else pair.test
        _, made = await service.merchants.create_key(side, KeyKind(kind), now=now)
        _out.print(made.text.reveal())

    with_service(own_settings(), make)


@app.command
def listen(*, forward: str, events: str = "*", url: str | None = None, key: str | None = None) -> None:
    """Forward what happens from now on to a program on this machine, signed as webhooks are.

    Parameters
    ----------
    forward:
        Where to send events, such as http://localhost:3000/hook.
    events:
        Which: types, `subject.*`, or `*`, separated by commas.
    url:
        A server that is up; without it the one that runs here.
    key:
        A secret key of that server; without it the sandbox merchant's.
    """

    async def forward_all() -> None:
        settings = own_settings()
        kinds = [one.strip() for one in events.split(",")]
        async with calling(settings, url=url, key=key) as api:
            await forward_events(api, forward=forward, events=kinds, clock=SystemClock(), tell=_tell)

    with suppress(KeyboardInterrupt):
        asyncio.run(forward_all())


def _tell(line: str) -> None:
    print(line, flush=True)


@app.command
def trigger(event: str, *, url: str | None = None, key: str | None = None) -> None:
    """Make an event such as `payment.captured` happen in the sandbox.

    Parameters
    ----------
    event:
        The type of event.
    url:
        A server that is up; without it the one that runs here.
    key:
        A secret test key of that server; without it the sandbox merchant's.
    """

    async def make() -> None:
        async with calling(own_settings(), url=url, key=key) as api:
            happened = await make_happen(api, event)
        _tell(f"{happened.type} {happened.id} (sequence {happened.sequence})")

    asyncio.run(make())


@app.command
def demo(*, url: str | None = None, key: str | None = None) -> None:
    """Tell the product's story in five payments over HTTP, and check every claim.

    Parameters
    ----------
    url:
        A server that is up; without it the demo starts one of its own and leaves nothing behind.
    key:
        A secret test key of that server.
    """
    from recoup import demo as story

    if (url is None) != (key is None):
        raise story.NotForDemo("Give both --url and --key, or neither: then the demo starts its own server.")
    try:
        page = Console(highlight=False)
        told = story.own_server(page) if url is None or key is None else story.against(page, url, key=key)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if told else 1)
