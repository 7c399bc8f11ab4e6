"""Writes `docs/reference`: every page there is made from the code, and `tests/tidy` says when one is stale."""

# ruff: noqa: INP001, T201 - a script, which tells what it wrote

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from psycopg_pool import AsyncConnectionPool

from recoup import logs
from recoup.app import Service, Surroundings
from recoup.connectors.registry import CONNECTORS
from recoup.db import Database
from recoup.db.database import Connection
from recoup.facts import WEBHOOKS
from recoup.http.answers import VERSION
from recoup.http.edge import Edge
from recoup.kit.clock import SystemClock
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.merchants.core import FeeModel, FeeRate, Fees
from recoup.outcomes.codes import iso8583, mastercard, standard, visa
from recoup.outcomes.codes.merchant_words import MERCHANT_WORDS
from recoup.outcomes.codes.processors import TABLES
from recoup.outcomes.codes.words import Advice, CodeRow, Dated
from recoup.outcomes.core import PROCESSORS
from recoup.recovery.core import policy_file as recovery_file
from recoup.routing.core import policy_file
from recoup.routing.core.exchange import RATES as REFERENCE_RATES
from recoup.routing.core.exchange import ReferenceRate
from recoup.routing.core.policy_shape import takes
from recoup.routing.core.prices import EEA, LIST_PRICES, NO_LIST_PRICE, Taker
from recoup.routing.core.prices import RATES as BOOK
from recoup.sandbox.cards import PUBLISHED, PublishedCard
from recoup.settings import PREFIX, LogFormat, LogLevel, Settings, expected
from recoup.vault.keys import read_keys

FOLDER: Final = Path(__file__).parent / "reference"
MADE: Final = "*Made from the code by `docs/generate.py`; change it there.*"
PLAIN: Final = "an approval"


def pages() -> dict[str, str]:
    """Every page of the reference, by file name."""
    made = {
        "README.md": _contents(),
        "api.md": _api(),
        "cards.md": _cards(),
        "declines.md": _declines(),
        "events.md": _events(),
        "routing-policy.md": _routing_policy(),
        "routing-policy.schema.json": json.dumps(policy_file.json_schema(), indent=2),
        "recovery-policy.md": _recovery_policy(),
        "recovery-policy.schema.json": json.dumps(recovery_file.json_schema(), indent=2),
        "prices.md": _prices(),
        "settings.md": _settings(),
    }
    made |= {f"declines/{name}.md": _processor(name) for name in sorted(PROCESSORS)}
    return {name: text.rstrip() + "\n" for name, text in made.items()}


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", MADE, *parts))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _contents() -> str:
    return _page(
        "Reference",
        "- [API](api.md): every route\n"
        "- [Events](events.md): every event type\n"
        "- [Settings](settings.md): every setting\n"
        "- [Routing policy](routing-policy.md): every field, and its [JSON Schema](routing-policy.schema.json)\n"
        "- [Recovery policy](recovery-policy.md): every field, and its [JSON Schema](recovery-policy.schema.json)\n"
        "- [Test cards](cards.md): every published card of the sandbox\n"
        "- [Declines](declines.md): every standard code, and what networks say\n"
        "- [Prices](prices.md): what issuers, networks and processors take, where an account does not say",
        "- Declines by processor: "
        + ", ".join(f"[{name}](declines/{name}.md)" for name in sorted(PROCESSORS)),
        "A running server has the API in full, with every field, at `/docs`, and as OpenAPI 3.1 at `/openapi.json`.",
    )


def _settings() -> str:
    rows = [_setting(field) for field in msgspec.structs.fields(Settings)]
    return _page(
        "Settings",
        "A setting is a variable of the environment, or a line of `recoup.toml` in the working folder (or of the "
        "file that `RECOUP_CONFIG` names). The environment goes before the file. A wrong value or an unknown name "
        "stops the start, and the message names it.",
        _table(["in `recoup.toml`", "in the environment", "takes", "default", ""], rows),
    )


def _setting(field: msgspec.structs.FieldInfo) -> list[str]:
    type_ = msgspec.inspect.type_info(field.type)
    extra = type_.extra_json_schema if isinstance(type_, msgspec.inspect.Metadata) else None
    default = "" if field.default is None else f"`{_shown(field.default)}`"
    names = [f"`{field.name}`", f"`{PREFIX}{field.name.upper()}`"]
    return [*names, expected(field), default, (extra or {}).get("description", "")]


def _shown(value: object) -> str:
    if isinstance(value, msgspec.Struct):
        return json.dumps(msgspec.to_builtins(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _routing_policy() -> str:
    parts = [_part(place, spec) for place, spec in policy_file.PARTS]
    return _page(
        "Routing policy",
        "What a routing policy may hold, in TOML or in JSON. How one is written, with examples: "
        "[Write a routing policy](../how-to/write-a-routing-policy.md). For editors and validators: the "
        "[JSON Schema](routing-policy.schema.json).",
        *parts,
    )


def _recovery_policy() -> str:
    parts = [_part(place, spec) for place, spec in recovery_file.PARTS]
    return _page(
        "Recovery policy",
        "What a recovery policy may hold, in TOML or in JSON. How one is written and measured: "
        "[Measure what recovery brings](../how-to/measure-recovery.md). For editors and validators: the "
        "[JSON Schema](recovery-policy.schema.json).",
        *parts,
    )


def _part(place: str, spec: type[msgspec.Struct]) -> str:
    said = " ".join((spec.__doc__ or "").split())
    rows = [_policy_field(field) for field in msgspec.structs.fields(spec)]
    return f"## In {place}\n\n{said}\n\n" + _table(["field", "takes", "default", ""], rows)


def _policy_field(field: msgspec.structs.FieldInfo) -> list[str]:
    type_ = msgspec.inspect.type_info(field.type)
    extra = type_.extra_json_schema if isinstance(type_, msgspec.inspect.Metadata) else None
    given = field.default not in {None, msgspec.NODEFAULT}
    default = "required" if field.required else f"`{_shown(field.default)}`" if given else ""
    return [f"`{field.encode_name}`", takes(type_), default, (extra or {}).get("description", "")]


def _cards() -> str:
    plain = [card for card in PUBLISHED.values() if card.shows == PLAIN]
    others = [card for card in PUBLISHED.values() if card.shows != PLAIN]
    return _page(
        "Test cards",
        "Stripe's published numbers, with the same outcome. They work at the sandbox's processors and nowhere else. "
        "Use any month and year to come, and any security code of the right length. More cards, of people with "
        "balances and paydays, are at `GET /v1/test/world/cards`.",
        "A card that promises a dispute is approved, and disputed two seconds after its money was taken. Recoup is "
        "told by webhook; `POST /v1/test/disputes` has any other payment disputed. Evidence that says "
        "`winning_evidence` wins it, `losing_evidence` loses it.",
        "## Cards that do something",
        _table(
            ["number", "brand", "country", "what it shows"], [[*_card(card), card.shows] for card in others]
        ),
        "## Cards that are approved",
        _table(
            ["number", "brand", "country", "funding"], [[*_card(card), card.facts.funding] for card in plain]
        ),
    )


def _card(card: PublishedCard) -> list[str]:
    return [f"`{card.number}`", card.facts.brand, card.facts.country]


def _declines() -> str:
    return _page(
        "Declines",
        "What every code means, with where that is written and when it was last so. The same answers, one at a "
        "time: `GET /v1/declines/{connector}/{code}`, or on the command line: `recoup declines explain`.",
        "## Standard codes",
        _table(
            ["code", "category", "", "advice", "for the merchant", "for the cardholder", "source"],
            [
                [
                    *(f"`{row.code}`", row.category, row.hardness, _advice(row.advice)),
                    *(MERCHANT_WORDS[row.code], row.message, row.citation),
                ]
                for row in standard.ROWS
            ],
        ),
        "## Response codes of card networks (ISO 8583, field 39)",
        _table(
            ["code", "network", "means", "source"],
            [[f"`{row.code}`", row.network, f"`{row.standard}`", _dated(row)] for row in iso8583.ROWS],
        ),
        "## Mastercard: response and advice code together",
        _table(
            ["code", "advice code", "means", "advice", "source"],
            [
                [
                    f"`{row.code}`",
                    f"`{row.advice_code}`",
                    f"`{row.standard}`",
                    _advice(row.advice),
                    _dated(row),
                ]
                for row in mastercard.WRAPPED
            ],
        ),
        "## Mastercard: advice codes alone",
        _table(
            ["advice code", "advice", "rule", "source"],
            [
                [f"`{row.code}`", _advice(row.advice), row.rule or "", _dated(row)]
                for row in mastercard.ADVICE
            ],
        ),
        "## Visa: retry categories",
        "1: never again. 2: not now. 3: not with these details. 4: nothing in particular; so are all codes left out.",
        _table(
            ["code", "category", "source"],
            [[f"`{row.code}`", str(row.category), _dated(row)] for row in visa.ROWS],
        ),
    )


def _processor(name: str) -> str:
    rows = TABLES[name]
    return _page(
        f"Declines of {name}",
        f"{len(rows)} codes. A code that *may be refined* is so by the network's code, or by what is written "
        f"beside it. One answer, with everything that came with it: `recoup declines explain {name} CODE --raw TEXT`.",
        _table(
            ["code", "means", "category", "", "advice", "for the merchant", "for the cardholder", "source"],
            [_code(first, last) for first, last in _folded(rows)],
        ),
    )


def _folded(rows: Sequence[CodeRow]) -> Iterator[tuple[CodeRow, CodeRow]]:
    """Runs of codes that follow each other and mean the same, by the first and the last."""
    first = last = rows[0]
    for row in rows[1:]:
        if _follows(last, row):
            last = row
        else:
            yield first, last
            first = last = row
    yield first, last


def _follows(row: CodeRow, after: CodeRow) -> bool:
    numbers = row.code.isdecimal() and after.code.isdecimal() and int(after.code) == int(row.code) + 1
    return numbers and replace(row, code="") == replace(after, code="")


def _code(row: CodeRow, last: CodeRow) -> list[str]:
    meant = standard.STANDARD[row.standard]
    advice = row.advice or meant.advice
    hardness = "hard" if advice.stops else meant.hardness
    return [
        f"`{row.code}`" if row is last else f"`{row.code}` to `{last.code}`",
        f"`{row.standard}`" + (", may be refined" if row.generic else ""),
        meant.category,
        hardness,
        _advice(advice),
        MERCHANT_WORDS[row.standard],
        meant.message,
        _dated(row),
    ]


def _advice(advice: Advice | None) -> str:
    if advice is None:
        return "none"
    wait = "" if advice.wait is None else f", after {advice.wait // timedelta(hours=1)} hours"
    return f"{advice.action.replace('_', ' ')}{wait}"


def _dated(row: Dated) -> str:
    said: list[str] = [row.citation]
    said += [] if row.since is None else [f"from {_day(row.since)}"]
    said += [] if row.until is None else [f"before {_day(row.until)}"]
    return ", ".join(said)


def _day(day: date) -> str:
    return day.isoformat()


def _prices() -> str:
    return _page(
        "Prices",
        "The default price book. What you say of an account's `fees` always goes before it; where you say nothing, the "
        "price is marked as assumed. A row marked *guess* was not found published. Of each table the first row that "
        "matches holds; what is not known of a card counts as a domestic credit card.",
        "## What issuers take",
        "With `interchange_plus_plus`, where the account has no `interchange` of its own for the card. Caps are taken "
        "as the price.",
        _book(Taker.ISSUER),
        "## What networks take",
        "With `interchange_plus_plus`, where the account has no `scheme` of its own for the card: all their fees for "
        "an approved payment, rolled into one.",
        _book(Taker.NETWORK),
        "## List prices of processors",
        "For accounts without `fees`. Large merchants pay less.",
        _table(
            ["connector", "acquires in", "price", "source"],
            [
                [f"`{row.connector}`", _places(row.acquired_in), _fees(row.fees), _priced(row, row.assumed)]
                for row in (*LIST_PRICES, NO_LIST_PRICE)
            ],
        ),
        "## Rates of exchange",
        "For comparing fees in different currencies, and for nothing else. Fees in a currency that is not here have no "
        "price in another.",
        _table(
            ["currency", "for one euro", "source"],
            [
                [f"`{rate.currency}`", _units(rate.millionths), _referred(rate)]
                for rate in sorted(REFERENCE_RATES.values(), key=lambda one: one.currency)
            ],
        ),
    )


def _book(taker: Taker) -> str:
    return _table(
        ["acquired in", "issued in", "brands", "funding", "takes", "source"],
        [
            [
                _places(row.acquired_in),
                _places(row.issued_in),
                _words(row.brands),
                _words(row.fundings),
                _rate(row.rate, row.currency),
                _priced(row, row.assumed),
            ]
            for row in BOOK
            if row.taker is taker
        ],
    )


def _places(countries: frozenset[str] | None) -> str:
    return "European Economic Area" if countries == EEA else _words(countries)


def _words(values: Iterable[str] | None) -> str:
    return "any" if values is None else ", ".join(sorted(values))


def _priced(row: Dated, assumed: bool) -> str:  # noqa: FBT001 - a column, passed on
    return f"*guess*: {_dated(row)}" if assumed else _dated(row)


def _rate(rate: FeeRate, currency: str) -> str:
    exact = Decimal(rate.fixed * 1000 + rate.fixed_thousandths).scaleb(-DECIMALS[currency] - 3)
    fixed = (
        f"{exact.normalize():f} {currency}" if rate.fixed_thousandths else str(Money(rate.fixed, currency))
    )
    parts = [f"{Decimal(rate.basis_points).scaleb(-2)} %"] if rate.basis_points else []
    parts += [fixed] if exact else []
    most = "" if rate.at_most is None else f", at most {Money(rate.at_most, currency)}"
    return (" + ".join(parts) or "nothing") + most


def _fees(fees: Fees) -> str:
    base = FeeRate(basis_points=fees.basis_points, fixed=fees.fixed)
    said = [_rate(base, fees.currency)] if base != FeeRate() or not fees.rates else []
    said += ["interchange and scheme fees"] if fees.model is FeeModel.INTERCHANGE_PLUS_PLUS else []
    said += [f"{Money(fees.per_attempt, fees.currency)} a try"] if fees.per_attempt else []
    said += [_conditions(rate) + _rate(rate, fees.currency) for rate in fees.rates]
    abroad, conversion = fees.cross_border_basis_points, fees.conversion_basis_points
    said += [f"from abroad {Decimal(abroad).scaleb(-2)} % more"] if abroad else []
    said += [f"not in {fees.currency} {Decimal(conversion).scaleb(-2)} % more"] if conversion else []
    return "; ".join(said)


def _conditions(rate: FeeRate) -> str:
    said = [_words(rate.brands)] if rate.brands else []
    said += [rate.relation] if rate.relation else []
    said += [f"issued in {_places(frozenset(rate.issuer_countries))}"] if rate.issuer_countries else []
    return f"{' '.join(said)}: " if said else ""


def _referred(rate: ReferenceRate) -> str:
    return f"{rate.source} ({_day(rate.as_of)})" + (", not looked up" if rate.assumed else "")


def _units(millionths: int) -> str:
    return f"{Decimal(millionths).scaleb(-6).normalize():f}"


def _events() -> str:
    return _page(
        "Events",
        "Facts that happened, written in the transaction that made them. Each has a number in the merchant's stream "
        "and one in its object's own, both without gaps: `GET /v1/events?after_sequence=`.",
        _table(["type", "what happened"], [[f"`{hook.type}`", hook.summary] for hook in WEBHOOKS]),
    )


def _api() -> str:
    document = asyncio.run(_openapi())
    return _page(
        "API",
        f"Version `{VERSION}`. Every field, error and example is on the server's own page, `/docs`. A route marked "
        "*key* takes an `Idempotency-Key`; one marked *test* is there for test keys only.",
        *_groups(document),
    )


def _groups(document: Mapping[str, Any]) -> Iterator[str]:
    for tag in document["tags"]:
        rows = [
            [f"`{method.upper()} {path}`", operation["summary"], _marks(operation)]
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if tag["name"] in operation["tags"]
        ]
        if rows:
            yield f"## {tag['name'].capitalize()}\n\n{tag.get('description', '')}".rstrip()
            yield _table(["route", "", ""], rows)


def _marks(operation: Mapping[str, Any]) -> str:
    references = {parameter.get("$ref", "") for parameter in operation["parameters"]}
    marks = ["key"] if "#/components/parameters/IdempotencyKey" in references else []
    marks += ["test"] if "Test mode only." in operation["description"] else []
    return ", ".join(marks)


async def _openapi() -> dict[str, Any]:
    """The document, asked for as a client would; no database is needed for that."""
    pool = AsyncConnectionPool("", connection_class=Connection, min_size=1, open=False)
    around = Surroundings(
        database=Database(pool),
        clock=SystemClock(),
        master=read_keys(Secret(b64encode(bytes(32)).decode())),
        connectors=CONNECTORS,
        sandbox_url=lambda: "",
    )
    logs.configure(level=LogLevel.ERROR, format_=LogFormat.CONSOLE)
    edge = Service(Settings(), around).edge(base_url="http://127.0.0.1:8080")
    return msgspec.json.decode(await _get(edge, "/openapi.json"), type=dict[str, Any])


async def _get(edge: Edge, path: str) -> bytes:
    body = bytearray()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Mapping[str, Any]) -> None:
        body.extend(message.get("body", b""))

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    await edge({**scope, "query_string": b"", "headers": []}, receive, send)
    return bytes(body)


def write() -> None:
    """Write every page, and take away those that are no longer made."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    written = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.*")}
    for stale in written - made.keys():
        (FOLDER / stale).unlink()
    for name, text in made.items():
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    write()
