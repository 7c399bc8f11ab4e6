"""The schema rules: what keeps Recoup's SQL at home on one server and on many.

A statement over all merchants at once (the worker, house-keeping) says so in a comment of its own: `-- all merchants:`
and why.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from tests.tidy.sources import SOURCE, tree
from tests.tidy.sources import texts as files
from tests.together import each

WITHOUT_MERCHANT: Final = {"merchants", "schema_migrations", "due", "turns"}
"""The tenants themselves, the system's own tables, and the pointers to due work, whose key begins with their slot."""

ALL_MERCHANTS: Final = "-- all merchants:"
CREATE: Final = re.compile(r"create table (?:if not exists )?([\w.]+) \((.*)\)\s*$", re.DOTALL)
KEY: Final = re.compile(r"(?:primary key|unique|foreign key) \((\w+)")
REFERENCE: Final = re.compile(r"references (\w+) \((\w+)")
UNIQUE_INDEX: Final = re.compile(r"create unique index \w+ on (\w+) \((\w+)")
STATEMENT: Final = re.compile(r"\b(select|insert into|update|delete from)\b", re.IGNORECASE)
TABLE: Final = re.compile(r"\b(?:from|join|into|update)\s+([a-z_.]+)", re.IGNORECASE)
CLOCKS: Final = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|random|gen_random_uuid|uuidv7)\s*\("
    r"|\b(current_timestamp|current_date|localtimestamp|interval)\b",
    re.IGNORECASE,
)
NOT_EVERYWHERE: Final = re.compile(
    r"\b(trigger|create type|create domain|create rule|inherits|unlogged|exclude using|generated|serial|bigserial"
    r"|create (or replace )?function|advisory|listen|notify)\b",
    re.IGNORECASE,
)


def migration_statements() -> Iterator[str]:
    for file in sorted((SOURCE / "db" / "migrations").glob("*.sql")):
        text = re.sub(r"^--(?!;).*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        yield from (
            part.strip() for part in re.split(r"^--;[ \t]*$", text, flags=re.MULTILINE) if part.strip()
        )


MIGRATIONS: Final = tuple(migration_statements())
TABLES: Final = {found[1]: found[2] for statement in MIGRATIONS if (found := CREATE.search(statement))}
TENANT_TABLES: Final = {name for name in TABLES if "." not in name} - WITHOUT_MERCHANT


def texts(whole: ast.AST) -> Iterator[tuple[int, str]]:
    """Every string with its line; an f-string's or a sum's parts are one."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(whole)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    inner = {id(part) for node in ast.walk(whole) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(whole):
        match node:
            case ast.JoinedStr(values=values):
                parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in values]
                yield node.lineno, "".join(parts)
            case ast.Constant(value=str(text)) if id(node) not in docstrings | inner:
                yield node.lineno, text
            case _:
                pass


@cache
def statements() -> dict[str, str]:
    return {
        f"{path.relative_to(SOURCE)}:{line}": text
        for path in files(SOURCE)
        for line, text in texts(tree(path))
        if STATEMENT.search(text) and TABLE.search(text)
    }


def test_the_rules_see_the_statements_they_judge() -> None:
    assert len(TENANT_TABLES) >= 10
    assert sum(1 for text in statements().values() if TENANT_TABLES & set(TABLE.findall(text))) >= 10


@each({table: (table,) for table in sorted(TENANT_TABLES)})
def test_every_key_of_a_merchant_s_table_begins_with_the_merchant(table: str) -> None:
    body = TABLES[table].strip()
    assert body.startswith(("merchant_id uuid not null", "merchant_id uuid primary key"))
    assert "merchant_id uuid primary key" in body or "primary key (merchant_id" in body
    assert set(KEY.findall(body)) <= {"merchant_id"}
    assert {(to, column) for to, column in REFERENCE.findall(body)} <= {
        ("merchants", "id"),
        *((name, "merchant_id") for name in TENANT_TABLES),
    }


def test_every_unique_index_begins_with_the_merchant() -> None:
    found = [pair for statement in MIGRATIONS for pair in UNIQUE_INDEX.findall(statement)]
    assert [pair for pair in found if pair[0] in TENANT_TABLES and pair[1] != "merchant_id"] == []


@each({f"{number}: {' '.join(text.split()[:4])}": (text,) for number, text in enumerate(MIGRATIONS)})
def test_a_migration_uses_only_what_runs_everywhere(statement: str) -> None:
    assert NOT_EVERYWHERE.search(statement) is None
    assert ";" not in re.sub(r"'[^']*'|--.*", "", statement), "one statement a step"


def test_every_statement_on_a_merchant_s_table_names_the_merchant() -> None:
    nameless = [
        where
        for where, text in statements().items()
        if TENANT_TABLES & set(TABLE.findall(text))
        and "merchant_id" not in text
        and ALL_MERCHANTS not in text
    ]
    assert nameless == []


def test_time_and_chance_are_parameters() -> None:
    assert [
        where for where, text in statements().items() if CLOCKS.search(text) and "create table" not in text
    ] == []
