"""What was seen of a customer's money: their earlier tries, whatever they were paid with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.kit.money import Money


@dataclass(frozen=True, slots=True)
class CustomerTry:
    """One try of a customer that has an outcome. `category` is that of its decline; empty where it was approved."""

    at: datetime
    amount: Money
    approved: bool
    category: str
