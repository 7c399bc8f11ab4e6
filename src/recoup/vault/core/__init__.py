"""Cards, customers and the encryption, as rules that only think.

`cards`, `ranges` and `bins` tell what a number says, `customers` what must hold of who pays, `envelope` how things are
sealed, `records` the values that are kept.
"""

from recoup.vault.core.bins import Funding, Issuing, issuing_of
from recoup.vault.core.cards import (
    CardFacts,
    Expiry,
    check_expiry,
    check_number,
    check_security_code,
    luhn_valid,
    read_expiry,
)
from recoup.vault.core.customers import check_billing, check_customer, check_payday
from recoup.vault.core.envelope import Key, Unreadable
from recoup.vault.core.ranges import BRANDS, brand_of, lengths_of
from recoup.vault.core.records import (
    METHODS_PER_CUSTOMER_MAX,
    Address,
    BillingDetails,
    Customer,
    CustomerDetails,
    MethodType,
    Payday,
    PaymentMethod,
    ProcessorToken,
)
from recoup.vault.core.tokens import (
    check_known,
    check_known_expiry,
    check_network_transaction_id,
    check_token,
)

__all__ = [
    "BRANDS",
    "METHODS_PER_CUSTOMER_MAX",
    "Address",
    "BillingDetails",
    "CardFacts",
    "Customer",
    "CustomerDetails",
    "Expiry",
    "Funding",
    "Issuing",
    "Key",
    "MethodType",
    "Payday",
    "PaymentMethod",
    "ProcessorToken",
    "Unreadable",
    "brand_of",
    "check_billing",
    "check_customer",
    "check_expiry",
    "check_known",
    "check_known_expiry",
    "check_network_transaction_id",
    "check_number",
    "check_payday",
    "check_security_code",
    "check_token",
    "issuing_of",
    "lengths_of",
    "luhn_valid",
    "read_expiry",
]
