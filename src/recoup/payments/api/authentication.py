"""Reads the result of a 3-D Secure authentication that was made elsewhere, and refuses what no network would take."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from recoup.connectors.base import Authenticated, Authentication
from recoup.http.routes import Problem
from recoup.kit.refusals import invalid
from recoup.payments.wire import ThreeDSecureData

CRYPTOGRAM_BYTES: Final = 20
PROBLEMS: Final = tuple(
    Problem(code, 400)
    for code in (
        "authentication_without_customer",
        "invalid_cryptogram",
        "invalid_eci",
        "payment_method_missing",
    )
)
"""What every route that takes a 3-D Secure result may answer."""
_PARAM: Final = "three_d_secure"
_OWN: Final = {Authenticated.FULLY: "02", Authenticated.ATTEMPTED: "01"}
_COMMON: Final = {Authenticated.FULLY: "05", Authenticated.ATTEMPTED: "06"}
_WITH_OWN: Final = frozenset({"mastercard", "maestro"})
"""The brands of the network whose indicators are its own; all others share one set."""
_EITHER: Final = frozenset({"cartes_bancaires", "unknown"})
"""The brands whose cards may belong to either."""


def authentication_of(sent: ThreeDSecureData | None, *, brand: str, initiator: str) -> Authentication | None:
    """The result, for a card of this brand; refuses what cannot be one, naming the field."""
    if sent is None:
        return None
    if initiator != "customer":
        raise invalid(
            "authentication_without_customer",
            "A payment by the merchant has no customer who could have authenticated: leave `three_d_secure` out, or "
            "send `initiator` as `customer`.",
            param=_PARAM,
        )
    status = Authenticated(sent.status)
    _check_indicator(sent.eci, status, brand=brand)
    _check_cryptogram(sent.cryptogram.reveal())
    return Authentication(
        version=sent.version,
        status=status,
        eci=sent.eci,
        cryptogram=sent.cryptogram,
        ds_transaction_id=sent.ds_transaction_id,
        acs_transaction_id=sent.acs_transaction_id,
    )


def _check_indicator(eci: str, status: Authenticated, *, brand: str) -> None:
    tables = [_OWN] if brand in _WITH_OWN else [_OWN, _COMMON] if brand in _EITHER else [_COMMON]
    fitting = [table[status] for table in tables]
    if eci not in fitting:
        raise invalid(
            "invalid_eci",
            f"With status {status.value}, the `eci` of this card ({brand}) is {' or '.join(fitting)}.",
            param=f"{_PARAM}.eci",
        )


def _check_cryptogram(text: str) -> None:
    try:
        length = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        length = 0
    if length != CRYPTOGRAM_BYTES:
        raise invalid(
            "invalid_cryptogram",
            f"The `cryptogram` must be {CRYPTOGRAM_BYTES} bytes in base64: 28 characters, as the 3-D Secure server "
            "gave them.",
            param=f"{_PARAM}.cryptogram",
        )
