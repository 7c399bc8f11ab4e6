"""The words in which every network's reason for a dispute is told, and a row of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final


class Category(StrEnum):
    """What a dispute is about, in Stripe's words where it has one."""

    FRAUDULENT = "fraudulent"
    UNRECOGNIZED = "unrecognized"
    PRODUCT_NOT_RECEIVED = "product_not_received"
    PRODUCT_UNACCEPTABLE = "product_unacceptable"
    SUBSCRIPTION_CANCELED = "subscription_canceled"
    CREDIT_NOT_PROCESSED = "credit_not_processed"
    DUPLICATE = "duplicate"
    AUTHORIZATION = "authorization"
    PROCESSING_ERROR = "processing_error"
    NONCOMPLIANT = "noncompliant"
    GENERAL = "general"


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """What one code means. `source` is where that was read, on the day `as_of`."""

    code: str
    category: Category
    meaning: str
    source: str
    as_of: date


READ: Final = date(2026, 11, 22)
"""When the sources were read."""
STRIPE: Final = "Stripe: dispute reason code categories (docs.stripe.com/disputes/categories)"
NORTH: Final = "North: chargeback reason codes (developer.north.com)"
ANTOM: Final = "Antom: chargeback reason codes by network (docs.antom.com/ac/dispute)"
BRAINTREE: Final = "Braintree: chargeback reason codes (developer.paypal.com/braintree/articles)"
YUNO: Final = "Yuno: chargeback reason codes of providers (docs.y.uno)"
