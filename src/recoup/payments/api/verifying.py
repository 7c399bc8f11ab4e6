"""Verification of payment methods over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from recoup.http.fields import IdText
from recoup.http.idempotency import Resume
from recoup.http.routes import Call, Idempotency, Problem, Reply, Route
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.payments.api.reading import (
    browser_of,
    check_currency,
    claim_of,
    merchant_of,
    optional_id,
    return_url_of,
    returned_of,
    unless_done_before,
)
from recoup.payments.flow.verifying import NewVerification, Verification, Verifying
from recoup.payments.objects import DeclineObject, NextActionObject, RedirectObject, decline_object
from recoup.payments.wire import BrowserData, Currency, ReturnParameters, ReturnUrl
from recoup.payments.writes import Answer, Claim

VERIFICATION: Final = "verification"
Status = Literal["verified", "declined", "requires_action", "unresolved"]
Check = Literal["pass", "fail", "unavailable"]


class VerifyPaymentMethod(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """In which currency to ask, and whom; without an account, the first in order that can check without charging."""

    currency: Currency
    processor_account: IdText | None = None
    return_url: Annotated[
        ReturnUrl | None,
        Meta(
            description="Where the customer comes back to if they must authenticate; without it they cannot."
        ),
    ] = None
    browser: BrowserData | None = None


class ConfirmVerification(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The customer came back."""

    return_parameters: ReturnParameters = {}


class ChecksObject(Struct, kw_only=True, frozen=True):
    """What the issuer said of the security code and the address; null where it was not asked."""

    cvc: Check | None
    postal_code: Check | None
    address: Check | None


class VerificationObject(Struct, kw_only=True, frozen=True):
    """Whether a payment method is good, as its issuer said without being charged."""

    id: str
    object: Literal["verification"] = "verification"
    status: Annotated[
        Status,
        Meta(
            description="`requires_action`: send the customer to `next_action`, and confirm when they are back. "
            "`unresolved`: no trusted answer came; nothing was charged, ask again."
        ),
    ]
    payment_method: str
    processor_account: str
    currency: str
    decline: DeclineObject | None
    checks: ChecksObject | None
    next_action: NextActionObject | None
    explanation: Annotated[str | None, Meta(description="Why it is neither verified nor declined.")]
    created_at: str
    livemode: bool


class VerificationsApi:
    """The route that verifies a payment method."""

    def __init__(
        self,
        flow: Verifying,
        *,
        new_id: Callable[[], UUID],
        key_is_known: Callable[[UUID, str], Awaitable[bool]],
        record: Callable[[UUID, Answer], Awaitable[None]],
    ) -> None:
        self._flow = flow
        self._new_id = new_id
        self._key_is_known = key_is_known
        self._record = record

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "POST",
                "/v1/payment_methods/{payment_method}/verify",
                self.verify,
                body=VerifyPaymentMethod,
                answer=VerificationObject,
                summary="Verify a payment method",
                description="Asks its issuer whether it is good, without charging it. A decline is an answer. Where "
                "the method has a customer, the processor is asked to remember it.",
                tag="payment methods",
                idempotency=Idempotency.FLOW,
                errors=(
                    Problem("no_processor_account", 400, "No account can check this payment method."),
                    Problem("payment_method_detached", 409),
                    Problem("resource_missing", 404, "There is no such payment method or processor account."),
                ),
                examples={
                    "in dollars": {"currency": "USD"},
                    "with a customer who can authenticate": {
                        "currency": "EUR",
                        "return_url": "https://shop.example/after",
                    },
                },
            ),
            Route(
                "POST",
                "/v1/payment_methods/{payment_method}/verify/{verification}/confirm",
                self.confirm,
                body=ConfirmVerification,
                answer=VerificationObject,
                summary="Confirm a verification",
                description="After the customer authenticated: with what they brought back in `return_parameters`.",
                tag="payment methods",
                idempotency=Idempotency.FLOW,
                errors=(
                    Problem("payment_method_detached", 409),
                    Problem("verification_under_way", 409),
                    Problem("verification_unexpected_state", 409, "It awaits no customer."),
                    Problem("resource_missing", 404, "There is no such verification of this payment method."),
                ),
                examples={"what came back": {"return_parameters": {"redirectResult": "X6XtfGC3!Y..."}}},
            ),
        ]

    def resume(self) -> dict[str, Resume]:
        """How an interrupted request is answered when it comes again."""

        async def verification(merchant: Any, verification_id: UUID) -> Reply | None:
            found = await self._flow.resume(merchant, verification_id)
            return None if found is None else _reply(found, livemode=merchant.livemode)

        return {VERIFICATION: verification}

    async def verify(self, call: Call[VerifyPaymentMethod, None]) -> Reply:
        """`POST /v1/payment_methods/{id}/verify`."""
        merchant, body, id_ = merchant_of(call), call.body, self._new_id()
        check_currency(body.currency)
        claim = claim_of(call, VERIFICATION, id_)
        new = NewVerification(
            id=id_,
            payment_method_id=call.path_id("payment_method", Kind.PAYMENT_METHOD),
            currency=body.currency,
            account_id=optional_id(Kind.PROCESSOR_ACCOUNT, body.processor_account, "processor_account"),
            return_url=return_url_of(body.return_url),
            browser=browser_of(body.browser),
        )
        return await self._once(
            call,
            claim,
            self._flow.verify(merchant, new, claim=claim, now=call.now),
        )

    async def confirm(self, call: Call[ConfirmVerification, None]) -> Reply:
        """`POST /v1/payment_methods/{id}/verify/{id}/confirm`."""
        merchant, id_ = merchant_of(call), call.path_id("verification", Kind.VERIFICATION)
        claim = claim_of(call, VERIFICATION, id_)
        return await self._once(
            call,
            claim,
            self._flow.confirm(
                merchant,
                call.path_id("payment_method", Kind.PAYMENT_METHOD),
                id_,
                returned=returned_of(call.body.return_parameters) or {},
                claim=claim,
                now=call.now,
            ),
        )

    async def _once(self, call: Call[Any, Any], claim: Claim | None, work: Awaitable[Verification]) -> Reply:
        """Do the work and record what it answers, unless its key says that it was done before."""
        merchant = merchant_of(call)
        done = await unless_done_before(call, work, key_is_known=self._key_is_known)
        reply = _reply(done, livemode=merchant.livemode)
        if claim is not None:
            await self._record(merchant.id, Answer(claim.key, reply.status, reply.body))
        return reply


def _reply(done: Verification, *, livemode: bool) -> Reply:
    at, checks = done.finished_at or done.created_at, done.checks
    shown = VerificationObject(
        id=render(Kind.VERIFICATION, done.id),
        status=cast(Status, done.status),
        payment_method=render(Kind.PAYMENT_METHOD, done.payment_method_id),
        processor_account=render(Kind.PROCESSOR_ACCOUNT, done.processor_account_id),
        currency=done.currency,
        decline=None if done.decline is None else decline_object(done.decline, at),
        checks=None if checks is None else msgspec.convert(checks, ChecksObject, from_attributes=True),
        next_action=_next_action(done),
        explanation=done.why,
        created_at=rfc3339(done.created_at),
        livemode=livemode,
    )
    return Reply(200, msgspec.json.encode(shown))


def _next_action(done: Verification) -> NextActionObject | None:
    if done.status != "requires_action" or done.action_url is None:
        return None
    return NextActionObject(redirect_to_url=RedirectObject(url=done.action_url, return_url=done.return_url))
