"""What customers send by the forms of our pages, read; and what their browsers tell of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recoup.connectors.base import Browser
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.messages.core.policy import filled
from recoup.messages.core.words import LANGUAGES, Words
from recoup.vault.wire import CardData, CardMethodData

FIELDS_MAX: Final = 10
FORM_BYTES_MAX: Final = 2_000
MOVED_ON: Final = frozenset(
    {"payment_unexpected_state", "payment_under_way", "payment_busy", "outcome_not_stored"}
)
"""Refusals that the page itself explains, for it shows what the payment has come to."""
_HEADER_MAX: Final = 2_000
_WRONG: Final[Mapping[str, str]] = {
    "number": "wrong_number",
    "exp_month": "wrong_expiry",
    "exp_year": "wrong_expiry",
    "cvc": "wrong_cvc",
}
_TRIED_TOO_OFTEN: Final = "attempts_exhausted"
_DIGITS: Final = frozenset("0123456789")


class WrongField(Exception):
    """Something on the form cannot be; `said` is the name of the words that say so."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class Told:
    """The sentences of a language with their blanks filled in, by their names."""

    def __init__(self, words: Words, blanks: dict[str, str]) -> None:
        self._words, self._blanks = words, blanks

    def __getitem__(self, name: str) -> str:
        return filled(str(getattr(self._words, name)), self._blanks)


def problem_of(refusal: Refusal) -> str:
    """The name of the words for what a refusal says."""
    field = (refusal.param or "").rpartition(".")[2]
    return "too_many" if refusal.code == _TRIED_TOO_OFTEN else _WRONG.get(field, "not_taken")


def card_of(form: Mapping[str, str]) -> CardMethodData:
    """The card of a form; raises `WrongField` for what cannot be read."""
    expiry = form.get("expiry", "").replace(" ", "")
    month, slash, year = expiry.partition("/")
    if not slash and len(expiry) in (4, 6):  # without the stroke, as some keyboards make it
        month, year = expiry[:2], expiry[2:]
    if not (_is_number(month, at_most=2) and _is_number(year, at_most=4) and 1 <= int(month) <= 12):
        raise WrongField("wrong_expiry")
    cvc = form.get("cvc", "").strip()
    if not _is_number(cvc, at_most=4) or len(cvc) < 3:
        raise WrongField("wrong_cvc")
    return CardMethodData(
        card=CardData(
            number=Secret(form.get("number", "").strip()),
            exp_month=int(month),
            exp_year=int(year),
            cvc=Secret(cvc),
        )
    )


def browser_of(headers: Mapping[bytes, bytes]) -> Browser:
    """What a browser without scripts says of itself; banks decide by it."""

    def said(name: bytes) -> str | None:
        value = headers.get(name, b"").decode("latin-1")[:_HEADER_MAX]
        return value if value and value.isprintable() else None

    language = (said(b"accept-language") or "").partition(",")[0].partition(";")[0].strip()
    return Browser(user_agent=said(b"user-agent"), accept=said(b"accept"), language=language or None)


def language_of(headers: Mapping[bytes, bytes]) -> str:
    """The language of somebody of whom nothing else is known."""
    wanted = headers.get(b"accept-language", b"").decode("latin-1").lower()
    found = (part.strip()[:2] for part in wanted.split(","))
    return next((one for one in found if one in LANGUAGES), "en")


def _is_number(text: str, *, at_most: int) -> bool:
    return 0 < len(text) <= at_most and _DIGITS.issuperset(text)
