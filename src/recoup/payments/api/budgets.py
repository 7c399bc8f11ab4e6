"""Budgets of cards over HTTP: what networks still allow, and why each try was allowed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup.http.fields import PAGE_DEFAULT, PAGE_MAX, IdText, parse_id
from recoup.http.routes import Call, Problem, Reply, Route
from recoup.kit.ids import Kind
from recoup.kit.money import MINOR_MAX, Money
from recoup.kit.refusals import invalid
from recoup.payments.api.reading import check_currency, merchant_of
from recoup.payments.budget_objects import (
    BudgetObject,
    TryProofList,
    budget_object,
    proof_csv,
    proof_object,
)
from recoup.payments.flow.budgeting import Budgeting

_TAG: Final = "payment methods"
_ONE: Final = "/v1/payment_methods/{payment_method}/budget"


class Format(StrEnum):
    """How proof is given."""

    JSON = "json"
    CSV = "csv"


class BudgetQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For what the budget is asked."""

    amount: (
        Annotated[int, Meta(ge=0, le=MINOR_MAX, description="Some rules count one amount only: which.")]
        | None
    ) = None
    currency: Annotated[str | None, Meta(description="The amount's currency.")] = None
    processor_account: Annotated[
        IdText | None, Meta(description="Whose region's rules hold; unless given, those of all accounts.")
    ] = None


class ProofQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tries, and how they are shown."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="How many tries.")] = PAGE_DEFAULT
    before: (
        Annotated[datetime, Meta(tz=True, description="Tries until then, newest first (RFC 3339).")] | None
    ) = None
    format: Annotated[Format, Meta(description="`csv`: a line for each rule of each try.")] = Format.JSON


class BudgetsApi:
    """The routes of budgets."""

    def __init__(self, budgets: Budgeting) -> None:
        self._budgets = budgets

    def routes(self) -> list[Route]:
        """The routes."""
        unusable = Problem("payment_method_detached", 409, "It was taken out of use.")
        return [
            Route(
                "GET",
                _ONE,
                self.read_budget,
                query=BudgetQuery,
                answer=BudgetObject,
                summary="Read what networks still allow a card",
                description="Tries left by each rule of the card's network, over all your processors and whoever "
                "tried, and what the next try would cost beyond its processing. What is under way counts as declined.",
                tag=_TAG,
                errors=(unusable, Problem("currency_unknown", 400), Problem("currency_missing", 400)),
            ),
            Route(
                "GET",
                f"{_ONE}/proof",
                self.prove_budget,
                query=ProofQuery,
                answer=TryProofList,
                summary="Prove why each try on a card was allowed",
                description="Every try, newest first, with what each rule had left when it was made, its source and "
                "date: reckoned from the attempts, which are never changed. With `format=csv` as a file.",
                tag=_TAG,
                errors=(unusable,),
            ),
        ]

    async def read_budget(self, call: Call[None, BudgetQuery]) -> BudgetObject:
        """What is left."""
        asked = call.query
        account = asked.processor_account
        found = await self._budgets.left(
            merchant_of(call),
            call.path_id("payment_method", Kind.PAYMENT_METHOD),
            amount=_amount(asked),
            account_id=None
            if account is None
            else parse_id(Kind.PROCESSOR_ACCOUNT, account, what="processor account"),
        )
        return budget_object(found)

    async def prove_budget(self, call: Call[None, ProofQuery]) -> TryProofList | Reply:
        """Why each was allowed."""
        method_id = call.path_id("payment_method", Kind.PAYMENT_METHOD)
        found, more = await self._budgets.proofs(
            merchant_of(call), method_id, before=call.query.before, limit=call.query.limit
        )
        shown = [proof_object(one) for one in found]
        if call.query.format is Format.CSV:
            return Reply(200, proof_csv(shown), {"Content-Type": "text/csv; charset=utf-8"})
        return TryProofList(
            data=shown, has_more=more, url=f"/v1/payment_methods/{call.path['payment_method']}/budget/proof"
        )


def _amount(asked: BudgetQuery) -> Money | None:
    if asked.amount is None:
        return None
    if asked.currency is None:
        raise invalid("currency_missing", "Send the amount's `currency` with it.", param="currency")
    check_currency(asked.currency)
    return Money(asked.amount, asked.currency)
