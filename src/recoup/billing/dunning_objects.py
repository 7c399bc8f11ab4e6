"""Dunning policies, and how far the dunning of a subscription has come, as the API and the events show them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.billing.core.dunning import Dunning, DunningPolicy, FinalAction, OpenInvoices, Rules
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render

_Recovery = Annotated[
    str | None,
    Meta(
        description="By which of your recovery policies payments are won back; null: as those that name none; `none`: "
        "nothing is tried again."
    ),
]
_Messages = Annotated[bool, Meta(description="Whether customers are asked, as your message policy says.")]
_Grace = Annotated[int, Meta(description="For how many days after the first refusal access is to be kept.")]
_Final = Annotated[
    FinalAction,
    Meta(
        description="What becomes of the subscription once the grace is over and nothing is tried any more. `keep` "
        "leaves it `past_due`."
    ),
]
_Open = Annotated[OpenInvoices, Meta(description="What becomes of the invoices that it owes then.")]


class DunningRulesObject(Struct, kw_only=True, frozen=True):
    """What is done about a subscription that falls behind."""

    recovery_policy: _Recovery
    messages: _Messages
    grace_days: _Grace
    final_action: _Final
    open_invoices: _Open


class DunningPolicyObject(Struct, kw_only=True, frozen=True):
    """What is done about subscriptions that fall behind."""

    id: str
    object: Literal["dunning_policy"] = "dunning_policy"
    name: str
    default: Annotated[bool, Meta(description="Whether it holds for subscriptions that name none.")]
    recovery_policy: _Recovery
    messages: _Messages
    grace_days: _Grace
    final_action: _Final
    open_invoices: _Open
    metadata: dict[str, str]
    created_at: str
    livemode: bool


class DunningObject(Struct, kw_only=True, frozen=True):
    """What is being done about what a subscription owes: fixed when it fell behind."""

    policy: Annotated[str | None, Meta(description="The policy that it was taken from; null: built in.")]
    rules: DunningRulesObject
    grace_ended: Annotated[bool, Meta(description="Whether access need not be kept any more.")]
    final_action_at: Annotated[str | None, Meta(description="When the final action was done.")]


def rules_object(rules: Rules) -> DunningRulesObject:
    """Rules as the API shows them."""
    return DunningRulesObject(
        recovery_policy=rules.recovery_policy,
        messages=rules.messages,
        grace_days=rules.grace_days,
        final_action=rules.final_action,
        open_invoices=rules.open_invoices,
    )


def dunning_policy_object(policy: DunningPolicy, *, livemode: bool) -> DunningPolicyObject:
    """A policy as it is now."""
    rules = policy.rules
    return DunningPolicyObject(
        id=render(Kind.DUNNING_POLICY, policy.id),
        name=policy.name,
        default=policy.is_default,
        recovery_policy=rules.recovery_policy,
        messages=rules.messages,
        grace_days=rules.grace_days,
        final_action=rules.final_action,
        open_invoices=rules.open_invoices,
        metadata=policy.metadata,
        created_at=rfc3339(policy.created_at),
        livemode=livemode,
    )


def dunning_object(dunning: Dunning | None) -> DunningObject | None:
    """How far it has come, where anything is owed."""
    if dunning is None:
        return None
    policy_id, acted_at = dunning.ruling.policy_id, dunning.acted_at
    return DunningObject(
        policy=None if policy_id is None else render(Kind.DUNNING_POLICY, policy_id),
        rules=rules_object(dunning.rules),
        grace_ended=dunning.grace_over,
        final_action_at=None if acted_at is None else rfc3339(acted_at),
    )
