"""Puts together what keeps payments true after their end: the events that say so."""

from __future__ import annotations

from typing import Final

FACTS: Final = {
    "payment.reversed": "What was taken was returned, and the payment is declined after all.",
    "payment.refund_failed": "A refund that was carried out came back.",
}
"""The events of what did not last."""
