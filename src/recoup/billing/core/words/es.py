"""Spanish."""

from __future__ import annotations

from typing import Final

from recoup.billing.core.chargeday import Why
from recoup.billing.core.words.base import InvoiceWords

_LIKELIEST: Final = (
    "Se cobra el {day} en lugar del {due}: entre los días que usted aceptó, es cuando es más "
    "probable que haya dinero."
)
WORDS: Final = InvoiceWords(
    language="es",
    title="Factura",
    test="Modo de prueba: no se mueve dinero real.",
    number="Número de factura",
    issued="Fecha de emisión",
    due="Vence el",
    charge="Se cobrará el",
    paid_on="Pagada el",
    period="Periodo",
    seller="De",
    buyer="Para",
    tax_id="Número fiscal",
    item="Descripción",
    quantity="Cantidad",
    amount="Importe",
    discount="Descuento",
    subtotal="Subtotal",
    total="Total",
    credit_used="Pagado con su saldo a favor",
    credit_kept="Añadido a su saldo a favor",
    amount_due="A pagar",
    open="{amount} vencen el {due}.",
    will_charge="Se cobrarán {amount} el {day}. No tiene que hacer nada.",
    paid="Pagada el {day}. Gracias.",
    paid_elsewhere="Pagada el {day} por otro medio. Gracias.",
    nothing_due="No hay nada que pagar.",
    void="Esta factura está anulada. No hay nada que pagar por ella.",
    moved={
        Why.STATED: (
            "Se cobra el {day} en lugar del {due}: entre los días que usted aceptó, ese conviene al día "
            "de pago que nos indicó."
        ),
        Why.LEARNED: _LIKELIEST,
        Why.USUAL: _LIKELIEST,
        Why.MORNING: (
            "Se cobra la mañana del {day} en lugar del {due}: para entonces el sueldo suele estar en la "
            "cuenta."
        ),
        Why.HOUR: "Se cobra el {day} en lugar del {due}, a la hora en que su banco aprueba más pagos.",
        Why.LATE: "Se cobra el {day}: no fue posible cuando vencía, el {due}.",
    },
    moved_so="Se cobra el {day} en lugar del {due}.",
    download="Descargar en PDF",
    page="Página {page} de {pages}",
)
