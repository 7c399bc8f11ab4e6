"""Kill switches and checks as the API shows them, and what a check is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from recoup.gate.core import Check, Due, Switch
from recoup.http.fields import ListObject
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render


class KillSwitchObject(Struct, kw_only=True, frozen=True):
    """What holds recoveries' tries until a person lifts it."""

    id: str
    object: Annotated[str, Meta(description="Always `kill_switch`.")] = "kill_switch"
    scope: Annotated[str, Meta(description="`merchant`, `processor_account` or `decline_code`.")]
    processor_account: str | None
    decline_code: str | None
    reason: str
    created_at: str
    lifted_at: Annotated[str | None, Meta(description="Since when it holds nothing; null: it is on.")]
    livemode: bool


class KillSwitchList(ListObject[KillSwitchObject], frozen=True):
    """A page of kill switches."""


class RecoveryCheckObject(Struct, kw_only=True, frozen=True):
    """Where you are asked before every try of a recovery."""

    object: Annotated[str, Meta(description="Always `recovery_check`.")] = "recovery_check"
    url: str
    timeout_ms: int
    default: Annotated[
        str, Meta(description="What stands in for no clear answer in time: `allow` or `wait`.")
    ]
    secret: Annotated[
        str | None, Meta(description="With what the requests are signed; in the answers of this route only.")
    ] = None
    updated_at: str
    livemode: bool


class CheckRequest(Struct, kw_only=True, frozen=True):
    """What a check is asked, signed as webhooks are."""

    type: str = "recovery.check"
    recovery: str
    payment: str
    attempt_number: int
    amount: int
    currency: str
    customer: str | None
    payment_method: str | None
    decline_code: str | None
    processor_accounts: list[str]
    at: str
    livemode: bool

    @staticmethod
    def of(due: Due, *, at: datetime, livemode: bool) -> CheckRequest:
        """About a try that is due."""
        method, customer = due.payment_method_id, due.customer_id
        return CheckRequest(
            recovery=render(Kind.RECOVERY, due.recovery_id),
            payment=render(Kind.PAYMENT, due.payment_id),
            attempt_number=due.number,
            amount=due.amount,
            currency=due.currency,
            customer=None if customer is None else render(Kind.CUSTOMER, customer),
            payment_method=None if method is None else render(Kind.PAYMENT_METHOD, method),
            decline_code=due.decline_code,
            processor_accounts=[render(Kind.PROCESSOR_ACCOUNT, one) for one in due.accounts],
            at=rfc3339(at),
            livemode=livemode,
        )


def switch_object(switch: Switch, *, livemode: bool) -> KillSwitchObject:
    """A kill switch."""
    account = switch.account_id
    return KillSwitchObject(
        id=render(Kind.KILL_SWITCH, switch.id),
        scope=switch.scope.value,
        processor_account=None if account is None else render(Kind.PROCESSOR_ACCOUNT, account),
        decline_code=switch.code,
        reason=switch.reason,
        created_at=rfc3339(switch.set_at),
        lifted_at=None if switch.lifted_at is None else rfc3339(switch.lifted_at),
        livemode=livemode,
    )


def check_object(check: Check, *, livemode: bool, secret: str | None = None) -> RecoveryCheckObject:
    """A check, with its secret only for who set it."""
    return RecoveryCheckObject(
        url=check.url,
        timeout_ms=check.timeout_ms,
        default=check.otherwise.value,
        secret=secret,
        updated_at=rfc3339(check.updated_at),
        livemode=livemode,
    )
