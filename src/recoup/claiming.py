"""What payments and their siblings ask of idempotency keys: to claim one, to keep its answer, to set it free."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from recoup.db import Database
from recoup.http import idempotency
from recoup.http.idempotency import Claimed
from recoup.http.routes import Claim as EdgeClaim
from recoup.payments.writes import Answer, Claim


@dataclass(frozen=True, slots=True)
class Keys:
    """The idempotency keys of requests, as flows know them, who know nothing of HTTP."""

    database: Database

    async def is_known(self, merchant_id: UUID, key: str) -> bool:
        """Whether a request with this key was taken."""
        return await idempotency.read(self.database, merchant_id=merchant_id, key=key) is not None

    async def take(self, merchant_id: UUID, claim: Claim) -> bool:
        """Claim a key in a transaction of its own; False where somebody has it."""
        edge_claim = EdgeClaim(claim.key, claim.fingerprint, claim.at)
        try:
            async with self.database.transaction() as connection:
                await idempotency.claim(
                    connection,
                    merchant_id=merchant_id,
                    claim=edge_claim,
                    resource=claim.resource,
                    resource_id=claim.resource_id,
                )
        except Claimed:
            return False
        return True

    async def release(self, merchant_id: UUID, claim: Claim) -> None:
        """Set a key free, of which nothing came."""
        await idempotency.release(self.database, merchant_id=merchant_id, key=claim.key)

    async def record(self, merchant_id: UUID, answer: Answer) -> None:
        """Keep the answer of a key, for whoever comes with it again."""
        await idempotency.record(
            self.database, merchant_id=merchant_id, key=answer.key, status=answer.status, body=answer.body
        )
