"""Every connector there is, by name. Adding a processor is one file here, one line in this list, and one code table."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from recoup.connectors.base import Connector

_MODULES: Final = (
    "adyen",
    "authorize_net",
    "braintree",
    "checkout",
    "cybersource",
    "gocardless",
    "iso8583",
    "mollie",
    "nmi",
    "paypal",
    "sandbox",
    "square",
    "stripe",
    "worldpay",
)
"""The modules of this folder, each with its `CONNECTORS`."""

CONNECTORS: Final[dict[str, Connector]] = {
    connector.name: connector
    for module in _MODULES
    for connector in import_module(f"recoup.connectors.{module}").CONNECTORS
}
