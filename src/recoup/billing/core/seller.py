"""Who a merchant is on its invoices: name, address, tax number, the words at the foot, and what goes before numbers."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup.kit.refusals import invalid
from recoup.messages.core.words import LANGUAGES
from recoup.vault.core import Address
from recoup.vault.core.customers import check_country, check_email

FOOTER_MAX: Final = 1_000
PREFIX_MAX: Final = 20

_Line = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\Z")]


class InvoiceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all of a merchant's invoices show of it."""

    name: Annotated[
        _Line | None,
        Meta(description="Your name, as the law wants it on invoices; else the `sender_name` of messages."),
    ] = None
    address: Address = Address()
    email: Annotated[
        Annotated[str, Meta(min_length=3, max_length=254)] | None,
        Meta(description="Where customers turn to with questions."),
    ] = None
    tax_id: Annotated[_Line | None, Meta(description="Your tax number.", examples=["DE123456789"])] = None
    number_prefix: Annotated[
        str,
        Meta(
            max_length=PREFIX_MAX,
            pattern=r"^[A-Za-z0-9/._-]*\Z",
            description="Goes before the number wherever customers read it. Numbers themselves go on without gaps.",
            examples=["INV-"],
        ),
    ] = ""
    footer: Annotated[
        Annotated[str, Meta(max_length=FOOTER_MAX)] | None,
        Meta(description="What stands at the foot: terms, register, bank account."),
    ] = None
    language: Annotated[
        Annotated[str, Meta(max_length=2)] | None,
        Meta(
            description="For customers of whom neither a language nor a country is known; else the language of "
            "messages."
        ),
    ] = None


NO_SETTINGS: Final = InvoiceSettings()
"""What holds until a merchant says otherwise."""


def check_settings(settings: InvoiceSettings) -> None:
    """Refuses settings that cannot be meant."""
    check_email(settings.email, param="email")
    check_country(settings.address.country, param="address.country")
    if settings.language is not None and settings.language not in LANGUAGES:
        message = f"`language` must be one of {', '.join(LANGUAGES)}."
        raise invalid("invalid_invoice_settings", message, param="language")
