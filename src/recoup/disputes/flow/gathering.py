"""Gathers a merchant's evidence, piece by piece, sealed: it is about a customer, and is not shown again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from recoup.connectors.base import DisputeEvidence, EvidenceField, EvidenceFile
from recoup.db import Connection
from recoup.disputes.core import evidence as core
from recoup.disputes.core.machine import ANSWERABLE, Status
from recoup.disputes.core.records import UNDECIDED, AnswerState, Dispute
from recoup.disputes.flow.writing import Writer, held
from recoup.disputes.store import news as store
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant
from recoup.merchants.flow import Sealer


@dataclass(frozen=True, slots=True)
class More:
    """What is added to evidence, or takes the place of what there was; a text of None takes it away."""

    fields: Mapping[EvidenceField, str | None] = field(default_factory=dict, repr=False)
    files: Sequence[EvidenceFile] = field(default=(), repr=False)
    without: Sequence[str] = ()
    defense: str | None = None


class Gathering:
    """Keeps evidence."""

    def __init__(self, *, sealer: Sealer, writer: Writer) -> None:
        self._sealer = sealer
        self._writer = writer

    async def add(
        self, connection: Connection, merchant: Merchant, dispute_id: UUID, more: More, *, now: datetime
    ) -> Dispute:
        """Keep more evidence, in the caller's transaction. Refuses where it is too much, or too late to be sent."""
        before = await held(connection, merchant, dispute_id)
        _refuse(before)
        aad = core.place(merchant.id, dispute_id)
        kept = await store.evidence(connection, merchant_id=merchant.id, dispute_id=dispute_id)
        known = DisputeEvidence()
        if kept is not None:
            known = core.unpacked(await self._sealer.unseal(merchant.id, kept, aad=aad, queries=connection))
        evidence = core.merged(
            known, fields=more.fields, files=more.files, without=more.without, defense=more.defense
        )
        sealed = await self._sealer.seal(merchant, core.packed(evidence), aad=aad, queries=connection)
        await store.keep_evidence(connection, sealed, merchant_id=merchant.id, dispute_id=dispute_id, now=now)
        after = replace(before, evidence=core.held(evidence, now))
        written, _ = await self._writer.write(connection, merchant, before, after, now=now)
        return written


def _refuse(dispute: Dispute) -> None:
    if dispute.status not in ANSWERABLE | {Status.WARNING}:
        message = f"This dispute is {dispute.status}: no evidence is taken any more."
        raise conflict("dispute_unexpected_state", message)
    answer = dispute.answer
    if answer is not None and answer.state in UNDECIDED | {AnswerState.PENDING}:
        message = "An answer is on its way, so what it says cannot be changed now."
        raise conflict("dispute_answer_under_way", message, retry_after_s=1)
