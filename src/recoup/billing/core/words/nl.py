"""Dutch."""

from __future__ import annotations

from typing import Final

from recoup.billing.core.chargeday import Why
from recoup.billing.core.words.base import InvoiceWords

_LIKELIEST: Final = (
    "Het bedrag wordt op {day} afgeschreven in plaats van op {due}: van de dagen waarmee u hebt "
    "ingestemd, is het geld er dan het waarschijnlijkst."
)
WORDS: Final = InvoiceWords(
    language="nl",
    title="Factuur",
    test="Testmodus: er gaat geen echt geld om.",
    number="Factuurnummer",
    issued="Factuurdatum",
    due="Vervalt op",
    charge="Wordt afgeschreven op",
    paid_on="Betaald op",
    period="Periode",
    seller="Van",
    buyer="Aan",
    tax_id="Belastingnummer",
    item="Omschrijving",
    quantity="Aantal",
    amount="Bedrag",
    discount="Korting",
    subtotal="Subtotaal",
    total="Totaal",
    credit_used="Betaald uit uw tegoed",
    credit_kept="Toegevoegd aan uw tegoed",
    amount_due="Te betalen",
    open="{amount} vervalt op {due}.",
    will_charge="{amount} wordt op {day} afgeschreven. U hoeft niets te doen.",
    paid="Betaald op {day}. Dank u wel.",
    paid_elsewhere="Op {day} op een andere manier betaald. Dank u wel.",
    nothing_due="Er hoeft niets betaald te worden.",
    void="Deze factuur is ongeldig. Er hoeft niets voor betaald te worden.",
    moved={
        Why.STATED: (
            "Het bedrag wordt op {day} afgeschreven in plaats van op {due}: van de dagen waarmee u hebt "
            "ingestemd, past die bij de betaaldag die u ons hebt genoemd."
        ),
        Why.LEARNED: _LIKELIEST,
        Why.USUAL: _LIKELIEST,
        Why.MORNING: (
            "Het bedrag wordt op de ochtend van {day} afgeschreven in plaats van op {due}: het loon is dan "
            "meestal bijgeschreven."
        ),
        Why.HOUR: (
            "Het bedrag wordt op {day} afgeschreven in plaats van op {due}, op het uur waarop uw bank de meeste "
            "betalingen goedkeurt."
        ),
        Why.LATE: "Het bedrag wordt op {day} afgeschreven: op de vervaldag, {due}, kon dat niet.",
    },
    moved_so="Het bedrag wordt op {day} afgeschreven in plaats van op {due}.",
    download="Downloaden als PDF",
    page="Pagina {page} van {pages}",
)
