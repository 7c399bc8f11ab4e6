"""Budgets of cards and the proof of their tries, as the API shows them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup.budgets.core import Budget, Fee
from recoup.http.fields import ListObject
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.payments.flow.budgeting import CardBudget, Proof, Ruled
from recoup.payments.store.tries import ToldTry

Source = Annotated[str, Meta(description="Who says so.")]
AsOf = Annotated[str, Meta(description="The day on which the source was last read so.")]


class ExcessFeeObject(Struct, kw_only=True, frozen=True):
    """What the network charges for a try beyond a rule, as far as it is published; acquirers may add to it."""

    amount: int
    currency: str
    abroad: Annotated[int | None, Meta(description="The fee where the card was issued abroad, if another.")]
    since: str
    note: str
    source: Source
    as_of: AsOf


class RuleLeftObject(Struct, kw_only=True, frozen=True):
    """What one rule leaves."""

    rule: str
    allowed: bool
    used: Annotated[int, Meta(description="How many tries count against it now.")]
    tries: Annotated[int | None, Meta(description="How many it allows in its window; null: it is a stop.")]
    left: int
    earliest: Annotated[str | None, Meta(description="From when it allows a try (RFC 3339); null: never.")]
    why: str
    source: Source
    as_of: AsOf
    excess_fee: ExcessFeeObject | None


class BudgetObject(Struct, kw_only=True, frozen=True):
    """What card networks still allow a card at this merchant, over all its processors and whoever tries."""

    object: Annotated[str, Meta(description="Always `budget`.")] = "budget"
    payment_method: str
    brand: str
    region: Annotated[
        str | None, Meta(description="Whose rules hold; null: not known, so that every region's do.")
    ]
    amount: Annotated[int | None, Meta(description="The amount asked about, or the one with least left.")]
    currency: str | None
    allowed: bool
    left: Annotated[int, Meta(description="How many tries could follow at once, were all declined.")]
    earliest: str | None
    rule: Annotated[str, Meta(description="The rule that leaves least.")]
    why: str
    excess_fee: Annotated[
        ExcessFeeObject | None,
        Meta(description="What the next try would cost beyond its processing; null: nothing, or not known."),
    ]
    rules: list[RuleLeftObject]


class ProofRuleObject(Struct, kw_only=True, frozen=True):
    """What a rule had left when the try was made."""

    rule: str
    allowed: bool
    used: int
    tries: int | None
    left: int
    source: Source
    as_of: AsOf


class TryProofObject(Struct, kw_only=True, frozen=True):
    """A try on the card, and why it was allowed."""

    object: Annotated[str, Meta(description="Always `budget_proof`.")] = "budget_proof"
    id: Annotated[str, Meta(description="The attempt, or the verification.")]
    payment: str | None
    reason: str
    processor_account: str
    at: str
    amount: int
    currency: str
    brand: str
    region: str | None
    state: Annotated[str, Meta(description="What became of it, as far as is known now.")]
    allowed: bool
    rules: list[ProofRuleObject]


class TryProofList(ListObject[TryProofObject], frozen=True):
    """A page of tries."""


def budget_object(found: CardBudget) -> BudgetObject:
    """A budget."""
    tightest = found.tightest.budget
    return BudgetObject(
        payment_method=render(Kind.PAYMENT_METHOD, found.payment_method_id),
        brand=found.brand,
        region=found.region,
        amount=None if found.amount is None else found.amount.minor,
        currency=None if found.amount is None else found.amount.currency,
        allowed=tightest.allowed,
        left=tightest.left,
        earliest=None if tightest.earliest is None else rfc3339(tightest.earliest),
        rule=tightest.limit_rule,
        why=tightest.why,
        excess_fee=None if tightest.allowed else _fee(found.tightest.fee),
        rules=[_rule(one) for one in found.rules],
    )


def _rule(ruled: Ruled) -> RuleLeftObject:
    budget = ruled.budget
    return RuleLeftObject(
        rule=budget.limit_rule,
        allowed=budget.allowed,
        used=budget.used,
        tries=budget.tries,
        left=budget.left,
        earliest=None if budget.earliest is None else rfc3339(budget.earliest),
        why=budget.why,
        source=budget.source,
        as_of=budget.as_of.isoformat(),
        excess_fee=_fee(ruled.fee),
    )


def _fee(fee: Fee | None) -> ExcessFeeObject | None:
    if fee is None:
        return None
    return ExcessFeeObject(
        amount=fee.amount.minor,
        currency=fee.amount.currency,
        abroad=None if fee.abroad is None else fee.abroad.minor,
        since=fee.since.isoformat(),
        note=fee.note,
        source=fee.source,
        as_of=fee.as_of.isoformat(),
    )


def proof_object(proof: Proof) -> TryProofObject:
    """A try with its reasons."""
    tried = proof.tried
    return TryProofObject(
        id=_name(tried),
        payment=None if tried.payment_id is None else render(Kind.PAYMENT, tried.payment_id),
        reason=tried.reason,
        processor_account=render(Kind.PROCESSOR_ACCOUNT, tried.account_id),
        at=rfc3339(tried.started_at),
        amount=tried.amount.minor,
        currency=tried.amount.currency,
        brand=proof.brand,
        region=proof.region,
        state=tried.state,
        allowed=proof.allowed,
        rules=[_proved(one) for one in proof.rules],
    )


def _name(tried: ToldTry) -> str:
    return render(Kind.VERIFICATION if tried.payment_id is None else Kind.ATTEMPT, tried.id)


def _proved(budget: Budget) -> ProofRuleObject:
    return ProofRuleObject(
        rule=budget.limit_rule,
        allowed=budget.allowed,
        used=budget.used,
        tries=budget.tries,
        left=budget.left,
        source=budget.source,
        as_of=budget.as_of.isoformat(),
    )


_COLUMNS: Final = (
    *("id", "payment", "reason", "processor_account", "at", "amount", "currency", "brand", "region", "state"),
    *("allowed", "rule", "rule_allowed", "used", "tries", "left", "source", "as_of"),
)


def proof_csv(proofs: Sequence[TryProofObject]) -> bytes:
    """One line for each rule of each try."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for proof in proofs:
        writer.writerows(_lines(proof))
    return text.getvalue().encode()


def _lines(proof: TryProofObject) -> Iterable[Sequence[object]]:
    shown = [getattr(proof, name) for name in _COLUMNS[:11]]
    for one in proof.rules:
        yield [*shown, one.rule, one.allowed, one.used, one.tries, one.left, one.source, one.as_of]
