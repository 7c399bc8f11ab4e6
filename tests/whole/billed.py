"""A merchant's plan, subscription and invoice, for those who try to reach them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from tests.whole.probes import ANY_CARD, MARK
from tests.whole.served import Client

BILLING_LISTS: Final = ("plans", "subscriptions", "invoices", "scheduled_payments", "billing_date_changes")


async def billed(victim: Client) -> dict[str, str]:
    """A subscription in a long trial, a draft of an invoice, and a payment and another billing date for much later."""
    customer = (await victim.post("/v1/customers", {"name": MARK}))["id"]
    plan = await victim.post("/v1/plans", {"name": MARK, "amount": 77_123, "currency": "USD"})
    begun = {"customer": customer, "plan": plan["id"], "trial_days": 300, "description": MARK}
    subscription = await victim.post("/v1/subscriptions", begun)
    draft = {"customer": customer, "currency": "USD", "items": [{"description": MARK, "amount": 77_123}]}
    invoice = await victim.post("/v1/invoices", draft)
    await victim.post("/v1/invoice_settings", {"settings": {"name": MARK}})
    credit = {"amount": 77_123, "currency": "USD", "reason": MARK}
    await victim.post(f"/v1/customers/{customer}/credit_balance", credit)
    method = (await victim.post("/v1/payment_methods", {"customer": customer} | ANY_CARD))["id"]
    at = datetime.fromisoformat((await victim.get("/v1/test_clock"))["now"]) + timedelta(days=300)
    later = {"amount": 77_123, "currency": "USD", "at": at.isoformat(), "description": MARK}
    later = await victim.post(
        "/v1/scheduled_payments", later | {"customer": customer, "payment_method": method}
    )
    policy = await victim.post("/v1/dunning_policies", {"name": MARK, "default": True, "grace_days": 77})
    day = (date.fromisoformat(subscription["trial_end"]) + timedelta(days=3)).isoformat()
    moving = {"subscription": subscription["id"], "date": day, "by": MARK, "expires_in": 90 * 86_400}
    moving = await victim.post("/v1/billing_date_changes", moving)
    return {
        "plan": plan["id"],
        "dunning_policy": policy["id"],
        "subscription": subscription["id"],
        "invoice": invoice["id"],
        "scheduled_payment": later["id"],
        "billing_date_change": moving["id"],
    }
