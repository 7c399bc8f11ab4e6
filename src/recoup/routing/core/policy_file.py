"""What a routing policy looks like when it is written, in TOML or in JSON: every field, its limits and what it is for.

These types are the schema: reading checks against them, and the reference page and the JSON Schema are made from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from recoup.connectors.base import Agreement, Initiator
from recoup.kit.money import MINOR_MAX
from recoup.routing.core.conditions import DAYS
from recoup.routing.core.policy import EXPLORE_DEFAULT, MARGIN_DEFAULT
from recoup.vault.core import BRANDS

RULES_MAX: Final = 100
GROUPS_MAX: Final = 50
NAMES_MAX: Final = 100
VALUES_MAX: Final = 500
METADATA_KEYS_MAX: Final = 20
SOURCE_LENGTH_MAX: Final = 60_000
"""Characters of a policy's text."""
NAME_LENGTH_MAX: Final = 100
LABEL_LENGTH_MAX: Final = 200
BASIS_POINTS_MAX: Final = 10_000
EXPLORE_MAX: Final = 1_000
ATTEMPTS_MAX: Final = 10
FAILOVER_MS_MAX: Final = 120_000
FUNDINGS: Final = ("credit", "debit", "prepaid", "unknown")


def _one_of(*choices: str) -> Meta:
    return Meta(extra_json_schema={"enum": list(choices)})


def _of_form(pattern: str, example: str) -> Meta:
    return Meta(extra_json_schema={"pattern": pattern, "examples": [example]})


# No `pattern` here: msgspec 0.22 frees it twice in a union with a list, which ends the process. Forms are checked in
# `policy_shape` and `policy_checks`, and told to editors in the schema.
Text = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH_MAX)]
Brand = Annotated[Text, _one_of(*sorted(BRANDS))]
Currency = Annotated[Text, _of_form("^[A-Z]{3}$", "USD")]
Country = Annotated[Text, _of_form("^[A-Z]{2}$", "US")]
Funding = Annotated[Text, _one_of(*FUNDINGS)]
Digits = Annotated[Text, _of_form("^[0-9]{1,8}$", "424242")]
Category = Annotated[Text, _of_form("^[0-9]{4}$", "5999")]
CustomerId = Annotated[Text, _of_form("^cus_", "cus_01kaq3v8e7f0t9m2c4x6z8b1d5")]
InitiatorText = Annotated[Text, _one_of(*(one.value for one in Initiator))]
AgreementText = Annotated[Text, _one_of(*(one.value for one in Agreement))]
Day = Annotated[Text, _one_of(*DAYS)]
Clock = Annotated[Text, _of_form("^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "22:00")]
Value = Annotated[str, Meta(max_length=500)]

_VALUES: Final = Meta(min_length=1, max_length=VALUES_MAX)
Account = Annotated[
    Annotated[str, Meta(min_length=1, max_length=LABEL_LENGTH_MAX)],
    Meta(extra_json_schema={"examples": ["Alpha, United States", "pa_01kaq3v8e7f0t9m2c4x6z8b1d3"]}),
]
Accounts = Annotated[list[Account], Meta(min_length=1, max_length=NAMES_MAX)]
Minor = Annotated[int, Meta(ge=0, le=MINOR_MAX)]


class Written(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What every part of a written policy is."""


class AmountSpec(Written, frozen=True):
    """Bounds of the amount, in minor units of one currency (cents), as everywhere in the API."""

    currency: Annotated[
        Currency, Meta(description="ISO 4217 code; payments in other currencies do not match.")
    ]
    at_least: Annotated[Minor | None, Meta(description="The smallest amount that matches.")] = None
    below: Annotated[Minor | None, Meta(description="The smallest amount that no longer matches.")] = None


class AttemptSpec(Written, frozen=True):
    """Bounds of the number of the attempt: a payment's attempts count from 1."""

    at_least: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None, Meta(description="The first attempt that matches.")
    ] = None
    below: Annotated[
        Annotated[int, Meta(ge=2, le=1000)] | None,
        Meta(description="The first attempt that no longer matches."),
    ] = None


class TimeSpec(Written, frozen=True):
    """A part of the day, in a time zone. From 22:00 to 06:00 goes over midnight and belongs to the day it begins on."""

    time_zone: Annotated[
        Annotated[Text, Meta(extra_json_schema={"examples": ["Europe/Berlin"]})],
        Meta(description="IANA name."),
    ]
    from_: Annotated[Clock | None, Meta(description="Left out: midnight.")] = msgspec.field(
        name="from", default=None
    )
    to: Annotated[Clock | None, Meta(description="Not included. Left out: the end of the day.")] = None
    days: Annotated[
        Annotated[list[Day], Meta(min_length=1, max_length=len(DAYS))] | None,
        Meta(description="Left out: every day."),
    ] = None


class WhenSpec(Written, frozen=True):
    """Conditions; a rule holds where all of them do. Of a list, one value has to fit."""

    amount: Annotated[AmountSpec | None, Meta(description="How much is paid.")] = None
    currency: Annotated[
        Currency | Annotated[list[Currency], _VALUES] | None, Meta(description="ISO 4217 codes.")
    ] = None
    brand: Annotated[
        Brand | Annotated[list[Brand], _VALUES] | None, Meta(description="Whose card it is.")
    ] = None
    funding: Annotated[
        Funding | Annotated[list[Funding], _VALUES] | None, Meta(description="What the card draws on.")
    ] = None
    bin: Annotated[
        Digits | Annotated[list[Digits], _VALUES] | None,
        Meta(description="What the card's number begins with: 1 to 8 digits."),
    ] = None
    issuer_country: Annotated[
        Country | Annotated[list[Country], _VALUES] | None,
        Meta(description="Where the card was issued: ISO 3166-1 alpha-2 codes."),
    ] = None
    cross_border: Annotated[
        bool | None,
        Meta(description="Whether the card was issued outside `home_countries`, which has to be set."),
    ] = None
    customer: Annotated[
        CustomerId | Annotated[list[CustomerId], _VALUES] | None, Meta(description="Ids of customers.")
    ] = None
    metadata: Annotated[
        Annotated[
            dict[Text, Value | Annotated[list[Value], _VALUES]],
            Meta(min_length=1, max_length=METADATA_KEYS_MAX),
        ]
        | None,
        Meta(description="Keys of the payment's metadata, each with the values that match."),
    ] = None
    time: Annotated[TimeSpec | None, Meta(description="The time of day, and days of the week.")] = None
    initiator: Annotated[
        InitiatorText | None, Meta(description="Who started the payment: the customer, or you by agreement.")
    ] = None
    attempt_number: Annotated[AttemptSpec | None, Meta(description="Which attempt of the payment it is.")] = (
        None
    )
    merchant_category: Annotated[
        Category | Annotated[list[Category], _VALUES] | None, Meta(description="ISO 18245 codes.")
    ] = None
    agreement: Annotated[
        AgreementText | None, Meta(description="What a stored card was agreed to be charged for.")
    ] = None


class ThenSpec(Written, frozen=True):
    """What the rule does. One of `ordered`, `split`, `learned` and `least_cost` decides, and the rules behind are not
    looked at. With `exclude` and `require` alone the next rules are."""

    ordered: Annotated[
        Annotated[list[Account], Meta(max_length=NAMES_MAX)] | None,
        Meta(
            description="Accounts in this order; those not named come after. Empty: in the order of your accounts."
        ),
    ] = None
    split: Annotated[
        dict[Account, Annotated[int, Meta(ge=1, le=100)]] | None,
        Meta(description="Percentages of payments by account, together 100: who is asked first."),
    ] = None
    sticky_by: Annotated[
        Annotated[str, _one_of("customer")] | None,
        Meta(description="With `split`: the same customer always goes to the same account."),
    ] = None
    learned: Annotated[
        bool | None,
        Meta(description="`true`: by what your own payments have shown, the greatest expected value first."),
    ] = None
    least_cost: Annotated[
        bool | None, Meta(description="`true`: the least expected cost of an approval first.")
    ] = None
    only: Annotated[
        bool | None,
        Meta(description="With `ordered` and `split`: accounts that are not named are not asked at all."),
    ] = None
    exclude: Annotated[
        Accounts | None, Meta(description="Accounts that may not be asked, whichever rule decides.")
    ] = None
    require: Annotated[
        Accounts | None, Meta(description="Nobody but these accounts may be asked, whichever rule decides.")
    ] = None


class RuleSpec(Written, frozen=True):
    """A rule. The first one that holds and decides is it."""

    name: Annotated[
        Text, Meta(description="Stands in every decision that the rule made; no two are the same.")
    ]
    then: ThenSpec
    when: Annotated[WhenSpec | None, Meta(description="Left out: the rule holds for every payment.")] = None


class PolicyFile(Written, frozen=True):
    """A routing policy. An empty one asks your accounts in their own order."""

    margin_basis_points: Annotated[
        Annotated[int, Meta(ge=0, le=BASIS_POINTS_MAX)],
        Meta(
            description="Your gross margin, in basis points of the amount: what an approval is worth to `learned`."
        ),
    ] = MARGIN_DEFAULT
    explore_basis_points: Annotated[
        Annotated[int, Meta(ge=0, le=EXPLORE_MAX)],
        Meta(
            description="The largest share of payments, in basis points, with which `learned` tries other accounts."
        ),
    ] = EXPLORE_DEFAULT
    attempts_max: Annotated[
        Annotated[int, Meta(ge=1, le=ATTEMPTS_MAX)] | None,
        Meta(description="How many accounts one call may ask. The server's own limit holds besides."),
    ] = None
    failover_within_ms: Annotated[
        Annotated[int, Meta(ge=0, le=FAILOVER_MS_MAX)] | None,
        Meta(description="How long after the start of the call another account may still be asked."),
    ] = None
    home_countries: Annotated[
        Annotated[list[Country], Meta(min_length=1, max_length=VALUES_MAX)] | None,
        Meta(description="Where you acquire locally; `cross_border` is what was issued elsewhere."),
    ] = None
    groups: Annotated[
        Annotated[dict[Text, Accounts], Meta(max_length=GROUPS_MAX)],
        Meta(description="Names for several accounts; a group may name other groups."),
    ] = {}
    rules: Annotated[
        Annotated[list[RuleSpec], Meta(max_length=RULES_MAX)], Meta(description="In order.")
    ] = []
    default: Annotated[
        ThenSpec | None,
        Meta(description="What is done where no rule decides. Left out: the order of your accounts."),
    ] = None


def json_schema() -> dict[str, Any]:
    """The schema of a written policy (JSON Schema 2020-12), for editors and validators."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Routing policy"}
    return {**head, **_unfolded(msgspec.json.schema(PolicyFile))}


def _unfolded(schema: Any) -> Any:
    """The schema without the line breaks of our docstrings."""
    match schema:
        case dict():
            return {name: _unfolded(inner) for name, inner in schema.items()}
        case list():
            return [_unfolded(inner) for inner in schema]
        case str():
            return " ".join(schema.split())
        case _:
            return schema


PARTS: Final[Sequence[tuple[str, type[Written]]]] = (
    ("the policy", PolicyFile),
    ("a rule", RuleSpec),
    ("when", WhenSpec),
    ("when.amount", AmountSpec),
    ("when.time", TimeSpec),
    ("when.attempt_number", AttemptSpec),
    ("then", ThenSpec),
)
"""Every part of a written policy, by the place at which it stands."""
