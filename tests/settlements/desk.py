"""The desk of whoever matches reports: uploads them, has them worked, and reads what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.payments.house import House
from tests.settlements.reports import STRIPE, parts, stripe_row, written

from recoup.db import Connection
from recoup.kit.ids import Kind, render
from recoup.ledger.core import AccountKind
from recoup.merchants.core import Merchant
from recoup.payments.core import Snapshot
from recoup.settlements.core.reasons import Discrepancy, Resolution
from recoup.settlements.core.reports import Report, StoredLine
from recoup.settlements.core.tolerance import Tolerances
from recoup.settlements.flow import Contesting, Exceptions, Importing, Missing, Upload


def attempt_of(paid: Snapshot) -> str:
    """The key under which a payment was charged."""
    return render(Kind.ATTEMPT, paid.attempts[-1].id)


def charged(paid: Snapshot, gross: int | None = None, fee: int = 30, **more: Any) -> dict[str, Any]:
    """The line of a payment, as Stripe would report it."""
    amount = paid.payment.amount if gross is None else gross
    key = {"payment_metadata[recoup_key]": attempt_of(paid)}
    return stripe_row("charge", amount, fee, **(key | more))


@dataclass(frozen=True, slots=True)
class Desk:
    """A merchant's desk, for one account."""

    house: House
    merchant: Merchant
    account_id: UUID
    dispute_fees_told: bool = False

    async def paid(self, **changes: Any) -> Snapshot:
        """A payment at the account."""
        return await self.house.pay(self.merchant, **changes)

    def importing(self, chunk_lines: int = 20_000) -> Importing:
        """What takes reports in."""
        return Importing(
            self.house.database,
            accounts=self.house.accounts,
            catch_up=self.house.books.ledger.catch_up,
            tells_dispute_fees=lambda name: self.dispute_fees_told,
            new_id=self.house.new_id,
            chunk_lines=chunk_lines,
        )

    async def begun(
        self,
        content: bytes,
        *,
        format_: str = "stripe",
        tolerance: Tolerances = Tolerances.USUAL,
        mapping: str | None = None,
    ) -> tuple[Report, Upload]:
        """A report that was looked over and written down."""
        upload = Upload(self.account_id, format_, mapping, tolerance, lambda: parts(content, 1 << 16))

        seen = await self.importing().look_over(self.merchant, upload)

        async def begin(connection: Connection) -> Report:
            return await self.importing().begin(
                connection, self.merchant, upload, seen=seen, now=self.house.now
            )

        return await self.house.database.retrying(begin), upload

    async def taken(self, content: bytes, *, chunk_lines: int = 20_000, **how: Any) -> Report:
        """A report, worked."""
        report, upload = await self.begun(content, **how)
        return await self.importing(chunk_lines).work(
            self.merchant, report, upload.source, now=self.house.now
        )

    async def stripe(self, *rows: Mapping[str, Any], **how: Any) -> Report:
        """A report of Stripe's make, worked."""
        return await self.taken(written(STRIPE, rows), **how)

    async def statuses(self, report: Report) -> list[str]:
        """What came of each line."""
        return [one.status.value for one in await self.lines(report)]

    @property
    def contesting(self) -> Contesting:
        """What holds disputes and reports against each other."""
        return Contesting(
            self.house.database,
            accounts=self.house.accounts,
            tells_dispute_fees=lambda name: self.dispute_fees_told,
            new_id=self.house.new_id,
        )

    async def look(self) -> int:
        """Look for what no report has, once news of disputes are heard."""
        house = self.house
        missing = Missing(
            house.database,
            merchant=house.merchants.merchant,
            contesting=self.contesting,
            clock=house.clock,
            new_id=house.new_id,
        )
        return await missing.look_at(self.merchant, now=house.now)

    async def resolved(self, exception_id: UUID, resolution: Resolution, **how: Any) -> Discrepancy:
        """An exception, ended."""
        given: dict[str, Any] = {"note": None, "payment_id": None} | how
        exceptions = Exceptions(self.house.database, self.contesting)
        async with self.house.database.transaction() as connection:
            return await exceptions.resolve(
                connection,
                self.merchant,
                exception_id,
                resolution=resolution,
                now=self.house.now,
                **given,
            )

    async def lines(self, report: Report) -> Sequence[StoredLine]:
        """The lines of a report."""
        return await self.house.settlements.reports.lines(
            self.merchant, report.id, status=None, payment_id=None, after=0, limit=10_000
        )

    async def exceptions(self, report: Report | None = None) -> Sequence[Discrepancy]:
        """The exceptions of a report, or all, in the order in which they were opened."""
        found = await self.house.settlements.exceptions.page(
            self.merchant,
            report_id=None if report is None else report.id,
            state=None,
            reason=None,
            after=None,
            before=None,
            limit=10_000,
        )
        return [*reversed(found)]

    async def reasons(self, report: Report | None = None) -> list[str]:
        """Why somebody must look."""
        return [one.reason.value for one in await self.exceptions(report)]

    async def balances(self, *kinds: AccountKind, currency: str = "USD") -> list[int]:
        """What accounts of the ledger hold."""
        await self.house.books.ledger.catch_up(self.merchant.id)
        found = await self.house.books.ledger.balances(
            self.merchant.id, currency=currency, after=2**30, before=0, limit=100
        )
        held: dict[AccountKind, int] = {}
        for one in found:
            held[one.account.kind] = held.get(one.account.kind, 0) + one.balance
        return [held.get(kind, 0) for kind in kinds]


def by_number(found: Iterable[StoredLine]) -> dict[int, StoredLine]:
    """Lines by their numbers."""
    return {one.number: one for one in found}
