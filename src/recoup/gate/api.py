"""Kill switches and the merchant's own check over HTTP. Answers that are kept have no secret."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from recoup.db import Database
from recoup.gate.core import REASON_LENGTH_MAX, TIMEOUT_MS_MAX, Otherwise, Scope
from recoup.gate.flow import Gate, NewSwitch, no_check
from recoup.gate.objects import (
    KillSwitchList,
    KillSwitchObject,
    RecoveryCheckObject,
    check_object,
    switch_object,
)
from recoup.http import idempotency
from recoup.http.fields import IdText, ListQuery, parse_id
from recoup.http.routes import Call, Idempotency, Problem, Reply, Route
from recoup.kit.ids import Kind
from recoup.kit.refusals import Refusal, invalid
from recoup.outcomes.codes.standard import STANDARD

_NO_CHECK: Final = Problem("resource_missing", 404, "No check was set.")
_TAG: Final = "recovery"
_SWITCHES: Final = "/v1/recovery/kill_switches"
_CHECK: Final = "/v1/recovery/check"


class SetKillSwitch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to hold: everything, one processor account, or what was declined with one code."""

    scope: Scope
    processor_account: IdText | None = None
    decline_code: (
        Annotated[str, Meta(max_length=100, description="A standard code, such as `insufficient_funds`.")]
        | None
    ) = None
    reason: Annotated[str, Meta(max_length=REASON_LENGTH_MAX, description="For whoever wonders later.")] = ""


class SetRecoveryCheck(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to ask before every try of a recovery."""

    url: Annotated[str, Meta(max_length=2048)]
    timeout_ms: Annotated[
        int, Meta(ge=100, le=TIMEOUT_MS_MAX, description="How long an answer may take.")
    ] = 3000
    default: Annotated[
        Otherwise, Meta(description="What stands in for no clear answer: the try is made, or an hour later.")
    ] = Otherwise.WAIT


class GateApi:
    """The routes of the gate."""

    def __init__(self, database: Database, gate: Gate) -> None:
        self._database = database
        self._gate = gate

    def routes(self) -> list[Route]:
        """The routes."""
        return [*self._switches(), *self._checks()]

    def _switches(self) -> list[Route]:
        return [
            Route(
                "POST",
                _SWITCHES,
                self.set_kill_switch,
                body=SetKillSwitch,
                answer=KillSwitchObject,
                status=201,
                summary="Set a kill switch",
                description="Tries of recoveries that it names are not made until you lift it; each is looked at "
                "again within an hour of that. Payments that you or customers make go on.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    "kill_switch_limit",
                    Problem("scope_mismatch", 400, "It names what its scope does not."),
                    Problem("unknown_decline_code", 400, "It is no standard code."),
                ),
                examples={
                    "everything": {"scope": "merchant", "reason": "We sent wrong invoices."},
                    "a code": {"scope": "decline_code", "decline_code": "do_not_honor"},
                },
            ),
            Route(
                "GET",
                _SWITCHES,
                self.list_kill_switches,
                query=ListQuery,
                answer=KillSwitchList,
                summary="List kill switches",
                tag=_TAG,
            ),
            Route(
                "POST",
                f"{_SWITCHES}/{{kill_switch}}/lift",
                self.lift_kill_switch,
                answer=KillSwitchObject,
                summary="Lift a kill switch",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
            ),
        ]

    def _checks(self) -> list[Route]:
        return [
            Route(
                "GET",
                _CHECK,
                self.read_check,
                answer=RecoveryCheckObject,
                summary="Read where you are asked before a try",
                tag=_TAG,
                errors=(_NO_CHECK,),
            ),
            Route(
                "POST",
                _CHECK,
                self.put_check,
                body=SetRecoveryCheck,
                answer=RecoveryCheckObject,
                summary="Be asked before every try of a recovery",
                description="Your address gets a signed POST with the try that is due, and answers "
                '`{"decision": "allow"}`, `wait` (with `wait_s` if you like) or `stop`, each with a `reason` that the '
                "recovery then shows. The secret stays the same when you change the address; a request that is "
                "repeated with its `Idempotency-Key` is answered without it.",
                tag=_TAG,
                idempotency=Idempotency.FLOW,
                errors=tuple(
                    Problem(code, 400) for code in ("invalid_url", "url_not_secure", "url_forbidden")
                ),
                examples={"ask me": {"url": "https://shop.example/recoup/check", "default": "wait"}},
            ),
            Route(
                "DELETE",
                _CHECK,
                self.remove_check,
                answer=RecoveryCheckObject,
                summary="Be asked no more",
                tag=_TAG,
                errors=(_NO_CHECK,),
            ),
        ]

    async def set_kill_switch(self, call: Call[SetKillSwitch, None]) -> KillSwitchObject:
        """Set one."""
        new = _switch(call.body)
        found = await self._gate.set_switch(call.transaction(), call.merchant, new, now=call.now)
        return switch_object(found, livemode=call.merchant.livemode)

    async def list_kill_switches(self, call: Call[None, ListQuery]) -> KillSwitchList:
        """A page."""
        page = call.query.page(Kind.KILL_SWITCH)
        found = await self._gate.switches(
            call.merchant, after=page.after, before=page.before, limit=page.fetch
        )
        shown, has_more = page.cut(found)
        livemode = call.merchant.livemode
        data = [switch_object(one, livemode=livemode) for one in shown]
        return KillSwitchList(data=data, has_more=has_more, url=_SWITCHES)

    async def lift_kill_switch(self, call: Call[None, None]) -> KillSwitchObject:
        """Lift one."""
        switch_id = call.path_id("kill_switch", Kind.KILL_SWITCH)
        found = await self._gate.lift_switch(call.transaction(), call.merchant, switch_id, now=call.now)
        return switch_object(found, livemode=call.merchant.livemode)

    async def read_check(self, call: Call[None, None]) -> RecoveryCheckObject:
        """Where."""
        found = await self._gate.check(call.merchant)
        if found is None:
            raise no_check()
        return check_object(found.check, livemode=call.merchant.livemode, secret=found.secret.reveal())

    async def put_check(self, call: Call[SetRecoveryCheck, None]) -> Reply:
        """Claim the key, set it, and record the answer without the secret, in one transaction."""
        body, claim, merchant = call.body, call.claim, call.merchant
        async with self._database.place(), self._database.transaction() as connection:
            if claim is not None:
                await idempotency.claim(connection, merchant_id=merchant.id, claim=claim)
            found = await self._gate.put_check(
                connection,
                merchant,
                url=body.url,
                timeout_ms=body.timeout_ms,
                otherwise=body.default,
                now=call.now,
            )
            if claim is not None:
                kept = msgspec.json.encode(check_object(found.check, livemode=merchant.livemode))
                await idempotency.record(
                    connection, merchant_id=merchant.id, key=claim.key, status=200, body=kept
                )
        shown = check_object(found.check, livemode=merchant.livemode, secret=found.secret.reveal())
        return Reply(200, msgspec.json.encode(shown))

    async def remove_check(self, call: Call[None, None]) -> RecoveryCheckObject:
        """Remove it."""
        removed = await self._gate.remove_check(call.merchant, now=call.now)
        return check_object(removed, livemode=call.merchant.livemode)


def _switch(body: SetKillSwitch) -> NewSwitch:
    """What is to be held; refuses what does not fit together."""
    named = {
        Scope.MERCHANT: (False, False),
        Scope.PROCESSOR_ACCOUNT: (True, False),
        Scope.DECLINE_CODE: (False, True),
    }[body.scope]
    if named != (body.processor_account is not None, body.decline_code is not None):
        raise _mismatch()
    if body.decline_code is not None and body.decline_code not in STANDARD:
        raise invalid(
            "unknown_decline_code",
            "`decline_code` must be a standard code: see `decline.code` of a payment.",
            param="decline_code",
        )
    return NewSwitch(body.scope, _account(body.processor_account), body.decline_code, body.reason)


def _account(text: str | None) -> UUID | None:
    if text is None:
        return None
    return parse_id(Kind.PROCESSOR_ACCOUNT, text, what="processor account", param="processor_account")


def _mismatch() -> Refusal:
    return invalid(
        "scope_mismatch",
        "Send `processor_account` with the scope processor_account, `decline_code` with the scope decline_code, and "
        "neither with the scope merchant.",
        param="scope",
    )
