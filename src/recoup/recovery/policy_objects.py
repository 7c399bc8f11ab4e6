"""A recovery policy as the API and the events show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.recovery.core.policy import Policy
from recoup.recovery.core.policy_file import policy_from, written
from recoup.recovery.store.policies import SavedPolicy
from recoup.routing.core.policy_reading import Format, Problem, written_document


class RecoveryPolicyObject(Struct, kw_only=True, frozen=True):
    """A version of a recovery policy."""

    object: Literal["recovery_policy"] = "recovery_policy"
    name: str
    version: Annotated[int | None, Meta(description="Null where it is built in.")]
    policy: Annotated[
        dict[str, Any], Meta(description="With every field, also those left to their defaults.")
    ]
    toml: Annotated[str | None, Meta(description="As it was written, should it have been in TOML.")]
    note: str | None
    created_by: Annotated[str | None, Meta(description="The API key that saved it.")]
    created_at: str | None
    livemode: bool


def policy_object(saved: SavedPolicy, *, livemode: bool) -> RecoveryPolicyObject:
    """A saved version."""
    document = written_document(saved.source, saved.format)
    assert not isinstance(document, Problem), "what was saved was read then"
    return RecoveryPolicyObject(
        name=saved.name,
        version=saved.version,
        policy=written(policy_from(document.content, version=saved.version)),
        toml=saved.source if saved.format is Format.TOML else None,
        note=saved.note,
        created_by=saved.created_by,
        created_at=rfc3339(saved.created_at),
        livemode=livemode,
    )


def built_in_object(policy: Policy, *, livemode: bool) -> RecoveryPolicyObject:
    """A policy that is built in."""
    return RecoveryPolicyObject(
        name=policy.name,
        version=None,
        policy=written(policy),
        toml=None,
        note=None,
        created_by=None,
        created_at=None,
        livemode=livemode,
    )
