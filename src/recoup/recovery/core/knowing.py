"""What a case says to the joint choice, out of its facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from recoup.outcomes.codes.standard import STANDARD
from recoup.outcomes.core import Category
from recoup.payments.core import AttemptState
from recoup.payments.core.facts import PastAttempt, PaymentFacts
from recoup.recovery.core.known import Known, Seen, ceiled, floored, moved
from recoup.recovery.core.observed import Costs
from recoup.recovery.core.records import Case


def known_of(
    case: Case,
    now: datetime,
    *,
    refused_at: datetime,
    not_before: datetime,
    tries_left: int,
    accounts: Sequence[UUID],
) -> Known:
    """What the joint choice is made from, before a learned model is asked."""
    payment, record, person, policy = case.payment, case.payment.decline, case.person, case.policy
    refused = [one for one in payment.attempts if not is_received(one)]
    wait = None if record is None else record.decline.advice.wait
    category = Category.PROCESSOR if record is None else record.decline.category
    return Known(
        now=ceiled(now),
        deadline=floored(case.deadline),
        tries_left=tries_left,
        amount=payment.amount,
        country=person.country,
        zone=person.zone,
        pay=person.pay,
        category=category.value,
        refused_at=floored(refused_at),
        not_before=ceiled(not_before),
        advised_at=None if wait is None else floored(refused_at + wait),
        accounts=tuple(accounts),
        refused_by=refused[-1].account if refused else None,
        seen=tuple(_seen(payment, refused_at)),
        refused=tuple(dict.fromkeys(attempt.account for attempt in refused)),
        moved=bool(refused) and moved([one.account for one in refused])[-1],
        costs=Costs(margin=policy.margin / 10_000, lost_per_day=policy.lost_per_day / 10_000),
        hours=policy.hours,
        try_costs=policy.try_costs,
        code=None if record is None else record.decline.code,
        brand=payment.brand,
        funding=payment.funding,
        issuer=payment.bin,
    )


def is_received(attempt: PastAttempt) -> bool:
    """Whether it brought a part of what is owed; every other attempt of a payment that is refused was refused."""
    return attempt.is_part and attempt.state is AttemptState.APPROVED


def _seen(payment: PaymentFacts, refused_at: datetime) -> Iterator[Seen]:
    """The earlier tries of the card in the same currency, without the refusal that is being recovered: its try began
    a moment before it was refused, and is no evidence of its own. A part's tries tell as much as their amounts do."""
    refused = [attempt.at for attempt in payment.attempts if not is_received(attempt)]
    latest = {refused_at, *refused[-1:]}
    new_ways = moved([attempt.account for attempt in payment.attempts])
    own = {
        one.at: (one.decline_code, new)
        for one, new in zip(payment.attempts, new_ways, strict=True)
        if not one.is_part
    }
    for one in sorted((*payment.card_tries, *payment.record), key=lambda one: one.at):
        if one.at in latest or one.amount.currency != payment.amount.currency:
            continue
        code, new = own.get(one.at, (None, False))
        category = "" if one.declined is False else _category_of(code or one.code)
        yield Seen(floored(one.at), not one.declined, category, one.at in own, one.amount.minor, new)


def _category_of(code: str | None) -> str:
    row = STANDARD.get(code or "")
    return Category.OTHER.value if row is None else row.category.value
