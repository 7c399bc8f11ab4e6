"""A merchant's plan, subscription and invoice, for those who try to reach them."""

from __future__ import annotations

from tests.whole.probes import MARK
from tests.whole.served import Client


async def billed(victim: Client) -> dict[str, str]:
    """A subscription in a long trial, and a draft of an invoice."""
    customer = (await victim.post("/v1/customers", {"name": MARK}))["id"]
    plan = await victim.post("/v1/plans", {"name": MARK, "amount": 77_123, "currency": "USD"})
    begun = {"customer": customer, "plan": plan["id"], "trial_days": 300, "description": MARK}
    subscription = await victim.post("/v1/subscriptions", begun)
    draft = {"customer": customer, "currency": "USD", "items": [{"description": MARK, "amount": 77_123}]}
    invoice = await victim.post("/v1/invoices", draft)
    credit = {"amount": 77_123, "currency": "USD", "reason": MARK}
    await victim.post(f"/v1/customers/{customer}/credit_balance", credit)
    return {"plan": plan["id"], "subscription": subscription["id"], "invoice": invoice["id"]}
