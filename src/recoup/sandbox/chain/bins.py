"""Which issuer a card number belongs to: by its first digits, the longest beginning that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Bank:
    """An issuer: its institution number (field 100), its name, and how its cards' numbers begin."""

    number: str
    name: str
    beginnings: tuple[str, ...]


BANKS: Final = (
    Bank("900001", "aurora", ("4",)),
    Bank("900002", "borealis", ("400005",)),
    Bank("900003", "cascade", ("2", "5")),
    Bank("900004", "dorado", ("3", "6")),
)
"""Visa credit, Visa debit, Mastercard, and all other brands."""

_BY_BEGINNING: Final = {beginning: bank for bank in BANKS for beginning in bank.beginnings}
_LONGEST: Final = max(map(len, _BY_BEGINNING))


def bank_of(number: str) -> Bank | None:
    """The issuer of a card number; None where no issuer's numbers begin like that."""
    for length in range(_LONGEST, 0, -1):
        if bank := _BY_BEGINNING.get(number[:length]):
            return bank
    return None
