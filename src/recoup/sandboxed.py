"""Keeps a sandbox merchant ready: its three processor accounts, its world, and a test key that a newcomer can paste."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from recoup.app import Service
from recoup.kit.secret import Secret
from recoup.merchants.core import Fees, KeyKind, Merchant
from recoup.merchants.flow import NewAccount

FILE_NAME: Final = "sandbox.json"
SEED: Final = 1
_OWNER_ONLY: Final = 0o600
ACCOUNTS: Final = {
    "alpha": Fees(basis_points=290, fixed=30, currency="USD"),
    "bravo": Fees(basis_points=250, fixed=25, currency="USD"),
    "charlie": Fees(basis_points=180, fixed=20, currency="EUR"),
}
"""The accounts of a new sandbox merchant, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What a newcomer needs to begin."""

    base_url: str
    key: Secret | None


class _Kept(msgspec.Struct):
    key: str


async def ensure(service: Service, *, folder: Path, base_url: str) -> Ready:
    """The sandbox merchant's key: the one of an earlier start, or, where it opens nothing, a new merchant's."""
    path = folder / FILE_NAME
    kept = _read(path)
    if kept is not None and await service.merchants.authenticate(kept.reveal()) is not None:
        return Ready(base_url, kept)
    key = await make(service, name="Sandbox")
    _write(path, key)
    return Ready(base_url, key)


async def make(service: Service, *, name: str, seed: int = SEED) -> Secret:
    """A new merchant with a world of its own and an account at each simulated processor; its secret test key."""
    now = service.around.clock.now()
    merchant = (await service.merchants.create(name, now=now)).test
    await add_accounts(service, merchant, seed=seed)
    _, key = await service.merchants.create_key(merchant, KeyKind.SECRET, now=now)
    return key.text


async def add_accounts(service: Service, merchant: Merchant, *, seed: int) -> None:
    """Accounts at the three simulated processors, in one transaction."""
    world_key = await service.simulated.worlds.ensure_world(merchant.id, seed=seed)
    now = service.around.clock.now()
    async with service.database.transaction() as connection:
        for connector, fees in ACCOUNTS.items():
            new = NewAccount(
                connector=connector, label=connector, credentials={"api_key": world_key}, fees=fees
            )
            await service.accounts.create(connection, merchant, new, now=now)


def kept_key(folder: Path) -> Secret | None:
    """The sandbox merchant's key that a server with this data folder keeps; None where there is none."""
    return _read(folder / FILE_NAME)


def _read(path: Path) -> Secret | None:
    try:
        return Secret(msgspec.json.decode(path.read_bytes(), type=_Kept).key)
    except (OSError, msgspec.DecodeError):
        return None


def _write(path: Path, key: Secret) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(_Kept(key.reveal())))
    draft.replace(path)
