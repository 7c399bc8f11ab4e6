"""The words that every language has: a sentence each, with blanks in braces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from recoup.outcomes.core import Category


class Group(StrEnum):
    """Why it did not go through, as far as it concerns the customer."""

    FUNDS = "funds"
    LIMIT = "limit"
    CARD = "card"
    AUTHENTICATION = "authentication"
    BANK = "bank"
    OTHER = "other"


REASONS: Final[Mapping[Category, Group]] = {
    Category.FUNDS: Group.FUNDS,
    Category.LIMIT: Group.LIMIT,
    Category.LIFECYCLE: Group.CARD,
    Category.CREDENTIAL: Group.CARD,
    Category.AUTHENTICATION: Group.AUTHENTICATION,
    Category.ISSUER: Group.BANK,
    Category.NOT_PERMITTED: Group.BANK,
    # Nobody is told that their bank suspects them.
    Category.FRAUD: Group.BANK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language. `{amount}`, `{merchant}`, `{last4}` and `{day}` are filled in."""

    language: str
    thousands: str
    decimal: str
    day_format: str

    subject: str
    reminder: str
    greeting: str
    intro: str
    intro_without_card: str
    reasons: Mapping[Group, str]
    invite: str
    button: str
    until: str
    tried_again: str
    paid_already: str
    not_a_card: str
    footer: str
    unsubscribe: str

    title: str
    amount_due: str
    card_on_file: str
    pay_same: str
    other_card: str
    number: str
    expiry: str
    expiry_hint: str
    cvc: str
    cvc_hint: str
    pay_new: str
    save_new: str
    kept: str
    kept_later: str
    bank_title: str
    bank: str
    bank_go: str
    bank_back: str
    under_way: str
    look_again: str
    paid: str
    saved: str
    over: str
    wrong_link: str
    too_many: str
    wrong_number: str
    wrong_expiry: str
    wrong_cvc: str
    not_taken: str
    declined: str

    unsubscribe_ask: str
    unsubscribe_do: str
    unsubscribed: str
    subscribe_do: str
    subscribed: str
