"""What customers read on an invoice, by language: one file each, for the languages that messages have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recoup.billing.core.words import de, en, es, fr, nl
from recoup.billing.core.words.base import InvoiceWords

INVOICE_WORDS: Final[Mapping[str, InvoiceWords]] = {
    one.language: one for one in (en.WORDS, de.WORDS, fr.WORDS, es.WORDS, nl.WORDS)
}

__all__ = ["INVOICE_WORDS", "InvoiceWords"]
