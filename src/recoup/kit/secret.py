"""Text that never shows itself: card numbers, keys and tokens travel inside a `Secret`."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn

HIDDEN: Final = "***"


class Secret:
    """Text whose `str`, `repr` and format are stars, and which no serialiser takes. `reveal` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Call it only where it leaves for the one who may have it."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})"

    def __str__(self) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
