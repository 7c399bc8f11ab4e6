"""What a written rule does, checked and made into an action."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from recoup.routing.core.policy import CUSTOMER, Action
from recoup.routing.core.policy_file import ThenSpec
from recoup.routing.core.policy_names import Names
from recoup.routing.core.policy_shape import Misfits, shown
from recoup.routing.core.toml_lines import Path
from recoup.routing.core.words import Method

WHOLE: Final = 100
"""What the shares of a split sum to."""


class Actions:
    """Makes the action of one rule."""

    def __init__(self, path: Path, *, names: Names, misfits: Misfits) -> None:
        self._path = path
        self._names = names
        self._misfits = misfits

    def made(self, then: ThenSpec) -> Action:
        """The action; of methods that exclude each other the first."""
        for flag, is_set in (("learned", then.learned), ("least_cost", then.least_cost), ("only", then.only)):
            if is_set is False:
                self._add((flag,), "is `true` or left out")
        methods = list(_methods(then))
        if len(methods) > 1:
            self._add((), f"has {' and '.join(f'`{one}`' for one in methods)}: a rule decides in one way")
        if not methods and then.exclude is None and then.require is None:
            self._add(
                (), "does nothing: say `ordered`, `split`, `learned`, `least_cost`, `exclude` or `require`"
            )
        self._belongings(then)
        return Action(
            method=methods[0] if methods else None,
            order=self._names.several(then.ordered or [], (*self._path, "ordered")),
            shares={} if then.split is None else self._shares(then.split),
            sticky_by=then.sticky_by,
            only=bool(then.only),
            exclude=frozenset(self._names.several(then.exclude or [], (*self._path, "exclude"))),
            require=None
            if then.require is None
            else frozenset(self._names.several(then.require, (*self._path, "require"))),
        )

    def _add(self, place: Path, message: str) -> None:
        self._misfits.add((*self._path, *place), message)

    def _belongings(self, then: ThenSpec) -> None:
        """What says something only beside something else."""
        if then.sticky_by is not None and then.split is None:
            self._add(("sticky_by",), "belongs to `split`, which is not there")
        if then.sticky_by not in (None, CUSTOMER):
            self._add(("sticky_by",), f"must be '{CUSTOMER}', not {shown(then.sticky_by)}")
        if then.only and then.ordered is None and then.split is None:
            self._add(("only",), "belongs to `ordered` or `split`; use `require` to leave the others out")
        if then.only and then.ordered == []:
            self._add(("only",), "with an empty `ordered` leaves no account: name some, or leave `only` out")

    def _shares(self, split: Mapping[str, int]) -> dict[UUID, int]:
        path = (*self._path, "split")
        if not split:
            self._misfits.add(path, "is empty: name accounts with their percentages")
            return {}
        if sum(split.values()) != WHOLE:
            self._misfits.add(path, f"the shares sum to {sum(split.values())}, not {WHOLE}")
        shares: dict[UUID, int] = {}
        for name, share in split.items():
            account_id = self._single(name, (*path, name))
            if account_id in shares:
                self._misfits.add((*path, name), f"{shown(name)} is an account that is named twice")
            elif account_id is not None:
                shares[account_id] = share
        return shares

    def _single(self, name: str, path: Path) -> UUID | None:
        if self._names.is_group(name):
            self._misfits.add(path, f"{shown(name)} is a group: a split names accounts")
            return None
        return self._names.one(name, path)


def _methods(then: ThenSpec) -> Iterator[Method]:
    if then.ordered is not None:
        yield Method.ORDERED
    if then.split is not None:
        yield Method.SPLIT
    if then.learned:
        yield Method.LEARNED
    if then.least_cost:
        yield Method.LEAST_COST
