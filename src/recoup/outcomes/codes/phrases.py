"""What processors and issuers write beside their codes, or in place of them: phrases, and what they mean.

Asked last, where no code says anything exact. A phrase matches where its words stand next to each other in the text,
whatever the case, the punctuation and the apostrophes; the first in this order counts, so the more exact come first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from recoup.outcomes.codes.words import Dated

SOURCE: Final = "Recoup: wording seen in processors' published examples of declines"
READ: Final = date(2026, 11, 22)
TEXT_READ_MAX: Final = 300
"""How much of a text is read: a reason is short, and what comes behind is not one."""

_APOSTROPHES: Final = re.compile(r"['’`]")
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Phrase(Dated):
    """Words that stand for a standard code."""

    words: str
    standard: str


def _phrases(standard: str, *texts: str) -> tuple[Phrase, ...]:
    return tuple(Phrase(text, standard, source=SOURCE, as_of=READ) for text in texts)


def in_words(text: str) -> str:
    """A text as its words, with a space before, between and behind: so a phrase is found whole or not at all."""
    plain = _APOSTROPHES.sub("", text[:TEXT_READ_MAX].casefold())
    return f" {_NO_WORD.sub(' ', plain).strip()} "


PHRASES: Final = (
    *_phrases(
        "revocation_of_all_authorizations",
        "revocation of all authorizations",
        "revocation of all authorisations",
    ),
    *_phrases(
        "revocation_of_authorization",
        "revocation of authorization",
        "revocation of authorisation",
        "stop recurring",
        "cancel all recurring",
        "cancelled by cardholder",
        "payment cancellation service",
    ),
    *_phrases("stop_payment_order", "stop payment", "stopped payment"),
    *_phrases(
        "withdrawal_count_limit_exceeded",
        "withdrawal count",
        "frequency limit",
        "exceeds withdrawal frequency",
        "allowable number of pin",
    ),
    *_phrases("pin_try_exceeded", "pin tries exceeded", "pin try exceeded", "pin retries exceeded"),
    *_phrases(
        "insufficient_funds",
        "insufficient fund",
        "insufficient funds",
        "not sufficient funds",
        "not enough balance",
        "not enough funds",
        "insufficient balance",
        "nsf",
        "balance insufficient",
    ),
    *_phrases(
        "card_velocity_exceeded",
        "exceeds withdrawal amount limit",
        "exceeds withdrawal limit",
        "withdrawal amount exceeded",
        "limit exceeded",
        "exceeds limit",
        "over limit",
        "over credit limit",
        "activity limit",
        "velocity exceeded",
        "credit floor",
    ),
    *_phrases("lost_card", "lost card", "card lost", "card reported lost"),
    *_phrases("stolen_card", "stolen card", "card stolen", "card reported stolen"),
    *_phrases("pickup_card", "pick up card", "pickup card", "hold card", "retain card", "capture card"),
    *_phrases("highest_risk_level", "blocked by risk", "risk threshold", "high risk"),
    *_phrases("fraudulent", "suspected fraud", "suspicion of fraud", "fraud suspected", "fraudulent"),
    *_phrases("account_lifecycle", "life cycle", "lifecycle"),
    *_phrases("issuer_policy", "decline policy", "policy mastercard use only", "policy reasons"),
    *_phrases("security_violation", "security violation", "security reasons", "fraud security"),
    *_phrases(
        "new_account_information_available", "new account information", "new card issued", "card was replaced"
    ),
    *_phrases(
        "expired_card",
        "expired card",
        "card expired",
        "card is expired",
        "card has expired",
        "expired instrument",
    ),
    *_phrases("invalid_expiry_year", "invalid expiration", "invalid expiry", "expiration date is invalid"),
    *_phrases(
        "incorrect_cvc",
        "incorrect cvc",
        "invalid cvc",
        "cvc declined",
        "cvv2 mismatch",
        "cvv mismatch",
        "cvc mismatch",
        "cvv does not match",
        "cvc does not match",
        "cvv2 declined",
        "cvv failure",
        "cvv2 failure",
        "cvc2 failure",
        "invalid cvv",
        "incorrect cvv",
        "security code is incorrect",
        "invalid security code",
    ),
    *_phrases(
        "incorrect_zip",
        "zip code mismatch",
        "postal code mismatch",
        "avs declined",
        "avs mismatch",
        "avs rejected",
    ),
    *_phrases(
        "incorrect_number",
        "invalid card number",
        "invalid credit card number",
        "no such card",
        "incorrect card number",
    ),
    *_phrases(
        "invalid_account",
        "closed account",
        "account closed",
        "no such account",
        "invalid account",
        "no card record",
        "no credit account",
        "no checking account",
        "unable to locate record",
        "account not found",
    ),
    *_phrases("incorrect_pin", "incorrect pin", "invalid pin", "wrong pin"),
    *_phrases(
        "authentication_required",
        "authentication required",
        "authentication is required",
        "strong customer authentication",
        "sca required",
        "additional customer authentication",
        "3d secure required",
        "3ds required",
    ),
    *_phrases(
        "authentication_failed",
        "authentication failed",
        "3d not authenticated",
        "not authenticated",
        "failed authentication",
    ),
    *_phrases("duplicate_transaction", "duplicate transaction", "transaction already processed"),
    *_phrases(
        "restricted_card",
        "restricted card",
        "card restricted",
        "inactive card",
        "card blocked",
        "blocked card",
    ),
    *_phrases(
        "transaction_not_allowed",
        "transaction not permitted",
        "not permitted to cardholder",
        "transaction not allowed",
        "service not allowed",
        "not allowed for cardholder",
    ),
    *_phrases("card_not_supported", "card not supported", "card type not supported", "unsupported card"),
    *_phrases("regulatory_block", "law violation", "regulatory", "sanction", "sanctions"),
    *_phrases("invalid_amount", "invalid amount", "amount is invalid"),
    *_phrases("invalid_merchant", "invalid merchant", "merchant not enabled", "merchant configuration"),
    *_phrases("invalid_transaction", "invalid transaction"),
    *_phrases(
        "issuer_not_available",
        "issuer unavailable",
        "issuer not available",
        "issuer or switch inoperative",
        "issuer is unavailable",
        "unable to reach issuer",
        "issuer timeout",
        "destination not available",
        "cannot be routed",
    ),
    *_phrases(
        "processing_error",
        "system malfunction",
        "system error",
        "processing error",
        "acquirer error",
        "processor network unavailable",
        "communication error",
        "gateway error",
    ),
    *_phrases("format_error", "format error", "message format"),
    *_phrases("do_not_try_again", "do not try again", "never approve"),
    *_phrases("reenter_transaction", "re enter transaction", "reenter transaction"),
    *_phrases("try_again_later", "try again later", "retry later"),
    *_phrases(
        "call_issuer", "refer to card issuer", "refer to issuer", "call issuer", "contact issuer", "referral"
    ),
    *_phrases("no_action_taken", "no action taken"),
    *_phrases("do_not_honor", "do not honor", "do not honour", "not honoured", "not honored"),
)


def phrase_in(text: str) -> Phrase | None:
    """What a text says, or None where it says nothing we know."""
    words = in_words(text)
    return next((each for each in PHRASES if f" {each.words} " in words), None)
