"""What may go wrong with a subscription's next charge, as the API and the events show it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from recoup.billing.core.ahead import current
from recoup.billing.core.records import Subscription
from recoup.billing.core.risks import WHAT_TO_DO, Risk


class RiskObject(Struct, kw_only=True, frozen=True):
    """Why the next charge may be refused or contested, and what to do about it."""

    code: Risk
    message: str


Risks = Annotated[
    list[RiskObject],
    Meta(
        description="What was found when the next charge was looked at: a week before it is due, or earlier."
    ),
]


def risk_objects(subscription: Subscription) -> list[RiskObject]:
    """What is known to be the matter with the charge that comes next."""
    ahead = current(subscription)
    return [RiskObject(code=one, message=WHAT_TO_DO[one]) for one in (() if ahead is None else ahead.risks)]
