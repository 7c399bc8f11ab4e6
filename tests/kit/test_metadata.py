"""Metadata is merged key by key, and never grows past its limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.metadata import PAIRS_MAX, merged
from recoup.kit.refusals import Refusal

pairs = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=12)


@given(pairs, pairs)
def test_what_is_given_is_set_what_is_empty_goes_and_the_rest_stays(
    old: dict[str, str], new: dict[str, str]
) -> None:
    whole = merged(old, new)
    assert whole == {key: text for key, text in (old | new).items() if key not in new or new[key]}
    assert merged(whole, new) == whole


def test_one_pair_too_many_is_refused() -> None:
    full = {str(number): "x" for number in range(PAIRS_MAX)}
    assert len(merged(full, {"0": "y"})) == PAIRS_MAX
    with pytest.raises(Refusal, match="50 pairs"):
        merged(full, {"one more": "x"})
