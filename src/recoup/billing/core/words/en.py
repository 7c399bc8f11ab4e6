"""English."""

from __future__ import annotations

from typing import Final

from recoup.billing.core.chargeday import Why
from recoup.billing.core.words.base import InvoiceWords

_LIKELIEST: Final = (
    "It is charged on {day} instead of {due}: of the days that you agreed to, that is when the "
    "money is most likely to be there."
)
WORDS: Final = InvoiceWords(
    language="en",
    title="Invoice",
    test="Test mode: no real money is moved.",
    number="Invoice number",
    issued="Date of issue",
    due="Due on",
    charge="Will be charged on",
    paid_on="Paid on",
    period="Period",
    seller="From",
    buyer="Billed to",
    tax_id="Tax number",
    item="Description",
    quantity="Quantity",
    amount="Amount",
    discount="Discount",
    subtotal="Subtotal",
    total="Total",
    credit_used="Paid from your credit",
    credit_kept="Added to your credit",
    amount_due="Amount due",
    open="{amount} is due on {due}.",
    will_charge="{amount} will be charged on {day}. You need not do anything.",
    paid="Paid on {day}. Thank you.",
    paid_elsewhere="Paid on {day} by another way. Thank you.",
    nothing_due="There is nothing to pay.",
    void="This invoice is void. Nothing is to be paid for it.",
    moved={
        Why.STATED: (
            "It is charged on {day} instead of {due}: within the days that you agreed to, that fits the "
            "payday that you told us."
        ),
        Why.LEARNED: _LIKELIEST,
        Why.USUAL: _LIKELIEST,
        Why.MORNING: (
            "It is charged on the morning of {day} instead of on {due}: pay is usually booked by then."
        ),
        Why.HOUR: (
            "It is charged on {day} instead of {due}, at the hour at which your bank approves most payments."
        ),
        Why.LATE: "It is charged on {day}: it could not be charged when it was due, on {due}.",
    },
    moved_so="It is charged on {day} instead of {due}.",
    download="Download as PDF",
    page="Page {page} of {pages}",
)
