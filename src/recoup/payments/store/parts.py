"""SQL of payments that are charged in parts: what `writing` leaves out, because nearly no payment has any."""

from __future__ import annotations

from recoup.db import Connection
from recoup.payments.core import Payment


async def keep(connection: Connection, payment: Payment) -> None:
    """Keep what is left of a held payment and where its part stands, beside the step of this very version."""
    await connection.execute(
        """
        update payments set amount = %(amount)s, part_id = %(part_id)s, part_open = %(part_open)s
        where merchant_id = %(merchant_id)s and id = %(id)s and version = %(version)s
        """,
        {
            "merchant_id": payment.merchant_id,
            "id": payment.id,
            "version": payment.version,
            "amount": payment.amount,
            "part_id": payment.part_id,
            "part_open": payment.part_open,
        },
    )
