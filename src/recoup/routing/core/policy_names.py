"""Which accounts the names in a policy stand for: ids, labels, and the policy's own groups."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from recoup.kit.ids import Kind, parse
from recoup.routing.core.policy_shape import Misfits, shown
from recoup.routing.core.toml_lines import Path

ID_PREFIX: Final = f"{Kind.PROCESSOR_ACCOUNT.value}_"


class Labelled(Protocol):
    """A processor account, as far as names need it."""

    @property
    def id(self) -> UUID:
        """Names the account."""
        ...

    @property
    def label(self) -> str:
        """The merchant's own name for it."""
        ...


@dataclass(frozen=True, slots=True)
class Directory:
    """The accounts that there are, by what they may be called. `ids` None: nobody can say which there are."""

    labels: Mapping[str, tuple[UUID, ...]] = field(default_factory=dict)
    ids: frozenset[UUID] | None = None


ANY_ACCOUNT: Final = Directory()
"""For a policy that is read without its merchant: every name stands for an account of its own."""


def directory_of(accounts: Iterable[Labelled]) -> Directory:
    """The directory of a merchant."""
    labels: dict[str, tuple[UUID, ...]] = {}
    ids = set()
    for account in accounts:
        labels[account.label] = (*labels.get(account.label, ()), account.id)
        ids.add(account.id)
    return Directory(labels, frozenset(ids))


def directory_kept(names: Mapping[str, UUID]) -> Directory:
    """The directory of a stored policy: what its names stood for when it was saved."""
    return Directory({name: (account_id,) for name, account_id in names.items()})


class Names:
    """Resolves the names in one policy, and keeps what each stood for."""

    def __init__(self, directory: Directory, misfits: Misfits) -> None:
        self._directory = directory
        self._misfits = misfits
        self._groups: dict[str, tuple[UUID, ...]] = {}
        self.used: dict[str, UUID] = {}

    @property
    def everybody(self) -> frozenset[UUID] | None:
        """All accounts; None where nobody can say."""
        return self._directory.ids

    def define(self, groups: Mapping[str, Sequence[str]]) -> None:
        """The policy's groups. One that contains itself, or whose name is taken, is a misfit."""
        for name in groups:
            if name.startswith(ID_PREFIX):
                self._misfits.add(
                    ("groups", name), f"begins with `{ID_PREFIX}`, as ids do: name it otherwise"
                )
            elif name in self._directory.labels:
                self._misfits.add(
                    ("groups", name), "is also the label of an account: name the group otherwise"
                )
        self._groups = dict.fromkeys(groups, ())
        for name in _innermost_first(groups, self._misfits):
            self._groups[name] = self.several(groups[name], ("groups", name))

    def is_group(self, name: str) -> bool:
        """Whether a name is a group's."""
        return name in self._groups

    def several(self, names: Sequence[str], path: Path) -> tuple[UUID, ...]:
        """The accounts of a list, in its order, groups taken apart, each account once."""
        found: dict[UUID, None] = {}
        for place, name in enumerate(names):
            if name in names[:place]:
                self._misfits.add((*path, place), f"{shown(name)} is named twice")
            elif self.is_group(name):
                found |= dict.fromkeys(self._groups[name])
            else:
                account_id = self.one(name, (*path, place))
                found |= {} if account_id is None else {account_id: None}
        return tuple(found)

    def one(self, name: str, path: Path) -> UUID | None:
        """The account of a name; None, and a misfit, where it is no account's."""
        account_id = self._found(name, path)
        if account_id is not None:
            self.used[name] = account_id
        return account_id

    def _found(self, name: str, path: Path) -> UUID | None:
        named = self._directory.labels.get(name, ())
        if len(named) > 1:
            ids = f"{len(named)} accounts have the label {shown(name)}: name the one you mean by its id"
            self._misfits.add(path, ids)
            return None
        if named:
            return named[0]
        account_id = parse(Kind.PROCESSOR_ACCOUNT, name)
        ids_known = self._directory.ids
        if account_id is not None and (ids_known is None or account_id in ids_known):
            return account_id
        if ids_known is None and not name.startswith(ID_PREFIX):
            return UUID(bytes=hashlib.blake2b(name.encode(), digest_size=16).digest())
        near = self._misfits.meant(name, [*self._directory.labels, *self._groups])
        self._misfits.add(path, f"there is no account {shown(name)}{near}")
        return None


def _innermost_first(groups: Mapping[str, Sequence[str]], misfits: Misfits) -> Iterator[str]:
    """The groups in an order in which each comes behind those that it contains; a cycle is a misfit, told once."""
    done: set[str] = set()
    for start in groups:
        yield from _below(start, groups, above=(), done=done, misfits=misfits)


def _below(
    name: str,
    groups: Mapping[str, Sequence[str]],
    *,
    above: tuple[str, ...],
    done: set[str],
    misfits: Misfits,
) -> Iterator[str]:
    if name in done:
        return
    stack = (*above, name)
    for place, member in enumerate(groups[name]):
        if member in stack:
            chain = " → ".join([*stack[stack.index(member) :], member])
            misfits.add(("groups", name, place), f"the group {shown(member)} contains itself: {chain}")
        elif member in groups:
            yield from _below(member, groups, above=stack, done=done, misfits=misfits)
    done.add(name)
    yield name
