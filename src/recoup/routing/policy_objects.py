"""Routing policies as the API and events show them."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.routing.core.policy_reading import Format, plain
from recoup.routing.store.policies import Activation, SavedPolicy


class PolicyVersionObject(Struct, kw_only=True, frozen=True):
    """A version of your routing policy, without what it says."""

    id: Annotated[str, Meta(description="The tenant's: it has one routing policy, in versions.")]
    object: Literal["routing_policy_version"] = "routing_policy_version"
    version: Annotated[int, Meta(description="Counts from 1; a version never changes.")]
    active: Annotated[bool, Meta(description="Whether payments are routed by it now.")]
    note: str | None
    created_by: Annotated[str | None, Meta(description="The id of the API key that saved it.")]
    created_at: str
    activated_by: Annotated[str | None, Meta(description="The API key that put it in force, while it is.")]
    activated_at: str | None
    livemode: bool


class PolicyObject(Struct, kw_only=True, frozen=True):
    """Your routing policy in one of its versions."""

    object: Literal["routing_policy"] = "routing_policy"
    version: Annotated[int | None, Meta(description="null: none was ever saved.")]
    active: Annotated[bool, Meta(description="Whether payments are routed by it now.")]
    policy: Annotated[
        dict[str, Any], Meta(description="What it says. An empty one asks your accounts in their own order.")
    ]
    toml: Annotated[str | None, Meta(description="The text that was sent, where it was TOML.")]
    note: str | None
    created_by: Annotated[str | None, Meta(description="The id of the API key that saved it.")]
    created_at: str | None
    activated_by: Annotated[str | None, Meta(description="The API key that put it in force, while it is.")]
    activated_at: str | None
    livemode: bool


def version_object(
    saved: SavedPolicy, activation: Activation | None, *, merchant_id: UUID, livemode: bool
) -> PolicyVersionObject:
    """A version as lists and events show it; `activation` where it is in force."""
    return PolicyVersionObject(
        id=render(Kind.MERCHANT, merchant_id),
        version=saved.version,
        active=activation is not None,
        note=saved.note,
        created_by=saved.created_by,
        created_at=rfc3339(saved.created_at),
        activated_by=None if activation is None else activation.activated_by,
        activated_at=None if activation is None else rfc3339(activation.activated_at),
        livemode=livemode,
    )


def policy_object(saved: SavedPolicy, activation: Activation | None, *, livemode: bool) -> PolicyObject:
    """A version with what it says."""
    is_toml = saved.format is Format.TOML
    said = plain(tomllib.loads(saved.source)) if is_toml else msgspec.json.decode(saved.source)
    return PolicyObject(
        version=saved.version,
        active=activation is not None,
        policy=said,
        toml=saved.source if is_toml else None,
        note=saved.note,
        created_by=saved.created_by,
        created_at=rfc3339(saved.created_at),
        activated_by=None if activation is None else activation.activated_by,
        activated_at=None if activation is None else rfc3339(activation.activated_at),
        livemode=livemode,
    )


def no_policy_object(*, livemode: bool) -> PolicyObject:
    """What holds where no policy was ever saved."""
    return PolicyObject(
        version=None,
        active=True,
        policy={},
        toml=None,
        note=None,
        created_by=None,
        created_at=None,
        activated_by=None,
        activated_at=None,
        livemode=livemode,
    )
