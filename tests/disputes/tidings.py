"""News of disputes, made up: any that a processor could tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from hypothesis import strategies as st

from recoup.connectors.base import DisputeState as News
from recoup.disputes.core.concluding import begun
from recoup.disputes.core.records import Dispute, Tidings
from recoup.kit.money import Money

NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
ID: Final = UUID(int=7)

amounts: Final = st.builds(Money, st.integers(0, 3), st.sampled_from(["USD", "EUR"]))
times: Final = st.builds(lambda hours: NOW + timedelta(hours=hours), st.integers(0, 4))
tidings: Final = st.builds(
    Tidings,
    st.sampled_from(News),
    occurred_at=st.none() | times,
    amount=st.none() | amounts,
    fee=st.none() | amounts,
    reason=st.sampled_from([None, "10.4", "13.1", "fraudulent"]),
    network=st.sampled_from([None, "visa"]),
    evidence_due=st.none() | times,
    withdrawn=st.none() | st.booleans(),
)
stories: Final = st.lists(tidings, min_size=1, max_size=6)


def nothing_yet() -> Dispute:
    """A dispute of which nothing is written."""
    return begun(ID, ID, ID, "du_1", now=NOW)


def told(state: News, hours: int, **more: object) -> Tidings:
    """A piece of news, so many hours later."""
    return Tidings(state, occurred_at=NOW + timedelta(hours=hours), **more)  # type: ignore[arg-type]
