"""An invoice's sheet as a PDF: A4, as many pages as its lines need, the same bytes for the same sheet.

All is lines first, from top to bottom; then they are put on pages, so that each page can say how many there are; then
drawn. On a new page the heading of the table stands again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import zip_longest
from threading import Lock
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from recoup.billing.core.document import Party, Row, Sheet
from recoup.billing.core.words import INVOICE_WORDS, InvoiceWords
from recoup.billing.typefaces import PLAIN, STRONG, runs, width, wrapped
from recoup.messages.core.policy import filled

PAGES_MAX: Final = 1_000
"""Far more than the most lines with the longest words need."""
_WIDTH, _HEIGHT = A4
_LEFT: Final = 56.0
_RIGHT: Final = _WIDTH - 56.0
_TOP: Final = _HEIGHT - 70.0
_BOTTOM: Final = 76.0
_FOOT: Final = 44.0
_HALF: Final = 310.0
"""Where the right of two columns begins, and how wide both are."""
_COLUMN: Final = _RIGHT - _HALF
_QUANTITY: Final = _RIGHT - 110.0
"""Where quantities end; amounts end at the right."""
_TEXT: Final = _QUANTITY - 70.0 - _LEFT
_SIZE: Final = 9.5
_SMALL: Final = 8.0
_LARGE: Final = 18.0
_LEADING: Final = 1.45
"""From one line to the next, in sizes of its letters."""
_GREY: Final = 0.35
_ONE_AT_A_TIME: Final = Lock()
"""The typefaces are one for all: while a PDF takes letters from them, no other may."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Words at a place of their line, from there on or, with `ends`, up to there."""

    x: float
    text: str
    size: float = _SIZE
    font: str = PLAIN
    ends: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """What stands on one height. `rule`: where a stroke below it begins. `of_table`: where it begins a page, the
    heading stands above it. `with_next`: how many lines after it must be on the same page."""

    cells: tuple[Cell, ...] = ()
    height: float = _SIZE * _LEADING
    rule: float | None = None
    of_table: bool = False
    with_next: int = 0


_AIR: Final = Line()


def printed(sheet: Sheet) -> bytes:
    """The PDF. It takes some milliseconds of the processor: ask for it beside the loop."""
    words = INVOICE_WORDS[sheet.language]
    with _ONE_AT_A_TIME:
        pages = paged(list(_lines(sheet, words)), _heading(words))
        return _drawn(sheet, words, pages)


def paged(lines: Sequence[Line], heading: Line) -> list[list[tuple[float, Line]]]:
    """The lines by pages, each with its height above the page's foot."""
    pages: list[list[tuple[float, Line]]] = [[]]
    y = _TOP
    for place, line in enumerate(lines):
        needed = sum(one.height for one in lines[place : place + 1 + line.with_next])
        if y - needed < _BOTTOM and pages[-1]:
            assert len(pages) < PAGES_MAX, "an invoice has an end"
            pages.append([])
            y = _TOP
            if line.of_table:
                pages[-1].append((y, heading))
                y -= heading.height
        pages[-1].append((y, line))
        y -= line.height
    return pages


def _lines(sheet: Sheet, words: InvoiceWords) -> Iterator[Line]:
    for text in wrapped(f"{sheet.title} {sheet.number}", _RIGHT - _LEFT, _LARGE, STRONG):
        yield Line((Cell(_LEFT, text, _LARGE, STRONG),), _LARGE * _LEADING)
    yield _AIR
    left = [*_party(words.seller, sheet.seller), *_party(words.buyer, sheet.buyer)]
    right = [line for label, said in sheet.facts for line in _fact(label, said)]
    for ours, theirs in zip_longest(left, right, fillvalue=()):
        yield Line((*ours, *theirs))
    yield _AIR
    for note in sheet.notes:
        yield from _paragraph(note, _SIZE)
    yield _AIR
    yield _heading(words)
    for row in sheet.rows:
        yield from _row(row)
    yield _AIR
    yield from _sums(sheet)
    yield _AIR
    for paragraph in sheet.footer.splitlines():
        yield from _paragraph(paragraph, _SMALL)


def _party(label: str, party: Party) -> Iterator[tuple[Cell, ...]]:
    """Who it is, and an empty line."""
    if not party.is_known:
        return
    yield (Cell(_LEFT, label, _SMALL, quiet=True),)
    room = _HALF - _LEFT - 20
    for text in wrapped(party.name, room, _SIZE, STRONG):
        yield (Cell(_LEFT, text, font=STRONG),)
    for line in party.lines:
        for text in wrapped(line, room, _SIZE, PLAIN):
            yield (Cell(_LEFT, text),)
    yield ()


def _fact(label: str, said: str) -> Iterator[tuple[Cell, ...]]:
    """A label at the left of its column and what is said at the right; on two lines where there is no room for both."""
    named, telling = Cell(_HALF, label, _SIZE, quiet=True), Cell(_RIGHT, said, ends=True)
    if width(label, _SIZE, PLAIN) + width(said, _SIZE, PLAIN) + 10 <= _COLUMN:
        yield (named, telling)
        return
    yield (named,)
    for text in wrapped(said, _COLUMN, _SIZE, PLAIN):
        yield (Cell(_RIGHT, text, ends=True),)


def _paragraph(text: str, size: float) -> Iterator[Line]:
    lines = wrapped(text, _RIGHT - _LEFT, size, PLAIN) or [""]
    for line in lines:
        yield Line((Cell(_LEFT, line, size),), size * _LEADING)


def _heading(words: InvoiceWords) -> Line:
    cells = (
        Cell(_LEFT, words.item, _SMALL, STRONG),
        Cell(_QUANTITY, words.quantity, _SMALL, STRONG, ends=True),
        Cell(_RIGHT, words.amount, _SMALL, STRONG, ends=True),
    )
    return Line(cells, _SIZE * _LEADING * 1.4, rule=_LEFT, with_next=1)


def _row(row: Row) -> Iterator[Line]:
    """A line of the invoice: words, quantity and amount; below the words their days, and what discounts took."""
    texts = [Cell(_LEFT, text) for text in wrapped(row.text, _TEXT, _SIZE, PLAIN) or [""]]
    below = filter(None, (row.period, *row.cuts))
    texts += [
        Cell(_LEFT, line, _SMALL, quiet=True)
        for text in below
        for line in wrapped(text, _TEXT, _SMALL, PLAIN)
    ]
    beside = (Cell(_QUANTITY, row.quantity, ends=True), Cell(_RIGHT, row.amount, ends=True))
    last = len(texts) - 1
    for place, text in enumerate(texts):
        cells = (text, *beside) if place == 0 else (text,)
        height = _SIZE * _LEADING * (1.4 if place == last else 1)
        yield Line(cells, height, of_table=True, with_next=1 if place == 0 and last else 0)


def _sums(sheet: Sheet) -> Iterator[Line]:
    """What it comes to; the last is what is to be paid, and stands out. They stay together."""
    last = len(sheet.sums) - 1
    for place, (label, said) in enumerate(sheet.sums):
        font = STRONG if place == last else PLAIN
        cells = (Cell(_HALF, label, font=font), Cell(_RIGHT, said, font=font, ends=True))
        is_ruled = place == last - 1
        height = _SIZE * _LEADING * (1.4 if is_ruled else 1)
        yield Line(cells, height, rule=_HALF if is_ruled else None, with_next=last - place)


def _drawn(sheet: Sheet, words: InvoiceWords, pages: Sequence[Sequence[tuple[float, Line]]]) -> bytes:
    paper = BytesIO()
    canvas = Canvas(paper, pagesize=A4, invariant=1, lang=sheet.language, pageCompression=1)
    canvas.setTitle(f"{sheet.title} {sheet.number}")
    canvas.setAuthor(sheet.seller.name)
    canvas.setSubject(sheet.title)
    canvas.setCreator("Recoup")
    for number, page in enumerate(pages, 1):
        for y, line in page:
            _draw(canvas, line, y)
        at = filled(words.page, {"page": str(number), "pages": str(len(pages))})
        foot = (
            Cell(_LEFT, f"{sheet.title} {sheet.number}", _SMALL, quiet=True),
            Cell(_RIGHT, at, _SMALL, ends=True, quiet=True),
        )
        _draw(canvas, Line(foot), _FOOT)
        canvas.showPage()
    canvas.save()
    return paper.getvalue()


def _draw(canvas: Canvas, line: Line, y: float) -> None:
    for cell in line.cells:
        canvas.setFillGray(_GREY if cell.quiet else 0)
        x = cell.x - width(cell.text, cell.size, cell.font) if cell.ends else cell.x
        for font, piece in runs(cell.text, cell.font):
            canvas.setFont(font, cell.size)
            canvas.drawString(x, y, piece)
            x += width(piece, cell.size, cell.font)
    if line.rule is not None:
        below = y - _SIZE * 0.5
        canvas.setStrokeGray(_GREY)
        canvas.setLineWidth(0.5)
        canvas.line(line.rule, below, _RIGHT, below)
