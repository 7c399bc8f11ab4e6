"""An API key names its tenant and mode, cannot be guessed, and is kept as a digest only."""

from __future__ import annotations

import hashlib
import os
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.merchants.core import KeyKind, make_key, parse_key

tenants = st.uuids()
kinds = st.sampled_from(KeyKind)
chance = st.binary(min_size=32, max_size=32)
TENANT = UUID("01930000-0000-7000-8000-000000000001")


@given(kinds, tenants, st.booleans(), chance)
def test_a_key_says_whose_it_is(kind: KeyKind, tenant: UUID, livemode: bool, seed: bytes) -> None:
    made = make_key(kind, tenant, livemode=livemode, entropy=lambda _: seed)
    parsed = parse_key(made.text.reveal())
    assert parsed is not None
    assert (parsed.kind, parsed.merchant_id, parsed.livemode) == (kind, tenant, livemode)
    assert parsed.digest == made.digest == hashlib.sha256(made.text.reveal().encode()).digest()


@given(chance, chance)
def test_all_256_bits_of_chance_are_in_the_key(one: bytes, other: bytes) -> None:
    texts = {
        make_key(KeyKind.SECRET, TENANT, livemode=False, entropy=lambda _, seed=seed: seed).text.reveal()  # type: ignore[misc]
        for seed in (one, other)
    }
    assert (len(texts) == 1) is (one == other)


def test_a_key_reads_as_it_is_documented() -> None:
    text = make_key(KeyKind.SECRET, TENANT, livemode=False, entropy=os.urandom).text.reveal()
    assert text.startswith("sk_test_")
    assert len(text) == len("sk_test_") + 26 + 52
    live = make_key(KeyKind.PUBLISHABLE, TENANT, livemode=True, entropy=os.urandom)
    assert live.text.reveal().startswith("pk_live_")


def test_neither_a_key_nor_its_digest_shows() -> None:
    made = make_key(KeyKind.SECRET, TENANT, livemode=False, entropy=os.urandom)
    text = made.text.reveal()
    assert text[34:] not in repr(made)
    assert repr(made.digest) not in repr(made)
    assert made.hint == f"sk_test_…{text[-4:]}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk_test_",
        "sk_test_" + "0" * 77,
        "sk_test_" + "0" * 79,
        "sk_prod_" + "0" * 78,
        "rk_test_" + "0" * 78,
        "sk_test_" + "u" * 78,
        "sk_test_" + "Z" * 78,
        "sk_test_" + "z" * 78,
        "sk_test_" + "0" * 78 + "\n",
    ],
)
def test_what_is_no_key_parses_to_nothing(text: str) -> None:
    assert parse_key(text) is None


@given(st.text(max_size=100))
def test_no_text_breaks_the_parser(text: str) -> None:
    parse_key(text)
