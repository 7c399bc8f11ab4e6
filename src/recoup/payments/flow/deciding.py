"""What is stored of a route: the facts, every candidate, the choice and its reason."""

from __future__ import annotations

from uuid import UUID

from recoup.kit.ids import Kind, render
from recoup.payments.core import Payment, Reason
from recoup.payments.flow.tools import Means
from recoup.routing.core import Route


def decision_data(
    route: Route, means: Means, payment: Payment, account_id: UUID, *, reason: Reason, why: str
) -> dict[str, object]:
    """What is stored of a route: enough to make the same choice again."""
    return {
        "rule": "ordered",
        "reason": reason,
        "why": why,
        "chosen": render(Kind.PROCESSOR_ACCOUNT, account_id),
        "facts": {
            "amount": payment.amount,
            "currency": payment.currency,
            "brand": means.brand,
            "issuer_country": means.issuer_country,
            "capture": payment.capture,
            "initiator": payment.initiator,
            "attempt_number": payment.attempts_count + 1,
            **_saved(means),
        },
        "candidates": [
            {
                "processor_account": render(Kind.PROCESSOR_ACCOUNT, one.account_id),
                "label": one.label,
                "place": one.place,
                "why": one.why,
            }
            for one in route.candidates
        ],
    }


def _saved(means: Means) -> dict[str, object]:
    """Where processors keep the payment method; left out where none does."""
    if not means.tokens:
        return {}
    saved_at = [render(Kind.PROCESSOR_ACCOUNT, account_id) for account_id in means.tokens]
    return {"card_in_vault": means.card is not None, "saved_at": saved_at}
