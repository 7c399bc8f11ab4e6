"""Metadata: pairs of text that a caller keeps with an object of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recoup.kit.refusals import invalid

PAIRS_MAX: Final = 50


def merged(metadata: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Metadata with changes laid over it: a key that is given is set, an empty value takes it away."""
    whole = {key: text for key, text in {**metadata, **changes}.items() if text or key not in changes}
    if len(whole) > PAIRS_MAX:
        raise invalid(
            "metadata_limit",
            f"`metadata` would have more than {PAIRS_MAX} pairs: take some away with an empty value.",
            param="metadata",
        )
    return whole
