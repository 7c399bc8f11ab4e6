"""What can happen, and what the documents say of it: every event type, and what each part of the API is about.

A new event type is a line here, or in the list of the part that it belongs to.
"""

from __future__ import annotations

from typing import Final

from recoup.billed import FACTS as BILLING_FACTS
from recoup.brought import FACTS as HISTORY_FACTS
from recoup.budgeted import FACTS as GATE_FACTS
from recoup.disputed import FACTS as DISPUTE_FACTS
from recoup.events.objects import EventObject
from recoup.hooked import FACTS as WEBHOOK_FACTS
from recoup.http.wiring import Webhook
from recoup.messaged import FACTS as MESSAGE_FACTS
from recoup.routed import FACTS as ROUTING_FACTS
from recoup.settled import FACTS as SETTLEMENT_FACTS
from recoup.truthed import FACTS as TRUTH_FACTS
from recoup.updated import FACTS as UPDATE_FACTS

TAGS: Final = {
    "payments": "The merchant's intent to be paid once: charge, capture, cancel, and the whole story.",
    "refunds": "Money given back, whole or in parts.",
    "customers": "Who pays, where they live, and when they have money.",
    "payment methods": "Cards, encrypted in the vault and known outside by their id.",
    "card updates": "Cards that issuers renew, replace or close: what is known, and who is asked.",
    "recovery": "Cases opened by declined payments: the plan, its reason, its end.",
    "plans": "What is sold: an amount for an interval.",
    "subscriptions": "Agreements that bill: periods, trials, changes, pauses, ends.",
    "dunning": "What is done about subscriptions that fall behind: grace, winning back, the final action.",
    "invoices": "What is billed, when it is charged, and what became of it.",
    "scheduled payments": "One payment at a time of its own, executed once.",
    "billing date changes": "Another billing date: proposed, agreed to by the customer, measured, put back.",
    "credit balances": "What customers have with you, to be taken off the next invoices.",
    "messages": "Asking the customer: when, in which words, and what became of it.",
    "declines": "What every code means, with its source.",
    "routing": "Who was asked, and why.",
    "processor accounts": "Your accounts at processors, and what each connector can do.",
    "disputes": "What issuers and their customers contest, by when to answer, and the answer.",
    "ledger": "Where your money is: double entry, posted from what happened.",
    "settlements": "What processors say they paid out, matched against what we know.",
    "audit": "What a person should look at, and what to do about it.",
    "events": "Facts that happened, numbered without gaps.",
    "webhooks": "Where you hear of events, and what was sent there.",
    "test clock": "A test merchant's own time, which can be moved forward.",
    "test mode": "The simulated world, and faults on demand.",
}


FACTS: Final = {
    "payment.created": "A payment was created.",
    "payment.processing": "The processor took the payment and will answer later.",
    "payment.requires_action": "The customer must act before the payment can go on.",
    "payment.authorized": "The money is held.",
    "payment.partially_captured": "A part of the held money was taken.",
    "payment.captured": "The money was taken.",
    "payment.capture_failed": "A capture did not happen, or failed after it was done; the money is still held.",
    "payment.cancel_failed": "A cancellation did not happen.",
    "payment.declined": "The payment was declined.",
    "payment.failed": "The payment was certainly not processed.",
    "payment.failed_over": "Another processor is being asked.",
    "payment.unresolved": "Nobody knows yet whether the money was taken; the processor is being asked.",
    "payment.canceled": "The payment was canceled.",
    "payment.refunded": "Money of the payment was given back.",
    "payment.part_received": "A part of the payment was charged by itself; the rest is still owed.",
    "refund.created": "A refund was asked for.",
    "refund.succeeded": "A refund was carried out.",
    "refund.failed": "A refund did not happen, or came back after it was carried out.",
    "customer.created": "A customer was created.",
    "customer.updated": "A customer was changed.",
    "customer.deleted": "A customer was deleted.",
    "payment_method.created": "A payment method was stored.",
    "payment_method.attached": "A payment method was attached to a customer.",
    "payment_method.updated": "A payment method was changed.",
    "payment_method.detached": "A payment method was detached for good.",
    "recovery.opened": "A declined payment will be tried again.",
    "recovery.retry_scheduled": "The next try has its time.",
    "recovery.part_received": "A part of what is owed was paid; the recovery goes on for the rest.",
    "recovery.retry_due": "A try that was advised is due: make it, and report what came of it.",
    "recovery.recovered": "A declined payment was paid after all.",
    "recovery.exhausted": "Nothing more can be tried.",
    "recovery.expired": "The deadline passed.",
    "recovery.stopped": "The recovery was stopped.",
    "recovery.customer_needed": "Only the customer can help: by authenticating, or with another card.",
    "recovery.paused": "The recovery is paused.",
    "recovery.resumed": "The recovery goes on.",
    **MESSAGE_FACTS,
    **BILLING_FACTS,
    **ROUTING_FACTS,
    **TRUTH_FACTS,
    **SETTLEMENT_FACTS,
    **DISPUTE_FACTS,
    **UPDATE_FACTS,
    **HISTORY_FACTS,
    **GATE_FACTS,
    "audit.case_opened": "There is something that a person should look at.",
    "audit.case_resolved": "An audit case was resolved.",
    **WEBHOOK_FACTS,
}
WEBHOOKS: Final = tuple(
    Webhook(type=type_, summary=summary, payload=EventObject) for type_, summary in FACTS.items()
)
