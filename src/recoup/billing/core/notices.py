"""Pre-renewal notices: which rules ask that a customer be told before they are charged, by when, and of what.

The rules are data: whom each binds, how many days before the charge, what must be said, since when, and where and when
that was read. A rule is named where it may bind, by what is known: a state that is not known is taken to be the one
asked about, for a notice too many harms nobody. Whether a customer is a consumer, and what else was agreed with them,
only the merchant knows; so nothing is sent and nothing held back on the word of this table, it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, assert_never
from uuid import UUID

from recoup.billing.core.periods import Interval, Unit
from recoup.billing.core.records import Invoice, Subscription

READY: Final = timedelta(days=3)
"""How long before the last moment a notice is told of: a merchant's mail takes its time."""
_MONTHS_A_YEAR: Final = 12
_DAYS_A_YEAR: Final = 365


class Sender(StrEnum):
    """Who sends a notice."""

    MERCHANT = "merchant"
    ISSUER = "issuer"
    """The customer's bank; the merchant has the charge announced to it, through the processor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule that asks for a notice between `most_days` and `least_days` before the charge; None: however early.

    What it binds: `brands` of payment methods and where they were `issued_in`, `currencies`, `countries` of customers
    and their `state`; nobody said: all. `months_min`: for how long a period is paid, at least. `trial_days_min`: only
    the first charge after a trial of so many days or more. It holds from `since` until the day before `until`. `read`:
    when the source was.
    """

    id: str
    title: str
    least_days: int
    most_days: int | None = None
    sender: Sender = Sender.MERCHANT
    must_say: tuple[str, ...]
    brands: frozenset[str] = frozenset()
    issued_in: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    state: str | None = None
    months_min: int | None = None
    trial_days_min: int | None = None
    since: date
    until: date | None = None
    source: str
    read: date


_TERMS: Final = ("what is renewed", "amount", "how often it is charged", "how to cancel")
_READ: Final = date(2026, 11, 23)

RULES: Final = (
    Rule(
        id="visa_trial",
        title="Visa: trials and introductory offers",
        least_days=7,
        must_say=(*_TERMS, "that the trial ends", "date of the charge", "link to cancel online"),
        brands=frozenset({"visa"}),
        trial_days_min=1,
        since=date(2020, 4, 18),
        source="https://help.qualpay.com/help/visa-subscription-merchants-offering-free-trials",
        read=_READ,
    ),
    Rule(
        id="mastercard_trial",
        title="Mastercard: trials longer than seven days",
        least_days=3,
        most_days=7,
        must_say=(*_TERMS, "that the subscription begins unless it is canceled"),
        brands=frozenset({"mastercard"}),
        trial_days_min=8,
        since=date(2022, 3, 22),
        source="https://developer.paypal.com/braintree/articles/guides/recurring-billing/mastercard-requirements",
        read=_READ,
    ),
    Rule(
        id="mastercard_long_period",
        title="Mastercard: six months or more between charges",
        least_days=7,
        most_days=30,
        must_say=_TERMS,
        brands=frozenset({"mastercard"}),
        months_min=6,
        since=date(2022, 3, 22),
        source="https://support.stripe.com/questions/guidance-for-mastercard-recurring-billing-compliance-updates",
        read=_READ,
    ),
    Rule(
        id="india_e_mandate",
        title="Reserve Bank of India: e-mandates on cards",
        least_days=1,
        sender=Sender.ISSUER,
        must_say=("name of the merchant", "amount", "date and time of the charge", "reference", "reason"),
        issued_in=frozenset({"IN"}),
        since=date(2021, 10, 1),
        source="https://www.financialexpress.com/business/news-rbi-eases-e-mandate-rules-recurring-payments-up-to-rs-"
        "15000-can-be-done-without-otp-pre-and-post-debit-alerts-remain-mandatory-4214431/",
        read=_READ,
    ),
    Rule(
        id="sepa_pre_notification",  # a processor's token, whose brand says so: the vault itself holds cards alone
        title="SEPA direct debit: pre-notification, unless fewer days were agreed",
        least_days=14,
        must_say=("amount", "date of the charge", "mandate reference", "creditor identifier"),
        brands=frozenset({"sepa_debit"}),
        currencies=frozenset({"EUR"}),
        since=date(2009, 11, 1),
        source="https://www.cleardebit.com/sepa-introduction/pre-notification/",
        read=_READ,
    ),
    Rule(
        id="us_california_year",
        title="California, Bus. & Prof. Code 17602: terms of a year or longer",
        least_days=15,
        most_days=45,
        must_say=(*_TERMS, "that it renews unless it is canceled", "for how long it renews"),
        countries=frozenset({"US"}),
        state="CA",
        months_min=12,
        since=date(2022, 7, 1),
        source="https://www.adlawaccess.com/2021/10/articles/california-updates-its-automatic-renewal-law/",
        read=_READ,
    ),
    Rule(
        id="us_california_trial",
        title="California, Bus. & Prof. Code 17602: trials of 31 days or more",
        least_days=3,
        most_days=21,
        must_say=(*_TERMS, "that it renews unless it is canceled", "for how long it renews"),
        countries=frozenset({"US"}),
        state="CA",
        trial_days_min=31,
        since=date(2022, 7, 1),
        source="https://www.adlawaccess.com/2021/10/articles/california-updates-its-automatic-renewal-law/",
        read=_READ,
    ),
    Rule(
        id="us_illinois_year",
        title="Illinois, 815 ILCS 601: terms of twelve months or more",
        least_days=30,
        most_days=60,
        must_say=("that it renews unless it is canceled", "where to read how it renews and how to cancel"),
        countries=frozenset({"US"}),
        state="IL",
        months_min=12,
        since=date(2000, 6, 1),
        source="https://www.legalfix.com/statutes/state-codes/illinois/chapter-815/act-815-ilcs-601",
        read=_READ,
    ),
    Rule(
        id="france_tacit_renewal",
        title="France, Code de la consommation L215-1: services for a fixed term, taken to be a year or longer",
        least_days=31,
        most_days=89,
        must_say=("that it need not be renewed", "in a box: the last day to say so"),
        countries=frozenset({"FR"}),
        months_min=12,
        since=date(2017, 2, 23),
        source="https://french-business-law.com/french-legislation-art/article-l215-1-of-the-french-consumer-code",
        read=_READ,
    ),
)
"""Those that were found and read. Not here: what is not in force yet (the United Kingdom's reminders, expected in
2027), what could not be read whole (New York), and what is due for the first debit and for changes alone (Bacs)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A charge that is to come, with what rules go by. None: it is not known."""

    due: datetime
    interval: Interval
    currency: str
    trial_days: int | None = None
    """How long the trial was whose end it is charged at; None: it is not."""
    brand: str | None = None
    issued_in: str | None = None
    country: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that a rule asks for, to be sent between `send_from` and `send_by`; `in_time`: it still can be."""

    rule: Rule
    send_from: datetime | None
    send_by: datetime
    in_time: bool


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The next invoice of a subscription as it will be, and the notices it needs."""

    subscription: Subscription
    invoice: Invoice
    notices: Sequence[Notice]

    @property
    def id(self) -> UUID:
        """It has no id of its own: it is told of its subscription."""
        return self.subscription.id


def notices_of(renewal: Renewal, *, now: datetime) -> list[Notice]:
    """The notices that a charge needs, those that must leave first in front."""
    found = [_notice(rule, renewal.due, now=now) for rule in RULES if _binds(rule, renewal)]
    return sorted(found, key=lambda one: (one.send_by, one.rule.id))


def lead_of(
    interval: Interval, *, trial_days: int | None, currency: str, country: str | None, on: date
) -> timedelta:
    """How long before a charge its notices must be thought of, whatever it will be paid with. Where nobody knows where
    the customer lives, it may be anywhere."""
    return _lead(_months_of(interval), trial_days or 0, currency, country, on)


@lru_cache(maxsize=8192)
def _lead(months: int, trial_days: int, currency: str, country: str | None, on: date) -> timedelta:
    days = [
        rule.least_days
        for rule in RULES
        if _holds(rule, on)
        and _is_for(rule, months, trial_days)
        and (country is None or _lives(rule, country))
        and _is_in(rule, currency)
    ]
    return timedelta(days=max(days)) + READY if days else timedelta(0)


def _notice(rule: Rule, due: datetime, *, now: datetime) -> Notice:
    send_by = due - timedelta(days=rule.least_days)
    send_from = None if rule.most_days is None else due - timedelta(days=rule.most_days)
    return Notice(rule, send_from, send_by, now <= send_by)


def _binds(rule: Rule, renewal: Renewal) -> bool:
    on = renewal.due.date()
    if not _holds(rule, on) or not _is_for(rule, _months_of(renewal.interval), renewal.trial_days or 0):
        return False
    if not _is_in(rule, renewal.currency) or (rule.brands and renewal.brand not in rule.brands):
        return False
    if rule.issued_in and renewal.issued_in not in rule.issued_in:
        return False
    lives = _lives(rule, renewal.country)
    return lives and (rule.state is None or renewal.state is None or renewal.state == rule.state)


def _holds(rule: Rule, on: date) -> bool:
    return rule.since <= on and (rule.until is None or on < rule.until)


def _is_for(rule: Rule, months: int, trial_days: int) -> bool:
    if rule.trial_days_min is not None and trial_days < rule.trial_days_min:
        return False
    return rule.months_min is None or months >= rule.months_min


def _lives(rule: Rule, country: str | None) -> bool:
    return not rule.countries or country in rule.countries


def _is_in(rule: Rule, currency: str) -> bool:
    return not rule.currencies or currency in rule.currencies


def _months_of(interval: Interval) -> int:
    """Whole months of an interval; weeks and days to the nearest: 52 weeks are a year as rules mean it, and 180 days
    half a year."""
    match interval.unit:
        case Unit.DAY:
            return _months_of_days(interval.count)
        case Unit.WEEK:
            return _months_of_days(interval.count * 7)
        case Unit.MONTH:
            return interval.count
        case Unit.YEAR:
            return interval.count * _MONTHS_A_YEAR
        case _:
            assert_never(interval.unit)


def _months_of_days(days: int) -> int:
    return (days * _MONTHS_A_YEAR + _DAYS_A_YEAR // 2) // _DAYS_A_YEAR
