"""How a stranger would try every route: `PROBES` has one line for each, naming somebody else's object in every place
where the route takes an id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.whole.served import CARD, payment_of

MARK: Final = "zebra-7719"
"""Stands in everything that the victim wrote, so that it is recognised wherever it appears."""
EMAIL: Final = f"{MARK}@example.com"
MISSING: Final = frozenset({404})
REFUSED: Final = frozenset({400, 404})
OWN: Final = frozenset({200, 201})
"""The stranger is answered, with nothing of the victim's in it."""
EMPTY_OR_REFUSED: Final = frozenset({200, 400, 404})
ANY_CARD: Final = {"type": "card", "card": CARD}


@dataclass(frozen=True, slots=True)
class Probe:
    """One try: what is put in where `{name}` stands for an object of the victim, and how it must end.

    With a live key, routes of test mode end with 403 before anything else.
    """

    ends: frozenset[int]
    query: str = ""
    body: Any = None


def naming(body: Any, ends: frozenset[int] = MISSING) -> Probe:
    """A try that names the victim's objects in its body."""
    return Probe(ends, body=body)


def asking(query: str, ends: frozenset[int] = EMPTY_OR_REFUSED) -> Probe:
    """A try that names the victim's objects in its query."""
    return Probe(ends, query=query)


def listing(own: str, *filters: str) -> list[Probe]:
    """The tries at a list: as it is, from the victim's object on, and by each filter that takes an id."""
    cursors = (f"starting_after={own}", f"ending_before={own}")
    return [Probe(OWN, query="limit=100"), *(asking(one) for one in (*cursors, *filters))]


ONE: Final = [Probe(MISSING)]
CHANGE: Final = [naming({"metadata": {"seen": "yes"}})]
ITEM: Final = {"description": "Own", "amount": 5}
SCHEDULED: Final = {"amount": 900, "currency": "USD", "at": "{tomorrow}"}
FAILED: Final = {
    "external_id": "in_1",
    "amount": 900,
    "currency": "USD",
    "failed_at": "2026-01-01T00:00:00Z",
    "decline": {"code": "insufficient_funds"},
}
PROBES: Final[Mapping[str, Sequence[Probe]]] = {
    "POST /v1/payments": [
        naming({"amount": 900, "currency": "USD", "payment_method": "{payment_method}"}),
        naming({"amount": 900, "currency": "USD", "customer": "{customer}", "payment_method_data": ANY_CARD}),
        naming({"amount": 900, "currency": "USD", "customer": "{customer}"}),
        naming(
            payment_of(900, routing={"processor_accounts": ["{processor_account}"]}),
            REFUSED,
        ),
        naming(
            {
                "amount": 900,
                "currency": "USD",
                "initiator": "merchant",
                "payment_method": "{payment_method}",
                "customer": "{customer}",
            }
        ),
    ],
    "GET /v1/payments": listing("{payment}", "customer={customer}"),
    "GET /v1/payments/{payment}": ONE,
    "GET /v1/payments/{payment}/timeline": ONE,
    "POST /v1/payments/{payment}/confirm": [
        naming({}),
        naming({"payment_method_data": ANY_CARD}),
        naming({"payment_method": "{payment_method}"}),
    ],
    "POST /v1/payments/{payment}/capture": [naming({}), naming({"amount": 1})],
    "POST /v1/payments/{payment}/cancel": [naming({})],
    "POST /v1/payments/{payment}/sync": [naming({})],
    "POST /v1/payments/{payment}/resolve": [
        naming(
            {
                "attempt": "att_00000000000000000000000000",
                "outcome": "not_processed",
                "evidence": "Their support told us so on the telephone.",
            }
        )
    ],
    "POST /v1/refunds/{refund}/sync": [naming({})],
    "POST /v1/refunds": [naming({"payment": "{payment}"}), naming({"payment": "{payment}", "amount": 1})],
    "GET /v1/refunds": listing("{refund}", "payment={payment}"),
    "GET /v1/refunds/{refund}": ONE,
    "POST /v1/customers": [naming({"name": "Stranger"}, OWN)],
    "GET /v1/customers": listing("{customer}"),
    "GET /v1/customers/{customer}": ONE,
    "POST /v1/customers/{customer}": [*CHANGE, naming({"email": "stranger@example.com"})],
    "DELETE /v1/customers/{customer}": ONE,
    "POST /v1/payment_methods": [naming({"customer": "{customer}"} | ANY_CARD)],
    "GET /v1/payment_methods": listing("{payment_method}", "customer={customer}"),
    "GET /v1/payment_methods/{payment_method}": ONE,
    "POST /v1/payment_methods/{payment_method}": CHANGE,
    "GET /v1/payment_methods/{payment_method}/budget": ONE,
    "GET /v1/payment_methods/{payment_method}/budget/proof": [*ONE, asking("format=csv", MISSING)],
    "POST /v1/payment_methods/{payment_method}/attach": [
        naming({"customer": "{customer}"}),
        naming({"customer": "{own_customer}"}),
    ],
    "POST /v1/payment_methods/{payment_method}/detach": ONE,
    "GET /v1/payment_methods/{payment_method}/updates": [
        *ONE,
        asking("starting_after={card_update}", MISSING),
    ],
    "POST /v1/payment_methods/{payment_method}/inquire": ONE,
    "POST /v1/updater/batches": [naming({"format": "visa_vau"}, frozenset({409}))],
    "GET /v1/updater/batches": listing("{update_batch}"),
    "GET /v1/updater/batches/{update_batch}": ONE,
    "POST /v1/updater/batches/{update_batch}/answers": [naming({"file": "ref,4242424242424242,,2701,,V"})],
    "POST /v1/payment_methods/{payment_method}/processor_tokens": [
        naming({"processor_account": "{processor_account}", "token": "pm_card_visa"}),
    ],
    "DELETE /v1/payment_methods/{payment_method}/processor_tokens/{processor_account}": ONE,
    "POST /v1/payment_methods/{payment_method}/verify": [
        naming({"currency": "USD"}),
        naming({"currency": "USD", "processor_account": "{processor_account}"}),
    ],
    "POST /v1/payment_methods/{payment_method}/verify/{verification}/confirm": ONE,
    "POST /v1/processor_accounts": [
        naming({"connector": "alpha", "label": "mine", "credentials": {"api_key": "k"}}, OWN | {400})
    ],
    "GET /v1/processor_accounts": listing("{processor_account}"),
    "GET /v1/processor_accounts/{processor_account}": ONE,
    "POST /v1/processor_accounts/{processor_account}": [
        *CHANGE,
        naming({"enabled": False, "credentials": {"api_key": "stolen"}}),
    ],
    "DELETE /v1/processor_accounts/{processor_account}": ONE,
    "GET /v1/decisions/{decision}": ONE,
    "GET /v1/routing/health": [Probe(OWN)],
    "GET /v1/routing/policy": [Probe(OWN)],
    "POST /v1/routing/policy": [
        naming({"policy": {"default": {"ordered": ["{processor_account}"]}}}, frozenset({400})),
        naming({"toml": "default.ordered = ['{processor_account}']"}, frozenset({400})),
        naming({"policy": {}}, OWN),
    ],
    "POST /v1/routing/policy/check": [naming({"policy": {}}, OWN)],
    "POST /v1/routing/policy/{version}/activate": [naming({}, frozenset({200, 404}))],
    "GET /v1/routing/policy/versions": [Probe(OWN), asking("starting_after={version}", OWN)],
    "GET /v1/routing/policy/versions/{version}": [Probe(frozenset({200, 404}))],
    "POST /v1/routing/explain": [
        naming({"amount": 900, "currency": "USD"}, OWN),
        naming({"amount": 900, "currency": "USD", "processor_accounts": ["{processor_account}"]}, REFUSED),
    ],
    "POST /v1/routing/experiments": [
        naming({"name": "x", "policy_a": 1, "policy_b": 2}, frozenset({201, 404, 409})),
    ],
    "GET /v1/routing/experiments": listing("{experiment}"),
    "GET /v1/routing/experiments/{experiment}": ONE,
    "POST /v1/routing/experiments/{experiment}/stop": [naming({})],
    "GET /v1/recovery/explain": [asking("code=insufficient_funds", OWN)],
    "GET /v1/recovery/policies": [Probe(OWN)],
    "GET /v1/recovery/policies/{recovery_policy}": ONE,
    "POST /v1/recovery/policies": [
        naming({"policy": {"name": "theirs", "routes": ["{processor_account}"]}}, frozenset({400})),
    ],
    "POST /v1/recovery/policies/check": [
        naming({"policy": {"name": "theirs", "routes": ["{processor_account}"]}}, OWN),
    ],
    "GET /v1/recovery/hold_out": [Probe(frozenset({200, 404}))],
    "POST /v1/recovery/hold_out": [naming({"share": 0}, OWN)],
    "POST /v1/recovery/experiments": [
        naming({"name": "x", "arms": [{"name": "a", "policy": "{recovery_policy}", "share": 100}]}),
    ],
    "GET /v1/recovery/experiments": listing("{recovery_experiment}"),
    "GET /v1/recovery/experiments/{recovery_experiment}": ONE,
    "POST /v1/recovery/experiments/{recovery_experiment}/end": [naming({})],
    "POST /v1/recovery/kill_switches": [
        naming({"scope": "processor_account", "processor_account": "{processor_account}"}),
        naming({"scope": "decline_code", "decline_code": "lost_card"}, OWN),
    ],
    "GET /v1/recovery/kill_switches": listing("{kill_switch}"),
    "POST /v1/recovery/kill_switches/{kill_switch}/lift": ONE,
    "GET /v1/recovery/check": [Probe(OWN | MISSING)],
    "POST /v1/recovery/check": [naming({"url": "https://stranger.example/check"}, OWN)],
    "DELETE /v1/recovery/check": [Probe(OWN | MISSING)],
    "GET /v1/recoveries": listing("{recovery}", "payment={declined}"),
    "GET /v1/recoveries/{recovery}": ONE,
    **{f"POST /v1/recoveries/{{recovery}}/{verb}": ONE for verb in ("retry", "pause", "resume", "stop")},
    "POST /v1/recoveries": [
        naming(FAILED | {"mode": "act", "payment_method": "{payment_method}"}),
        naming(FAILED | {"mode": "advise", "customer": "{customer}"}),
        naming(FAILED | {"mode": "advise", "processor_account": "{processor_account}"}),
        naming(FAILED | {"mode": "advise", "processor_accounts": ["{processor_account}"]}),
    ],
    "POST /v1/plans": [naming({"name": "Own", "amount": 5, "currency": "USD"}, OWN)],
    "GET /v1/plans": listing("{plan}"),
    "GET /v1/plans/{plan}": ONE,
    "POST /v1/plans/{plan}": CHANGE,
    "POST /v1/subscription_imports": [Probe(frozenset({415}), query="processor_account={processor_account}")],
    "POST /v1/subscriptions": [naming({"customer": "{customer}", "plan": "{plan}"})],
    "GET /v1/subscriptions": listing("{subscription}", "customer={customer}", "plan={plan}"),
    "GET /v1/subscriptions/{subscription}": ONE,
    "POST /v1/subscriptions/{subscription}": [naming({"quantity": 2}), naming({"plan": "{plan}"})],
    **{f"POST /v1/subscriptions/{{subscription}}/{verb}": ONE for verb in ("pause", "resume", "charge")},
    "POST /v1/subscriptions/{subscription}/cancel": [naming({})],
    "POST /v1/subscriptions/{subscription}/items": [naming(ITEM)],
    "GET /v1/subscriptions/{subscription}/upcoming": [Probe(MISSING), asking("plan={plan}", MISSING)],
    "POST /v1/subscriptions/{subscription}/report": [naming({"outcome": "paid"})],
    "POST /v1/dunning_policies": [naming({"name": "Own", "default": True}, OWN)],
    "GET /v1/dunning_policies": listing("{dunning_policy}"),
    "GET /v1/dunning_policies/{dunning_policy}": ONE,
    "POST /v1/dunning_policies/{dunning_policy}": [*CHANGE, naming({"default": False})],
    "POST /v1/invoices": [naming({"customer": "{customer}", "currency": "USD"})],
    "GET /v1/invoices": listing("{invoice}", "customer={customer}", "subscription={subscription}"),
    "GET /v1/invoices/{invoice}": ONE,
    "POST /v1/invoices/{invoice}/pay": [naming({}), naming({"payment_method": "{payment_method}"})],
    "POST /v1/invoices/{invoice}/items": [naming(ITEM)],
    **{f"POST /v1/invoices/{{invoice}}/{verb}": ONE for verb in ("finalize", "void", "mark_uncollectible")},
    "GET /v1/invoice_settings": [Probe(OWN)],
    "POST /v1/invoice_settings": [naming({"settings": {}}, OWN)],
    "GET /v1/customers/{customer}/credit_balance": ONE,
    "POST /v1/customers/{customer}/credit_balance": [
        naming({"amount": 5, "currency": "USD", "reason": "curious"})
    ],
    "POST /v1/scheduled_payments": [
        naming(SCHEDULED | {"customer": "{customer}", "payment_method": "{payment_method}"}),
        naming(SCHEDULED | {"customer": "{own_customer}", "payment_method": "{payment_method}"}),
    ],
    "GET /v1/scheduled_payments": listing("{scheduled_payment}", "customer={customer}"),
    "GET /v1/scheduled_payments/{scheduled_payment}": ONE,
    "POST /v1/scheduled_payments/{scheduled_payment}": [*CHANGE, naming({"amount": 5})],
    "POST /v1/scheduled_payments/{scheduled_payment}/cancel": ONE,
    "POST /v1/billing_date_changes": [naming({"subscription": "{subscription}", "anchor_day": 9})],
    "GET /v1/billing_date_changes": listing("{billing_date_change}", "subscription={subscription}"),
    "GET /v1/billing_date_changes/{billing_date_change}": ONE,
    "POST /v1/billing_date_changes/{billing_date_change}/accept": [naming({"by": "me"})],
    **{
        f"POST /v1/billing_date_changes/{{billing_date_change}}/{verb}": [naming({})]
        for verb in ("decline", "cancel", "renew", "undo")
    },
    "GET /v1/messages": listing("{message}", "recovery={recovery}", "customer={customer}"),
    "GET /v1/messages/{message}": ONE,
    "POST /v1/messages/{message}/bounced": [naming({}), naming({"reason": "complained"})],
    "GET /v1/message_policy": [Probe(OWN)],
    "POST /v1/message_policy": [naming({"policy": {}}, OWN)],
    "GET /v1/message_preview": [asking("language=de", OWN)],
    "GET /v1/recoveries/{recovery}/failure": ONE,
    "POST /v1/recoveries/{recovery}/results": [naming({"at": "2026-01-01T00:00:00Z", "approved": True})],
    "POST /v1/recoveries/{recovery}/reported": [naming({"outcome": "paid_elsewhere"})],
    "GET /v1/events": [*listing("{event}"), asking("after_sequence=0&limit=100", OWN)],
    "GET /v1/events/{event}": ONE,
    "POST /v1/webhook_endpoints": [naming({"url": "https://stranger.example/hook"}, OWN)],
    "GET /v1/webhook_endpoints": listing("{webhook_endpoint}"),
    "GET /v1/webhook_endpoints/{webhook_endpoint}": ONE,
    "POST /v1/webhook_endpoints/{webhook_endpoint}": [
        *CHANGE,
        naming({"url": "https://stranger.example/hook"}),
        naming({"enabled": True}),
    ],
    "DELETE /v1/webhook_endpoints/{webhook_endpoint}": ONE,
    "POST /v1/webhook_endpoints/{webhook_endpoint}/rotate_secret": [naming({})],
    "POST /v1/webhook_endpoints/{webhook_endpoint}/test": [naming({})],
    "POST /v1/webhook_endpoints/{webhook_endpoint}/replay": [
        naming({"failed": True}),
        naming({"after_sequence": 0, "to_sequence": 100}),
    ],
    "GET /v1/webhook_endpoints/{webhook_endpoint}/deliveries": [
        *ONE,
        asking("starting_after={webhook_delivery}", MISSING),
    ],
    "POST /v1/webhook_endpoints/{webhook_endpoint}/deliveries/{webhook_delivery}/replay": [naming({})],
    "GET /v1/webhook_deliveries/{webhook_delivery}": ONE,
    "GET /v1/inbound": listing("{inbound}", "account={processor_account}", "account={told_account}"),
    "GET /v1/inbound/{inbound}": ONE,
    "POST /v1/inbound/{inbound}/replay": [naming({})],
    "POST /v1/inbound/replay": [
        naming({"account": "{told_account}", "since": "2026-01-01T00:00:00Z"}, OWN),
        naming({"account": "{told_account}", "since": "2026-01-01T00:00:00Z", "after": "{inbound}"}, OWN),
    ],
    "GET /v1/connectors": [Probe(OWN)],
    "GET /v1/declines/{connector}/{code}": [Probe(OWN)],
    "POST /v1/declines/{connector}/{code}/override": [naming({"category": "issuer"}, OWN)],
    "POST /v1/declines/{connector}/{code}/override/remove": [naming({}, OWN)],
    "GET /v1/declines/{connector}/{code}/override/history": [Probe(OWN)],
    "GET /v1/ledger/accounts": [Probe(OWN, query="limit=100"), asking("starting_after={ledger_account}")],
    "GET /v1/ledger/accounts/{ledger_account}": ONE,
    "GET /v1/ledger/entries": listing(
        "{ledger_entry}", "account={ledger_account}", "payment={payment}", "since=2026-01-01T00:00:00Z"
    ),
    "GET /v1/ledger/entries/{ledger_entry}": ONE,
    "GET /v1/ledger/trial_balance": [Probe(OWN)],
    "POST /v1/settlements": [
        Probe(frozenset({415}), query="processor_account={processor_account}&format=stripe")
    ],
    "GET /v1/settlements": listing("{settlement}", "processor_account={processor_account}"),
    **{
        f"GET /v1/settlements/{{settlement}}{what}": ONE for what in ("", "/lines", "/payouts", "/exceptions")
    },
    "GET /v1/settlement_exceptions": listing("{settlement_exception}"),
    "POST /v1/settlement_exceptions/{settlement_exception}/resolve": [naming({"resolution": "accept"})],
    "GET /v1/settlement_mappings": [Probe(OWN)],
    "POST /v1/settlement_mappings": [
        naming({"name": "own", "mapping": {"columns": {"gross": "A"}, "currency": "USD"}}, OWN)
    ],
    "GET /v1/audit/cases": listing("{audit_case}"),
    "GET /v1/audit/cases/{audit_case}": ONE,
    "POST /v1/audit/cases/{audit_case}/resolve": [naming({})],
    "GET /v1/audit/drift": [Probe(OWN), asking("processor_account={processor_account}")],
    "GET /v1/test_clock": [Probe(OWN)],
    "POST /v1/test_clock/advance": [naming({"to": "{tomorrow}"}, OWN)],
    "GET /v1/test/world": [Probe(OWN)],
    "POST /v1/test/world": [naming({"seed": 99}, OWN)],
    "GET /v1/test/world/acquirer_link": [Probe(OWN)],
    "GET /v1/test/world/limits": [Probe(OWN)],
    "GET /v1/test/world/charges": [
        Probe(OWN, query="limit=100"),
        asking("starting_after={charge}"),
        asking("order={payment}"),
    ],
    "GET /v1/test/world/changes": [
        Probe(OWN, query="limit=100"),
        asking("starting_after={change}"),
        asking("charge_key={attempt}"),
    ],
    "GET /v1/test/account_updater": [Probe(OWN)],
    "POST /v1/test/account_updater": [naming({"coverage": 0.5}, OWN)],
    "GET /v1/test/webhooks": [Probe(OWN)],
    "POST /v1/test/webhooks": [naming({"enabled": True, "lost": 1}, OWN)],
    "GET /v1/disputes": listing("{dispute}", "payment={payment}"),
    "GET /v1/disputes/{dispute}": ONE,
    "POST /v1/disputes/{dispute}/evidence": [naming({"fields": {"customer_name": "Stranger"}})],
    "POST /v1/disputes/{dispute}/sync": ONE,
    "POST /v1/disputes/{dispute}/lift_stop": [naming({"reason": "a mistake"})],
    "POST /v1/disputes/{dispute}/submit": ONE,
    "POST /v1/disputes/{dispute}/accept": ONE,
    "POST /v1/test/disputes": [naming({"payment": "{payment}"})],
    "GET /v1/test/disputes": [
        Probe(OWN, query="limit=100"),
        asking("starting_after={sandbox_dispute}"),
        asking("order={payment}"),
    ],
    "GET /v1/test/world/cards": [Probe(OWN)],
    "GET /v1/test/world/cards/{card}": [Probe(OWN)],
    "POST /v1/test/world/cards/{card}": [naming({"state": "lost"}, OWN)],
    "POST /v1/test/faults": [naming({"kind": "outage", "on": "any", "times": 100}, OWN)],
    "GET /v1/test/faults": [Probe(OWN)],
    "DELETE /v1/test/faults/{fault}": ONE,
}
