"""What the inbox thinks: names, what is kept of headers, what weighs most, how long it waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from recoup.connectors.base import Authentic, Delivery, Notice, Subject
from recoup.connectors.base.webhooks import body_digest
from recoup.webhooks.core.inbox import (
    FAILURES_MAX,
    HEADER_BYTES_MAX,
    HEADERS_MAX,
    NAME_LENGTH_MAX,
    Result,
    Told,
    fitting,
    headers_kept,
    look_again_at,
    name_of,
    packed,
    result_of,
    unpacked,
    unproved_name,
    wait_after,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def delivery(body: bytes = b"{}") -> Delivery:
    return Delivery({"x-signature": "00"}, body, NOW, "https://pay.example/v1/inbound/pa_1")


@given(st.text(max_size=700))
def test_every_name_fits_the_journal(name: str) -> None:
    kept = fitting(name)
    assert 1 <= len(kept) <= NAME_LENGTH_MAX
    assert "\x00" not in kept
    assert kept.encode()


@given(st.dictionaries(st.binary(min_size=1, max_size=30), st.binary(max_size=3000), max_size=80))
def test_no_more_is_kept_of_headers_than_is_needed(given_: dict[bytes, bytes]) -> None:
    kept = headers_kept(given_ | {b"Authorization": b"Bearer sk", b"cookie": b"a=b"})
    assert len(kept) <= HEADERS_MAX
    assert sum(len(name) + len(value) for name, value in kept.items()) <= HEADER_BYTES_MAX
    assert not {"authorization", "cookie"} & set(kept)


def test_what_is_sealed_comes_back_whole() -> None:
    for body in (b"", b"\x00\xff", b'{"id": 1}'):
        assert unpacked(packed(delivery(body)), received_at=NOW) == delivery(body)


def test_a_delivery_has_its_processors_name_else_its_events_else_its_bodys() -> None:
    one = Notice("evt_1", Subject.OTHER, None)
    digest = body_digest(delivery())
    assert name_of(Authentic("d-1"), delivery(), [one]) == "d-1"
    assert name_of(Authentic(digest), delivery(), [one]) == "evt_1"
    assert name_of(Authentic(digest), delivery(), [one, one]) == digest
    assert unproved_name(delivery()) not in {digest, "d-1"}


def test_what_a_person_must_see_weighs_most() -> None:
    def told(*results: Result) -> Result:
        return result_of([Told("e", "charge", one) for one in results])

    assert told() is Result.UNREADABLE
    assert told(Result.APPLIED, Result.CONTRADICTION, Result.KNOWN) is Result.CONTRADICTION
    assert told(Result.KNOWN, Result.FOREIGN, Result.APPLIED) is Result.APPLIED
    assert told(Result.UNUSED, Result.KNOWN) is Result.UNUSED
    assert all(told(one) is one for one in Result)


def test_it_is_tried_for_hours_and_ever_later() -> None:
    waits = [wait_after(tries) for tries in range(1, FAILURES_MAX)]
    assert waits == sorted(waits)
    assert timedelta(hours=8) < sum(waits, timedelta()) < timedelta(days=2)


def test_what_cannot_be_judged_waits_longer_each_time_and_is_never_given_up() -> None:
    """A refund may be under way for weeks: asking every five minutes would be thousands of times."""
    now, looks = datetime(2026, 11, 22, tzinfo=UTC), 0
    asked, waits, end = timedelta(minutes=5), [], now + timedelta(days=90)
    while now < end:
        looks += 1
        again = look_again_at(now + asked, times=looks, now=now)
        waits.append(again - now)
        now = again
    assert waits[0] == asked and waits == sorted(waits)
    assert waits[-1] == timedelta(days=1) and looks < 110
    assert look_again_at(now - asked, times=1, now=now) == now
