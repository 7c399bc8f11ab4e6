"""The encryption: what is sealed opens with its own key in its own place, and nowhere else."""

from __future__ import annotations

import os
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.vault.core import Key, Unreadable
from recoup.vault.core.envelope import NONCE_BYTES

raw_keys = st.binary(min_size=32, max_size=32)
messages = st.binary(max_size=64)


@given(raw_keys, messages, messages)
def test_what_is_sealed_opens(raw: bytes, plain: bytes, aad: bytes) -> None:
    key = Key(raw)
    assert key.unseal(key.seal(plain, aad=aad, entropy=os.urandom), aad=aad) == plain


@given(raw_keys, messages, messages, messages)
def test_another_place_does_not_open_it(raw: bytes, plain: bytes, aad: bytes, other: bytes) -> None:
    key = Key(raw)
    sealed = key.seal(plain, aad=aad, entropy=os.urandom)
    if aad != other:
        with pytest.raises(Unreadable):
            key.unseal(sealed, aad=other)


@given(raw_keys, raw_keys, messages)
def test_another_key_does_not_open_it(raw: bytes, other: bytes, plain: bytes) -> None:
    sealed = Key(raw).seal(plain, aad=b"", entropy=os.urandom)
    if raw != other:
        with pytest.raises(Unreadable):
            Key(other).unseal(sealed, aad=b"")


@given(messages, st.data())
def test_one_changed_bit_does_not_open(plain: bytes, data: st.DataObject) -> None:
    key = Key(bytes(32))
    sealed = bytearray(key.seal(plain, aad=b"", entropy=os.urandom))
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[place // 8] ^= 1 << place % 8
    with pytest.raises(Unreadable):
        key.unseal(bytes(sealed), aad=b"")


@given(messages)
def test_bytes_that_were_never_sealed_do_not_open(garbage: bytes) -> None:
    with pytest.raises(Unreadable):
        Key(bytes(32)).unseal(garbage, aad=b"")


@given(messages)
def test_the_same_thing_sealed_twice_looks_different(plain: bytes) -> None:
    key = Key(bytes(32))
    one, other = (key.seal(plain, aad=b"", entropy=os.urandom) for _ in range(2))
    assert one != other
    assert one[1 : 1 + NONCE_BYTES] != other[1 : 1 + NONCE_BYTES]


@given(raw_keys, raw_keys)
def test_a_wrapped_key_is_the_same_key(outer: bytes, inner: bytes) -> None:
    wrapped = Key(outer).wrap(Key(inner), aad=b"place", entropy=os.urandom)
    assert Key(outer).unwrap(wrapped, aad=b"place").mac(b"x") == Key(inner).mac(b"x")
    assert inner not in wrapped


@given(raw_keys, messages, messages)
def test_a_mac_is_the_same_for_the_same_message_only(raw: bytes, one: bytes, other: bytes) -> None:
    key = Key(raw)
    assert len(key.mac(one)) == 32
    assert (key.mac(one) == key.mac(other)) is (one == other)


def test_keys_for_different_purposes_differ() -> None:
    key = Key(bytes(32))
    assert len({key.mac(b""), key.derive(b"a").mac(b""), key.derive(b"b").mac(b"")}) == 3
    assert key.derive(b"a").mac(b"") == key.derive(b"a").mac(b"")


def test_a_key_shows_itself_to_nobody() -> None:
    key = Key(b"k" * 32)
    assert "kkk" not in f"{key!r} {key!s} {vars(type(key)).keys()}"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        msgspec.json.encode(key)
