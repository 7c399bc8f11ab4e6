"""Logs: one shape, the request's id, and nothing in them that a log must not hold."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.secret import Secret
from recoup.logs import REDACTED, configure, redact, redact_text, request_context
from recoup.settings import LogFormat, LogLevel

CARD = "4242424242424242"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, as JSON lines; the process's logging is put back afterwards."""
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    with redirect_stderr(written):
        configure(level=LogLevel.INFO, format_=LogFormat.JSON)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def last(written: io.StringIO) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(written.getvalue().splitlines()[-1])
    return line


def luhn_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card_numbers() -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=12, max_size=18).map(lambda digits: digits + luhn_digit(digits))


def test_a_line_carries_its_words_level_time_and_request(lines: io.StringIO) -> None:
    with request_context("req_1"):
        structlog.get_logger("recoup.x").info("payment captured", amount=4999)
    line = last(lines)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "payment captured",
        "level": "info",
        "logger": "recoup.x",
        "request_id": "req_1",
        "amount": 4999,
    }


def test_a_library_s_line_has_the_same_shape(lines: io.StringIO) -> None:
    with request_context("req_2"):
        logging.getLogger("uvicorn.error").warning("lost %s", f"card {CARD}", extra={"token": "abc"})
    line = last(lines)
    assert (line["event"], line["token"]) == (f"lost card {REDACTED}", REDACTED)
    assert (line["request_id"], line["logger"]) == ("req_2", "uvicorn.error")


def test_below_the_level_nothing_is_logged(lines: io.StringIO) -> None:
    structlog.get_logger().debug("quiet")
    assert lines.getvalue() == ""


def test_a_traceback_is_redacted_and_shows_no_variables(lines: io.StringIO) -> None:
    hidden = "in a local variable"
    try:
        raise ValueError(f"bad card {CARD} for sk_test_abc123, {len(hidden)}")
    except ValueError:
        structlog.get_logger().exception("failed")
    line = last(lines)
    assert f"bad card {REDACTED} for {REDACTED}" in line["exception"]
    assert hidden not in line["exception"]


def test_the_console_shape_is_redacted_too() -> None:
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    try:
        with redirect_stderr(written):
            configure(level=LogLevel.INFO, format_=LogFormat.CONSOLE)
        structlog.get_logger().info("charged", card=CARD, cvc="123")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
    assert CARD not in written.getvalue() and "123" not in written.getvalue()


@pytest.mark.parametrize(
    "name",
    (
        *(
            "secret",
            "client_secret",
            "webhook_secret",
            "token",
            "password",
            "Authorization",
            "api_key",
            "apiKey",
        ),
        *("number", "card_number", "cvc", "CVV", "master_key", "credentials", "Set-Cookie", "jwe"),
    ),
)
def test_what_stands_under_a_secret_name_is_redacted(name: str) -> None:
    assert redact({"a": [{name: "x"}]}) == {"a": [{name: REDACTED}]}


@pytest.mark.parametrize("name", ["amount", "idempotency_key", "numbers", "cvc_check", "key_id", "attempt"])
def test_an_ordinary_name_is_not_redacted(name: str) -> None:
    assert redact({name: "x"}) == {name: "x"}


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("4242 4242 4242 4242", REDACTED),
        ("pan=3782-822463-10005;", f"pan={REDACTED};"),
        (f"order 12 {CARD} 99", f"order 12 {REDACTED} 99"),
        ("key sk_live_0aZ9 used", f"key {REDACTED} used"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {REDACTED}"),
        ("postgresql://recoup:hunter2@db/x", f"postgresql://{REDACTED}@db/x"),
        ("whsec_MfKQ9r8G", REDACTED),
        ("2026-11-22T08:08:14.794Z took 12 ms", "2026-11-22T08:08:14.794Z took 12 ms"),
        ("4242424242424241", "4242424242424241"),
    ],
)
def test_text_keeps_its_sense_and_loses_its_secrets(text: str, safe: str) -> None:
    assert redact_text(text) == safe


@given(
    card_numbers(), st.text(alphabet="abc :=,.'\"{}", max_size=20), st.text(alphabet="xyz /;", max_size=20)
)
def test_no_card_number_survives_wherever_it_stands(card: str, before: str, after: str) -> None:
    assert card not in redact_text(before + card + after)


@given(card_numbers(), st.sampled_from([" ", "-", "\t"]), st.integers(2, 6))
def test_no_card_number_survives_in_groups(card: str, separator: str, size: int) -> None:
    grouped = separator.join(card[at : at + size] for at in range(0, len(card), size))
    digits_left = "".join(letter for letter in redact_text(f"a {grouped} b") if letter.isdigit())
    assert card not in digits_left


@given(
    card_numbers(),
    st.recursive(
        st.just(None),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text("ab"), inner, max_size=3)
        ),
    ),
)
def test_no_card_number_survives_at_any_depth(card: str, shape: object) -> None:
    def filled(value: object) -> object:
        match value:
            case None:
                return card
            case list():
                return [filled(one) for one in value]
            case dict():
                return {f"{name}{card}": filled(one) for name, one in value.items()}
            case _:
                raise AssertionError(value)

    for one in (filled(shape), (card, {card}), card.encode(), Secret(card)):
        assert card not in str(redact(one))


@given(st.recursive(st.none() | st.booleans() | st.integers(-(10**11), 10**11) | st.text("abc"), st.lists))
def test_what_is_no_secret_stays_as_it_is(value: object) -> None:
    assert redact(value) == value


@given(st.text(max_size=200))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


def test_a_number_that_is_a_card_is_redacted() -> None:
    assert redact(int(CARD)) == REDACTED
    assert sys.maxsize == redact(sys.maxsize)


def test_a_line_is_written_whatever_it_holds(lines: io.StringIO) -> None:
    """A lone surrogate or a number beyond 64 bits must not cost the line that tells of a failure."""
    structlog.get_logger("test").info("odd", text="\ud800", large=1 << 70)
    assert last(lines)["text"] == "\ud800"


async def test_lines_of_one_turn_leave_together_and_trouble_at_once(lines: io.StringIO) -> None:
    log = structlog.get_logger("recoup.x")
    log.info("first")
    log.info("second")
    assert lines.getvalue() == ""
    await asyncio.sleep(0)
    assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()] == ["first", "second"]
    log.info("third")
    log.warning("trouble")
    assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()[2:]] == ["third", "trouble"]
