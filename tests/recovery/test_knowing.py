"""What a plan is made from: the refusal that is being recovered is no evidence beside itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tests.recovery.cases import NOW, case, decline, payment, tried_again

from recoup.payments.core import DeclineRecord
from recoup.recovery.core import Case
from recoup.recovery.core.planning import Asked, asked_of


def seen_by(one: Case) -> list[datetime]:
    asked = asked_of(one, NOW + timedelta(hours=1))
    assert isinstance(asked, Asked)
    return [earlier.at for earlier in asked.known.seen]


def test_a_refusal_that_took_a_moment_is_seen_once() -> None:
    """Its try began before it was refused: with two times it would count as two tries."""
    slow = payment()
    slow = replace(slow, decline=DeclineRecord(decline(), NOW + timedelta(milliseconds=180)))
    assert seen_by(case(slow)) == []
    again = tried_again(slow, NOW + timedelta(minutes=5), decline())
    late = DeclineRecord(decline(), NOW + timedelta(minutes=5, milliseconds=240))
    assert seen_by(case(replace(again, decline=late))) == [NOW]
