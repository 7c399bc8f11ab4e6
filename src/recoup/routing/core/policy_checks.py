"""What no rule shows by itself: rules that are never reached, and accounts that are excluded before they are named.

Only what is certain is a misfit. One rule is certain to hold where another one does if its conditions are among that
one's; whether conditions that differ can meet is not asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from recoup.routing.core.policy import DEFAULT_RULE, Action, Rule
from recoup.routing.core.policy_names import Names
from recoup.routing.core.policy_shape import Misfits, shown
from recoup.routing.core.toml_lines import Path

Placed = tuple[Path, Rule]
"""A rule and its place in the policy."""


def check_names(names: Iterable[tuple[Path, str]], misfits: Misfits) -> None:
    """No two rules have one name, and none the default's."""
    times: Counter[str] = Counter({DEFAULT_RULE: 1})
    for path, name in names:
        if times[name]:
            why = "the name of the default" if name == DEFAULT_RULE else "the name of an earlier rule too"
            misfits.add((*path, "name"), f"{shown(name)} is {why}: no two are the same")
        times[name] += 1


def check_reach(rules: Sequence[Placed], misfits: Misfits) -> None:
    """Every rule can be the first that holds and decides."""
    deciding: list[Placed] = []
    for path, rule in rules:
        before = next((other for other in deciding if _follows(rule, other[1])), None)
        if before is not None:
            holds = "always holds" if not before[1].conditions else "holds whenever this one does"
            misfits.add(path, f"is never reached: {_at(before[0])} decides before it and {holds}")
        if rule.action.method is not None:
            deciding.append((path, rule))


def check_left(rules: Sequence[Placed], names: Names, misfits: Misfits) -> None:
    """Where a rule decides, somebody is left to be asked; and nobody is named who is excluded by then."""
    narrowing: list[Placed] = []
    for path, rule in rules:
        if rule.action.narrows:
            narrowing.append((path, rule))
        if rule.action.method is not None:
            certain = [other for other in narrowing if _follows(rule, other[1])]
            _check_action(path, rule.action, certain, names=names, misfits=misfits)
    for path, rule in narrowing:
        if rule.action.method is None and _is_nobody_left(rule.action, [(path, rule)], names):
            misfits.add((*path, "then"), "excludes every account: nobody could be asked")


def _check_action(
    path: Path, action: Action, narrowing: Sequence[Placed], *, names: Names, misfits: Misfits
) -> None:
    where = path if path == (DEFAULT_RULE,) else (*path, "then")
    if narrowing and _is_nobody_left(action, narrowing, names):
        by = ", ".join(dict.fromkeys(_at(other[0]) for other in narrowing))
        misfits.add(where, f"every account is excluded when this decides (by {by}): nobody could be asked")
        return
    field = "split" if action.shares else "ordered"
    for account_id in (*action.shares, *action.order):
        for other, rule in narrowing:
            why = rule.action.removes(account_id)
            if why is not None:
                name = next((text for text, id_ in names.used.items() if id_ == account_id), "an account")
                misfits.add((*where, field), f"names {shown(name)}, but {_at(other)} {why}")
                break


def _is_nobody_left(action: Action, narrowing: Sequence[Placed], names: Names) -> bool:
    pool = names.everybody
    for _, rule in narrowing:
        required = rule.action.require
        if required is not None:
            pool = required if pool is None else pool & required
    if action.only:
        named = frozenset((*action.shares, *action.order))
        pool = named if pool is None else pool & named
    if pool is None:
        return False
    return not _left(pool, (rule.action for _, rule in narrowing))


def _left(pool: frozenset[UUID], actions: Iterable[Action]) -> frozenset[UUID]:
    for action in actions:
        pool -= action.exclude
    return pool


def _follows(rule: Rule, other: Rule) -> bool:
    """Whether `other` certainly holds where `rule` does."""
    return all(condition in rule.conditions for condition in other.conditions)


def _at(path: Path) -> str:
    return "".join(_steps(path)).removeprefix(".")


def _steps(path: Path) -> Iterator[str]:
    for step in path:
        yield f"[{step}]" if isinstance(step, int) else f".{step}"
