"""The vault: seals cards and credentials under their tenant's keys, and opens them again.

A tenant's keys are made when they are first needed: one row for the key that makes fingerprints, one for the first data
key, under ids that every process would choose, so that two processes at once agree on one pair. They are read at most
every `KEYS_TTL_S`, and kept in memory unwrapped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.connectors.base import Card
from recoup.db import Connection, Database, Queries
from recoup.db.remembered import Remembered
from recoup.kit.clock import Clock
from recoup.kit.ids import Entropy
from recoup.kit.refusals import Refusal, RefusalType, conflict
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant, Sealed
from recoup.vault import store
from recoup.vault.core import (
    Expiry,
    Key,
    PaymentMethod,
    check_billing,
    check_expiry,
    check_network_transaction_id,
    check_number,
    check_security_code,
)
from recoup.vault.core.envelope import KEY_BYTES
from recoup.vault.keys import MasterKeys, MasterKeyUnusable
from recoup.vault.store import WrappedKey
from recoup.vault.wire import BILLING_PARAM, CARD_PARAM, CardMethodData

TENANTS_REMEMBERED_MAX: Final = 5000
KEYS_TTL_S: Final = 60.0
RESEALED_AT_ONCE: Final = 200

FINGERPRINT_KEY: Final = UUID(int=1)
"""The id, at every tenant, of the key that makes fingerprints; it is never changed."""
FIRST_DATA_KEY: Final = UUID(int=2)
"""The id, at every tenant, of the first data key; later ones have ids by their time, so the newest is the last."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """A tenant's keys, unwrapped. New things are sealed under `current`."""

    current: UUID
    data: Mapping[UUID, Key] = field(repr=False)
    fingerprint: Key = field(repr=False)


class Vault:
    """Seals and opens; the only part that sees a stored card number."""

    def __init__(
        self,
        database: Database,
        *,
        master: MasterKeys,
        clock: Clock,
        new_id: Callable[[], UUID],
        entropy: Entropy,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._master = master
        self._clock = clock
        self._new_id = new_id
        self._entropy = entropy
        self._requests = master.oldest.derive(b"recoup request fingerprint 1")
        self._rings: Remembered[UUID, KeyRing] = Remembered(
            entries_max=TENANTS_REMEMBERED_MAX, ttl_s=KEYS_TTL_S, monotonic=monotonic
        )

    async def check_master_keys(self) -> None:
        """Raises `MasterKeyUnusable` where something in the database was written under a key that is not given."""
        missing = await store.unknown_master_keys(self._database, known=list(self._master.known))
        if missing:
            raise MasterKeyUnusable(
                f"This database holds data written under the master key {', '.join(missing)}; the key given is "
                f"{self._master.current}. Every process on a database needs the same: set RECOUP_MASTER_KEY or "
                "RECOUP_MASTER_KEY_FILE, or use the data folder that the key was generated in (RECOUP_DATA_DIR)."
            )

    def check_mode(self, *, livemode: bool) -> None:
        """Refuses live mode under a master key that nobody chose."""
        if livemode and self._master.generated:
            raise Refusal(
                RefusalType.PERMISSION,
                "live_mode_needs_master_key",
                "Live mode needs a master key of your own: set RECOUP_MASTER_KEY or RECOUP_MASTER_KEY_FILE.",
            )

    def fingerprint(self, message: bytes) -> bytes:
        """32 bytes that are the same for the same message and tell nothing of it."""
        return self._requests.mac(message)

    async def recognise(self, merchant_id: UUID, message: bytes, *, queries: Queries) -> bytes:
        """32 bytes that are the same for the same message of a tenant: with what a card's fingerprint is made."""
        return (await self._ring(merchant_id, queries)).fingerprint.mac(message)

    async def seal(self, merchant: Merchant, plain: bytes, *, aad: bytes, queries: Queries) -> Sealed:
        """Encrypt bytes under a tenant's data key; only the same `aad` opens them."""
        self.check_mode(livemode=merchant.livemode)
        ring = await self._ring(merchant.id, queries)
        return Sealed(ring.current, self._seal(ring, merchant.id, plain, aad=aad))

    async def unseal(self, merchant_id: UUID, sealed: Sealed, *, aad: bytes, queries: Queries) -> bytes:
        """Decrypt; raises `Unreadable`."""
        key = await self._data_key(merchant_id, sealed.data_key_id, queries)
        return key.unseal(sealed.ciphertext, aad=_generic(merchant_id, aad))

    async def seal_card(
        self,
        merchant: Merchant,
        data: CardMethodData,
        *,
        now: datetime,
        customer_id: UUID | None = None,
        metadata: Mapping[str, str] | None = None,
        queries: Queries | None = None,
        card_param: str = CARD_PARAM,
        billing_param: str = BILLING_PARAM,
    ) -> PaymentMethod:
        """A new payment method for the caller to insert; refuses what is no good card, naming the field.

        Nothing is written but, at a tenant's first card, its keys. The security code is checked and not kept. `queries`
        is the caller's connection where it holds one.
        """
        card = data.card
        digits, facts = check_number(card.number, param=f"{card_param}.number")
        check_security_code(card.cvc, brand=facts.brand, param=f"{card_param}.cvc")
        expiry = check_expiry(card.exp_month, card.exp_year, now=now, param=card_param)
        check_billing(data.billing_details, param=billing_param)
        inner = card_param.rpartition("card")[0]
        check_network_transaction_id(data.network_transaction_id, param=f"{inner}network_transaction_id")
        self.check_mode(livemode=merchant.livemode)
        ring = await self._ring(merchant.id, queries or self._database)
        method_id = self._new_id()
        return PaymentMethod(
            id=method_id,
            customer_id=customer_id,
            fingerprint=ring.fingerprint.mac(digits.reveal().encode()),
            brand=facts.brand,
            bin=facts.bin,
            last4=facts.last4,
            exp_month=expiry.month,
            exp_year=expiry.year,
            funding=facts.issuing.funding,
            issuer_country=facts.issuing.country,
            data_key_id=ring.current,
            ciphertext=self._seal_number(ring, merchant.id, method_id, digits),
            billing=data.billing_details,
            network_transaction_id=data.network_transaction_id,
            metadata=dict(metadata or {}),
            created_at=now,
            updated_at=now,
        )

    async def resealed(
        self, merchant: Merchant, method: PaymentMethod, number: Secret, expiry: Expiry, *, queries: Queries
    ) -> PaymentMethod:
        """The payment method with another card in it, sealed for its row; refuses what is no card number."""
        digits, facts = check_number(number, param="number")
        ring = await self._ring(merchant.id, queries)
        return replace(
            method,
            fingerprint=ring.fingerprint.mac(digits.reveal().encode()),
            brand=facts.brand,
            bin=facts.bin,
            last4=facts.last4,
            exp_month=expiry.month,
            exp_year=expiry.year,
            funding=facts.issuing.funding,
            issuer_country=facts.issuing.country,
            data_key_id=ring.current,
            ciphertext=self._seal_number(ring, merchant.id, method.id, digits),
        )

    async def open_card(
        self,
        merchant_id: UUID,
        method: PaymentMethod,
        *,
        cvc: Secret | None = None,
        queries: Queries | None = None,
    ) -> Card:
        """A stored card in the clear, for a connector; `cvc` only where the customer has just given it."""
        digits = await self._open_number(merchant_id, method, queries or self._database)
        assert method.exp_month is not None and method.exp_year is not None, "a card in the vault is whole"
        return Card(
            number=digits,
            exp_month=method.exp_month,
            exp_year=method.exp_year,
            brand=method.brand,
            cvc=cvc,
            holder=method.billing.name,
        )

    async def rotate_data_key(self, merchant: Merchant) -> UUID:
        """A new data key for what is sealed from now on, which other processes learn within `KEYS_TTL_S`.

        What was sealed before stays readable; `reseal_cards` moves it.
        """
        self.check_mode(livemode=merchant.livemode)
        ring = await self._ring(merchant.id, self._database)
        if len(ring.data) >= store.KEYS_MAX - 1:
            raise conflict(
                "data_key_limit", f"A merchant can have {store.KEYS_MAX - 1} data keys, and has them."
            )
        key_id, now = self._new_id(), self._clock.now()
        fresh = self._wrapped(merchant.id, key_id, Key(self._entropy(KEY_BYTES)), now=now)

        async def keep(connection: Connection) -> None:
            await store.insert_keys(connection, [fresh], merchant_id=merchant.id)
            await store.retire_keys(
                connection, merchant_id=merchant.id, before=key_id, except_for=FINGERPRINT_KEY, now=now
            )

        await self._database.retrying(keep)
        self._rings.forget(merchant.id)
        return key_id

    async def current_key(self, merchant_id: UUID) -> UUID:
        """The newest data key, read anew: under which everything is sealed from now on."""
        self._rings.forget(merchant_id)
        return (await self._ring(merchant_id, self._database)).current

    async def reseal_cards(self, merchant: Merchant, *, limit: int = RESEALED_AT_ONCE) -> int:
        """Move up to `limit` cards to the newest data key; 0 says that none is left that nobody else is moving."""
        await self.current_key(merchant.id)
        ring = await self._ring(merchant.id, self._database)

        async def reseal(connection: Connection) -> int:
            old = await store.methods_under_other_keys(
                connection, merchant_id=merchant.id, data_key_id=ring.current, limit=limit
            )
            fresh = [await self._resealed(ring, merchant.id, method, connection) for method in old]
            await store.reseal_methods(connection, fresh, merchant_id=merchant.id)
            return len(fresh)

        return await self._database.retrying(reseal)

    async def rewrap(self, merchant_id: UUID) -> int:
        """Wrap a tenant's keys under the current master key; how many were under another."""

        async def wrap_anew(connection: Connection) -> int:
            stale = [
                key
                for key in await store.keys(connection, merchant_id=merchant_id)
                if key.master_key_id != self._master.current
            ]
            for key in stale:
                inner = self._unwrap(merchant_id, key)
                fresh = self._wrapped(merchant_id, key.id, inner, now=key.created_at)
                await store.rewrap_key(connection, fresh, merchant_id=merchant_id, before=key.master_key_id)
            return len(stale)

        return await self._database.retrying(wrap_anew)

    async def _resealed(
        self, ring: KeyRing, merchant_id: UUID, method: PaymentMethod, queries: Queries
    ) -> PaymentMethod:
        digits = await self._open_number(merchant_id, method, queries)
        ciphertext = self._seal_number(ring, merchant_id, method.id, digits)
        return replace(method, data_key_id=ring.current, ciphertext=ciphertext)

    def _seal(self, ring: KeyRing, merchant_id: UUID, plain: bytes, *, aad: bytes) -> bytes:
        return ring.data[ring.current].seal(plain, aad=_generic(merchant_id, aad), entropy=self._entropy)

    def _seal_number(self, ring: KeyRing, merchant_id: UUID, method_id: UUID, digits: Secret) -> bytes:
        aad = _of_card(merchant_id, method_id)
        return ring.data[ring.current].seal(digits.reveal().encode(), aad=aad, entropy=self._entropy)

    async def _open_number(self, merchant_id: UUID, method: PaymentMethod, queries: Queries) -> Secret:
        assert method.data_key_id is not None and method.ciphertext is not None, "the vault has a card"
        key = await self._data_key(merchant_id, method.data_key_id, queries)
        return Secret(key.unseal(method.ciphertext, aad=_of_card(merchant_id, method.id)).decode())

    async def _data_key(self, merchant_id: UUID, key_id: UUID, queries: Queries) -> Key:
        key = (await self._ring(merchant_id, queries)).data.get(key_id)
        if key is None:
            # Another process made it since the ring was read.
            self._rings.forget(merchant_id)
            key = (await self._ring(merchant_id, queries)).data.get(key_id)
        assert key is not None, "a row names a data key that its merchant does not have"
        return key

    async def _ring(self, merchant_id: UUID, queries: Queries) -> KeyRing:
        if queries is self._database:
            return await self._rings.get(merchant_id, lambda: self._read_ring(merchant_id, queries))
        # A reading on a caller's own connection is not shared: it would outlive the caller's transaction.
        ring = self._rings.peek(merchant_id)
        if ring is None:
            ring = await self._read_ring(merchant_id, queries)
            self._rings.put(merchant_id, ring)
        return ring

    async def _read_ring(self, merchant_id: UUID, queries: Queries) -> KeyRing:
        rows = await store.keys(queries, merchant_id=merchant_id)
        if not rows:
            # Committed by itself and read again: an open transaction of the caller's could still be rolled back, and
            # what was sealed under a key that is gone could never be opened.
            await self._make_keys(merchant_id)
            rows = await store.keys(queries, merchant_id=merchant_id)
        keys = {row.id: self._unwrap(merchant_id, row) for row in rows}
        fingerprint = keys.pop(FINGERPRINT_KEY)
        return KeyRing(max(keys), keys, fingerprint)

    async def _make_keys(self, merchant_id: UUID) -> None:
        now = self._clock.now()
        new = [
            self._wrapped(merchant_id, key_id, Key(self._entropy(KEY_BYTES)), now=now)
            for key_id in (FINGERPRINT_KEY, FIRST_DATA_KEY)
        ]

        async def keep(connection: Connection) -> None:
            await store.insert_keys(connection, new, merchant_id=merchant_id)

        await self._database.retrying(keep)

    def _wrapped(self, merchant_id: UUID, key_id: UUID, key: Key, *, now: datetime) -> WrappedKey:
        master = self._master.known[self._master.current]
        wrapped = master.wrap(key, aad=_of_key(merchant_id, key_id), entropy=self._entropy)
        return WrappedKey(key_id, self._master.current, wrapped, now)

    def _unwrap(self, merchant_id: UUID, row: WrappedKey) -> Key:
        master = self._master.known.get(row.master_key_id)
        if master is None:
            raise MasterKeyUnusable(
                f"This data was written under the master key {row.master_key_id}, which is not among those given: "
                f"put it back, below the current one, {self._master.current}, in the file of master_key_file."
            )
        return master.unwrap(row.wrapped, aad=_of_key(merchant_id, row.id))


def _of_card(merchant_id: UUID, method_id: UUID) -> bytes:
    return b"recoup card 1" + merchant_id.bytes + method_id.bytes


def _of_key(merchant_id: UUID, key_id: UUID) -> bytes:
    return b"recoup key 1" + merchant_id.bytes + key_id.bytes


def _generic(merchant_id: UUID, aad: bytes) -> bytes:
    return b"recoup sealed 1" + merchant_id.bytes + aad
