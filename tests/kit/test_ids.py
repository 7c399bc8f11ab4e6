"""Ids sort by the time they were made, are read only as the kind they are, and come back unchanged."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.ids import TEXT_LENGTH, Buffered, Entropy, Kind, made_at, parse, render, uuid7

uuids = st.uuids()
kinds = st.sampled_from(Kind)
FIRST, LAST = datetime(1970, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001 - the strategy gives them their zone
moments = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
chances = st.binary(min_size=10, max_size=10)
MILLISECOND = timedelta(milliseconds=1)


def always(chance: bytes) -> Entropy:
    return lambda _: chance


@given(kinds, uuids)
def test_an_id_comes_back_unchanged(kind: Kind, id_: UUID) -> None:
    text = render(kind, id_)
    assert parse(kind, text) == id_
    assert text.startswith(f"{kind.value}_") and len(text) == len(kind.value) + 1 + TEXT_LENGTH


@given(kinds, kinds, uuids)
def test_an_id_is_read_only_as_the_kind_it_is(kind: Kind, other: Kind, id_: UUID) -> None:
    assert (parse(other, render(kind, id_)) is None) == (kind is not other)


@given(kinds, uuids, uuids)
def test_text_sorts_as_the_ids_do(kind: Kind, one: UUID, other: UUID) -> None:
    assert (render(kind, one) < render(kind, other)) == (one < other)


@given(moments, moments, chances, chances, kinds)
def test_ids_sort_by_the_millisecond_they_were_made_in(
    one: datetime, other: datetime, chance: bytes, other_chance: bytes, kind: Kind
) -> None:
    earlier, later = sorted((one, other))
    if later - earlier >= 2 * MILLISECOND:
        first, second = uuid7(earlier, always(chance)), uuid7(later, always(other_chance))
        assert first < second
        assert render(kind, first) < render(kind, second)


@given(moments, chances)
def test_an_id_tells_when_it_was_made(now: datetime, chance: bytes) -> None:
    id_ = uuid7(now, always(chance))
    assert (id_.version, id_.variant) == (7, "specified in RFC 4122")
    assert abs(made_at(id_) - now) <= MILLISECOND


@given(st.lists(chances, min_size=2, max_size=50, unique=True), moments)
def test_other_chance_is_another_id(chance: list[bytes], now: datetime) -> None:
    """74 of the 80 bits asked for are used, so a difference in those makes another id."""
    used = {int.from_bytes(each, "big") & ~(0b111111 << 62) for each in chance}
    made = {uuid7(now, always(each)) for each in chance}
    assert len(made) == len(used)


@given(st.text(max_size=40), kinds)
def test_any_text_is_an_id_or_none_and_never_an_error(text: str, kind: Kind) -> None:
    id_ = parse(kind, text)
    assert id_ is None or render(kind, id_) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pay",
        "pay_",
        "pay_" + "0" * 25,
        "pay_" + "0" * 27,
        "pay_" + "8" + "0" * 25,  # more than 128 bits
        "pay_" + "0" * 25 + "u",
        "pay_" + "0" * 25 + "!",
        "pay_" + "0" * 12 + "_" + "0" * 13,  # as numbers are written in programs
        "pay_ " + "0" * 25,
        "pay_+" + "0" * 25,
        "PAY_" + "0" * 26,
        "pay_" + "A" * 26,
        "pay_" + "０" * 26,
        "cus_" + "0" * 26,
    ],
)
def test_what_is_no_id_is_none(text: str) -> None:
    assert parse(Kind.PAYMENT, text) is None


def test_prefixes_differ() -> None:
    assert len({kind.value for kind in Kind}) == len(Kind)


def test_many_ids_of_one_moment_differ() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert len({uuid7(now, os.urandom) for _ in range(1000)}) == 1000


def test_a_time_that_does_not_fit_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        uuid7(datetime(1969, 12, 31, tzinfo=UTC), os.urandom)


@given(st.lists(st.integers(1, 40), max_size=60))
def test_no_chance_is_given_twice(sizes: list[int]) -> None:
    """Every byte that is drawn ahead comes out once at most, in its order."""
    numbers = itertools.count()
    chance = Buffered(
        lambda size: b"".join(next(numbers).to_bytes(2, "big") for _ in range(size // 2)), size=64
    )
    given_out = [chance(2 * size) for size in sizes]
    assert [len(one) for one in given_out] == [2 * size for size in sizes]
    out = b"".join(given_out)
    pairs = [int.from_bytes(out[at : at + 2], "big") for at in range(0, len(out), 2)]
    assert pairs == sorted(set(pairs))
