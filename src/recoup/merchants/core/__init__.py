"""Merchants, API keys and processor accounts as values, and the rules about them."""

from recoup.merchants.core.accounts import (
    ACCOUNTS_MAX,
    POSITION_MAX,
    TIMEOUT_MS_MAX,
    TIMEOUT_MS_MIN,
    Fees,
    ProcessorAccount,
    Sealed,
    check_base_url,
    check_credentials,
    check_limits,
    check_mode_of,
)
from recoup.merchants.core.keys import (
    ApiKey,
    Caller,
    KeyKind,
    Merchant,
    MerchantPair,
    NewKey,
    ParsedKey,
    make_key,
    parse_key,
)

__all__ = [
    "ACCOUNTS_MAX",
    "POSITION_MAX",
    "TIMEOUT_MS_MAX",
    "TIMEOUT_MS_MIN",
    "ApiKey",
    "Caller",
    "Fees",
    "KeyKind",
    "Merchant",
    "MerchantPair",
    "NewKey",
    "ParsedKey",
    "ProcessorAccount",
    "Sealed",
    "check_base_url",
    "check_credentials",
    "check_limits",
    "check_mode_of",
    "make_key",
    "parse_key",
]
