"""German."""

from __future__ import annotations

from typing import Final

from recoup.billing.core.chargeday import Why
from recoup.billing.core.words.base import InvoiceWords

_LIKELIEST: Final = (
    "Der Betrag wird am {day} statt am {due} abgebucht: An diesem der Tage, denen Sie zugestimmt haben, "
    "ist das Geld am wahrscheinlichsten da."
)
WORDS: Final = InvoiceWords(
    language="de",
    title="Rechnung",
    test="Testmodus: Es fließt kein echtes Geld.",
    number="Rechnungsnummer",
    issued="Rechnungsdatum",
    due="Fällig am",
    charge="Wird abgebucht am",
    paid_on="Bezahlt am",
    period="Zeitraum",
    seller="Von",
    buyer="An",
    tax_id="Steuernummer",
    item="Beschreibung",
    quantity="Menge",
    amount="Betrag",
    discount="Rabatt",
    subtotal="Zwischensumme",
    total="Summe",
    credit_used="Aus Ihrem Guthaben bezahlt",
    credit_kept="Ihrem Guthaben gutgeschrieben",
    amount_due="Zu zahlen",
    open="{amount} sind am {due} fällig.",
    will_charge="{amount} werden am {day} abgebucht. Sie müssen nichts tun.",
    paid="Am {day} bezahlt. Vielen Dank.",
    paid_elsewhere="Am {day} auf anderem Weg bezahlt. Vielen Dank.",
    nothing_due="Es ist nichts zu bezahlen.",
    void="Diese Rechnung ist ungültig. Für sie ist nichts zu bezahlen.",
    moved={
        Why.STATED: (
            "Der Betrag wird am {day} statt am {due} abgebucht: Von den Tagen, denen Sie zugestimmt haben, "
            "passt dieser zu dem Zahltag, den Sie uns genannt haben."
        ),
        Why.LEARNED: _LIKELIEST,
        Why.USUAL: _LIKELIEST,
        Why.MORNING: (
            "Der Betrag wird am Morgen des {day} statt am {due} abgebucht: Bis dahin ist das Gehalt meist gebucht."
        ),
        Why.HOUR: (
            "Der Betrag wird am {day} statt am {due} abgebucht, zu der Stunde, zu der Ihre Bank die meisten "
            "Zahlungen genehmigt."
        ),
        Why.LATE: "Der Betrag wird am {day} abgebucht: Am {due}, als er fällig war, war das nicht möglich.",
    },
    moved_so="Der Betrag wird am {day} statt am {due} abgebucht.",
    download="Als PDF herunterladen",
    page="Seite {page} von {pages}",
)
