"""Which processor accounts may be asked, in which order, and what comes after an answer."""

from recoup.routing.core.facts import UNKNOWN_BRAND, Facts, RoutableAccount
from recoup.routing.core.route import (
    ATTEMPTS_IN_ONE_CALL_MAX,
    CALLERS,
    Arm,
    Candidate,
    Next,
    Reconcile,
    Route,
    Stop,
    after,
    route,
)

__all__ = [
    "ATTEMPTS_IN_ONE_CALL_MAX",
    "CALLERS",
    "UNKNOWN_BRAND",
    "Arm",
    "Candidate",
    "Facts",
    "Next",
    "Reconcile",
    "RoutableAccount",
    "Route",
    "Stop",
    "after",
    "route",
]
