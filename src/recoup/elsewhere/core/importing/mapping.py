"""How a CSV file of any make is read: which column holds what, and what its words mean. Written in TOML."""

from __future__ import annotations

import tomllib
from typing import Annotated, Final, Literal
from zoneinfo import available_timezones

import msgspec
from msgspec import Meta, Struct

from recoup.elsewhere.core.declines import CONNECTORS
from recoup.kit.currencies import DECIMALS
from recoup.kit.refusals import Refusal, invalid

Column = Annotated[str, Meta(min_length=1, max_length=100)]
Word = Annotated[str, Meta(min_length=1, max_length=100)]
SOURCE: Final = r"^[a-z0-9][a-z0-9_-]{0,39}\Z"


class Columns(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which column holds what. `id` names the try, and `payment` what it was a try of."""

    id: Column
    at: Column
    amount: Column
    status: Column
    currency: Column | None = None
    payment: Column | None = None
    customer: Column | None = None
    code: Column | None = None
    network_code: Column | None = None
    advice_code: Column | None = None
    text: Column | None = None
    account: Column | None = None
    brand: Column | None = None
    funding: Column | None = None
    country: Column | None = None
    initiator: Column | None = None


class Statuses(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the words of the column `status` mean; capitals do not matter."""

    approved: list[Word]
    declined: list[Word]
    ignored: list[Word] = []


class Mapping(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to read a file. Tries are known by their `source` and id: the same id of one source is the same try."""

    source: Annotated[str, Meta(pattern=SOURCE)]
    columns: Columns
    status: Statuses
    connector: Word = "standard"
    currency: Annotated[str, Meta(min_length=3, max_length=3)] | None = None
    amounts: Literal["major", "minor"] = "major"
    time_zone: str = "UTC"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    initiator: Literal["customer", "merchant"] = "merchant"
    accounts: dict[Word, Word] = {}
    """The processor account here, by what stands in the column `account`."""


def read_mapping(text: str) -> Mapping:
    """A mapping out of its text; refuses one that cannot be, naming the field."""
    try:
        mapping = msgspec.convert(tomllib.loads(text), Mapping)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _bad(str(error)) from None
    if mapping.columns.currency is None and mapping.currency is None:
        raise _bad("say where the currency stands: `columns.currency`, or `currency` for all lines")
    if mapping.currency is not None and mapping.currency not in DECIMALS:
        raise _bad("`currency` is no currency of ISO 4217")
    if mapping.connector not in CONNECTORS:
        raise _bad(f"`connector` must be one of: {', '.join(sorted(CONNECTORS))}")
    if mapping.time_zone not in available_timezones():
        raise _bad("`time_zone` must be an IANA name such as Europe/Berlin")
    words = [
        word.casefold()
        for word in (*mapping.status.approved, *mapping.status.declined, *mapping.status.ignored)
    ]
    if len(set(words)) < len(words):
        raise _bad("a word of `status` means two things")
    return mapping


def _bad(what: str) -> Refusal:
    return invalid("invalid_mapping", f"The mapping cannot be used: {what}.", param="mapping")
