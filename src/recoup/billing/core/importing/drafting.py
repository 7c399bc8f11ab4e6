"""What a batch of lines comes to: what becomes of each, and everything that is to be written for it.

Nothing is made for a line that is refused. What two lines of a batch share (a customer, a plan, a card) is made once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final, TypeAlias
from uuid import UUID

from msgspec.structs import replace

from recoup.billing.core.importing.arriving import (
    Ids,
    Placed,
    arrived,
    brought_up,
    cancel_doubts,
    foreseen,
    has_ended,
    is_expired,
    placed,
)
from recoup.billing.core.importing.judging import (
    BringUp,
    EndIt,
    Here,
    Kind,
    Leave,
    Name,
    Outcome,
    What,
    account_doubts,
    chargeable,
    judged,
    judged_over,
)
from recoup.billing.core.importing.lines import (
    Left,
    Line,
    Options,
    Over,
    PlanKey,
    Read,
    Refused,
    Row,
    Token,
    Warn,
)
from recoup.billing.core.records import ManagedBy, Plan, Subscription
from recoup.elsewhere.core.importing.lines import BadField
from recoup.vault.core import Customer, PaymentMethod

AHEAD: Final = timedelta(days=31)
"""How far ahead charges are foreseen."""
BATCH: Final = 200
"""Lines of one transaction."""
TWICE: Final = "comes twice in what is brought: which of them is right?"
CREATED: Final = "subscription.created"
UPDATED: Final = "subscription.updated"


Understood: TypeAlias = Line | Refused | Left | Over
"""A line as it was understood, or not."""


@dataclass(frozen=True, slots=True)
class Named:
    """A name of the old biller, and what it stands for here from now on."""

    name: Name
    object_id: UUID
    digest: bytes


@dataclass(frozen=True, slots=True)
class NewCard:
    """A payment method that is to be made of a token."""

    token: Token
    customer_id: UUID


@dataclass(frozen=True, slots=True)
class Brought:
    """A subscription that is to be written; `card`: which of the new payment methods it is charged by."""

    subscription: Subscription
    fact: str
    card: bytes | None


@dataclass(slots=True)
class Draft:
    """Everything that is to be written for a batch, and what becomes of its lines, in their order."""

    outcomes: list[Outcome] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    cards: dict[bytes, NewCard] = field(default_factory=dict)
    new_names: list[Named] = field(default_factory=list)
    changed_names: list[Named] = field(default_factory=list)
    brought: list[Brought] = field(default_factory=list)
    ended: list[Subscription] = field(default_factory=list)
    """Those that end, as they are before."""
    named: set[Name] = field(default_factory=set)
    """The subscriptions and customers that were met."""

    @property
    def writes(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.brought or self.ended)


@dataclass(frozen=True, slots=True)
class Drafting:
    """With what a batch is drafted."""

    merchant_id: UUID
    options: Options
    here: Here
    new_id: Callable[[], UUID]
    now: datetime

    def draft(self, lines: Iterable[Understood]) -> Draft:
        """What a batch comes to."""
        draft = Draft()
        for line in lines:
            draft.outcomes.append(self._outcome(draft, line))
        return draft

    def _outcome(self, draft: Draft, line: Understood) -> Outcome:
        match line:
            case Refused(number=number, external_id=external_id, column=column, what=why):
                return Outcome(
                    number=number, external_id=external_id, what=What.REFUSED, column=column, why=why
                )
            case Left(number=number, external_id=external_id, why=why):
                return Outcome(number=number, external_id=external_id, what=What.SKIPPED, why=why)
            case Line() | Over():
                pass
        try:
            return self._over(draft, line) if isinstance(line, Over) else self._taken(draft, line)
        except BadField as bad:
            return Outcome(
                number=line.number,
                external_id=line.external_id,
                what=What.REFUSED,
                column=bad.column,
                why=bad.what,
            )

    def _over(self, draft: Draft, over: Over) -> Outcome:
        """One that ends, where it is here and still follows the file."""
        name, verdict = Name(Kind.SUBSCRIPTION, over.external_id), judged_over(over.external_id, self.here)
        if name in draft.named:
            raise BadField("id", TWICE)
        what, why = What.SKIPPED, over.why
        match verdict:
            case EndIt(held=held):
                draft.named.add(name)
                draft.ended.append(held)
                what = What.ENDED
            case Leave():
                why = f"{why}; {verdict.why}"
            case None:
                pass
        return Outcome(number=over.number, external_id=over.external_id, what=what, why=why)

    def _taken(self, draft: Draft, line: Line) -> Outcome:
        name = Name(Kind.SUBSCRIPTION, line.external_id)
        if name in draft.named:
            raise BadField("id", TWICE)
        if name in self.here.names and has_ended(line, now=self.now):
            return self._over(draft, Over(line.number, line.external_id, "has ended by `cancel_at`"))
        verdict = judged(line, self.here)
        if isinstance(verdict, Leave):
            return Outcome(
                number=line.number, external_id=line.external_id, what=What.SKIPPED, why=verdict.why
            )
        doubts = account_doubts(line, self.here)
        method, at = chargeable(line, self.here), placed(line, late=self.options.late, now=self.now)
        customer = self.here.customers.get(line.customer) or self._customer(line)
        _refuse_shared(draft, line, customer)
        plan_id = self.here.plans.get(line.plan) or self.new_id()
        fresh = self._fresh(line, customer, plan_id, at, method)
        subscription, fact = fresh, CREATED
        if isinstance(verdict, BringUp):
            subscription, fact = brought_up(verdict.held, fresh, (UPDATED,), now=self.now), UPDATED
        self._keep(draft, line, customer, plan_id)
        card = self._card(draft, line, customer, method)
        draft.brought.append(Brought(subscription, fact, card))
        draft.named.add(name)
        named = Named(name, subscription.id, line.digest)
        (draft.new_names if fact is CREATED else draft.changed_names).append(named)
        charges = tuple(foreseen(subscription, until=self.now + AHEAD))
        first = charges[0].on if charges else line.next_on
        doubts = (
            *line.warnings,
            *at.warnings,
            *doubts,
            *cancel_doubts(line, at.phases),
            *_expired(line, first),
        )
        what = What.CREATED if fact is CREATED else What.UPDATED
        return Outcome(
            number=line.number,
            external_id=line.external_id,
            what=what,
            charges=charges,
            currency=line.plan.currency,
            warnings=doubts,
        )

    def _fresh(
        self, line: Line, customer: Customer, plan_id: UUID, at: Placed, method: PaymentMethod | None
    ) -> Subscription:
        ids = Ids(
            merchant_id=self.merchant_id,
            subscription_id=self.new_id(),
            customer_id=customer.id,
            plan_id=plan_id,
            payment_method_id=None if method is None else method.id,
        )
        return arrived(line, ids, at, now=self.now)

    def _customer(self, line: Line) -> Customer:
        return Customer(self.new_id(), line.details, self.now, self.now)

    def _keep(self, draft: Draft, line: Line, customer: Customer, plan_id: UUID) -> None:
        """Write down the customer and the plan of a line, where they are new or have no name yet."""
        if line.customer not in self.here.customers:
            draft.customers.append(customer)
            self.here.customers[line.customer] = customer
        if line.plan not in self.here.plans:
            draft.plans.append(self._plan(line.plan, plan_id))
            self.here.plans[line.plan] = plan_id
            draft.new_names.append(Named(Name(Kind.PLAN, line.plan.text), plan_id, line.digest))
        name = Name(Kind.CUSTOMER, line.customer)
        if name not in self.here.names and name not in draft.named:
            draft.named.add(name)
            draft.new_names.append(Named(name, customer.id, line.digest))

    def _card(
        self, draft: Draft, line: Line, customer: Customer, method: PaymentMethod | None
    ) -> bytes | None:
        """Which payment method is to be made for a line, if any."""
        if method is not None or not isinstance(line.means, Token):
            return None
        key = line.means.key
        draft.cards.setdefault(key, NewCard(line.means, customer.id))
        return None if line.managed_by is ManagedBy.OUTSIDE else key

    def _plan(self, key: PlanKey, plan_id: UUID) -> Plan:
        return Plan(
            merchant_id=self.merchant_id,
            id=plan_id,
            version=1,
            events_count=1,
            name=key.name,
            amount=key.amount,
            currency=key.currency,
            interval=key.interval,
            trial_days=0,
            active=True,
            metadata={},
            created_at=self.now,
            updated_at=self.now,
        )


def batches(reads: Iterable[Read], *, size: int = BATCH) -> Iterator[Sequence[Read]]:
    """So many lines at a time."""
    remaining = iter(reads)
    while batch := tuple(islice(remaining, size)):
        yield batch


def once(reads: Iterable[Read], first_time: Callable[[str], bool]) -> Iterator[Read]:
    """The lines of a file; one whose id came before is refused."""
    for read in reads:
        named = _named(read)
        if named is not None and not first_time(named):
            yield Refused(read.number, named[:255], "id", TWICE)
        else:
            yield read


def _named(read: Read) -> str | None:
    """Which subscription a line is about, as far as it says anything of it."""
    match read:
        case Row(cells=cells):
            return cells.get("id")
        case Over(external_id=external_id):
            return external_id
        case Refused() | Left():
            return None


@dataclass(slots=True)
class Tally:
    """What became of the lines of a file, counted, and what will be charged by day and currency."""

    whats: Counter[What] = field(default_factory=Counter)
    warnings: Counter[Warn] = field(default_factory=Counter)
    charges: Counter[tuple[date, str]] = field(default_factory=Counter)
    sums: Counter[tuple[date, str]] = field(default_factory=Counter)

    def add(self, outcome: Outcome, *, until: date) -> None:
        """One more line; its charges count up to that day."""
        self.whats[outcome.what] += 1
        self.warnings.update(outcome.warnings)
        for charge in outcome.charges:
            if charge.on <= until and outcome.currency is not None:
                self.charges[charge.on, outcome.currency] += 1
                self.sums[charge.on, outcome.currency] += charge.amount


def _expired(line: Line, on: date) -> tuple[Warn, ...]:
    is_over = isinstance(line.means, Token) and is_expired(line.means, on)
    return (Warn.CARD_EXPIRED,) if is_over else ()


def _refuse_shared(draft: Draft, line: Line, customer: Customer) -> None:
    """Refuses a token that another line gave to another customer."""
    if not isinstance(line.means, Token):
        return
    card = draft.cards.get(line.means.key)
    if card is not None and card.customer_id != customer.id:
        raise BadField("token", "is another customer's in this file")


def with_card(brought: Brought, method_id: UUID | None) -> Brought:
    """The same, charged by a payment method that was made."""
    if method_id is None:
        return brought
    subscription = replace(brought.subscription, payment_method_id=method_id)
    return Brought(subscription, brought.fact, brought.card)
