"""Processors' tokens: checked, sealed for their place, and opened for one call.

A token is sealed like a card, under its tenant's data key, and bound to its payment method and account: moved to
another row it does not open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from recoup.connectors.base import Token
from recoup.db import Connection, Database, Queries
from recoup.kit.ids import Kind, parse
from recoup.kit.refusals import invalid, not_found
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant, Sealed
from recoup.merchants.flow import ProcessorAccounts
from recoup.vault.core import (
    PaymentMethod,
    ProcessorToken,
    check_billing,
    check_known,
    check_token,
)
from recoup.vault.flow.vault import RESEALED_AT_ONCE, Vault
from recoup.vault.store import tokens
from recoup.vault.wire import DATA_PARAM, TokenData, TokenMethodData

STALE_MAX: Final = timedelta(minutes=1)
"""Longer than any process goes on speaking to where an account led before."""
TOKENS_MAX: Final = 100
"""The most tokens of one payment method: one for each account that a merchant can have."""
METHODS_MAX: Final = 1000
"""The most payment methods that one token is kept for: a merchant may give it anew with every order."""
MERCHANTS_AT_ONCE: Final = 100


class _Kept(msgspec.Struct, frozen=True):
    """What is sealed."""

    token: str
    customer: str | None


class ProcessorTokens:
    """Seals and opens what processors call their saved payment methods."""

    def __init__(
        self, database: Database, vault: Vault, accounts: ProcessorAccounts, *, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._vault = vault
        self._accounts = accounts
        self._new_id = new_id

    async def new_method(
        self,
        merchant: Merchant,
        data: TokenMethodData,
        *,
        now: datetime,
        customer_id: UUID | None = None,
        metadata: Mapping[str, str] | None = None,
        queries: Queries | None = None,
        param: str = DATA_PARAM,
    ) -> PaymentMethod:
        """A payment method without a card, with its first token, for the caller to insert; refuses what cannot be."""
        card, inner = data.card, f"{param}." if param else ""
        expiry = check_known(
            brand=card.brand,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            country=card.country,
            param=f"{inner}card",
        )
        check_billing(data.billing_details, param=f"{inner}billing_details")
        method_id = self._new_id()
        token = await self.sealed(merchant, method_id, data, now=now, queries=queries, param=param)
        assert token.digest is not None, "a new token is recognised"
        return PaymentMethod(
            id=method_id,
            customer_id=customer_id,
            fingerprint=token.digest,
            brand=card.brand,
            bin=None,
            last4=card.last4,
            exp_month=None if expiry is None else expiry.month,
            exp_year=None if expiry is None else expiry.year,
            funding=card.funding,
            issuer_country=card.country,
            data_key_id=None,
            ciphertext=None,
            billing=data.billing_details,
            network_transaction_id=None,
            metadata=dict(metadata or {}),
            created_at=now,
            updated_at=now,
            tokens=(token,),
        )

    async def sealed(
        self,
        merchant: Merchant,
        method_id: UUID,
        data: TokenData,
        *,
        now: datetime,
        queries: Queries | None = None,
        param: str = "",
    ) -> ProcessorToken:
        """A token that the merchant brings, sealed for its place; refuses an account that can do nothing with it."""
        inner = f"{param}." if param else ""
        check_token(data.token, param=f"{inner}token")
        account_id = await self._account(
            merchant, data.processor_account, queries=queries, param=f"{inner}processor_account"
        )
        token = Token(data.token, data.processor_customer)
        return await self.seal(
            merchant, method_id, account_id, token, remembered=False, now=now, queries=queries
        )

    async def _account(self, merchant: Merchant, named: str, *, queries: Queries | None, param: str) -> UUID:
        account_id = parse(Kind.PROCESSOR_ACCOUNT, named)
        accounts = await self._accounts.accounts_of(merchant.id, queries=queries)
        known = {account.id: account for account in accounts}
        if account_id is None or account_id not in known:
            # What is no id is not repeated: it may be the token in the wrong place.
            shown = "pa_…" if account_id is None else named
            raise not_found("processor account", shown, param=param)
        connector = self._accounts.connectors.get(known[account_id].connector)
        if connector is None or not connector.capabilities.processor_tokens:
            raise invalid(
                "processor_tokens_unsupported",
                f"{known[account_id].connector} does not charge what it keeps itself: name another account.",
                param=param,
            )
        return account_id

    async def seal(
        self,
        merchant: Merchant,
        method_id: UUID,
        account_id: UUID,
        token: Token,
        *,
        remembered: bool,
        now: datetime,
        queries: Queries | None = None,
    ) -> ProcessorToken:
        """A token, sealed for its payment method and account."""
        plain, reader = (
            msgspec.json.encode(_Kept(token.value.reveal(), token.customer)),
            queries or self._database,
        )
        aad = _aad(method_id, account_id)
        sealed = await self._vault.seal(merchant, plain, aad=aad, queries=reader)
        digest = await self.digest(merchant.id, account_id, token.value, queries=reader)
        return ProcessorToken(account_id, sealed.data_key_id, sealed.ciphertext, remembered, now, digest)

    async def digest(self, merchant_id: UUID, account_id: UUID, token: Secret, *, queries: Queries) -> bytes:
        """What a token is found by when the processor of this account names it."""
        message = b"recoup processor token 1" + account_id.bytes + token.reveal().encode()
        return await self._vault.recognise(merchant_id, message, queries=queries)

    async def methods_with(
        self, merchant_id: UUID, account_id: UUID, token: Secret, *, queries: Queries
    ) -> Sequence[UUID]:
        """The payment methods that the processor of this account means by this token."""
        digest = await self.digest(merchant_id, account_id, token, queries=queries)
        return await tokens.methods_with(
            queries, merchant_id=merchant_id, account_id=account_id, digest=digest, limit=METHODS_MAX
        )

    async def recognise_older(self, merchant: Merchant, *, limit: int = RESEALED_AT_ONCE) -> int:
        """Have up to `limit` tokens of before found by their names too; 0 says that none is left."""

        async def work(connection: Connection) -> int:
            old = await tokens.unrecognised(connection, merchant_id=merchant.id, limit=limit)
            for method_id, token in old:
                opened = await self._opened(
                    merchant.id, method_id, token, brand="unknown", queries=connection
                )
                digest = await self.digest(
                    merchant.id, token.processor_account_id, opened.value, queries=connection
                )
                found = replace(token, digest=digest)
                await tokens.put(connection, [found], merchant_id=merchant.id, method_id=method_id)
            return len(old)

        return await self._database.retrying(work)

    async def merchants_with_older(self) -> Sequence[UUID]:
        """Who has tokens that are not found by their names yet."""
        return await tokens.merchants_with_unrecognised(self._database, limit=MERCHANTS_AT_ONCE)

    async def still_good(self, merchant_id: UUID, method: PaymentMethod) -> PaymentMethod:
        """The payment method without the tokens of accounts that lead elsewhere since they were given.

        At another account of the same processor such a token is nothing, or, where tokens are short numbers, somebody
        else's card. What a processor gave is left out for a while longer: it may have been asked just before.
        """
        accounts = await self._accounts.accounts_of(merchant_id)
        moved = {account.id: account.repointed_at for account in accounts}
        good = [one for one in method.tokens if _is_good(one, moved.get(one.processor_account_id))]
        return replace(method, tokens=tuple(good))

    async def open(self, merchant_id: UUID, method: PaymentMethod) -> dict[UUID, Token]:
        """All tokens of a payment method in the clear, by their accounts."""
        return {
            one.processor_account_id: await self._opened(
                merchant_id, method.id, one, brand=method.brand, queries=self._database
            )
            for one in method.tokens
        }

    async def open_one(
        self, merchant_id: UUID, method: PaymentMethod, token: ProcessorToken, *, queries: Queries
    ) -> Token:
        """One token in the clear."""
        return await self._opened(merchant_id, method.id, token, brand=method.brand, queries=queries)

    async def _opened(
        self, merchant_id: UUID, method_id: UUID, token: ProcessorToken, *, brand: str, queries: Queries
    ) -> Token:
        sealed = Sealed(token.data_key_id, token.ciphertext)
        aad = _aad(method_id, token.processor_account_id)
        plain = await self._vault.unseal(merchant_id, sealed, aad=aad, queries=queries)
        kept = msgspec.json.decode(plain, type=_Kept)
        return Token(Secret(kept.token), kept.customer, brand)

    async def keep(self, merchant_id: UUID, row: Mapping[str, object]) -> None:
        """Write a sealed token, as `ProcessorToken.row` gives it."""

        async def work(connection: Connection) -> None:
            await tokens.put_rows(connection, [row], merchant_id=merchant_id)

        await self._database.retrying(work)

    async def reseal(self, merchant: Merchant, *, limit: int = RESEALED_AT_ONCE) -> int:
        """Move up to `limit` tokens to the newest data key, after the cards; 0 says that none is left."""
        current = await self._vault.current_key(merchant.id)

        async def work(connection: Connection) -> int:
            old = await tokens.under_other_keys(
                connection, merchant_id=merchant.id, data_key_id=current, limit=limit
            )
            for method_id, token in old:
                opened = await self._opened(
                    merchant.id, method_id, token, brand="unknown", queries=connection
                )
                fresh = await self.seal(
                    merchant,
                    method_id,
                    token.processor_account_id,
                    opened,
                    remembered=token.remembered,
                    now=token.created_at,
                    queries=connection,
                )
                await tokens.put(connection, [fresh], merchant_id=merchant.id, method_id=method_id)
            return len(old)

        return await self._database.retrying(work)


def _is_good(token: ProcessorToken, repointed_at: datetime | None) -> bool:
    if repointed_at is None:
        return True
    return token.created_at > (repointed_at + STALE_MAX if token.remembered else repointed_at)


def _aad(method_id: UUID, account_id: UUID) -> bytes:
    return b"recoup processor token 1" + method_id.bytes + account_id.bytes


def with_token(method: PaymentMethod, token: ProcessorToken) -> PaymentMethod:
    """The payment method with a token, in the place of the one at the same account."""
    others = [one for one in method.tokens if one.processor_account_id != token.processor_account_id]
    return replace(method, tokens=(*others, token))
