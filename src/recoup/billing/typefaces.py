"""The typefaces of PDFs: what each letter is written in, how wide words are, and where lines break.

The typeface that is embedded has Latin, Greek and Cyrillic letters. What it has none for is written in the typefaces
that readers of PDF bring for Chinese, Japanese and Korean; other scripts show as empty boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import as_file, files
from itertools import groupby
from typing import Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

PLAIN: Final = "RecoupPlain"
STRONG: Final = "RecoupStrong"
_PACKAGE: Final = "ttf_opensans"
_FILES: Final = {PLAIN: "OpenSans-Regular.ttf", STRONG: "OpenSans-SemiBold.ttf"}
_JAPANESE: Final = "HeiseiKakuGo-W5"
_KOREAN: Final = "HYGothic-Medium"
_CHINESE: Final = "STSong-Light"
_KANA: Final = range(0x3040, 0x3100)
_HANGUL: Final = range(0xAC00, 0xD7B0)
_EAST_ASIAN: Final = (range(0x2E80, 0xA000), _HANGUL, range(0xF900, 0xFB00), range(0xFF00, 0xFFF0))


def runs(text: str, font: str) -> Iterator[tuple[str, str]]:
    """A text in pieces of one typeface each: the typeface and the piece."""
    letters = _letters()[font]
    other = _east_asian(text)

    def of(letter: str) -> str:
        return other if ord(letter) not in letters and _is_east_asian(letter) else font

    for name, piece in groupby(text, key=of):
        yield name, "".join(piece)


def width(text: str, size: float, font: str) -> float:
    """How wide a text is, in points."""
    return sum(pdfmetrics.stringWidth(piece, name, size) for name, piece in runs(text, font))


def wrapped(text: str, room: float, size: float, font: str) -> list[str]:
    """A text in lines that are no wider than there is room. Words that are wider alone are broken."""
    lines: list[str] = []
    line = ""
    for word in _words(text, room, size, font):
        longer = f"{line} {word}" if line else word
        if line and width(longer, size, font) > room:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


def _words(text: str, room: float, size: float, font: str) -> Iterator[str]:
    for word in "".join(letter if letter.isprintable() else " " for letter in text).split():
        rest = word
        while width(rest, size, font) > room:
            fits = _fitting(rest, room, size, font)
            yield rest[:fits]
            rest = rest[fits:]
        yield rest


def _fitting(word: str, room: float, size: float, font: str) -> int:
    """How many letters of a word there is room for: one at least."""
    taken, fits = 0.0, 0
    for letter in word:
        taken += width(letter, size, font)
        if taken > room:
            break
        fits += 1
    return max(1, fits)


@lru_cache(maxsize=1)
def _letters() -> dict[str, frozenset[int]]:
    """What the embedded typefaces have letters for; all typefaces are made ready on the way."""
    found = {}
    for name, file in _FILES.items():
        with as_file(files(_PACKAGE) / "ttf" / file) as path:
            typeface = TTFont(name, str(path))
        pdfmetrics.registerFont(typeface)
        found[name] = frozenset(typeface.face.charToGlyph)
    for name in (_JAPANESE, _KOREAN, _CHINESE):
        pdfmetrics.registerFont(UnicodeCIDFont(name))
    return found


def _east_asian(text: str) -> str:
    """Which of the readers' own typefaces a text is for: what looks the same in all three is told by its neighbours."""
    if any(ord(letter) in _KANA for letter in text):
        return _JAPANESE
    return _KOREAN if any(ord(letter) in _HANGUL for letter in text) else _CHINESE


def _is_east_asian(letter: str) -> bool:
    return any(ord(letter) in span for span in _EAST_ASIAN)
