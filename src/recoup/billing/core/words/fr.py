"""French."""

from __future__ import annotations

from typing import Final

from recoup.billing.core.chargeday import Why
from recoup.billing.core.words.base import InvoiceWords

_LIKELIEST: Final = (
    "Elle est prélevée le {day} au lieu du {due} : parmi les jours que vous avez acceptés, c’est "
    "celui où l’argent a le plus de chances d’être là."
)
WORDS: Final = InvoiceWords(
    language="fr",
    title="Facture",
    test="Mode test : aucun argent réel n’est en jeu.",
    number="Numéro de facture",
    issued="Date d’émission",
    due="Échéance",
    charge="Sera prélevée le",
    paid_on="Payée le",
    period="Période",
    seller="De",
    buyer="À",
    tax_id="Numéro fiscal",
    item="Description",
    quantity="Quantité",
    amount="Montant",
    discount="Remise",
    subtotal="Sous-total",
    total="Total",
    credit_used="Payé avec votre avoir",
    credit_kept="Ajouté à votre avoir",
    amount_due="À payer",
    open="{amount} sont à payer le {due}.",
    will_charge="{amount} seront prélevés le {day}. Vous n’avez rien à faire.",
    paid="Payée le {day}. Merci.",
    paid_elsewhere="Payée le {day} par un autre moyen. Merci.",
    nothing_due="Il n’y a rien à payer.",
    void="Cette facture est annulée. Rien n’est à payer.",
    moved={
        Why.STATED: (
            "Elle est prélevée le {day} au lieu du {due} : parmi les jours que vous avez acceptés, "
            "celui-ci convient au jour de paie que vous nous avez indiqué."
        ),
        Why.LEARNED: _LIKELIEST,
        Why.USUAL: _LIKELIEST,
        Why.MORNING: (
            "Elle est prélevée le {day} au matin au lieu du {due} : la paie est d’habitude déjà sur le "
            "compte."
        ),
        Why.HOUR: (
            "Elle est prélevée le {day} au lieu du {due}, à l’heure où votre banque approuve le plus de "
            "paiements."
        ),
        Why.LATE: "Elle est prélevée le {day} : cela n’était pas possible à l’échéance, le {due}.",
    },
    moved_so="Elle est prélevée le {day} au lieu du {due}.",
    download="Télécharger en PDF",
    page="Page {page} sur {pages}",
)
