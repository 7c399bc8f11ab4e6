"""A secret never shows: not printed, formatted, logged, pickled, copied or serialised."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.secret import HIDDEN, Secret

secrets = st.text(alphabet="0123456789abcdef", min_size=12, max_size=40)


@dataclass(frozen=True, slots=True)
class Holder:
    card: Secret


@given(secrets)
def test_no_way_of_writing_it_shows_it(text: str) -> None:
    secret = Secret(text)
    written = [str(secret), repr(secret), f"{secret}", f"{secret!r}", f"{secret!a}", format(secret)]
    written += [str([secret]), str({"card": secret}), repr(Holder(secret))]
    written += [str(ValueError(secret)), repr(ValueError(secret))]
    assert not any(text in each for each in written)
    assert all(HIDDEN in each for each in written)


@given(secrets)
def test_only_reveal_gives_it(text: str) -> None:
    assert Secret(text).reveal() == text


@given(secrets)
def test_no_serialiser_takes_it(text: str) -> None:
    secret = Secret(text)
    for serialise in (
        json.dumps,
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        pickle.dumps,
    ):
        with pytest.raises(TypeError) as refused:
            serialise(secret)
        assert text not in str(refused.value)
    for duplicate in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            duplicate(secret)


@given(secrets)
def test_it_is_no_text(text: str) -> None:
    """Joining it to a text would be the usual way to leak it."""
    secret: Any = Secret(text)
    assert secret != text
    with pytest.raises(TypeError):
        "Bearer " + secret
    with pytest.raises(TypeError):
        ", ".join([secret])
    assert not hasattr(secret, "__dict__")


def test_a_log_line_does_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("a test").info(
            "card %s, again %r", Secret("4242424242424242"), Secret("4242424242424242")
        )
    assert "4242" not in caplog.text and HIDDEN in caplog.text


@given(secrets, secrets)
def test_secrets_are_equal_when_their_texts_are(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) == (one == other)
    assert Secret(one) == Secret(one)
    assert hash(Secret(one)) == hash(Secret(one))
    assert bool(Secret(one)) and not Secret("")
