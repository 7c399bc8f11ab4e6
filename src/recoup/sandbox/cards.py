"""The published test cards: Stripe's well-known numbers with the same outcome, so that nobody has to learn new ones.

Source: Stripe's page "Testing" (read 2026-11). These numbers are public, belong to nobody and work nowhere; they and
the numbers that a world makes for its cardholders are the only ones that any processor here takes for a card. This
file is the one place where card numbers may stand.

Where Stripe leaves a card to the settings of its fraud product, the card does what its default settings make of it.
Numbers that only a card reader or a mobile device tells apart are approved like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final


class Authentication(StrEnum):
    """When the issuer wants the cardholder to authenticate (3-D Secure)."""

    NEVER = "never"
    CUSTOMER = "customer"
    """In the customer's session always; payments that the merchant starts pass."""
    UNTIL_SET_UP = "until_set_up"
    """As `CUSTOMER`; payments that the merchant starts pass where they name an authenticated payment's transaction."""
    ALWAYS = "always"
    """Payments that the merchant starts are declined, since nobody is there to authenticate."""
    FAILS = "fails"
    """Always, and it cannot be done: the payment is declined."""


class RefundCourse(StrEnum):
    """What becomes of a refund."""

    AT_ONCE = "at_once"
    PENDING_FIRST = "pending_first"
    FAILS_LATER = "fails_later"


class Check(StrEnum):
    """What the issuer says of something it was asked to compare."""

    PASS = "pass"  # noqa: S105 - what a check says, no password
    FAIL = "fail"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the first digits of a number tell: brand, funding, and the issuer's country (ISO 3166-1)."""

    brand: str
    funding: str
    country: str


@dataclass(frozen=True, slots=True)
class PublishedCard:
    """One published number and what it does. `decline` is a standard code; `cvc`, `postal_code` and `address` are what
    the checks say (a security code that fails is a decline, since default settings make it one).
    """

    number: str
    facts: CardFacts
    shows: str = "an approval"
    decline: str | None = None
    authentication: Authentication = Authentication.NEVER
    cvc: Check = Check.PASS
    postal_code: Check = Check.PASS
    address: Check | None = None
    refund: RefundCourse = RefundCourse.AT_ONCE
    disputes: str | None = field(default=None)
    """How it is disputed once its money is taken: a key of `BY_CARD` in `core/disputes.py`."""
    by_form: bool = False
    """Whether its issuer's page opens only for a form that the customer's browser posts, and answers with one."""

    @property
    def remembers(self) -> bool:
        """Whether what it does depends on what happened to it before."""
        return self.authentication is Authentication.UNTIL_SET_UP


_BY_BRAND: Final = """
    4242424242424242    visa       credit  US
    4000056655665556    visa       debit   US
    5555555555554444    mastercard credit  US
    2223003122003222    mastercard credit  US
    5200828282828210    mastercard debit   US
    5105105105105100    mastercard prepaid US
    378282246310005     amex       credit  US
    371449635398431     amex       credit  US
    6011111111111117    discover   credit  US
    6011000990139424    discover   credit  US
    6011981111111113    discover   debit   US
    3056930009020004    diners     credit  US
    36227206271667      diners     credit  US
    6555900000604105    discover   credit  KR
    3566002020360505    jcb        credit  JP
    6200000000000005    unionpay   credit  CN
    6200000000000047    unionpay   debit   CN
    6205500000000000004 unionpay   credit  CN
    4000002500001001    visa       debit   FR
    5555552500001001    mastercard debit   FR
    4000050360000001    visa       debit   AU
    5555050360000080    mastercard debit   AU
    4000051230000072    visa       debit   US
    5200828282828897    mastercard debit   US
"""
_BY_COUNTRY: Final = """
    4000000320000021 visa       credit AR
    4000000760000002 visa       credit BR
    4000001240000000 visa       credit CA
    4000001520000001 visa       credit CL
    4000001700000003 visa       credit CO
    4000001880000005 visa       credit CR
    4000002180000000 visa       credit EC
    4000004840008001 visa       credit MX
    5062210000000009 carnet     debit  MX
    4000005910000000 visa       credit PA
    4000006000000066 visa       credit PY
    4000006040000068 visa       credit PE
    4000008580000003 visa       credit UY
    4000007840000001 visa       credit AE
    5200007840000022 mastercard credit AE
    4000000400000008 visa       credit AT
    4000000560000004 visa       credit BE
    4000001000000000 visa       credit BG
    4000001120000005 visa       credit BY
    4000001910000009 visa       credit HR
    4000001960000008 visa       credit CY
    4000002030000002 visa       credit CZ
    4000002080000001 visa       credit DK
    4000002330000009 visa       credit EE
    4000002460000001 visa       credit FI
    4000002500000003 visa       credit FR
    4000002760000016 visa       credit DE
    4000002920000005 visa       credit GI
    4000003000000030 visa       credit GR
    4000003480000005 visa       credit HU
    4000003720000005 visa       credit IE
    4000003800000008 visa       credit IT
    4000004280000005 visa       credit LV
    4000004380000004 visa       credit LI
    4000004400000000 visa       credit LT
    4000004420000006 visa       credit LU
    4000004700000007 visa       credit MT
    4000005280000002 visa       credit NL
    4000005780000007 visa       credit NO
    4000006160000005 visa       credit PL
    4000006200000007 visa       credit PT
    4000006420000001 visa       credit RO
    4000006820000007 visa       credit SA
    4000007050000006 visa       credit SI
    4000007030000001 visa       credit SK
    4000007240000007 visa       credit ES
    4000007520000008 visa       credit SE
    4000007560000009 visa       credit CH
    4000008260000000 visa       credit GB
    4000058260000005 visa       debit  GB
    5555558265554449 mastercard credit GB
    4000000360000006 visa       credit AU
    4000001560000002 visa       credit CN
    4000003440000004 visa       credit HK
    4000003560000008 visa       credit IN
    4000003920000003 visa       credit JP
    3530111333300000 jcb        credit JP
    4000004580000002 visa       credit MY
    4000005540000008 visa       credit NZ
    4000007020000003 visa       credit SG
    4000001580000008 visa       credit TW
    4000007640000003 visa       credit TH
    4000057640000008 visa       debit  TH
"""
_US: Final = CardFacts("visa", "credit", "US")


def _card(number: str, shows: str, *, country: str = "US", decline: str | None = None) -> PublishedCard:
    return PublishedCard(number, replace(_US, country=country), shows, decline)


def _asks(
    number: str, shows: str, when: Authentication, *, country: str = "US", decline: str | None = None
) -> PublishedCard:
    return replace(_card(number, shows, country=country, decline=decline), authentication=when)


def _disputed(number: str, about: str, *, brand: str = "visa") -> PublishedCard:
    facts = replace(_US, brand=brand)
    return PublishedCard(number, facts, f"an approval; a dispute follows: {about}", disputes=about)


def _prevented(number: str, by: str, *, brand: str = "visa") -> PublishedCard:
    return PublishedCard(number, replace(_US, brand=brand), f"an approval; no dispute follows: {by}")


_DECLINES: Final = (
    _card("4000000000000002", "a decline without a reason", decline="generic_decline"),
    _card("4000000000009995", "insufficient funds", decline="insufficient_funds"),
    _card("4000000000009987", "a lost card", decline="lost_card"),
    _card("4000000000009979", "a stolen card", decline="stolen_card"),
    _card("4000000000000069", "an expired card", decline="expired_card"),
    replace(_card("4000000000000127", "a security code that is not right"), cvc=Check.FAIL),
    _card("4000000000000119", "an error while processing", decline="processing_error"),
    _card("4242424242424241", "a number that cannot be one", decline="incorrect_number"),
    _card("4000000000006975", "a card used too often", decline="card_velocity_exceeded"),
    _card("4000000000000341", "a card that can be stored and not be charged", decline="generic_decline"),
)
_RISKS: Final = (
    _card("4100000000000019", "a payment that is always blocked", decline="fraudulent"),
    _card("4000000000004954", "the highest risk, which is blocked", decline="fraudulent"),
    _card("4000000000009235", "an elevated risk"),
    _card("4000008400000407", "a high score for disputes"),
    _card("4000008400000159", "a high score for fraud warnings"),
    _card("4000008400001017", "a risk near the threshold"),
    _card("4000008405600003", "a risk that asks for authentication only where told so"),
    replace(_card("4000000000000101", "a security code that fails where one is given"), cvc=Check.FAIL),
    replace(_card("4000058400307872", "the same with an elevated risk"), cvc=Check.FAIL),
    replace(_card("4000000000000036", "a postal code that fails"), postal_code=Check.FAIL),
    replace(_card("4000058400306072", "the same with an elevated risk"), postal_code=Check.FAIL),
    replace(_card("4000000000000028", "an address that fails"), address=Check.FAIL),
    replace(
        _card("4000000000000010", "address and postal code that fail"),
        postal_code=Check.FAIL,
        address=Check.FAIL,
    ),
    replace(
        _card("4000000000000044", "address and postal code that nobody can check"),
        postal_code=Check.UNAVAILABLE,
        address=Check.UNAVAILABLE,
    ),
)
_DISPUTES: Final = (
    _disputed("4000000000000259", "fraudulent"),
    _disputed("4000000000002685", "product_not_received"),
    _disputed("4000000000001976", "inquiry"),
    _disputed("4000000000005423", "early_fraud_warning"),
    _disputed("4000000404000079", "multiple"),
    _disputed("4000000404000038", "compelling_evidence"),
    _disputed("4000008400000779", "compliance"),
    _disputed("5105008400000002", "compliance", brand="mastercard"),
    _disputed("4000000001000043", "smart_disputes"),
    _prevented("4000000404004816", "rapid_resolution"),
    _prevented("4000000404005649", "compelling_evidence_block"),
    _prevented("5105000300000018", "alert", brand="mastercard"),
)
_REFUNDS: Final = (
    replace(
        _card("4000000000007726", "a refund that is pending, then done"), refund=RefundCourse.PENDING_FIRST
    ),
    replace(_card("4000000000005126", "a refund that is done, then fails"), refund=RefundCourse.FAILS_LATER),
    _card("4000000000000077", "an approval whose money is there at once"),
    _card("4000003720000278", "the same from abroad", country="IE"),
)
_AUTHENTICATION: Final = (
    _asks("4000002500003155", "authentication until set up", Authentication.UNTIL_SET_UP, country="FR"),
    _asks("4000002760003184", "authentication always", Authentication.ALWAYS, country="DE"),
    _asks("4000003800000446", "authentication; already set up", Authentication.CUSTOMER, country="IT"),
    _asks(
        "4000008260003178",
        "authentication, then insufficient funds",
        Authentication.CUSTOMER,
        country="GB",
        decline="insufficient_funds",
    ),
    _asks("4000000000003220", "authentication required", Authentication.ALWAYS, country="IE"),
    _asks("4000000000003063", "authentication required", Authentication.ALWAYS),
    _asks("4000008400000027", "authentication required", Authentication.ALWAYS),
    _asks(
        "4000008400001629",
        "authentication, then a decline",
        Authentication.ALWAYS,
        decline="generic_decline",
    ),
    _asks("4000008400001280", "authentication that cannot be done", Authentication.FAILS),
    _card("4000000000003055", "a card that could authenticate and need not"),
    _card("4000000000003097", "a card whose authentication is broken and not needed"),
    _card("4000000032200000", "authentication without the customer's doing"),
    _asks("4000582600000094", "authentication out of band", Authentication.ALWAYS, country="GB"),
    replace(
        _asks("4000582600000045", "authentication by a form post", Authentication.ALWAYS, country="GB"),
        by_form=True,
    ),
    _asks("4000582600000102", "authentication by a choice", Authentication.ALWAYS, country="GB"),
    _asks("4000582600000110", "authentication by several choices", Authentication.ALWAYS, country="GB"),
)
_OTHERS: Final = (
    _card("4000000000001208", "an approval after a captcha"),
    _card("4000000000003725", "an approval after a captcha"),
    _card("4001007020000002", "an approval with a PIN", country="SG"),
    _card("4000008260000075", "an approval with a PIN", country="GB"),
    _card("4001000360000005", "an approval with a PIN", country="AU"),
    _card("4000002760000008", "an approval with a PIN", country="DE"),
)


def _plain(table: str) -> Iterator[PublishedCard]:
    for line in table.strip().splitlines():
        number, brand, funding, country = line.split()
        yield PublishedCard(number, CardFacts(brand, funding, country))


PUBLISHED: Final[dict[str, PublishedCard]] = {
    card.number: card
    for card in (
        *_plain(_BY_BRAND),
        *_plain(_BY_COUNTRY),
        *_DECLINES,
        *_RISKS,
        *_DISPUTES,
        *_REFUNDS,
        *_AUTHENTICATION,
        *_OTHERS,
    )
}
"""Every published card by its number."""

SAVED: Final = {
    "pm_card_visa": PUBLISHED["4242424242424242"],
    "pm_card_mastercard": PUBLISHED["5555555555554444"],
    "pm_card_visa_debit": PUBLISHED["4000056655665556"],
    "pm_card_chargeDeclined": PUBLISHED["4000000000000002"],
    "pm_card_chargeDeclinedInsufficientFunds": PUBLISHED["4000000000009995"],
    "pm_card_chargeDeclinedLostCard": PUBLISHED["4000000000009987"],
    "pm_card_authenticationRequired": PUBLISHED["4000002760003184"],
}
"""Published cards that every simulated processor remembers, by the token that stands for them; never expired."""

LUHN_SUMS: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn_valid(number: str) -> bool:
    """Whether the last digit fits the others (the Luhn formula, ISO/IEC 7812-1)."""
    return bool(number) and number.isdecimal() and int(number[-1]) == check_digit(number[:-1])


def check_digit(digits: str) -> int:
    """The digit that must follow these."""
    odd = sum(map(int, digits[-2::-2]))
    doubled = sum(LUHN_SUMS[int(digit)] for digit in digits[-1::-2])
    return -(odd + doubled) % 10
