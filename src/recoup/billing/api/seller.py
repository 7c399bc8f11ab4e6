"""What invoices show of their merchant, over HTTP."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from recoup.billing.core.seller import InvoiceSettings, check_settings
from recoup.billing.store import seller
from recoup.db import Database
from recoup.http.routes import Call, Idempotency, Problem, Route
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant

_PATH: Final = "/v1/invoice_settings"
_TAG: Final = "invoices"


class InvoiceSettingsObject(Struct, kw_only=True, frozen=True):
    """What your invoices show of you, from now on."""

    object: Literal["invoice_settings"] = "invoice_settings"
    settings: InvoiceSettings
    livemode: bool


class PutInvoiceSettings(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What invoices that are opened from now on show of you: the whole; what is left out has its default."""

    settings: InvoiceSettings


class InvoiceSettingsApi:
    """Its routes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _PATH,
                self.settings,
                answer=InvoiceSettingsObject,
                summary="Read what invoices show of you",
                tag=_TAG,
            ),
            Route(
                "POST",
                _PATH,
                self.put_settings,
                body=PutInvoiceSettings,
                answer=InvoiceSettingsObject,
                summary="Say what invoices show of you",
                description="On their page and in their PDF. It holds for invoices that are opened from now on: those "
                "before keep what held then; the first settings hold for all that were opened without any.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    Problem("invalid_invoice_settings", 400),
                    Problem("invalid_country", 400),
                    Problem("invalid_email", 400),
                    Problem("invoice_settings_busy", 409, "Another request says something else just now."),
                ),
                examples={
                    "a shop": {
                        "settings": {
                            "name": "Lamp Shop GmbH",
                            "address": {
                                "line1": "Hauptstr. 1",
                                "postal_code": "10115",
                                "city": "Berlin",
                                "country": "DE",
                            },
                            "tax_id": "DE123456789",
                            "number_prefix": "LAMP-",
                            "footer": "Amtsgericht Berlin, HRB 1234",
                        }
                    }
                },
            ),
        ]

    async def settings(self, call: Call[None, None]) -> InvoiceSettingsObject:
        """`GET /v1/invoice_settings`."""
        found = await seller.settings(self._database, merchant_id=call.merchant.id)
        return _shown(found, call.merchant)

    async def put_settings(self, call: Call[PutInvoiceSettings, None]) -> InvoiceSettingsObject:
        """`POST /v1/invoice_settings`."""
        said, connection, merchant_id = call.body.settings, call.transaction(), call.merchant.id
        check_settings(said)
        known = await seller.settings(connection, merchant_id=merchant_id)
        if said == known:
            return _shown(said, call.merchant)
        if not await seller.add_settings(connection, said, merchant_id=merchant_id, now=call.now):
            message = "Another request changes these settings just now: send yours again."
            raise conflict("invoice_settings_busy", message, retry_after_s=1)
        return _shown(said, call.merchant)


def _shown(settings: InvoiceSettings, merchant: Merchant) -> InvoiceSettingsObject:
    return InvoiceSettingsObject(settings=settings, livemode=merchant.livemode)
