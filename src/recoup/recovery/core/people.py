"""Who is to pay, as far as anybody said."""

from __future__ import annotations

from recoup.paydays.core import cycle_of, local_zone
from recoup.recovery.core.records import Person
from recoup.vault.core.records import CustomerDetails


def person_of(details: CustomerDetails | None, *, issuer_country: str | None) -> Person:
    """Where the customer lives and when they are paid; what nobody said is as usual where their card is from."""
    if details is None:
        return Person(local_zone(None, country=issuer_country), issuer_country)
    country = details.country or issuer_country
    pay = None if details.payday is None else cycle_of(details.payday)
    return Person(local_zone(details.time_zone, country=country), country, pay)
