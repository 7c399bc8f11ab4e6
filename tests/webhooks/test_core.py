"""What the outbox decides by itself: where it may send, when it tries again, whom it wakes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.refusals import Refusal
from recoup.webhooks.core import deliveries, endpoints
from recoup.webhooks.core.addresses import check_url, may_be_sent_to, read_networks
from recoup.webhooks.core.endpoints import matches
from recoup.webhooks.core.schedule import (
    IN_FLIGHT_OF_ONE_MAX,
    JITTER,
    PAUSE_MAX,
    RETRY_AFTER_MAX,
    TRIED_FOR,
    WAITS,
    Again,
    Answered,
    Delivered,
    Pace,
    Parked,
    after,
    retry_after,
)
from recoup.webhooks.core.signing import OVERLAP_MAX, SECRETS_MAX, SigningSecret, active, new_secret, rotated

NOW = datetime(2026, 11, 22, 5, tzinfo=UTC)
FAILED = Answered(500)


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.8.8.8",
        "168.63.129.16",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2001::1",
        "2002:7f00:1::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_a_live_webhook_goes_to_no_address_that_only_we_can_reach(text: str) -> None:
    assert not may_be_sent_to(ip_address(text), livemode=True)


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.3.1",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_a_live_webhook_goes_to_public_addresses(text: str) -> None:
    assert may_be_sent_to(ip_address(text), livemode=True)


def test_test_mode_reaches_the_machine_itself_and_no_other_private_address() -> None:
    for text in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert may_be_sent_to(ip_address(text), livemode=False)
    for text in ("10.0.0.1", "169.254.169.254", "0.0.0.0", "::", "fe80::1"):
        assert not may_be_sent_to(ip_address(text), livemode=False)


def test_networks_that_the_operator_names_are_reached() -> None:
    allowed = read_networks("10.1.0.0/16, fd00:1::/64")
    assert may_be_sent_to(ip_address("10.1.2.3"), livemode=True, allowed=allowed)
    assert may_be_sent_to(ip_address("::ffff:10.1.2.3"), livemode=True, allowed=allowed)
    assert may_be_sent_to(ip_address("fd00:1::5"), livemode=True, allowed=allowed)
    assert not may_be_sent_to(ip_address("10.2.0.1"), livemode=True, allowed=allowed)
    with pytest.raises(ValueError, match="host bits"):
        read_networks("10.1.0.1/16")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "ftp://shop.example/",
        "https://",
        "https:///hook",
        "https://user@shop.example/",
        "https://shop.example/#part",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://shop.example/a b",
        "https://shop.example\\@10.0.0.1/",
        "https://shop.example/\r\nHost: other",
        "http://shop.example/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://hook.LOCALHOST./",
        "https://2130706433/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1%25eth0]/",
    ],
)
def test_a_live_url_that_could_lead_astray_is_refused(url: str) -> None:
    with pytest.raises(Refusal):
        check_url(url, livemode=True)


def test_a_good_url_is_kept_as_it_is() -> None:
    for url in ("https://shop.example/hook?shop=1", "https://shop.example:8443/", "https://8.8.8.8/hook"):
        assert check_url(url, livemode=True) == url
    assert check_url("http://localhost:3000/hook", livemode=False) == "http://localhost:3000/hook"


@given(chances=st.lists(st.floats(0, 1), min_size=60, max_size=60))
def test_waits_grow_and_a_delivery_that_always_fails_is_parked_after_three_days(chances: list[float]) -> None:
    now, since, tries = NOW, None, 0
    for chance in chances:
        next_ = after(FAILED, tries=tries, trying_since=since, now=now, chance=chance)
        since = since or now
        if not isinstance(next_, Again):
            break
        wait = next_.at - now
        usual = WAITS[min(tries, len(WAITS) - 1)]
        assert wait <= usual * (1 + JITTER)
        assert wait >= usual * (1 - JITTER) or next_.at == since + TRIED_FOR
        now, tries = next_.at, tries + 1
    assert isinstance(next_, Parked)
    assert since is not None
    assert now - since == TRIED_FOR
    assert tries < 25


@given(status=st.integers(100, 599))
def test_only_2xx_is_a_success(status: int) -> None:
    next_ = after(Answered(status), tries=0, trying_since=None, now=NOW, chance=0.5)
    assert isinstance(next_, Delivered) is (200 <= status < 300)


@given(seconds=st.integers(0, 10**12))
def test_a_retry_after_lengthens_a_wait_within_limits(seconds: int) -> None:
    asked = retry_after(str(seconds), now=NOW)
    assert asked is not None
    next_ = after(Answered(503, retry_after=asked), tries=0, trying_since=None, now=NOW, chance=0.5)
    assert isinstance(next_, Again)
    assert max(WAITS[0], min(timedelta(seconds=min(seconds, 10**9)), RETRY_AFTER_MAX)) == next_.at - NOW


def test_a_retry_after_may_be_a_date_and_nonsense_is_passed_over() -> None:
    assert retry_after(format_datetime(NOW + timedelta(minutes=5), usegmt=True), now=NOW) == timedelta(
        minutes=5
    )
    assert retry_after(format_datetime(NOW - timedelta(minutes=5), usegmt=True), now=NOW) == timedelta(0)
    for text in ("", "soon", "-5", "1e3", "٣", "Sun, 99 Nov 2026 05:00:00 GMT"):
        assert retry_after(text, now=NOW) is None


@given(answers=st.lists(st.sampled_from([200, 400, 429, 500, 503, None]), max_size=80))
def test_a_pace_keeps_its_limits_and_comes_back(answers: list[int | None]) -> None:
    """Whoever answers, whatever they say, is never made to pause."""
    pace = Pace()
    for status in answers:
        pace = pace.after(Answered(status), now=NOW)
        assert 1 <= pace.at_once <= IN_FLIGHT_OF_ONE_MAX
        assert pace.not_before is None or pace.not_before - NOW <= PAUSE_MAX
        if status in {200, 400, 500}:
            assert pace.room(in_flight=0, now=NOW) > 0
    assert pace.room(in_flight=0, now=NOW + PAUSE_MAX) > 0


@given(filters=st.lists(st.sampled_from(["*", "payment.*", "payment.captured", "refund.failed"])))
def test_a_filter_takes_what_it_says(filters: list[str]) -> None:
    assert matches(filters, "payment.captured") == bool({"*", "payment.*", "payment.captured"} & {*filters})
    assert matches(filters, "payment_method.created") == ("*" in filters)


@given(overlaps=st.lists(st.integers(0, int(OVERLAP_MAX.total_seconds())), min_size=1, max_size=6))
def test_rotating_never_lengthens_a_secret_s_life(overlaps: list[int]) -> None:
    count = iter(range(1, 100))
    secrets: tuple[SigningSecret, ...] = (new_secret(lambda size: bytes([next(count)]) * size),)
    for overlap in overlaps:
        fresh = new_secret(lambda size: bytes([next(count)]) * size)
        before = {one.secret: one.until for one in secrets}
        secrets = rotated(secrets, fresh, now=NOW, overlap=timedelta(seconds=overlap))
        assert secrets[0].until is None
        assert len(secrets) <= SECRETS_MAX
        for one in secrets[1:]:
            earlier = before[one.secret]
            assert one.until is not None
            assert earlier is None or one.until <= earlier
    assert active(secrets, now=NOW + OVERLAP_MAX) == secrets[:1]


def test_every_state_is_in_its_table_of_moves() -> None:
    assert set(endpoints.MOVES) == set(endpoints.State)
    assert set(deliveries.MOVES) == set(deliveries.Status)
