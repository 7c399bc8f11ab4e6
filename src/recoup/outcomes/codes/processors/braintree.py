"""Braintree's codes: processor responses of authorisation and settlement, gateway rejections, errors about the card.

Braintree calls each response hard or soft. Where it says hard and our word is soft, the row says stop; but not where
the trouble is the merchant's set-up or technique (`_NOT_THE_CARD`): that is no fact about the card, and another
processor may get through. 1000 to 1005 and 4000 are approvals, 4002 is pending: they have no row.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from recoup.outcomes.codes.standard import GENERIC, STANDARD
from recoup.outcomes.codes.words import Advice, AdviceAction, Category, CodeRow, Hardness

RESPONSES: Final = "Braintree: authorization responses"
SETTLEMENT: Final = "Braintree: settlement responses"
REJECTIONS: Final = "Braintree GraphQL schema: gateway rejection reasons"
STATUSES: Final = "Braintree GraphQL schema: payment statuses"
VALIDATION: Final = "Braintree: validation errors about credit cards, by its Python library"
AS_OF: Final = date(2026, 7, 14)
READ: Final = date(2026, 11, 22)

_STOP: Final = Advice(AdviceAction.STOP)
_NOT_THE_CARD: Final = frozenset({Category.MERCHANT_CONFIGURATION, Category.PROCESSOR, Category.NETWORK})


def _soft(code: str, standard: str) -> CodeRow:
    return CodeRow(code, standard, generic=standard in GENERIC, source=RESPONSES, as_of=AS_OF)


def _hard(code: str, standard: str) -> CodeRow:
    word = STANDARD[standard]
    stop = word.hardness is Hardness.SOFT and word.category not in _NOT_THE_CARD
    return CodeRow(
        code,
        standard,
        generic=standard in GENERIC,
        advice=_STOP if stop else None,
        source=RESPONSES,
        as_of=AS_OF,
    )


def _settlement(code: str, standard: str) -> CodeRow:
    return CodeRow(code, standard, generic=standard in GENERIC, source=SETTLEMENT, as_of=READ)


def _rejection(code: str, standard: str) -> CodeRow:
    return CodeRow(code, standard, source=REJECTIONS, as_of=READ)


def _status(code: str, standard: str) -> CodeRow:
    """A status that ends a charge without a code: whoever let go of the money did not want it charged again."""
    return CodeRow(code, standard, source=STATUSES, as_of=READ)


def _about_the_card(code: str, standard: str) -> CodeRow:
    return CodeRow(code, standard, source=VALIDATION, as_of=READ)


ROWS: Final[tuple[CodeRow, ...]] = (
    _soft("2000", "do_not_honor"),
    _soft("2001", "insufficient_funds"),
    _soft("2002", "card_velocity_exceeded"),
    _soft("2003", "withdrawal_count_limit_exceeded"),
    _hard("2004", "expired_card"),
    _hard("2005", "incorrect_number"),
    _hard("2006", "invalid_expiry_year"),
    _hard("2007", "invalid_account"),
    _hard("2008", "invalid_number"),
    _hard("2009", "incorrect_number"),
    _hard("2010", "incorrect_cvc"),
    _hard("2011", "call_issuer"),
    _hard("2012", "lost_card"),
    _hard("2013", "stolen_card"),
    _hard("2014", "fraudulent"),
    _hard("2015", "transaction_not_allowed"),
    _soft("2016", "duplicate_transaction"),
    _hard("2017", "stop_payment_order"),
    _hard("2018", "revocation_of_all_authorizations"),
    # Mastercard forbids another try, whoever makes it.
    CodeRow("2019", "invalid_transaction", advice=_STOP, source=RESPONSES, as_of=AS_OF),
    _hard("2020", "issuer_policy"),
    _hard("2021", "security_violation"),
    _hard("2022", "new_account_information_available"),
    _hard("2023", "invalid_merchant"),
    _hard("2024", "invalid_merchant"),  # the card's brand is not switched on at this account
    _soft("2025", "invalid_merchant"),
    _soft("2026", "invalid_merchant"),
    _hard("2027", "invalid_merchant"),
    _hard("2028", "invalid_merchant"),
    _hard("2029", "invalid_account"),
    _hard("2030", "invalid_merchant"),
    _hard("2031", "invalid_transaction"),  # the bank knows no verification without an amount
    _hard("2032", "surcharge_not_permitted"),
    _hard("2033", "format_error"),
    _soft("2034", "no_action_taken"),
    _soft("2035", "insufficient_funds"),  # the bank would have approved less
    _hard("2036", "invalid_transaction"),
    _hard("2037", "invalid_transaction"),
    _soft("2038", "generic_decline"),
    _hard("2039", "invalid_transaction"),
    _soft("2040", "invalid_merchant"),
    _hard("2041", "call_issuer"),
    _soft("2042", "invalid_merchant"),
    _hard("2043", "do_not_try_again"),
    _hard("2044", "call_issuer"),
    _hard("2045", "invalid_merchant"),
    _soft("2046", "generic_decline"),
    _hard("2047", "pickup_card"),
    _soft("2048", "invalid_amount"),
    _hard("2049", "format_error"),
    _hard("2050", "card_not_supported"),
    _hard("2051", "incorrect_number"),
    _hard("2052", "format_error"),
    _hard("2053", "lost_card"),
    _hard("2054", "invalid_transaction"),
    _hard("2055", "invalid_merchant"),
    _hard("2056", "invalid_merchant"),  # a limit of the merchant's division, not of the card
    _soft("2057", "restricted_card"),
    _hard("2058", "invalid_merchant"),
    _hard("2059", "incorrect_address"),
    _hard("2060", "verification_data_failed"),
    _hard("2061", "format_error"),
    _soft("2062", "format_error"),
    _hard("2063", "invalid_merchant"),
    _hard("2064", "invalid_merchant"),  # a currency that the account does not take
    _hard("2065", "invalid_transaction"),
    _hard("2066", "invalid_merchant"),
    _hard("2067", "invalid_transaction"),
    _hard("2068", "invalid_merchant"),
    _hard("2069", "duplicate_transaction"),
    _hard("2070", "revocation_of_authorization"),
    _hard("2071", "invalid_merchant"),
    _hard("2072", "invalid_merchant"),
    _hard("2073", "format_error"),
    _hard("2074", "generic_decline"),
    _hard("2075", "invalid_account"),
    _hard("2076", "not_permitted"),
    _hard("2077", "highest_risk_level"),
    _soft("2078", "processing_error"),
    _hard("2079", "invalid_merchant"),
    _soft("2080", "invalid_merchant"),
    _hard("2081", "invalid_transaction"),
    _hard("2082", "not_permitted"),
    _hard("2083", "format_error"),
    _hard("2084", "not_permitted"),
    _hard("2085", "highest_risk_level"),
    _hard("2086", "card_velocity_exceeded"),
    _hard("2087", "invalid_merchant"),
    _hard("2088", "invalid_merchant"),
    _hard("2089", "invalid_merchant"),
    _hard("2090", "invalid_merchant"),
    _hard("2091", "invalid_merchant"),
    _soft("2092", "verification_data_failed"),
    _hard("2093", "invalid_account"),
    _hard("2094", "duplicate_transaction"),
    _hard("2095", "invalid_transaction"),
    _hard("2096", "not_permitted"),
    _hard("2097", "invalid_amount"),
    _hard("2098", "withdrawal_count_limit_exceeded"),
    _soft("2099", "authentication_required"),
    _hard("2100", "invalid_merchant"),
    _soft("2101", "online_or_offline_pin_required"),
    _soft("2102", "incorrect_pin"),
    _soft("2103", "pin_try_exceeded"),
    _soft("2104", "generic_decline"),
    _soft("2105", "account_lifecycle"),
    _soft("2106", "issuer_policy"),
    _hard("2107", "not_permitted"),  # the cardholder must activate it first
    _hard("2108", "invalid_account"),
    # Whatever Braintree may add below 3000 says "declined", and no more.
    *(_soft(str(code), "generic_decline") for code in range(2109, 3000)),
    _soft("3000", "processing_error"),
    # Money that was approved and then did not settle.
    _settlement("4001", "generic_decline"),
    _settlement("4003", "invalid_transaction"),
    _settlement("4004", "invalid_transaction"),
    _settlement("4005", "highest_risk_level"),
    _settlement("4006", "invalid_amount"),
    _settlement("4018", "invalid_merchant"),
    _settlement("4019", "invalid_transaction"),
    _settlement("4020", "invalid_transaction"),
    _settlement("4021", "invalid_transaction"),
    _settlement("4022", "invalid_transaction"),
    _settlement("4023", "invalid_merchant"),
    _settlement("4024", "invalid_transaction"),
    _settlement("4025", "invalid_account"),
    _settlement("4026", "invalid_merchant"),
    # The merchant's own rules at Braintree said no.
    _rejection("APPLICATION_INCOMPLETE", "invalid_merchant"),
    _rejection("AVS", "incorrect_address"),
    _rejection("AVS_AND_CVV", "verification_data_failed"),
    _rejection("CVV", "incorrect_cvc"),
    _rejection("DUPLICATE", "duplicate_transaction"),
    _rejection("EXCESSIVE_RETRY", "do_not_try_again"),
    _rejection("FRAUD", "fraudulent"),
    _rejection("MANUAL_TRANSACTIONS_DISABLED", "invalid_merchant"),
    _rejection("PAYMENT_METHOD_BLOCKED", "merchant_blacklist"),
    _rejection("RISK_THRESHOLD", "highest_risk_level"),
    _rejection("THREE_D_SECURE", "authentication_required"),
    _rejection("TOKEN_ISSUANCE", "processing_error"),
    _rejection("TOO_MANY_CONFIRMATION_ATTEMPTS", "authentication_failed"),
    _rejection("UNION_PAY_ENROLLMENT_REQUIRED", "authentication_required"),
    _status("VOIDED", "do_not_try_again"),
    _status("AUTHORIZATION_EXPIRED", "do_not_try_again"),
    # Validation: Braintree saw by itself that the card cannot be right, and asked nobody.
    _about_the_card("81707", "invalid_cvc"),
    _about_the_card("81709", "invalid_expiry_year"),
    _about_the_card("81710", "invalid_expiry_year"),
    _about_the_card("81711", "invalid_expiry_year"),
    _about_the_card("81712", "invalid_expiry_month"),
    _about_the_card("81713", "invalid_expiry_year"),
    _about_the_card("81714", "invalid_number"),
    _about_the_card("81715", "invalid_number"),
    _about_the_card("81716", "invalid_number"),
    _about_the_card("81750", "invalid_number"),
)
