"""Reads a written routing policy, from TOML or JSON: a policy, or all that is wrong with it, each with its place.

A text that was stored is read again by `reread`, which asks no more than what a payment needs: a check that is younger
than the policy must not stop the merchant's payments.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.routing.core.conditions import MetadataIs
from recoup.routing.core.policy import (
    DEFAULT_RULE,
    EXPLORE_DEFAULT,
    MARGIN_DEFAULT,
    NO_POLICY,
    Action,
    Policy,
    make_rule,
)
from recoup.routing.core.policy_actions import Actions
from recoup.routing.core.policy_checks import Placed, check_left, check_names, check_reach
from recoup.routing.core.policy_conditions import Conditions
from recoup.routing.core.policy_file import (
    GROUPS_MAX,
    RULES_MAX,
    SOURCE_LENGTH_MAX,
    PolicyFile,
    RuleSpec,
    ThenSpec,
    WhenSpec,
)
from recoup.routing.core.policy_names import Directory, Names, directory_kept
from recoup.routing.core.policy_shape import Misfits, fit_parts, shown
from recoup.routing.core.toml_lines import Path, lines_of

PROBLEMS_MAX: Final = 20
_DOTS_MAX: Final = 300
"""Dots between two equals signs of a line: a key of thousands of parts takes tomllib minutes."""
_STEP_LENGTH_MAX: Final = 60
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_SAID_WHERE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class Format(StrEnum):
    """What a policy is written in."""

    TOML = "toml"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a written policy. `path` is empty where it is about the whole; JSON has no `line`."""

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = [*([] if self.line is None else [f"line {self.line}"]), *([self.path] if self.path else [])]
        return f"{', '.join(where)}: {self.message}" if where else self.message


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: a policy, or problems in the order of the text. `more` problems were left out."""

    policy: Policy | None
    problems: tuple[Problem, ...] = ()
    more: int = 0
    names: Mapping[str, UUID] = field(default_factory=dict)
    """What each name in the policy stood for."""
    document: Mapping[str, Any] = field(default_factory=dict)
    """The policy as JSON has it."""

    def told(self) -> str:
        """All problems, a line each."""
        left_out = [f"… and {self.more} more"] if self.more else []
        return "\n".join([*map(str, self.problems), *left_out])


def read(source: str, format_: Format, directory: Directory) -> Reading:
    """A policy as it was written, for these accounts."""
    if len(source) > SOURCE_LENGTH_MAX:
        message = f"the text has {len(source)} characters; {SOURCE_LENGTH_MAX} is the most"
        return Reading(None, (Problem("", message),))
    found = written_document(source, format_)
    if isinstance(found, Problem):
        return Reading(None, (found,))
    return _Reader(directory, Misfits()).read(found.content, found.lines)


def reread(source: str, format_: Format, names: Mapping[str, UUID]) -> Policy:
    """A policy that was saved, its names standing for what they stood for then."""
    document = plain(tomllib.loads(source)) if format_ is Format.TOML else msgspec.json.decode(source)
    return _Reader(directory_kept(names), Misfits()).kept(document)


@dataclass(frozen=True, slots=True)
class Document:
    """What a text holds, as JSON has it, and the line of each part; JSON has none."""

    content: Any
    lines: Mapping[Path, int]


def written_document(source: str, format_: Format) -> Document | Problem:
    """What a text holds, or why it is neither TOML nor JSON."""
    match format_:
        case Format.TOML:
            return _read_toml(source)
        case Format.JSON:
            return _read_json(source)


def _read_toml(source: str) -> Document | Problem:
    crowded = next((n for n, line in enumerate(source.split("\n"), 1) if _is_crowded(line)), None)
    if crowded is not None:
        return Problem("", "the line is crowded with dots: fold it", crowded)
    try:
        return Document(plain(tomllib.loads(source)), lines_of(source))
    except tomllib.TOMLDecodeError as error:
        return _not_toml(str(error), source)
    except (ValueError, RecursionError):
        return Problem("", "is no TOML: a number too long, or lists too deep in each other")


def _is_crowded(line: str) -> bool:
    return line.count(".") > _DOTS_MAX and any(part.count(".") > _DOTS_MAX for part in line.split("="))


def _not_toml(said: str, source: str) -> Problem:
    found = _SAID_WHERE.search(said)
    line = int(found[1]) if found and found[1] else source.count("\n") + 1
    why = said[: found.start()] if found else said
    column = f", at column {found[2]}" if found and found[2] else ""
    return Problem("", f"is no TOML: {why[:1].lower()}{why[1:]}{column}", line)


def _read_json(source: str) -> Document | Problem:
    try:
        return Document(msgspec.json.decode(source), {})
    except (msgspec.DecodeError, RecursionError) as error:
        why = str(error).removeprefix("JSON is malformed: ")
        return Problem("", f"is no JSON: {why}")


def plain(value: Any) -> Any:
    """TOML as JSON has it; a time of the day as the policy writes it."""
    match value:
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
        case dt.time():
            return f"{value:%H:%M}"
        case dt.date():
            return value.isoformat()
        case _:
            return value


class _Reader:
    def __init__(self, directory: Directory, misfits: Misfits) -> None:
        self._misfits = misfits
        self._names = Names(directory, misfits)

    def read(self, document: Any, lines: Mapping[Path, int]) -> Reading:
        """The policy in a document, if nothing is wrong with it."""
        policy = self._made(document)
        problems = in_order(self._misfits, lines)
        if problems:
            return Reading(None, tuple(problems[:PROBLEMS_MAX]), max(0, len(problems) - PROBLEMS_MAX))
        return Reading(policy, names=dict(self._names.used), document=document)

    def kept(self, document: Any) -> Policy:
        """The policy in a document that was found right when it was saved."""
        return self._made(document)

    def _made(self, document: Any) -> Policy:
        head = fit_parts(_without(document, "rules"), PolicyFile, (), self._misfits)
        said = document if isinstance(document, Mapping) else {}
        self._names.define(_every_group(said.get("groups"), head.get("groups")))
        home = self._home(head, is_said="home_countries" in said)
        placed = [self._rule(rule, place, home=home) for place, rule in enumerate(self._rules(said))]
        whole = [*placed, self._default(head)]
        check_names(((path, one.name) for path, one in placed if one.name), self._misfits)
        self._check(whole, is_default_said="default" in said)
        return Policy(
            rules=tuple(one for _, one in whole),
            margin=head.get("margin_basis_points", MARGIN_DEFAULT),
            explore=head.get("explore_basis_points", EXPLORE_DEFAULT),
            attempts_max=head.get("attempts_max"),
            failover_within_ms=head.get("failover_within_ms"),
            home_countries=home or frozenset(),
            metadata_keys=frozenset(_metadata_keys(whole)),
        )

    def _rules(self, said: Mapping[str, Any]) -> Sequence[object]:
        rules = said.get("rules", [])
        if not isinstance(rules, list):
            self._misfits.add(("rules",), f"must be a list of rules, not {shown(rules)}")
            return []
        if len(rules) > RULES_MAX:
            self._misfits.add(("rules",), f"there are {len(rules)} rules; {RULES_MAX} is the most")
        return rules[:RULES_MAX]

    def _home(self, head: Mapping[str, Any], *, is_said: bool) -> frozenset[str] | None:
        """The home countries; None where none are named."""
        given = head.get("home_countries")
        if given is None:
            return frozenset() if is_said else None
        return Conditions((), home=None, misfits=self._misfits).countries("home_countries", given)

    def _rule(self, rule: object, place: int, *, home: frozenset[str] | None) -> Placed:
        path: Path = ("rules", place)
        parts = fit_parts(_without(rule, "when"), RuleSpec, path, self._misfits)
        when = (rule.get("when") if isinstance(rule, Mapping) else None) or {}
        fitted = WhenSpec(**fit_parts(when, WhenSpec, (*path, "when"), self._misfits))
        conditions = Conditions((*path, "when"), home=home, misfits=self._misfits).made(fitted)
        return path, make_rule(
            parts.get("name", ""), conditions, self._action(parts.get("then"), (*path, "then"))
        )

    def _default(self, head: Mapping[str, Any]) -> Placed:
        path: Path = (DEFAULT_RULE,)
        if head.get("default") is None:
            return path, NO_POLICY.rules[-1]
        action = self._action(head["default"], path)
        if action.method is None:
            self._misfits.add(path, "must decide: say `ordered`, `split`, `learned` or `least_cost`")
        return path, make_rule(DEFAULT_RULE, (), action)

    def _action(self, then: ThenSpec | None, path: Path) -> Action:
        if then is None:
            return Action()  # it did not fit, which was said
        return Actions(path, names=self._names, misfits=self._misfits).made(then)

    def _check(self, whole: Sequence[Placed], *, is_default_said: bool) -> None:
        """Whether the rules go together; only where each is right by itself."""
        if self._misfits.found:
            return
        check_reach(whole if is_default_said else whole[:-1], self._misfits)
        if not self._misfits.found:
            check_left(whole, self._names, self._misfits)


def _without(said: Any, name: str) -> Any:
    """A table without a field that is read by itself."""
    return {key: value for key, value in said.items() if key != name} if isinstance(said, Mapping) else said


def _every_group(said: object, fitted: Mapping[str, list[str]] | None) -> Mapping[str, list[str]]:
    """The groups; those that do not fit without members, so that their names are known."""
    names = [name for name in said if isinstance(name, str)] if isinstance(said, Mapping) else []
    return fitted if fitted is not None else {name: [] for name in names[:GROUPS_MAX]}


def _metadata_keys(rules: Sequence[Placed]) -> list[str]:
    return [one.key for _, rule in rules for one in rule.conditions if isinstance(one, MetadataIs)]


def in_order(misfits: Misfits, lines: Mapping[Path, int]) -> list[Problem]:
    """What was found wrong, in the order of the text."""
    return sorted(
        (_problem(path, message, lines) for path, message in misfits.found), key=lambda one: one.line or 0
    )


def _problem(path: Path, message: str, lines: Mapping[Path, int]) -> Problem:
    line = next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)
    return Problem(written(path), message, 1 if line is None and lines else line)


def written(path: Path) -> str:
    """A place as people write it: `rules[2].then.split."Adyen US"`."""
    return "".join(_step(one) for one in path).removeprefix(".")


def _step(step: str | int) -> str:
    match step:
        case int():
            return f"[{step}]"
        case _ if _BARE.fullmatch(step) and len(step) <= _STEP_LENGTH_MAX:
            return f".{step}"
        case _:
            return f".{shown(step)}"
