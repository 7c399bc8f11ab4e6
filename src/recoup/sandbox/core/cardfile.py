"""Which card a number is: a published one, one of the world's people's, one of its model's, or nobody's."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from recoup.sandbox.cards import PUBLISHED, CardFacts, PublishedCard
from recoup.sandbox.core.chance import letters
from recoup.sandbox.core.people import (
    BEGINNINGS,
    COUNTRIES,
    GENERATIONS_MAX,
    POPULATION,
    Person,
    held_by,
    holder_of,
    number_of,
    person,
)

_NAME_LENGTH: Final = 24
_FIRST_DIGITS: Final = (
    ("34", "amex"),
    ("37", "amex"),
    ("35", "jcb"),
    ("30", "diners"),
    ("36", "diners"),
    ("4", "visa"),
    ("5", "mastercard"),
    ("2", "mastercard"),
    ("62", "unionpay"),
    ("6", "discover"),
)


@dataclass(frozen=True, slots=True)
class UnknownCard:
    """A number that nobody has. `name` is a keyed digest of it."""

    name: str
    brand: str


@dataclass(frozen=True, slots=True)
class ModelledCard:
    """A number as the cardholders of a world's model have them, if there is such a model: only its issuer can tell.
    `held` is what the number holds beyond that of people."""

    number: str = field(repr=False)
    held: int
    facts: CardFacts


Card = PublishedCard | Person | ModelledCard | UnknownCard
MODELLED_FROM: Final = POPULATION * GENERATIONS_MAX
"""Numbers that hold so much or more are of a model's cardholders."""
MODELLED_CARDS_EACH: Final = 2
"""How many numbers each of them has in turn."""
_BEGINNING: Final = 9
"""How many digits tell brand, funding and country."""
_COUNTRIES: Final = {one.numeric: one.code for one in COUNTRIES}


def identify(number: str, *, seed: int, born: int, secret: bytes) -> Card:
    """Whose card this is. `secret` keys the digest of a number that nobody has."""
    known = PUBLISHED.get(number) or holder_of(seed, number, born=born) or _modelled(seed, number)
    return known or UnknownCard(letters(_NAME_LENGTH, secret, "card", number), brand_of(number))


def brand_of(number: str) -> str:
    """The brand that the first digits tell."""
    return next((brand for digits, brand in _FIRST_DIGITS if number.startswith(digits)), "visa")


def name_of(card: Card) -> str:
    """What a card is called where its number may not stand."""
    match card:
        case PublishedCard():
            return f"published:{_PUBLIC_NAMES[card.number]}"
        case Person():
            return f"person:{card.index}:{card.generation}"
        case ModelledCard():
            return f"model:{card.number[:_BEGINNING]}:{card.held}"
        case UnknownCard():
            return f"unknown:{card.name}"


def account_of(card: Card) -> str | None:
    """The account behind a card, where what is done with it is remembered."""
    match card:
        case Person():
            return f"person:{card.index}"
        case ModelledCard():
            return _model_account(card.held)
        case PublishedCard():
            return name_of(card) if card.remembers else None
        case UnknownCard():
            return None


def account_name(name: str) -> str:
    """The account that a card of this name would have."""
    kind, _, rest = name.partition(":")
    match kind:
        case "person":
            return f"person:{rest.partition(':')[0]}"
        case "model":
            return _model_account(int(rest.partition(":")[2]))
        case _:
            return name


def brand_of_name(name: str, *, seed: int, born: int) -> str | None:
    """The brand of a card of this name; None of a number that nobody has."""
    return None if name.startswith("unknown:") else facts_of(named(name, seed=seed, born=born)).brand


def opens_by_form(name: str | None) -> bool:
    """Whether the issuer's page of the card of this name wants a form posted to it."""
    known = None if name is None else _BY_PUBLIC_NAME.get(name.removeprefix("published:"))
    return known is not None and known.by_form


def facts_of(card: Card) -> CardFacts:
    """Brand, funding and country; of a number that nobody has, the brand only."""
    return CardFacts(card.brand, "unknown", "") if isinstance(card, UnknownCard) else card.facts


def named(name: str, *, seed: int, born: int) -> PublishedCard | Person | ModelledCard:
    """The card of a name, unless nobody has it (which is a bug in the caller)."""
    kind, _, rest = name.partition(":")
    if kind == "published":
        return _BY_PUBLIC_NAME[rest]
    if kind == "model":
        beginning, _, held = rest.partition(":")
        return _of_model(number_of(seed, beginning, int(held)), int(held))
    assert kind == "person", "a number that nobody has cannot be charged"
    index, _, generation = rest.partition(":")
    return person(seed, int(index), born=born, generation=int(generation))


def _modelled(seed: int, number: str) -> ModelledCard | None:
    held, country = held_by(seed, number), number[6:_BEGINNING]
    if held is None or held < MODELLED_FROM or country not in _COUNTRIES:
        return None
    return _of_model(number, held) if number_of(seed, number[:_BEGINNING], held) == number else None


def _of_model(number: str, held: int) -> ModelledCard:
    facts = CardFacts(*BEGINNINGS[number[:6]], _COUNTRIES[number[6:_BEGINNING]])
    return ModelledCard(number, held, facts)


def _model_account(held: int) -> str:
    return f"model:{(held - MODELLED_FROM) // MODELLED_CARDS_EACH}"


def _public_name(number: str) -> str:
    """Published numbers are no secret; their digest only keeps them from standing where numbers may not."""
    return letters(_NAME_LENGTH, b"published", blake2b(number.encode()).hexdigest())


_PUBLIC_NAMES: Final = {number: _public_name(number) for number in PUBLISHED}
_BY_PUBLIC_NAME: Final = {_PUBLIC_NAMES[number]: card for number, card in PUBLISHED.items()}
