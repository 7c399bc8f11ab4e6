"""What customers read who are asked for another billing date, by language.

Blanks in braces are filled in: `{merchant}`, `{name}` of what they subscribed to, `{amount}`, `{day}`, `{days}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class DateWords:
    """One language. `nobody` stands for a merchant who has not told their name."""

    language: str
    nobody: str
    title: str
    intro: str
    first: str
    now: str
    then: str
    bridge: str
    credit: str
    cost: str
    no_cost: str
    changed: str
    accept: str
    decline: str
    nothing: str
    accepted: str
    declined: str
    over: str
    later: str


_EN: Final = DateWords(
    language="en",
    nobody="your provider",
    title="Another billing date",
    intro="{merchant} offers to bill {name} on another date.",
    first="The new date holds from {day}.",
    now="Now",
    then="With the new date",
    bridge="The {days} days until the new date are billed by themselves: {amount}.",
    credit="For days that you have paid for and that are billed anew, you get {amount} back.",
    cost="If you agree, {amount} is charged today.",
    no_cost="Nothing is charged today.",
    changed="Something has changed meanwhile. Please look at the dates and amounts again.",
    accept="Yes, from {day} on",
    decline="No, leave it as it is",
    nothing="If you do nothing, everything stays as it is. The link works until {day}.",
    accepted="Thank you. The new date holds from {day}.",
    declined="Everything stays as it is.",
    over="There is nothing to decide here any more. If you have a question, please ask {merchant}.",
    later="The date cannot be changed at the moment. Please try again later, or ask {merchant}.",
)
_DE: Final = DateWords(
    language="de",
    nobody="Ihr Anbieter",
    title="Anderer Abrechnungstag",
    intro="{merchant} bietet an, {name} an einem anderen Tag abzurechnen.",
    first="Der neue Tag gilt ab {day}.",
    now="Bisher",
    then="Mit dem neuen Tag",
    bridge="Die {days} Tage bis zum neuen Tag werden für sich berechnet: {amount}.",
    credit="Für bezahlte Tage, die neu berechnet werden, bekommen Sie {amount} zurück.",
    cost="Wenn Sie zustimmen, werden heute {amount} abgebucht.",
    no_cost="Heute wird nichts abgebucht.",
    changed="Inzwischen hat sich etwas geändert. Bitte sehen Sie sich Tage und Beträge noch einmal an.",
    accept="Ja, ab {day}",
    decline="Nein, alles so lassen",
    nothing="Wenn Sie nichts tun, bleibt alles, wie es ist. Der Link gilt bis {day}.",
    accepted="Vielen Dank. Der neue Tag gilt ab {day}.",
    declined="Alles bleibt, wie es ist.",
    over="Hier gibt es nichts mehr zu entscheiden. Fragen beantwortet {merchant}.",
    later="Der Tag lässt sich im Moment nicht ändern. Bitte versuchen Sie es später. Fragen beantwortet {merchant}.",
)
_FR: Final = DateWords(
    language="fr",
    nobody="votre prestataire",
    title="Autre date de facturation",
    intro="{merchant} vous propose de facturer {name} à une autre date.",
    first="La nouvelle date s'applique à partir du {day}.",
    now="Actuellement",
    then="Avec la nouvelle date",
    bridge="Les {days} jours jusqu'à la nouvelle date sont facturés à part : {amount}.",
    credit="Pour les jours déjà payés qui sont facturés de nouveau, {amount} vous sont rendus.",
    cost="Si vous acceptez, {amount} sont prélevés aujourd'hui.",
    no_cost="Rien n'est prélevé aujourd'hui.",
    changed="Quelque chose a changé entre-temps. Veuillez vérifier de nouveau les dates et les montants.",
    accept="Oui, à partir du {day}",
    decline="Non, ne rien changer",
    nothing="Si vous ne faites rien, rien ne change. Le lien est valable jusqu'au {day}.",
    accepted="Merci. La nouvelle date s'applique à partir du {day}.",
    declined="Rien ne change.",
    over="Il n'y a plus rien à décider ici. Pour toute question, adressez-vous à {merchant}.",
    later="La date ne peut pas être changée pour le moment. Réessayez plus tard ou adressez-vous à {merchant}.",
)
_ES: Final = DateWords(
    language="es",
    nobody="su proveedor",
    title="Otra fecha de cobro",
    intro="{merchant} le ofrece cobrar {name} en otra fecha.",
    first="La nueva fecha vale a partir del {day}.",
    now="Ahora",
    then="Con la nueva fecha",
    bridge="Los {days} días hasta la nueva fecha se cobran aparte: {amount}.",
    credit="Por los días ya pagados que se cobran de nuevo se le devuelven {amount}.",
    cost="Si acepta, hoy se cobran {amount}.",
    no_cost="Hoy no se cobra nada.",
    changed="Algo ha cambiado entretanto. Revise de nuevo las fechas y los importes.",
    accept="Sí, a partir del {day}",
    decline="No, dejarlo como está",
    nothing="Si no hace nada, todo queda como está. El enlace vale hasta el {day}.",
    accepted="Gracias. La nueva fecha vale a partir del {day}.",
    declined="Todo queda como está.",
    over="Aquí ya no hay nada que decidir. Si tiene preguntas, diríjase a {merchant}.",
    later="La fecha no se puede cambiar en este momento. Inténtelo más tarde o pregunte a {merchant}.",
)
_NL: Final = DateWords(
    language="nl",
    nobody="uw aanbieder",
    title="Andere betaaldatum",
    intro="{merchant} biedt aan om {name} op een andere datum af te rekenen.",
    first="De nieuwe datum geldt vanaf {day}.",
    now="Nu",
    then="Met de nieuwe datum",
    bridge="De {days} dagen tot de nieuwe datum worden apart berekend: {amount}.",
    credit="Voor betaalde dagen die opnieuw worden berekend, krijgt u {amount} terug.",
    cost="Als u akkoord gaat, wordt vandaag {amount} afgeschreven.",
    no_cost="Vandaag wordt niets afgeschreven.",
    changed="Er is intussen iets veranderd. Bekijk de datums en bedragen alstublieft nog eens.",
    accept="Ja, vanaf {day}",
    decline="Nee, laat het zo",
    nothing="Als u niets doet, blijft alles zoals het is. De link werkt tot {day}.",
    accepted="Dank u. De nieuwe datum geldt vanaf {day}.",
    declined="Alles blijft zoals het is.",
    over="Hier valt niets meer te beslissen. Hebt u een vraag, stel die dan aan {merchant}.",
    later="De datum kan nu niet worden gewijzigd. Probeer het later nog eens, of vraag het {merchant}.",
)
DATE_WORDS: Final[Mapping[str, DateWords]] = {one.language: one for one in (_EN, _DE, _FR, _ES, _NL)}
