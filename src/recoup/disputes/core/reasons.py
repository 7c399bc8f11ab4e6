"""What a dispute is about, by the raw reason and network that its processor told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from recoup.disputes.codes.amex import AMEX
from recoup.disputes.codes.discover import DISCOVER
from recoup.disputes.codes.mastercard import MASTERCARD
from recoup.disputes.codes.processors import PROCESSORS
from recoup.disputes.codes.visa import VISA
from recoup.disputes.codes.words import Category, ReasonCode

NETWORKS: Final[Mapping[str, tuple[ReasonCode, ...]]] = {
    "visa": VISA,
    "mastercard": MASTERCARD,
    "amex": AMEX,
    "discover": DISCOVER,
    "diners": DISCOVER,
}
_BY_NETWORK: Final = {name: {one.code: one for one in table} for name, table in NETWORKS.items()}
_ALL: Final = (*VISA, *MASTERCARD, *AMEX, *DISCOVER)
_TIMES: Final = Counter(one.code for one in _ALL)
_ANYWHERE: Final = {one.code: one for one in _ALL if _TIMES[one.code] == 1}
_WORDS: Final = {one.code: one for one in PROCESSORS}


def reason_code(reason: str | None, network: str | None) -> ReasonCode | None:
    """What a raw reason means: a code of the network it came from, else of the only one that has it, else a word."""
    if not reason:
        return None
    code = reason.strip().upper()
    word = reason.strip().lower().replace("-", "_").replace(" ", "_")
    own = _BY_NETWORK.get((network or "").lower())
    found = _ANYWHERE.get(code) if own is None else own.get(code)
    return found or _WORDS.get(word)


def category_of(reason: str | None, network: str | None, *, is_warning: bool) -> Category:
    """What a dispute is about. An early warning without a reason that anybody knows is one of fraud."""
    found = reason_code(reason, network)
    if found is not None:
        return found.category
    return Category.FRAUDULENT if is_warning else Category.GENERAL
