"""Cards that change: the payment method, its history, the event, and the news for whoever waits for a better card.

All of it is one transaction a payment method, so that nobody sees a new card without its history, and no recovery
misses it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hmac import compare_digest
from typing import Final
from uuid import UUID

from recoup.connectors.base import Card, CredentialNews, Token
from recoup.db import Connection, Database, due
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import not_found
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.vault import store
from recoup.vault.core import BRANDS, Expiry, MethodType, PaymentMethod
from recoup.vault.core.ranges import DEBITS
from recoup.vault.core.renewals import (
    Change,
    Teller,
    Told,
    Update,
    UpdateKind,
    closed,
    shown,
    told_by_processor,
    told_by_updater,
)
from recoup.vault.flow.news import Fact, methods_changed, tell
from recoup.vault.flow.tokens import ProcessorTokens, with_token
from recoup.vault.flow.vault import Vault
from recoup.vault.objects import payment_method_object
from recoup.vault.store import tokens as token_store
from recoup.vault.store import updates

CHANGED: Final = "event:payment_method.changed"
"""The kind of due row that says: this payment method's card is another, or none, since now."""
UPDATED: Final = "payment_method.updated"
CLOSED: Final = "payment_method.closed"


@dataclass(frozen=True, slots=True)
class NewCard:
    """What an account updater answers: the number as it is now (the same where only the expiry changed)."""

    number: Secret
    expiry: Expiry


class Renewing:
    """Writes down what becomes of cards."""

    def __init__(
        self, database: Database, vault: Vault, tokens: ProcessorTokens, *, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._vault = vault
        self._tokens = tokens
        self._new_id = new_id

    async def hear(
        self, merchant: Merchant, told: Told, news: CredentialNews, *, now: datetime
    ) -> Sequence[UpdateKind] | None:
        """Apply a processor's news of a token to every payment method that has it; None where nobody has it."""
        assert told.account_id is not None, "a processor tells of an account"
        found = await self._tokens.methods_with(
            merchant.id, told.account_id, news.token, queries=self._database
        )
        if not found:
            return None
        kinds: list[UpdateKind] = []
        for method_id in found:
            apply = partial(self._hear, merchant=merchant, method_id=method_id, told=told, news=news, now=now)
            kind = await self._database.retrying(apply)
            kinds += [] if kind is None else [kind]
        return kinds

    async def _hear(
        self,
        connection: Connection,
        *,
        merchant: Merchant,
        method_id: UUID,
        told: Told,
        news: CredentialNews,
        now: datetime,
    ) -> UpdateKind | None:
        method = await self.held(connection, merchant, method_id)
        last = await updates.last_told_at(connection, merchant_id=merchant.id, method_id=method_id)
        if last is not None and told.at < last:
            return None  # what is known was told later
        seen = f"{told.last4}/{told.exp_month}/{told.exp_year}"
        message = b"recoup renewed card 1" + method.fingerprint + seen.encode()
        fingerprint = await self._vault.recognise(merchant.id, message, queries=connection)
        change = told_by_processor(method, told, fingerprint=fingerprint, now=now)
        if change is None:
            return None
        if news.new_token is not None:
            change = await self._with_new_token(connection, merchant, change, told, news, now=now)
        await self._keep(connection, merchant, method, change, told, now=now)
        return change.kind

    async def _with_new_token(
        self,
        connection: Connection,
        merchant: Merchant,
        change: Change,
        told: Told,
        news: CredentialNews,
        *,
        now: datetime,
    ) -> Change:
        """The change, with the processor's new token in the place of the one that it named."""
        assert told.account_id is not None and news.new_token is not None, "a processor gave another token"
        old = next(one for one in change.after.tokens if one.processor_account_id == told.account_id)
        customer = (await self._tokens.open_one(merchant.id, change.after, old, queries=connection)).customer
        fresh = await self._tokens.seal(
            merchant,
            change.after.id,
            told.account_id,
            Token(news.new_token, customer),
            remembered=old.remembered,
            now=now,
            queries=connection,
        )
        await token_store.put(connection, [fresh], merchant_id=merchant.id, method_id=change.after.id)
        return replace(change, after=with_token(change.after, fresh))

    async def renew(
        self, connection: Connection, merchant: Merchant, method_id: UUID, new: NewCard, told: Told
    ) -> UpdateKind | None:
        """Apply an account updater's answer; refuses what is no card number. None where it changes nothing."""
        method = await self.held(connection, merchant, method_id)
        if method.type is not MethodType.CARD or method.detached_at is not None:
            return None
        fresh = await self._vault.resealed(merchant, method, new.number, new.expiry, queries=connection)
        change = told_by_updater(method, fresh, now=told.at)
        if change is None:
            return None
        await self._keep(connection, merchant, method, change, told, now=told.at)
        return change.kind

    async def close(
        self, connection: Connection, merchant: Merchant, method_id: UUID, told: Told
    ) -> UpdateKind | None:
        """The account behind a card is closed. None where that is known."""
        method = await self.held(connection, merchant, method_id)
        change = None if method.detached_at is not None else closed(method, now=told.at)
        if change is None:
            return None
        await self._keep(connection, merchant, method, change, told, now=told.at)
        return change.kind

    async def card(self, merchant: Merchant, method: PaymentMethod) -> Card:
        """A card in the clear, for a batch that is sealed at once."""
        return await self._vault.open_card(merchant.id, method)

    async def is_of(self, merchant: Merchant, number: Secret, fingerprint: bytes) -> bool:
        """Whether a number is the one with this fingerprint."""
        message = number.reveal().encode()
        found = await self._vault.recognise(merchant.id, message, queries=self._database)
        return compare_digest(found, fingerprint)

    async def history(
        self,
        merchant_id: UUID,
        method_id: UUID,
        *,
        after: UUID | None = None,
        before: UUID | None = None,
        limit: int,
    ) -> Sequence[Update]:
        """What became of a payment method's card, newest first; with `before` oldest first. Refuses with 404."""
        method = await store.method(self._database, merchant_id=merchant_id, method_id=method_id)
        if method is None:
            raise not_found("payment method", render(Kind.PAYMENT_METHOD, method_id))
        return await updates.page(
            self._database,
            merchant_id=merchant_id,
            method_id=method_id,
            after=after,
            before=before,
            limit=limit,
        )

    async def fingerprints(self, merchant_id: UUID, method_id: UUID) -> Sequence[bytes]:
        """What a payment method's card is and was recognised by."""
        method = await store.method(self._database, merchant_id=merchant_id, method_id=method_id)
        if method is None:
            return ()
        before = await updates.fingerprints(self._database, merchant_id=merchant_id, method_id=method_id)
        return list(dict.fromkeys((method.fingerprint, *before)))

    async def expiring(
        self, merchant_id: UUID, *, brands: Sequence[str], until: datetime, since: datetime, limit: int
    ) -> Sequence[tuple[UUID, str]]:
        """Customers' cards that expire by then, each with its brand."""
        return await updates.expiring(
            self._database, merchant_id=merchant_id, brands=brands, until=until, since=since, limit=limit
        )

    async def held(self, connection: Connection, merchant: Merchant, method_id: UUID) -> PaymentMethod:
        """A payment method, held until the transaction ends."""
        method = await store.lock_method(connection, merchant_id=merchant.id, method_id=method_id)
        assert method is not None, "payment methods are never deleted"
        return method

    async def _keep(
        self,
        connection: Connection,
        merchant: Merchant,
        before: PaymentMethod,
        change: Change,
        told: Told,
        *,
        now: datetime,
    ) -> None:
        after = change.after
        await updates.write_card(connection, after, merchant_id=merchant.id)
        for account_id in sorted(change.forgets):
            await token_store.remove(
                connection, merchant_id=merchant.id, method_id=after.id, account_id=account_id
            )
        await record(connection, merchant, before, change, told, new_id=self._new_id, now=now)
        fact = CLOSED if change.kind is UpdateKind.CLOSED else UPDATED
        said = Fact(fact, after.id, payment_method_object(after, livemode=merchant.livemode))
        await tell(connection, merchant.id, [said], now=now, new_id=self._new_id)


async def record(
    connection: Connection,
    merchant: Merchant,
    before: PaymentMethod,
    change: Change,
    told: Told,
    *,
    new_id: Callable[[], UUID],
    now: datetime,
) -> None:
    """One more line of a card's history, and the news that it is another since now."""
    line = Update(
        new_id(), before.id, change.kind, told, before.fingerprint, shown(before), shown(change.after), now
    )
    await updates.insert(connection, line, merchant_id=merchant.id)
    await due.put(connection, merchant_id=merchant.id, kind=CHANGED, object_id=before.id, due_at=now)
    await methods_changed(connection, merchant.id, before.customer_id, now=now)


def told_of(news: CredentialNews, *, account_id: UUID, event_id: str, at: datetime) -> Told:
    """A processor's news, in the words of the vault."""
    brand = news.brand if news.brand in BRANDS | DEBITS and news.brand != "unknown" else None
    whole = news.exp_month is not None and news.exp_year is not None
    return Told(
        by=Teller.PROCESSOR,
        at=at,
        account_id=account_id,
        event_id=event_id,
        exp_month=news.exp_month if whole else None,
        exp_year=news.exp_year if whole else None,
        last4=news.last4 if _is_last4(news.last4) else None,
        brand=brand,
        other_token=news.new_token is not None,
        closed=news.closed,
    )


def _is_last4(text: str | None) -> bool:
    return text is not None and len(text) == 4 and text.isascii() and text.isdigit()
