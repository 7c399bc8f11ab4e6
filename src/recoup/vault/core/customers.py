"""What must hold of a customer, beyond the shape of its fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from recoup.kit.countries import COUNTRIES
from recoup.kit.refusals import invalid
from recoup.vault.core.records import BillingDetails, CustomerDetails, Payday

_FIELDS_OF: Final[Mapping[str, frozenset[str]]] = {
    "weekly": frozenset({"weekday"}),
    "biweekly": frozenset({"anchor_date"}),
    "semi_monthly": frozenset({"day_of_month", "second_day_of_month"}),
    "monthly": frozenset({"day_of_month"}),
}
_FIELDS: Final = ("weekday", "anchor_date", "day_of_month", "second_day_of_month")


def check_customer(details: CustomerDetails, *, time_zones: Collection[str]) -> None:
    """Refuses a country, a time zone, an address or a payday that cannot be."""
    check_email(details.email, param="email")
    check_country(details.country, param="country")
    if details.time_zone is not None and details.time_zone not in time_zones:
        raise invalid(
            "invalid_time_zone",
            "`time_zone` must be an IANA name such as Europe/Berlin or America/New_York.",
            param="time_zone",
        )
    if details.payday is not None:
        check_payday(details.payday)


def check_billing(billing: BillingDetails, *, param: str) -> None:
    """Refuses a country or an address that cannot be."""
    check_email(billing.email, param=f"{param}.email")
    check_country(billing.address.country, param=f"{param}.address.country")


def check_country(country: str | None, *, param: str) -> None:
    """Refuses what is no country."""
    if country is not None and country not in COUNTRIES:
        raise invalid(
            "invalid_country",
            f"`{param}` must be a country code of ISO 3166-1: two capitals, such as DE.",
            param=param,
        )


def check_email(email: str | None, *, param: str) -> None:
    """Refuses what cannot be an e-mail address at all; only sending to it would prove more."""
    if email is None:
        return
    name, at, domain = email.rpartition("@")
    if not (name and at and domain) or any(letter.isspace() for letter in email):
        raise invalid("invalid_email", f"`{param}` must be an e-mail address.", param=param)


def check_payday(payday: Payday) -> None:
    """Refuses a payday that says too little or too much for its cycle."""
    wanted = _FIELDS_OF[payday.cycle]
    for name in _FIELDS:
        given = getattr(payday, name) is not None
        if given is not (name in wanted):
            verb = "needs" if name in wanted else "does not take"
            message = f"A {payday.cycle} payday {verb} `{name}`."
            raise invalid("invalid_payday", message, param=f"payday.{name}")
    first, second = payday.day_of_month, payday.second_day_of_month
    if first is not None and second is not None and first >= second:
        raise invalid(
            "invalid_payday",
            "`payday.second_day_of_month` must be later in the month than `payday.day_of_month`.",
            param="payday.second_day_of_month",
        )
