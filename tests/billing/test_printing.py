"""The PDF, read by a reader that is not ours: all the words of its sheet, on numbered pages, the same every time."""

from __future__ import annotations

from io import BytesIO

from hypothesis import given, settings
from pypdf import PdfReader
from tests.billing.papers import invoices, known, line, opened

from recoup.billing.core.amounts import LINES_MAX
from recoup.billing.core.document import Sheet, sheet_of
from recoup.billing.core.records import Invoice
from recoup.billing.printing import printed


def read(sheet: Sheet) -> list[str]:
    """The text of every page."""
    return [page.extract_text() for page in PdfReader(BytesIO(printed(sheet))).pages]


def squeezed(text: str) -> str:
    """Without what a line's end or a change of typeface puts between letters."""
    return "".join(letter for letter in text if letter.isprintable() and not letter.isspace())


@given(invoices())
@settings(max_examples=25, deadline=None)
def test_all_that_is_on_the_sheet_is_in_the_pdf(invoice: Invoice) -> None:
    """Above all its amounts: each stands there in one piece, as often as the sheet has it."""
    sheet = sheet_of(known(invoice, language="de"))
    text = "\n".join(read(sheet))
    amounts = [row.amount for row in sheet.rows] + [said for _, said in sheet.sums]
    for amount in {*amounts}:
        assert text.split("\n").count(amount) >= amounts.count(amount), amount
    all_of_it = squeezed(text)
    for said in (*sheet.notes, sheet.seller.name, *sheet.seller.lines, sheet.buyer.name, *sheet.buyer.lines):
        assert squeezed(said) in all_of_it, said
    for row in sheet.rows:
        assert squeezed(row.text) in all_of_it, row.text


def test_the_same_sheet_is_the_same_pdf_and_one_page_is_enough_for_most() -> None:
    sheet = sheet_of(known(opened(line(3000), line(-500), line(0, currency="EUR"))))
    assert printed(sheet) == printed(sheet)
    (page,) = read(sheet)
    assert "Page 1 of 1" in page and "LAMP-42" in page and "Łucja Παπαδοπούλου" in page


def test_many_lines_go_on_under_the_same_heading_and_every_page_has_its_number() -> None:
    lines = [line(100 + place, description=f"Item {place:03} of many") for place in range(LINES_MAX)]
    pages = read(sheet_of(known(opened(*lines))))
    assert 5 < len(pages) < 20
    for place, page in enumerate(pages, 1):
        assert f"Page {place} of {len(pages)}" in page
        assert "Description" in page or "Subtotal" in page
    found = [
        page_no
        for place in range(LINES_MAX)
        for page_no, page in enumerate(pages)
        if f"Item {place:03} of" in page
    ]
    assert len(found) == LINES_MAX and found == sorted(found)
    assert "Subtotal" in pages[-1] and "Amount due" in pages[-1], "sums stay together"


def test_words_that_are_too_long_are_broken_and_none_is_lost() -> None:
    long = "W" * 400
    (page,) = read(sheet_of(known(opened(line(1, description=long)))))
    assert squeezed(page).count("W") == 400
