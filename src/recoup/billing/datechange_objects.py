"""Changes of billing dates as the API and events show them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.billing.core.datechange import Act, DateChange, Effective, How, News, Offer, Status, Upcoming
from recoup.billing.core.dateoffer import first_of
from recoup.billing.core.measured import Measured, Share, Verdict
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render

_Minor = Annotated[int, Meta(description="In the smallest unit of the currency.")]
_DIGITS: Final = 4


class DatesBetweenObject(Struct, kw_only=True, frozen=True):
    """The days between the old date and the new one: a short period of its own, billed by its days."""

    start: str
    end: Annotated[str, Meta(description="The first local day after it: the new date.")]
    days: int
    amount: _Minor


class UpcomingInvoiceObject(Struct, kw_only=True, frozen=True):
    """An invoice as it would be, if nothing else happens."""

    period_start: str
    period_end: str
    due_at: str
    total: Annotated[
        int, Meta(description="After discounts, with what waits for it, before the credit balance.")
    ]


class DateExpectedObject(Struct, kw_only=True, frozen=True):
    """How likely it is believed that the money is there when the next whole periods are charged."""

    before: Annotated[float, Meta(description="On the dates as they are.")]
    after: Annotated[float, Meta(description="On the new ones.")]
    reason: Annotated[
        str,
        Meta(
            description="By what: `stated_payday`, `learned_payday` (by their payments), or `usual_payday` (by their "
            "country).",
            examples=["stated_payday"],
        ),
    ]
    explanation: str


class DateOfferObject(Struct, kw_only=True, frozen=True):
    """What somebody was shown."""

    effective_on: str
    first_new_date: str
    bridge: DatesBetweenObject | None
    credit: _Minor
    cost_now: _Minor
    upcoming: list[UpcomingInvoiceObject]


class DateActObject(Struct, kw_only=True, frozen=True):
    """Something that was done with a change."""

    did: Annotated[str, Meta(examples=["accepted"])]
    by: str
    how: Annotated[
        How, Meta(description="`page`: on the page of `consent_url`. `clock`: by nobody, time passed.")
    ]
    at: Annotated[str, Meta(description="When they said it.")]
    recorded_at: str
    evidence: str | None
    shown: DateOfferObject | None


class RefusedShareObject(Struct, kw_only=True, frozen=True):
    """Invoices that were charged, and those of them that were refused at the first try."""

    charged: int
    refused_first: int
    share: float | None
    interval: Annotated[list[float], Meta(description="Holds the true share 95 times in a hundred.")]


class DateResultObject(Struct, kw_only=True, frozen=True):
    """What came of it."""

    before: RefusedShareObject
    after: RefusedShareObject
    difference: Annotated[
        float | None, Meta(description="By how much the share rose; negative: fewer were refused.")
    ]
    interval: list[float]
    verdict: Annotated[
        Verdict,
        Meta(description="`too_few`: fewer than six invoices on one side, which tell nothing either way."),
    ]


class BillingDateChangeObject(Struct, kw_only=True, frozen=True):
    """Another date for a subscription's periods, to which its customer agrees."""

    id: str
    object: Literal["billing_date_change"] = "billing_date_change"
    status: Annotated[
        Status, Meta(description="Accepting applies it at once: `accepted` is seen in its event alone.")
    ]
    subscription: str
    customer: str
    anchor_day: Annotated[int | None, Meta(description="The day of the month that was wished for.")]
    date: Annotated[str | None, Meta(description="The date that was wished for.")]
    to: Annotated[Literal["payday"] | None, Meta(description="It was chosen for the money to be there.")]
    effective: Effective
    effective_on: Annotated[str, Meta(description="The local day from which the new dates hold.")]
    first_new_date: Annotated[str, Meta(description="The first local day of a period on the new dates.")]
    anchor: Annotated[str, Meta(description="The local date that periods are then counted from.")]
    previous_anchor: str
    currency: str
    bridge: DatesBetweenObject | None
    credit: Annotated[int, Meta(description="What is given back of what was paid, on the next invoice.")]
    cost_now: Annotated[int, Meta(description="What the customer is charged at once, on accepting.")]
    upcoming_before: list[UpcomingInvoiceObject]
    upcoming_after: list[UpcomingInvoiceObject]
    expected: DateExpectedObject
    expires_at: str
    consent_url: Annotated[
        str | None,
        Meta(description="The page where the customer agrees or does not; while it is proposed."),
    ]
    consent: Annotated[DateActObject | None, Meta(description="Who agreed, how, when, and to what.")]
    applied_at: str | None
    history: Annotated[list[DateActObject], Meta(description="Everything that was done, in order.")]
    result: Annotated[
        DateResultObject | None,
        Meta(description="Where one is read that was applied; null in lists and events."),
    ]
    metadata: dict[str, str]
    created_at: str
    livemode: bool


def date_change_object(
    change: DateChange, *, livemode: bool, consent_url: str | None, found: Measured | None = None
) -> BillingDateChangeObject:
    """A change as it is now."""
    offer, belief, target = change.offer, change.believed, change.target
    consent = next((one for one in change.trail if one.did == News.ACCEPTED), None)
    return BillingDateChangeObject(
        id=render(Kind.BILLING_DATE_CHANGE, change.id),
        status=change.status,
        subscription=render(Kind.SUBSCRIPTION, change.subscription_id),
        customer=render(Kind.CUSTOMER, change.customer_id),
        anchor_day=target.day,
        date=_day(target.on),
        to="payday" if target.payday else None,
        effective=offer.effective,
        effective_on=offer.on.isoformat(),
        first_new_date=first_of(offer).isoformat(),
        anchor=offer.anchor.isoformat(),
        previous_anchor=offer.old_anchor.isoformat(),
        currency=change.currency,
        bridge=_between(offer),
        credit=offer.credit,
        cost_now=offer.now,
        upcoming_before=[_upcoming(one) for one in offer.before],
        upcoming_after=[_upcoming(one) for one in offer.after],
        expected=DateExpectedObject(
            before=belief.before, after=belief.after, reason=belief.why, explanation=belief.words
        ),
        expires_at=rfc3339(change.expires_at),
        consent_url=consent_url if change.status is Status.PROPOSED else None,
        consent=None if consent is None else _act(consent),
        applied_at=None if change.applied_at is None else rfc3339(change.applied_at),
        history=[_act(one) for one in change.trail],
        result=None if found is None else _result(found),
        metadata=change.metadata,
        created_at=rfc3339(change.created_at),
        livemode=livemode,
    )


def _act(act: Act) -> DateActObject:
    return DateActObject(
        did=act.did,
        by=act.by,
        how=act.how,
        at=rfc3339(act.at),
        recorded_at=rfc3339(act.recorded_at),
        evidence=act.evidence,
        shown=None if act.shown is None else _offer(act.shown),
    )


def _offer(offer: Offer) -> DateOfferObject:
    return DateOfferObject(
        effective_on=offer.on.isoformat(),
        first_new_date=first_of(offer).isoformat(),
        bridge=_between(offer),
        credit=offer.credit,
        cost_now=offer.now,
        upcoming=[_upcoming(one) for one in offer.after],
    )


def _between(offer: Offer) -> DatesBetweenObject | None:
    one = offer.bridge
    if one is None:
        return None
    return DatesBetweenObject(
        start=one.start.isoformat(), end=one.end.isoformat(), days=one.days, amount=one.amount
    )


def _upcoming(one: Upcoming) -> UpcomingInvoiceObject:
    return UpcomingInvoiceObject(
        period_start=one.start.isoformat(),
        period_end=one.end.isoformat(),
        due_at=rfc3339(one.due_at),
        total=one.total,
    )


def _result(found: Measured) -> DateResultObject:
    before, after = found.before.share, found.after.share
    return DateResultObject(
        before=_share(found.before),
        after=_share(found.after),
        difference=None if before is None or after is None else round(after - before, _DIGITS),
        interval=[round(found.low, _DIGITS), round(found.high, _DIGITS)],
        verdict=found.verdict,
    )


def _share(one: Share) -> RefusedShareObject:
    return RefusedShareObject(
        charged=one.tried,
        refused_first=one.refused,
        share=None if one.share is None else round(one.share, _DIGITS),
        interval=[round(one.low, _DIGITS), round(one.high, _DIGITS)],
    )


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
