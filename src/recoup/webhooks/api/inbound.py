"""The inbox over HTTP: where processors send to, what they sent, and reading it again."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from recoup.http.answers import Answer
from recoup.http.fields import IdText, Moment
from recoup.http.routes import Call, Idempotency, ListObject, ListQuery, Route, parse_id
from recoup.http.visits import PublicPage, Visit
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.webhooks.core.inbox import BODY_BYTES_MAX, Inbound, Result, Told
from recoup.webhooks.flow.inbox import Inbox
from recoup.webhooks.flow.journal import REPLAYED_MAX, Journal

_TAG: Final = "webhooks"
_PATH: Final = "/v1/inbound"
_ONE: Final = f"{_PATH}/{{inbound}}"
_TEXT: Final = b"text/plain; charset=utf-8"


class InboundNotice(Struct, kw_only=True, frozen=True):
    """One piece of news, and what came of it."""

    event: Annotated[str, Meta(description="The processor's name for it.")]
    about: str
    result: Result
    reference: Annotated[str | None, Meta(description="The processor's name for what it is about.")]
    payment: str | None
    object_id: Annotated[
        str | None, Meta(description="Which attempt, capture, cancellation or refund it contradicts.")
    ]
    held: Annotated[str | None, Meta(description="For a contradiction: what is held here.")]
    told: Annotated[str | None, Meta(description="For a contradiction: what the processor says.")]
    events: Annotated[list[str], Meta(description="The events that it led to.")]
    why: str | None
    occurred_at: str | None


class InboundObject(Struct, kw_only=True, frozen=True):
    """One delivery of a processor's webhooks."""

    id: str
    object: Literal["inbound"] = "inbound"
    processor_account: str
    delivery: Annotated[
        str, Meta(description="The processor's name for the delivery, or the hash of its body.")
    ]
    verified: Annotated[
        bool, Meta(description="false while the processor must still be asked whether it sent this.")
    ]
    result: Annotated[
        Result | None,
        Meta(
            description="`applied`: a payment moved. `known`: it was known here. `foreign`: it is about nothing "
            "of yours here. `contradiction` and `conflict`: see the audit case. `unused`: nothing is done with such "
            "news. `unreadable`: it says nothing that is understood. `failed`: see the audit case. null: not read yet."
        ),
    ]
    notices: list[InboundNotice]
    tries: Annotated[int, Meta(description="How often reading it failed.")]
    received_at: str
    read_at: str | None
    livemode: bool


class InboundList(ListObject[InboundObject], frozen=True):
    """A page of deliveries."""


class InboundQuery(ListQuery, frozen=True):
    """Which deliveries to list."""

    account: Annotated[IdText | None, Meta(description="Only those to this processor account.")] = None
    result: Annotated[Result | None, Meta(description="Only those of which this came.")] = None


class ReplayInbound(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Nothing needs to be said."""


class ReplayInbounds(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which deliveries to read again."""

    account: Annotated[IdText, Meta(description="To which processor account they came.")]
    since: Annotated[Moment, Meta(description="From this moment on.")]
    until: Annotated[Moment | None, Meta(description="Before this moment; without it, up to now.")] = None
    after: Annotated[
        IdText | None, Meta(description="Go on after this one: `last` of the answer before.")
    ] = None


class InboundReplayObject(Struct, kw_only=True, frozen=True):
    """What is read again."""

    object: Literal["inbound_replay"] = "inbound_replay"
    replayed: int
    last: str | None
    has_more: Annotated[bool, Meta(description="Whether there may be more: send the same with `after`.")]


class InboundApi:
    """The address for processors, and the routes for merchants."""

    def __init__(self, inbox: Inbox, journal: Journal) -> None:
        self._inbox = inbox
        self._journal = journal

    def pages(self) -> list[PublicPage]:
        """What processors send to: without a key of ours, for they sign with theirs."""
        path = f"{_PATH}/{{processor_account}}"
        return [PublicPage("POST", path, self.take, body_bytes_max=BODY_BYTES_MAX, share="processors")]

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _PATH,
                self.list_inbound,
                query=InboundQuery,
                answer=InboundList,
                summary="List what processors sent",
                description="Webhooks that came in, each with what came of it.",
                tag=_TAG,
            ),
            Route(
                "GET",
                _ONE,
                self.read_inbound,
                answer=InboundObject,
                summary="Read what a processor sent",
                tag=_TAG,
            ),
            Route(
                "POST",
                f"{_ONE}/replay",
                self.replay_inbound,
                body=ReplayInbound,
                answer=InboundObject,
                summary="Read a processor's webhook again",
                description="What was applied already is not applied twice.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
            ),
            Route(
                "POST",
                f"{_PATH}/replay",
                self.replay_inbounds,
                body=ReplayInbounds,
                answer=InboundReplayObject,
                summary="Read an account's webhooks again",
                description=f"The oldest first, at most {REPLAYED_MAX} in one call.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
            ),
        ]

    async def take(self, visit: Visit) -> Answer:
        """`POST /v1/inbound/{processor_account}`."""
        reply = await self._inbox.take(
            visit.path["processor_account"], headers=visit.headers, body=visit.body
        )
        return Answer(200, reply.encode(), content_type=_TEXT)

    async def list_inbound(self, call: Call[None, InboundQuery]) -> InboundList:
        """`GET /v1/inbound`."""
        page, account = call.query.page(Kind.INBOUND), call.query.account
        found = await self._journal.page(
            call.merchant,
            account_id=None if account is None else _account(account),
            result=call.query.result,
            after=page.after,
            before=page.before,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        return InboundList(data=[_object(one, call) for one in shown], has_more=has_more, url=_PATH)

    async def read_inbound(self, call: Call[None, None]) -> InboundObject:
        """`GET /v1/inbound/{inbound}`."""
        id_ = call.path_id("inbound", Kind.INBOUND)
        return _object(await self._journal.get(call.merchant, id_), call)

    async def replay_inbound(self, call: Call[ReplayInbound, None]) -> InboundObject:
        """`POST /v1/inbound/{inbound}/replay`."""
        id_ = call.path_id("inbound", Kind.INBOUND)
        return _object(await self._journal.replay(call.transaction(), call.merchant, id_, now=call.now), call)

    async def replay_inbounds(self, call: Call[ReplayInbounds, None]) -> InboundReplayObject:
        """`POST /v1/inbound/replay`."""
        body = call.body
        after = None if body.after is None else parse_id(Kind.INBOUND, body.after, param="after")
        ids = await self._journal.replay_span(
            call.transaction(),
            call.merchant,
            _account(body.account),
            since=body.since,
            before=body.until or call.now,
            after=after,
            now=call.now,
        )
        last = render(Kind.INBOUND, ids[-1]) if ids else None
        return InboundReplayObject(replayed=len(ids), last=last, has_more=len(ids) == REPLAYED_MAX)


def _account(text: str) -> UUID:
    return parse_id(Kind.PROCESSOR_ACCOUNT, text, param="account")


def _object(one: Inbound, call: Call[Any, Any]) -> InboundObject:
    return InboundObject(
        id=render(Kind.INBOUND, one.id),
        processor_account=render(Kind.PROCESSOR_ACCOUNT, one.account_id),
        delivery=one.delivery_id,
        verified=one.verified,
        result=one.result,
        notices=[_notice(told) for told in one.told],
        tries=one.tries,
        received_at=rfc3339(one.received_at),
        read_at=None if one.read_at is None else rfc3339(one.read_at),
        livemode=call.merchant.livemode,
    )


def _notice(told: Told) -> InboundNotice:
    return InboundNotice(
        event=told.event_id,
        about=told.about,
        result=told.result,
        reference=told.reference,
        payment=None if told.payment_id is None else render(Kind.PAYMENT, told.payment_id),
        object_id=told.object_name,
        held=told.held,
        told=told.said,
        events=list(told.happened),
        why=told.why,
        occurred_at=None if told.occurred_at is None else rfc3339(told.occurred_at),
    )
