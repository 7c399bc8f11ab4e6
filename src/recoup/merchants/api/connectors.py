"""Connectors as the API shows them: what an account brings, and what the processor can do."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.connectors.base import Connector, DisputeVerb
from recoup.connectors.base import Idempotency as ProcessorIdempotency
from recoup.http.routes import ListObject


class CapabilitiesObject(Struct, frozen=True, kw_only=True):
    """What a processor can do. null means any."""

    currencies: list[str] | None
    countries: list[str] | None
    brands: list[str]
    manual_capture: bool
    multiple_captures: bool
    partial_refunds: bool
    stored_credentials: Annotated[bool, Meta(description="Whether it takes merchant-initiated payments.")]
    cards: Annotated[bool, Meta(description="Whether it takes a card from the vault.")]
    processor_tokens: Annotated[bool, Meta(description="Whether it charges what it keeps, by its own token.")]
    gives_tokens: Annotated[
        bool, Meta(description="Whether it keeps a card when it is asked to, and gives a token for it.")
    ]
    network_transaction_ids: Annotated[
        bool, Meta(description="Whether it gives and takes the network's name of the first payment.")
    ]
    three_d_secure: Annotated[bool, Meta(description="Whether its customers can be asked to authenticate.")]
    takes_authentication: Annotated[
        bool, Meta(description="Whether it takes the result of a 3-D Secure authentication made elsewhere.")
    ]
    resumable_completion: Annotated[
        bool,
        Meta(
            description="Whether a payment whose customer came back can be gone on with after an answer got lost."
        ),
    ]
    verification: Annotated[bool, Meta(description="Whether it can check a card without charging it.")]
    webhooks: Annotated[bool, Meta(description="Whether it tells of what happens later.")]
    idempotency: Annotated[
        ProcessorIdempotency,
        Meta(
            description="What the processor does with the same request twice: `key`, it answers as before; "
            "`reference`, it refuses or shows the first; `none`. Recoup never sends one twice."
        ),
    ]
    disputes: Annotated[
        list[DisputeVerb],
        Meta(description="What can be done about a dispute from here: `submit` evidence, `accept` the loss."),
    ]
    lists_disputes: Annotated[
        bool,
        Meta(
            description="Whether it can be asked which disputes there are, so that a lost webhook does no harm."
        ),
    ]
    lookup: Annotated[bool, Meta(description="Whether it tells what became of a payment, by our key.")]
    withdraw: Annotated[bool, Meta(description="Whether it can promise that a lost request never happens.")]


class CredentialObject(Struct, frozen=True, kw_only=True):
    """Something that an account at this processor brings."""

    name: str
    about: str
    required: bool
    secret: bool


class ConnectorObject(Struct, frozen=True, kw_only=True):
    """A processor that Recoup can talk to."""

    object: Literal["connector"] = "connector"
    name: str
    credentials: Annotated[list[CredentialObject], Meta(description="What an account brings, by name.")]
    needs_base_url: Annotated[
        list[Literal["test", "live"]],
        Meta(
            description="The modes in which it has no address of its own, so that an account brings `base_url`."
        ),
    ]
    capabilities: CapabilitiesObject


class ConnectorList(ListObject[ConnectorObject], frozen=True):
    """All connectors, by name."""


def connector_object(connector: Connector) -> ConnectorObject:
    """A connector."""
    able = connector.capabilities
    return ConnectorObject(
        name=connector.name,
        credentials=[
            CredentialObject(name=name, about=wanted.about, required=wanted.required, secret=wanted.secret)
            for name, wanted in sorted(connector.credentials.items())
        ],
        needs_base_url=_needs_base_url(connector),
        capabilities=CapabilitiesObject(
            currencies=_sorted(able.currencies),
            countries=_sorted(able.countries),
            brands=sorted(able.brands),
            manual_capture=able.manual_capture,
            multiple_captures=able.multiple_captures,
            partial_refunds=able.partial_refunds,
            stored_credentials=able.stored_credentials,
            cards=able.cards,
            processor_tokens=able.processor_tokens,
            gives_tokens=able.gives_tokens,
            network_transaction_ids=able.network_transaction_ids,
            three_d_secure=able.three_d_secure,
            takes_authentication=able.takes_authentication,
            resumable_completion=able.resumable_completion,
            verification=able.verification,
            webhooks=able.webhooks,
            idempotency=able.idempotency,
            disputes=sorted(able.disputes),
            lists_disputes=connector.lists_disputes,
            lookup=able.lookup,
            withdraw=able.withdraw,
        ),
    )


def _needs_base_url(connector: Connector) -> list[Literal["test", "live"]]:
    if connector.test_mode_only:  # this server's own processors are found without
        return []
    modes: list[Literal["test", "live"]] = []
    if connector.addresses.test is None:
        modes.append("test")
    if connector.addresses.live is None:
        modes.append("live")
    return modes


def _sorted(values: frozenset[str] | None) -> list[str] | None:
    return None if values is None else sorted(values)
