"""A merchant's account at a processor: what it holds, and what may be said of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from recoup.connectors.base import Capabilities, Credential
from recoup.kit.countries import COUNTRIES
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import MINOR_MAX
from recoup.kit.refusals import invalid
from recoup.kit.secret import Secret
from recoup.merchants.core.fees import FUNDINGS, Fees, check_fees

ACCOUNTS_MAX: Final = 100
"""The most processor accounts one tenant can have, enabled or not."""
POSITION_MAX: Final = 1_000_000
TIMEOUT_MS_MIN: Final = 100
TIMEOUT_MS_MAX: Final = 120_000
URL_LENGTH_MAX: Final = 500
ACQUIRER_LENGTH_MAX: Final = 64
CATEGORIES_MAX: Final = 1000
_CATEGORY: Final = re.compile(r"[0-9]{4}", re.ASCII)


class AmountLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The least and the most that an account takes in one payment of a currency."""

    min: Annotated[
        int, msgspec.Meta(ge=0, le=MINOR_MAX, description="The least it takes, in minor units.")
    ] = 0
    max: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=MINOR_MAX)] | None,
        msgspec.Meta(description="The most it takes, in minor units; null: no limit."),
    ] = None


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
    have become an account somewhere else: what was saved or sent before that counts no more there.

    What routing knows of it: `country` is where it acquires, None where nobody said. `acquirer` is who carries its
    payments to the issuers; two accounts of the same acquirer are one to an issuer, and None means the connector's
    name. `fundings`, `amount_limits` and `merchant_categories` are what the contract covers, None meaning everything.
    A `drained` account is asked for new payments only where no other can do them; what it has goes on. `three_d_secure`
    False means that the contract is without it, whatever the connector can do.
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
    country: str | None = None
    acquirer: str | None = None
    fundings: frozenset[str] | None = None
    amount_limits: Mapping[str, AmountLimits] | None = None
    merchant_categories: frozenset[str] | None = None
    drained: bool = False
    three_d_secure: bool | None = None


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


def check_limits(account: ProcessorAccount, *, can: Capabilities) -> None:
    """Refuses countries, currencies, brands and the like that do not exist, or that the connector cannot take."""
    brands = can.brands
    _known("countries", account.countries, COUNTRIES, "two-letter country codes of ISO 3166-1, in capitals")
    _known("currencies", account.currencies, DECIMALS, "currency codes of ISO 4217, in capitals")
    _known("brands", account.brands, brands, f"brands that the connector takes: {', '.join(sorted(brands))}")
    _known("fundings", account.fundings, FUNDINGS, f"some of: {', '.join(FUNDINGS)}")
    if account.country is not None and account.country not in COUNTRIES:
        raise invalid(
            "unknown_value",
            "`country` must be a two-letter country code of ISO 3166-1, in capitals: where the account acquires.",
            param="country",
        )
    if account.acquirer is not None and not (account.acquirer.strip() and account.acquirer.isprintable()):
        raise invalid(
            "blank", "`acquirer` must be a name. Leave it out for the connector's own.", param="acquirer"
        )
    _check_categories(account.merchant_categories)
    _check_amount_limits(account.amount_limits or {})
    if account.three_d_secure and not can.three_d_secure:
        raise invalid(
            "capability_missing",
            "The connector cannot have customers authenticated: set `three_d_secure` to false, or leave it out.",
            param="three_d_secure",
        )
    if account.fees is not None:
        check_fees(account.fees, brands=brands)


def _check_categories(categories: Iterable[str] | None) -> None:
    if categories is not None and not all(_CATEGORY.fullmatch(one) for one in categories):
        raise invalid(
            "unknown_value",
            "`merchant_categories` must hold codes of ISO 18245: four digits each. Leave it out for all.",
            param="merchant_categories",
        )


def _check_amount_limits(limits: Mapping[str, AmountLimits]) -> None:
    for currency, limit in sorted(limits.items()):
        if currency not in DECIMALS:
            raise invalid(
                "unknown_value",
                "The names in `amount_limits` must be currency codes of ISO 4217, in capitals.",
                param="amount_limits",
            )
        if limit.max is not None and limit.max < limit.min:
            raise invalid(
                "limits_crossed",
                f"`amount_limits.{currency}.max` is less than its `min`: no payment could be both.",
                param=f"amount_limits.{currency}",
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
