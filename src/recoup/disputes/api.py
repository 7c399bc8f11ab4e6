"""Disputes over HTTP: what is contested, by when to answer, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.connectors.base import DisputeVerb, EvidenceFile
from recoup.db import Connection, Database
from recoup.disputes.core.evidence import REQUEST_BYTES_MAX, check_file
from recoup.disputes.core.records import AnswerState, Dispute, Which
from recoup.disputes.flow import Disputes, More
from recoup.disputes.objects import DisputeObject, dispute_object
from recoup.disputes.wire import AddEvidence, DisputeQuery, LiftStop
from recoup.http import idempotency
from recoup.http.fields import ListObject, parse_id
from recoup.http.idempotency import Resume
from recoup.http.routes import Acts, Call, Idempotency, Problem, Reply, Route
from recoup.kit.ids import Kind

_PATH: Final = "/v1/disputes"
_ONE: Final = f"{_PATH}/{{dispute}}"
_TAG: Final = "disputes"
_RESOURCE: Final = "dispute_answer"
_STATE: Final = Problem("dispute_unexpected_state", 409, "It is too late for that, as the dispute stands.")
_UNDER_WAY: Final = Problem("dispute_answer_under_way", 409, "An answer is on its way.")
_EXAMPLE: Final[Mapping[str, Any]] = {
    "id": "dsp_01kaq3v8e7f0t9m2c4x6z8b1d5",
    "object": "dispute",
    "status": "needs_response",
    "payment": "pay_01kaq3v8e7f0t9m2c4x6z8b1d4",
    "processor_account": "pa_01kaq3v8e7f0t9m2c4x6z8b1d3",
    "reference": "du_1MtJUT2eZvKYlo2CNaw2HvEv",
    "charge_reference": "ch_1AZtxr2eZvKYlo2CJDX8whov",
    "amount": 4999,
    "currency": "USD",
    "fee": {"amount": 1500, "currency": "USD"},
    "funds_withdrawn": True,
    "alert": None,
    "category": "product_not_received",
    "reason": "13.1",
    "reason_meaning": "Goods or services did not come.",
    "network": "visa",
    "evidence_due_by": "2026-12-04T23:59:59.000Z",
    "evidence": {
        "fields": ["shipping_tracking_number"],
        "files": [],
        "updated_at": "2026-11-23T09:00:00.000Z",
    },
    "answer": None,
    "stops_recoveries": True,
    "stop_lifted": None,
    "opened_at": "2026-11-22T15:00:00.000Z",
    "updated_at": "2026-11-23T09:00:00.000Z",
    "ended_at": None,
    "livemode": False,
}
_EVIDENCE: Final[Mapping[str, Any]] = {
    "fields": {
        "product_description": "A desk lamp, black",
        "shipping_carrier": "DHL",
        "shipping_tracking_number": "JD0140600003",
    },
    "files": [
        {
            "name": "receipt.pdf",
            "type": "application/pdf",
            "content": "JVBERi0xLjQK",
            "purpose": "receipt",
        }
    ],
}


class DisputeList(ListObject[DisputeObject], frozen=True):
    """A page of disputes."""


_ACTS: Final = Acts(
    _ONE,
    answer=DisputeObject,
    tag=_TAG,
    errors=(
        Problem("dispute_answered_at_processor", 409, "Its processor takes no answer from a program."),
        _STATE,
        Problem("dispute_answered", 409, "It has been answered."),
        _UNDER_WAY,
        Problem("dispute_answer_unknown", 409, "Nobody knows yet whether the answer before arrived."),
    ),
    idempotency=Idempotency.FLOW,
)


class DisputesApi:
    """The routes of disputes."""

    def __init__(self, disputes: Disputes, database: Database) -> None:
        self._disputes = disputes
        self._database = database

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _PATH,
                self.page,
                query=DisputeQuery,
                answer=DisputeList,
                summary="List disputes",
                tag=_TAG,
            ),
            Route(
                "GET",
                _ONE,
                self.read,
                answer=DisputeObject,
                summary="Read a dispute",
                description="It is what all the processor's news of it come to. Disputes of one charge, such as an "
                "early warning and the chargeback that followed, have the same `payment` and `charge_reference`.",
                tag=_TAG,
                answer_examples={"a chargeback to answer": _EXAMPLE},
            ),
            Route(
                "POST",
                f"{_ONE}/evidence",
                self.add_evidence,
                body=AddEvidence,
                body_bytes_max=REQUEST_BYTES_MAX,
                answer=DisputeObject,
                summary="Add evidence",
                description="Keeps texts and documents, encrypted, until you submit them. Nothing is sent yet, and "
                f"none of it is shown again. A request may have {REQUEST_BYTES_MAX} bytes.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    _STATE,
                    _UNDER_WAY,
                    Problem("evidence_too_large", 400),
                    Problem("evidence_file_unreadable", 400, "A document is not what it says it is."),
                ),
                examples={"proof of delivery": _EVIDENCE},
            ),
            self._sync(),
            self._lift(),
            _ACTS.route(
                "submit",
                self.submit,
                summary="Submit the evidence",
                description="Hands in what was added, once and for good. Where nobody knows whether it arrived, "
                "`answer.state` is `unknown` until later news tell.",
                errors=(Problem("dispute_evidence_missing", 400, "Nothing was added yet."),),
            ),
            _ACTS.route(
                "accept",
                self.accept,
                summary="Accept a dispute",
                description="Gives the contested money up, for good.",
            ),
        ]

    def _sync(self) -> Route:
        return Route(
            "POST",
            f"{_ONE}/sync",
            self.sync,
            answer=DisputeObject,
            summary="Ask the processor about a dispute now",
            description="Disputes are asked about by themselves too, so that a lost webhook does no harm.",
            tag=_TAG,
            errors=(
                Problem("dispute_not_readable", 409, "Its processor cannot be asked about a dispute."),
                Problem("dispute_not_read", 409, "Its processor did not say how it stands."),
            ),
        )

    def _lift(self) -> Route:
        return Route(
            "POST",
            f"{_ONE}/lift_stop",
            self.lift_stop,
            body=LiftStop,
            answer=DisputeObject,
            summary="Lift the stop of a card",
            description="A report of fraud stops recoveries of its card for good. Where the cardholder says that it "
            "was a mistake, this lets the card be tried again, unless another dispute stops it too.",
            tag=_TAG,
            idempotency=Idempotency.TRANSACTION,
            errors=(
                Problem("dispute_open", 409, "It is open: the stop ends with the dispute."),
                Problem("dispute_stops_nothing", 409, "It stops nothing."),
            ),
            examples={"a mistake": {"reason": "The cardholder withdrew the report."}},
        )

    def resume(self) -> dict[str, Resume]:
        """How an interrupted answer is answered when it is asked for again."""

        async def answered(merchant: Any, dispute_id: UUID) -> Reply | None:
            found = await self._disputes.find(merchant, dispute_id)
            if found is None or found.answer is None or found.answer.state is AnswerState.SENDING:
                return None
            return _reply(found, livemode=merchant.livemode)

        return {_RESOURCE: answered}

    async def page(self, call: Call[None, DisputeQuery]) -> DisputeList:
        """`GET /v1/disputes`."""
        query, page = call.query, call.query.page(Kind.DISPUTE)
        payment = query.payment
        which = Which(
            status=query.status,
            payment_id=None
            if payment is None
            else parse_id(Kind.PAYMENT, payment, what="payment", param="payment"),
            alert=query.alert,
            due_before=query.due_before,
        )
        found = await self._disputes.page(
            call.merchant, which, after=page.after, before=page.before, limit=page.fetch
        )
        shown, has_more = page.cut(found)
        return DisputeList(data=[_object(one, call) for one in shown], has_more=has_more, url=_PATH)

    async def read(self, call: Call[None, None]) -> DisputeObject:
        """`GET /v1/disputes/{id}`."""
        return _object(await self._disputes.get(call.merchant, _dispute(call)), call)

    async def add_evidence(self, call: Call[AddEvidence, None]) -> DisputeObject:
        """`POST /v1/disputes/{id}/evidence`."""
        body = call.body
        files = []
        for place, one in enumerate(body.files):
            file = EvidenceFile(one.name, one.type, one.content, one.purpose)
            check_file(file, param=f"files[{place}]")
            files.append(file)
        more = More(body.fields, files, body.remove_files, body.defense)
        after = await self._disputes.add_evidence(
            call.transaction(), call.merchant, _dispute(call), more, now=call.now
        )
        return _object(after, call)

    async def lift_stop(self, call: Call[LiftStop, None]) -> DisputeObject:
        """`POST /v1/disputes/{id}/lift_stop`."""
        after = await self._disputes.lift_stop(
            call.transaction(), call.merchant, _dispute(call), why=call.body.reason, now=call.now
        )
        return _object(after, call)

    async def sync(self, call: Call[None, None]) -> DisputeObject:
        """`POST /v1/disputes/{id}/sync`."""
        return _object(await self._disputes.sync(call.merchant, _dispute(call)), call)

    async def submit(self, call: Call[None, None]) -> Reply:
        """`POST /v1/disputes/{id}/submit`."""
        return await self._answer(call, DisputeVerb.SUBMIT)

    async def accept(self, call: Call[None, None]) -> Reply:
        """`POST /v1/disputes/{id}/accept`."""
        return await self._answer(call, DisputeVerb.ACCEPT)

    async def _answer(self, call: Call[None, None], verb: DisputeVerb) -> Reply:
        """Answer, with the idempotency key claimed where the answer begins, and what came of it kept under it."""
        merchant, claim, dispute_id = call.merchant, call.claim, _dispute(call)

        async def along(connection: Connection) -> None:
            if claim is not None:
                await idempotency.claim(
                    connection,
                    merchant_id=merchant.id,
                    claim=claim,
                    resource=_RESOURCE,
                    resource_id=dispute_id,
                )

        done = await self._disputes.answer(merchant, dispute_id, verb, along=along)
        reply = _reply(done, livemode=merchant.livemode)
        if claim is not None:
            await idempotency.record(
                self._database,
                merchant_id=merchant.id,
                key=claim.key,
                status=reply.status,
                body=reply.body,
            )
        return reply


def _dispute(call: Call[Any, Any]) -> UUID:
    return call.path_id("dispute", Kind.DISPUTE)


def _object(dispute: Dispute, call: Call[Any, Any]) -> DisputeObject:
    return dispute_object(dispute, livemode=call.merchant.livemode)


def _reply(dispute: Dispute, *, livemode: bool) -> Reply:
    return Reply(200, msgspec.json.encode(dispute_object(dispute, livemode=livemode)))
