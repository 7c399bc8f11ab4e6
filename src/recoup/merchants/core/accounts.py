"""A merchant's account at a processor: what it holds, and what may be said of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from recoup.connectors.base import Credential
from recoup.kit.countries import COUNTRIES
from recoup.kit.currencies import DECIMALS
from recoup.kit.refusals import invalid
from recoup.kit.secret import Secret

ACCOUNTS_MAX: Final = 100
"""The most processor accounts one tenant can have, enabled or not."""
POSITION_MAX: Final = 1_000_000
TIMEOUT_MS_MIN: Final = 100
TIMEOUT_MS_MAX: Final = 120_000
URL_LENGTH_MAX: Final = 500
FEE_MINOR_MAX: Final = 10**6
BASIS_POINTS_MAX: Final = 10_000


class Fees(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the processor takes for a payment: a share in basis points (hundredths of a percent) and fixed parts."""

    basis_points: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=BASIS_POINTS_MAX, description="Share of the amount, in hundredths of a percent."
        ),
    ] = 0
    fixed: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=FEE_MINOR_MAX, description="Per approved payment, in minor units of `currency`."
        ),
    ] = 0
    fixed_on_decline: Annotated[
        int,
        msgspec.Meta(ge=0, le=FEE_MINOR_MAX, description="Per declined try, in minor units of `currency`."),
    ] = 0
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3, description="ISO 4217 code.")] = "USD"


@dataclass(frozen=True, slots=True)
class Sealed:
    """Bytes that only the holder of a data key can read, and which data key that is."""

    data_key_id: UUID
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProcessorAccount:
    """A merchant's own account at a processor, with its credentials in the clear: never render it whole.

    `base_url` None means the connector's own address. `countries`, `currencies` and `brands` None mean whatever the
    connector can do; otherwise the account takes these only. `timeout_ms` is how long the
    processor may take for one call, at most what the server allows everybody; None means that. Accounts are tried in
    the order of `position`. `repointed_at`: when it was last given another address or other credentials, and so may
    have become an account somewhere else.
    """

    id: UUID
    connector: str
    label: str
    base_url: str | None
    credentials: Mapping[str, Secret] = field(repr=False)
    countries: frozenset[str] | None
    currencies: frozenset[str] | None
    brands: frozenset[str] | None
    fees: Fees | None
    timeout_ms: int | None
    position: int
    enabled: bool
    metadata: Mapping[str, str]
    created_at: datetime
    updated_at: datetime
    repointed_at: datetime | None = None


def check_credentials(given: Collection[str], wanted: Mapping[str, Credential]) -> None:
    """Refuses credentials that the connector does not know, and the lack of one that it needs."""
    needed = {name for name, credential in wanted.items() if credential.required}
    for name in sorted(needed - set(given)):
        raise invalid(
            "credential_missing",
            f"This connector needs the credential {name!r}: send `credentials.{name}`.",
            param=f"credentials.{name}",
        )
    if set(given) - set(wanted):
        listed = ", ".join(sorted(wanted)) or "none"
        # The names sent are not repeated: a key pasted in the place of its name is still a key.
        raise invalid(
            "credential_unknown",
            f"This connector takes these credentials only: {listed}.",
            param="credentials",
        )


def check_modes_of(given: Mapping[str, Secret], wanted: Mapping[str, Credential], *, livemode: bool) -> None:
    """Refuses a test key in live mode, and a live key in test mode."""
    for name, value in given.items():
        if name in wanted and wanted[name].is_of_other_mode(value, livemode=livemode):
            used, other = ("live", "test") if livemode else ("test", "live")
            raise invalid(
                "credential_of_other_mode",
                f"`credentials.{name}` is the processor's {other} key, and this is {used} mode.",
                param=f"credentials.{name}",
            )


def check_mode_of(connector: str, *, test_mode_only: bool, livemode: bool) -> None:
    """Refuses a simulated processor in live mode: a payment that it approves moves no money."""
    if livemode and test_mode_only:
        raise invalid(
            "connector_in_test_mode_only",
            f"{connector!r} is a simulated processor: use a test key, or name a real connector.",
            param="connector",
        )


def check_limits(account: ProcessorAccount, *, brands: frozenset[str]) -> None:
    """Refuses countries, currencies and brands that do not exist, or that the connector cannot take at all."""
    _known("countries", account.countries, COUNTRIES, "two-letter country codes of ISO 3166-1, in capitals")
    _known("currencies", account.currencies, DECIMALS, "currency codes of ISO 4217, in capitals")
    _known("brands", account.brands, brands, f"brands that the connector takes: {', '.join(sorted(brands))}")
    if account.fees is not None and account.fees.currency not in DECIMALS:
        raise invalid(
            "unknown_value", "`fees.currency` must be a currency code of ISO 4217.", param="fees.currency"
        )


def _known(param: str, given: Iterable[str] | None, known: Collection[str], what: str) -> None:
    if given is not None and not all(value in known for value in given):
        raise invalid("unknown_value", f"`{param}` must hold {what}. Leave it out for all.", param=param)


def check_base_url(url: str | None, *, livemode: bool, own: str | None, ours: bool = False) -> None:
    """Refuses the lack of an address where the connector has none of its own (`own`), another than its own in live
    mode, and what is no address.

    `ours`: a simulated processor, which this server finds without.
    """
    if url is None:
        if own is None and not ours:
            raise invalid(
                "base_url_missing",
                f"This processor has no address of its own in {'live' if livemode else 'test'} mode: send `base_url`, "
                "the one that it gave you.",
                param="base_url",
            )
        return
    if livemode and own is not None:
        raise invalid(
            "base_url_in_live_mode",
            "`base_url` can be set in test mode only: live payments go to the processor's own address.",
            param="base_url",
        )
    if not _is_address(url):
        raise invalid(
            "invalid_url",
            "`base_url` must read like https://processor.example/v1: a scheme, a host, perhaps a port and a path.",
            param="base_url",
        )


def _is_address(url: str) -> bool:
    if len(url) > URL_LENGTH_MAX or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    bare = not (parts.query or parts.fragment or parts.username is not None or parts.password is not None)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and bare and port != 0
