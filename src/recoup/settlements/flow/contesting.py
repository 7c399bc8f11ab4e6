"""Disputes and reports, each held against the other: when lines come, when news come, and when a person decides.

A dispute posts its own money when its news come, so lines post none of it. What a person accepts of a difference is
posted, and taken back when later news tell it: the ledger has it once, in whatever order line, person and news come.
Whoever judges holds the account of the lines, so that a report and news that come together see one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from recoup.db import Connection, Database
from recoup.events.store import pointers
from recoup.kit.refusals import invalid
from recoup.ledger.core import Source, Transfer
from recoup.ledger.flow import post
from recoup.merchants.core import Merchant
from recoup.settlements.core import contesting as core
from recoup.settlements.core.contesting import Aspect, Balance, Contest, Place, Verdict
from recoup.settlements.core.lines import LineKind
from recoup.settlements.core.postings import Of, contested, contested_fee
from recoup.settlements.core.reasons import Discrepancy, ExceptionState, Reason, Resolution
from recoup.settlements.core.reports import Report
from recoup.settlements.core.tolerance import TOLERANCES, Tolerances
from recoup.settlements.flow.accounts import Accounts
from recoup.settlements.store import contesting as store
from recoup.settlements.store import exceptions, matching, reports, verdicts
from recoup.settlements.store.contesting import Kept
from recoup.settlements.store.contests import Seen, contests

EVENTS_AT_ONCE: Final = 1000
BATCHES_AT_ONCE: Final = 100
_EXPLAINED: Final = "News of the dispute explained this later, and what had been accepted was taken back."
_EXCUSED: Final = "News of the dispute explained this later."


@dataclass(slots=True)
class _Writing:
    """What is to be written of all disputes that are judged together."""

    opened: list[Discrepancy] = field(default_factory=list)
    changes: list[verdicts.Change] = field(default_factory=list)
    marks: list[verdicts.Mark] = field(default_factory=list)
    lines: dict[Place, Reason | None] = field(default_factory=dict)
    transfers: list[Transfer] = field(default_factory=list)


class Contesting:
    """Judges what reports say of disputes."""

    def __init__(
        self,
        database: Database,
        *,
        accounts: Accounts,
        tells_dispute_fees: Callable[[str], bool],
        new_id: Callable[[], UUID],
    ) -> None:
        """`tells_dispute_fees`: whether a connector's news of disputes tell what they cost, so that the dispute posts
        it; else the report does."""
        self._database = database
        self._accounts = accounts
        self._tells_dispute_fees = tells_dispute_fees
        self._new_id = new_id

    async def take(
        self,
        connection: Connection,
        merchant: Merchant,
        report: Report,
        unknown: Sequence[Discrepancy],
        *,
        fees_told: bool,
        now: datetime,
    ) -> int:
        """Judge the staged lines, which are written; how many exceptions they opened. `unknown` are those that were
        opened about disputes that are not known."""
        kept = await store.keep(
            connection,
            merchant_id=merchant.id,
            settlement_id=report.id,
            account_id=report.processor_account_id,
            tolerance=report.tolerance,
            fees_told=fees_told,
        )
        await verdicts.bear(connection, [(_place(one), one.id) for one in unknown], merchant_id=merchant.id)
        if not kept:
            return 0
        opened = await self._judge(connection, merchant, sorted(kept), new=kept, now=now)
        await verdicts.found_in_reports(connection, sorted(kept), merchant_id=merchant.id, now=now)
        await verdicts.count(
            connection,
            sorted(line.place.number for lines in kept.values() for line in lines),
            merchant_id=merchant.id,
            settlement_id=report.id,
        )
        return opened

    async def hear(self, merchant: Merchant, *, now: datetime) -> int:
        """Judge the disputes of which news came since this was last done, up to a limit; of how many events."""
        heard = 0
        for _ in range(BATCHES_AT_ONCE):
            more = await self._database.retrying(lambda one: self._heard(one, merchant, now=now))
            heard += more
            if more < EVENTS_AT_ONCE:
                break
        return heard

    async def _heard(self, connection: Connection, merchant: Merchant, *, now: datetime) -> int:
        if not await reports.hold_accounts(connection, merchant_id=merchant.id):
            return 0
        after = await exceptions.cursors_of(connection, merchant_id=merchant.id)
        found = await pointers(
            connection, merchant_id=merchant.id, after=after.disputes, limit=EVENTS_AT_ONCE
        )
        if not found:
            return 0
        told = sorted({one.object_id for one in found if one.type.startswith("dispute.")})
        if told:
            with_lines = await store.claim(connection, told, merchant_id=merchant.id)
            await self._judge(connection, merchant, sorted(with_lines), new={}, now=now)
        await exceptions.move_cursors(connection, merchant_id=merchant.id, disputes=found[-1].sequence)
        return len(found)

    async def hold(self, connection: Connection, merchant: Merchant, exception: Discrepancy) -> None:
        """Let nobody else judge this account's disputes until the transaction ends."""
        await reports.hold_account(
            connection, merchant_id=merchant.id, account_id=exception.processor_account_id
        )

    async def end(
        self,
        connection: Connection,
        merchant: Merchant,
        ended: Discrepancy,
        resolution: Resolution,
        payment_id: UUID | None,
        *,
        now: datetime,
    ) -> Discrepancy:
        """A person ended an exception about a dispute's lines, whose account is held: post what was accepted."""
        place = _place(ended)
        line = await store.line(connection, place, merchant_id=merchant.id)
        assert line is not None, "a line that bears such an exception is kept"
        if resolution is Resolution.LINKED:
            if ended.reason is not Reason.DISPUTE_UNKNOWN or payment_id is None:
                raise invalid(
                    "nothing_to_link", "The dispute of this line is known: accept or ignore the difference."
                )
            await store.pay(connection, place, payment_id, merchant_id=merchant.id)
        dispute_id = await store.dispute_of(connection, place, merchant_id=merchant.id)
        if dispute_id is not None and line["dispute_id"] is None:
            await store.claim(connection, [dispute_id], merchant_id=merchant.id)
        seen = [] if dispute_id is None else await contests(connection, [dispute_id], merchant_id=merchant.id)
        if resolution is not Resolution.LINKED:
            ended = await self._excuse(connection, merchant, ended, line, seen, now=now)
        await self._judge(connection, merchant, [one for one in (dispute_id,) if one], new={}, now=now)
        return ended

    async def _excuse(
        self,
        connection: Connection,
        merchant: Merchant,
        ended: Discrepancy,
        line: Mapping[str, Any],
        seen: Sequence[Seen],
        *,
        now: datetime,
    ) -> Discrepancy:
        """What is off by now counts as not being there, and is posted where it was accepted."""
        place, aspect = _place(ended), _aspect(ended.reason, line)
        of = Of(ended.id, ended.processor_account_id, now, Source.PERSON)
        tells = await self._tells(merchant, ended.processor_account_id)
        transfers: list[Transfer] = []
        if seen:
            rules = core.Rules(TOLERANCES[seen[0].tolerance or Tolerances.USUAL], fees_told=tells)
            balance = _of_aspect(core.balances(seen[0].contest, rules), aspect, ended.currency)
            off = 0 if balance is None else balance.off
            marks = [verdicts.Mark(place, ended.id, off, is_fee=aspect is Aspect.FEE)]
            transfers += _posted(aspect, off, ended.currency, of)
            transfers += _instead(seen[0].contest, aspect, ended.currency, of) if off else []
            if balance is not None:
                ended = replace(ended, expected=balance.expected, found=balance.found)
        else:
            marks = [verdicts.Mark(place, ended.id, line["gross"])]
            transfers += contested(line["gross"], line["currency"], of)
            if tells and line["fee"]:
                marks.append(verdicts.Mark(place, ended.id, line["fee"], is_fee=True))
                transfers += contested_fee(line["fee"], line["settlement_currency"], of)
        await verdicts.mark(connection, marks, merchant_id=merchant.id)
        change = verdicts.Change(ended.id, ended.reason, ended.expected, ended.found or 0)
        await verdicts.change(connection, [change], merchant_id=merchant.id, now=now)
        if ended.resolution is Resolution.ACCEPTED:
            await post(connection, merchant.id, transfers)
        return ended

    async def _judge(
        self,
        connection: Connection,
        merchant: Merchant,
        dispute_ids: Sequence[UUID],
        *,
        new: Mapping[UUID, Sequence[Kept]],
        now: datetime,
    ) -> int:
        """Write what follows for these disputes; how many exceptions were opened."""
        writing = _Writing(lines={line.place: None for lines in new.values() for line in lines})
        seen = await contests(connection, dispute_ids, merchant_id=merchant.id) if dispute_ids else []
        tells = {
            one: await self._tells(merchant, one)
            for one in {one.contest.processor_account_id for one in seen}
        }
        for one in seen:
            if one.tolerance is None:
                continue
            rules = core.Rules(TOLERANCES[one.tolerance], fees_told=tells[one.contest.processor_account_id])
            for verdict in core.judged(one.contest, rules, new=_new(new.get(one.id, ()))):
                self._take_down(writing, one.contest, verdict, now=now)
        await self._write(connection, merchant, writing, now=now)
        return len(writing.opened)

    def _take_down(self, writing: _Writing, contest: Contest, verdict: Verdict, *, now: datetime) -> None:
        balance = verdict.balance
        reason, is_fee = core.reason_of(balance.aspect), balance.aspect is Aspect.FEE
        match verdict:
            case core.Open():
                opened = self._discrepancy(contest, balance, now=now)
                writing.opened.append(opened)
                writing.marks.append(verdicts.Mark(balance.last, opened.id, is_fee=is_fee))
                writing.lines[balance.last] = writing.lines.get(balance.last) or reason
            case core.Restate(raised):
                writing.changes.append(verdicts.Change(raised.id, reason, balance.expected, balance.found))
                writing.lines[raised.place] = writing.lines.get(raised.place) or reason
            case core.Found(raised):
                change = verdicts.Change(raised.id, reason, balance.expected, balance.found, ended=True)
                writing.changes.append(change)
                writing.lines.setdefault(raised.place, None)
            case core.TakeBack(raised):
                accepted = raised.resolution is Resolution.ACCEPTED
                ours = balance.found - raised.excused - balance.off
                note = _EXPLAINED if accepted else _EXCUSED
                writing.changes.append(verdicts.Change(raised.id, reason, ours, balance.found, note=note))
                writing.marks.append(verdicts.Mark(raised.place, raised.id, balance.off, is_fee=is_fee))
                if accepted:
                    of = Of(self._new_id(), contest.processor_account_id, now)
                    writing.transfers += _posted(balance.aspect, balance.off, balance.currency, of)

    async def _write(
        self, connection: Connection, merchant: Merchant, writing: _Writing, *, now: datetime
    ) -> None:
        if writing.opened:
            await matching.write_exceptions(connection, writing.opened, merchant_id=merchant.id)
        await verdicts.change(connection, writing.changes, merchant_id=merchant.id, now=now)
        await verdicts.mark(connection, writing.marks, merchant_id=merchant.id)
        await verdicts.tell(connection, writing.lines, merchant_id=merchant.id)
        await post(connection, merchant.id, writing.transfers)

    def _discrepancy(self, contest: Contest, balance: Balance, *, now: datetime) -> Discrepancy:
        return Discrepancy(
            id=self._new_id(),
            settlement_id=balance.last.settlement_id,
            number=balance.last.number,
            processor_account_id=contest.processor_account_id,
            reason=core.reason_of(balance.aspect),
            state=ExceptionState.OPEN,
            payment_id=contest.payment_id,
            object_id=contest.dispute_id,
            expected=balance.expected,
            found=balance.found,
            currency=balance.currency,
            proposals=(),
            opened_at=now,
        )

    async def _tells(self, merchant: Merchant, account_id: UUID) -> bool:
        account = await self._accounts.account(merchant.id, account_id)
        return self._tells_dispute_fees(account.connector)


def _new(lines: Iterable[Kept]) -> core.New:
    """The last of these lines for each aspect and currency."""
    ordered = sorted(lines, key=lambda one: one.place)
    amounts = {(one.aspect, one.currency): one.place for one in ordered}
    return amounts | {(Aspect.FEE, one.settlement_currency): one.place for one in ordered}


def _place(exception: Discrepancy) -> Place:
    assert exception.settlement_id is not None and exception.number is not None, "it is about a line"
    return Place(exception.settlement_id, exception.number)


def _aspect(reason: Reason, line: Mapping[str, Any]) -> Aspect:
    return Aspect.FEE if reason is Reason.DISPUTE_FEE_DIFFERS else core.ASPECTS[LineKind(line["kind"])]


def _of_aspect(balances: Iterable[Balance], aspect: Aspect, currency: str) -> Balance | None:
    return next((one for one in balances if (one.aspect, one.currency) == (aspect, currency)), None)


def _posted(aspect: Aspect, amount: int, currency: str, of: Of) -> list[Transfer]:
    return (contested_fee if aspect is Aspect.FEE else contested)(amount, currency, of)


def _instead(contest: Contest, aspect: Aspect, currency: str, of: Of) -> list[Transfer]:
    """What the dispute posted in its own currency is taken out, where a line in another stands for it."""
    ours = contest.moves.amount
    if aspect is Aspect.FEE or ours is None or ours.currency == currency:
        return []
    unit, times = core.unit(contest.moves, aspect)
    return contested(-unit, ours.currency, of) if times else []
