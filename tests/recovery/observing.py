"""Batches of refused payments for the tests of the joint choice, with defaults."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from recoup.recovery.core.chances import Options
from recoup.recovery.core.joint import Observed

NOW: Final = datetime(2026, 11, 22, 15, tzinfo=UTC).timestamp()
DAY_S: Final = 86_400.0


def observed(cases: int = 1, *, routes: int = 3, **given: Any) -> Observed:
    """Payments of New Yorkers that lacked money at `NOW`, unless said otherwise; the first route refused."""
    nan, none = np.full(cases, np.nan), np.zeros((cases, 0))
    fields: dict[str, Any] = {
        "country": ["US"] * cases,
        "zone": ["America/New_York"] * cases,
        "stated": [None] * cases,
        "category": ["funds"] * cases,
        "refused_at": np.full(cases, NOW),
        "not_before": nan,
        "advised_at": nan,
        "worth": np.full(cases, 5000.0),
        "seen_at": none,
        "seen_approved": none.astype(np.bool_),
        "seen_category": none.astype(np.str_),
        "seen_here": none.astype(np.bool_),
        "seen_ratio": none,
        "options": Options(
            route=np.tile(np.arange(routes), (cases, 1)),
            means=np.zeros((cases, routes), dtype=np.int64),
            refused=np.tile(np.arange(routes) == 0, (cases, 1)),
            liked=np.ones((cases, routes)),
        ),
        "cost": np.full((cases, routes), 10.0),
    }
    return Observed(**(fields | given))
