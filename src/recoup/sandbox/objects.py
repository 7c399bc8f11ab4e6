"""What Recoup's API shows and takes of the simulated world."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.http.fields import PAGE_DEFAULT, PAGE_MAX, ListObject
from recoup.kit.clock import rfc3339
from recoup.sandbox.core.issuer import CardState
from recoup.sandbox.core.operations import OperationState
from recoup.sandbox.core.paydays import Cycle
from recoup.sandbox.core.processors import PROCESSORS, Processor, ProcessorName
from recoup.sandbox.fault_objects import FaultObject, fault_object
from recoup.sandbox.model.single import CASES_MAX
from recoup.sandbox.worlds.flow import CardChange, Holder, Summary, Wanted, predictable
from recoup.sandbox.worlds.store import ChangeLine, ChargeLine

SEED_MAX: Final = 2**53
BALANCE_MAX: Final = 10**12
_CARD_PREFIX: Final = "card_"
Minor = Annotated[int, Meta(ge=-BALANCE_MAX, le=BALANCE_MAX)]
Short = Annotated[str, Meta(min_length=1, max_length=40)]


class StartModel(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A model beside the thousand people: cardholders whose renewals are declined, each once, in the month after a
    day, and what would come of every try to win them back. The number of each one's card follows from the seed."""

    cases: Annotated[int, Meta(ge=1, le=CASES_MAX, description="How many cardholders.")]
    starts_on: Annotated[date, Meta(description="The first day of the month in which they are declined.")]


class StartWorld(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A new world in place of the present one."""

    seed: Annotated[
        int, Meta(ge=0, le=SEED_MAX, description="One seed makes one world: the same people, the same luck.")
    ]
    model: StartModel | None = None


class SandboxFeesObject(Struct, kw_only=True, frozen=True):
    """What a charge costs: basis points of the amount, and hundredths of the currency's unit on top."""

    basis_points: int
    hundredths: int
    cross_border_basis_points: int


class SandboxProcessorObject(Struct, kw_only=True, frozen=True):
    """A processor of the simulated world. null means any."""

    name: ProcessorName
    home_countries: list[str]
    countries: list[str] | None
    currencies: list[str] | None
    brands: list[str]
    multiple_captures: bool
    fees: SandboxFeesObject


class WorldObject(Struct, kw_only=True, frozen=True):
    """The simulated world of a test merchant, and what its processors have done. Amounts are sums by currency."""

    object: Literal["world"] = "world"
    seed: int
    now: str
    charges_asked: int
    charges_made: int
    double_charges: Annotated[
        int, Meta(description="Charges that were made beyond one for a payment, over all processors.")
    ]
    authorized: dict[str, int]
    captured: dict[str, int]
    released: dict[str, int]
    refunded: dict[str, int]
    processors: list[SandboxProcessorObject]
    faults: list[FaultObject]
    created_at: str


class WorldLimitsObject(Struct, kw_only=True, frozen=True):
    """What the simulated card network counted, by its own rules and records: tries that it had forbidden."""

    object: Literal["world_limits"] = "world_limits"
    tries: Annotated[int, Meta(description="The tries that it passed to issuers.")]
    broken: Annotated[
        dict[str, int],
        Meta(description="How many tries broke each rule. Empty where every try was allowed."),
    ]


class AcquirerLinkObject(Struct, kw_only=True, frozen=True):
    """How to reach the simulated processors by an acquirer link: what an account at `iso8583` asks for."""

    object: Literal["acquirer_link"] = "acquirer_link"
    credentials: Annotated[
        dict[str, str],
        Meta(
            description="For `alpha`; `acquirer_id` 100002 is `bravo`, 100003 `charlie`. The port changes with every"
            " start, unless `RECOUP_SANDBOX_LINK_PORT` fixes it."
        ),
    ]


class WorldChargeObject(Struct, kw_only=True, frozen=True):
    """One charge as its processor has it. `key` is the attempt, `order` the payment."""

    object: Literal["world_charge"] = "world_charge"
    id: str
    processor: str
    key: str
    order: str
    merchant_reference: str | None
    state: str
    amount: int
    currency: str
    held: Annotated[int, Meta(description="What can still be captured.")]
    captured: int
    released: int
    refunded: int
    created_at: str


class WorldChargeList(ListObject[WorldChargeObject], frozen=True):
    """What the processors of a world charged, by their own references."""


class WorldChargeQuery(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Which charges."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    starting_after: Short | None = None
    order: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class WorldChangeObject(Struct, kw_only=True, frozen=True):
    """A capture, cancellation or refund as its processor has it. `key` is ours of it, `charge_key` the attempt."""

    object: Literal["world_change"] = "world_change"
    id: str
    kind: str
    processor: str
    key: str
    charge: str
    charge_key: str
    state: str
    amount: int
    currency: str
    created_at: str


class WorldChangeList(ListObject[WorldChangeObject], frozen=True):
    """What was done with the charges of a world, by the processors' own references."""


class WorldChangeQuery(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Which changes."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    starting_after: Short | None = None
    charge_key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class WorldCardObject(Struct, kw_only=True, frozen=True):
    """A person of the world with a card."""

    id: str
    object: Literal["world_card"] = "world_card"
    number: Annotated[
        str | None,
        Meta(description="null in answers that are kept to be given again; read the card to see it."),
    ]
    last4: str
    exp_month: int
    exp_year: int
    brand: str
    funding: str
    country: str
    currency: str
    time_zone: str
    state: CardState
    balance: Annotated[int, Meta(description="What is there to spend now, in the smallest unit.")]
    payday_cycle: Cycle
    next_payday: Annotated[str | None, Meta(description="When money comes next; null where it never does.")]
    pay: Annotated[int, Meta(description="What comes on a payday.")]
    spends_per_cycle: Annotated[
        int, Meta(description="What living takes from one payday to the next, about.")
    ]
    predictable: Annotated[
        bool,
        Meta(
            description="Whether money alone decides: no luck, no authentication, and funds are called funds."
        ),
    ]
    authenticates: Annotated[bool, Meta(description="Whether the issuer wants its customer to authenticate.")]


class WorldCardList(ListObject[WorldCardObject], frozen=True):
    """People of the world, in their order."""


class WorldCardQuery(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Which people."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    starting_after: Short | None = None
    payday_cycle: Cycle | None = None
    brand: Short | None = None
    country: Short | None = None
    currency: Short | None = None
    state: CardState | None = None
    balance_min: Minor | None = None
    balance_max: Minor | None = None
    predictable: bool | None = None

    def wanted(self) -> Wanted:
        """The same as the flow takes it."""
        return Wanted(
            cycle=self.payday_cycle,
            brand=self.brand,
            country=self.country,
            currency=self.currency,
            state=self.state,
            balance_min=self.balance_min,
            balance_max=self.balance_max,
            predictable=self.predictable,
        )


class ChangeCard(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What to do to a card; what is left out stays."""

    balance: Annotated[
        Minor | None, Meta(description="What is there to spend from now on, until payday.")
    ] = None
    next_payday: Annotated[
        date | None,
        Meta(description="A date after today, where the cardholder lives; the cycle goes on from there."),
    ] = None
    state: CardState | None = None
    reissued: Annotated[
        bool, Meta(description="Give the card a new number and expiry; the old number is good for nothing.")
    ] = False

    def change(self) -> CardChange:
        """The same as the flow takes it."""
        return CardChange(
            balance=self.balance, next_payday=self.next_payday, state=self.state, reissued=self.reissued
        )


def world_object(summary: Summary) -> WorldObject:
    """A world as the API shows it."""
    counts = summary.counts
    return WorldObject(
        seed=summary.world.seed,
        now=rfc3339(summary.now),
        charges_asked=counts.charges_asked,
        charges_made=counts.charges_made,
        double_charges=counts.double_charges,
        authorized=dict(counts.authorized),
        captured=dict(counts.captured),
        released=dict(counts.released),
        refunded=dict(counts.refunded),
        processors=[_processor_object(each) for each in PROCESSORS.values()],
        faults=[fault_object(fault) for fault in summary.faults],
        created_at=rfc3339(summary.world.created_at),
    )


def card_object(holder: Holder, *, number: str | None) -> WorldCardObject:
    """A person's card as the API shows it. `number` is the number, or None where it may not stand."""
    who = holder.who
    return WorldCardObject(
        id=f"{_CARD_PREFIX}{who.index}",
        number=number,
        last4=who.number[-4:],
        exp_month=who.exp_month,
        exp_year=who.exp_year,
        brand=who.facts.brand,
        funding=who.facts.funding,
        country=who.facts.country,
        currency=who.currency,
        time_zone=who.paydays.time_zone,
        state=holder.state,
        balance=holder.balance,
        payday_cycle=who.paydays.cycle,
        next_payday=rfc3339(holder.next_payday) if holder.next_payday else None,
        pay=who.pay,
        spends_per_cycle=holder.spends,
        predictable=predictable(who),
        authenticates=who.authenticates,
    )


def card_index(text: str) -> int | None:
    """The number of a person in the id of their card; None where the text is no such id."""
    digits = text.removeprefix(_CARD_PREFIX)
    fits = text.startswith(_CARD_PREFIX) and digits.isascii() and digits.isdecimal() and len(digits) <= 6
    return int(digits) if fits else None


def charge_object(line: ChargeLine) -> WorldChargeObject:
    """A charge of a processor as the API shows it."""
    return WorldChargeObject(
        id=line.reference,
        processor=line.processor,
        key=line.key,
        order=line.order,
        merchant_reference=line.merchant_reference,
        state=line.state,
        amount=line.amount,
        currency=line.currency,
        held=line.amount - line.captured - line.released if line.state == OperationState.APPROVED else 0,
        captured=line.captured,
        released=line.released,
        refunded=line.refunded,
        created_at=rfc3339(line.created_at),
    )


def change_object(line: ChangeLine) -> WorldChangeObject:
    """A change as the API shows it."""
    return WorldChangeObject(
        id=line.reference,
        kind=line.kind,
        processor=line.processor,
        key=line.key,
        charge=line.charge_reference,
        charge_key=line.charge_key,
        state=line.state,
        amount=line.amount,
        currency=line.currency,
        created_at=rfc3339(line.created_at),
    )


def _processor_object(processor: Processor) -> SandboxProcessorObject:
    return SandboxProcessorObject(
        name=processor.name,
        home_countries=sorted(processor.home),
        countries=None if processor.countries is None else sorted(processor.countries),
        currencies=None if processor.currencies is None else sorted(processor.currencies),
        brands=sorted(processor.brands),
        multiple_captures=processor.multiple_captures,
        fees=SandboxFeesObject(
            basis_points=processor.fee_basis_points,
            hundredths=processor.fee_hundredths,
            cross_border_basis_points=processor.fee_cross_border_basis_points,
        ),
    )
