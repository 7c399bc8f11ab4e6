"""The chapters of the demo: each makes a payment, shows what became of it, and checks what is claimed of it."""

from __future__ import annotations

import asyncio
from typing import Final

from recoup.demo import wire
from recoup.demo.shop import Shop, card
from recoup.demo.telling import Chapter, Check, Facts, Say, Tellings, equal
from recoup.demo.words import moment, words
from recoup.kit.money import Money

VISA: Final = "4242424242424242"
MASTERCARD: Final = "5555555555554444"
PRICE: Final = Money(4999, "USD")
GIVEN_BACK: Final = Money(2000, "USD")
NO_ANSWER_YET: Final = "unresolved"
SETTLED_IN_S: Final = 60
"""How long evidence may take: a processor is asked again after 2, 5, 10 and 20 seconds, then more slowly."""
LOOKED_EVERY_S: Final = 0.25
A_MOMENT_S: Final = 10


def chapters(shop: Shop) -> tuple[Chapter, ...]:
    """The first four chapters."""
    return (
        Chapter("A capture and a partial refund", lambda: capture_and_refund(shop)),
        Chapter("A decline that says why", lambda: decline(shop)),
        Chapter("Another processor takes over", lambda: failover(shop)),
        Chapter("A charge that nobody answered", lambda: silence(shop)),
    )


async def capture_and_refund(shop: Shop) -> Tellings:
    """Hold, capture, give a part back."""
    yield Say(f"{PRICE} is held on a card, then captured; later {GIVEN_BACK} is given back.")
    method = card(VISA, year=await _year(shop))
    held = await shop.pay(PRICE, payment_method_data=method, capture="manual")
    captured = await shop.post(f"/v1/payments/{held.id}/capture", {}, wire.Payment)
    refund = await shop.post("/v1/refunds", {"payment": held.id, "amount": GIVEN_BACK.minor}, wire.Refund)
    after = await shop.payment(held.id)
    yield await shop.story(held.id)
    yield equal("the money was held first", held.status, "authorized")
    yield equal(
        f"{PRICE} was captured", (captured.status, captured.amount_captured), ("captured", PRICE.minor)
    )
    yield equal(
        f"{GIVEN_BACK} was given back, and {PRICE - GIVEN_BACK} kept",
        (refund.status, after.amount_refunded),
        ("succeeded", GIVEN_BACK.minor),
    )
    charges = await shop.charges(held.id)
    found = [(charge.captured, charge.refunded) for charge in charges]
    yield equal("the processor's books say the same", found, [(PRICE.minor, GIVEN_BACK.minor)])


async def decline(shop: Shop) -> Tellings:
    """A decline in which the processor says little and the network says all."""
    yield Say(
        'The processor says no more than "generic_decline". The card network\'s codes say why, and until when.'
    )
    codes = {"decline_code": "generic_decline", "network_code": "51", "advice_code": "25"}
    await shop.let_go_wrong("decline", kind="decline", **codes)
    payment = await _buy(shop, "decline", MASTERCARD)
    why = payment.decline
    if why is None:
        yield equal("the payment was declined", payment.status, "declined")
        return
    until = why.advice.not_before
    yield Facts(
        (
            ("processor said", why.processor_code or "nothing"),
            ("network said", f"{why.network_code}, and advice code {why.network_advice_code}"),
            ("which means", f"{why.code} · {why.category} · {why.hardness}"),
            ("in words", why.message),
            ("advice", words(why.advice.action) + (f", not before {moment(until)} UTC" if until else "")),
            ("written in", why.source),
        )
    )
    yield equal("a decline is an answer, not an error", payment.status, "declined")
    raw = (why.processor_code, why.network_code, why.network_advice_code)
    yield equal("the raw codes are kept as they came", raw, tuple(codes.values()))
    yield equal("the standard code says what they mean", why.code, "insufficient_funds")
    refused_at = payment.attempts[-1].finished_at
    waits = None if until is None or refused_at is None else until - refused_at
    yield equal("the advice is to wait a day", str(waits), "1 day, 0:00:00")
    yield equal("nobody else was asked: no processor makes money appear", len(payment.attempts), 1)


async def failover(shop: Shop) -> Tellings:
    """The first processor is down; the second takes the payment."""
    yield Say("The first processor is down. The customer does not notice.")
    await shop.let_go_wrong("failover", kind="outage", processor="alpha")
    payment = await _buy(shop, "failover", VISA)
    yield await shop.story(payment.id)
    last = payment.attempts[-1]
    decision = await shop.get(f"/v1/decisions/{last.decision}", wire.Decision)
    yield Facts((("why another", decision.data.why),))
    yield equal("the payment was captured in the same call", payment.status, "captured")
    yield equal("alpha did not process it, bravo did", payment.outcomes, ["unprocessed", "approved"])
    charges = [charge.processor for charge in await shop.charges(payment.id)]
    yield equal("bravo charged once, and nobody else", charges, ["bravo"])


async def silence(shop: Shop) -> Tellings:
    """A processor charges the card and does not answer: nothing else is tried until evidence is there."""
    yield Say(
        "Alpha charges the card, and its answer never arrives. Trying elsewhere now could charge twice."
    )
    if shop.silence_s > A_MOMENT_S:
        yield Say(
            "This takes as long as the server waits for a processor: 30 seconds, unless it was told otherwise."
        )
    await shop.let_go_wrong(
        "silence", kind="timeout_after_success", processor="alpha", delay_s=shop.silence_s
    )
    payment = await _buy(shop, "silence", VISA)
    yield Facts((("status", payment.status), ("because", payment.explanation or "")))
    yield equal("its outcome is unknown, and Recoup says so", payment.status, NO_ANSWER_YET)
    method = {"payment_method_data": card(MASTERCARD, year=await _year(shop))}
    status, problem = await shop.refused(f"/v1/payments/{payment.id}/confirm", method)
    yield Say("Somebody is impatient and wants to pay with another card:")
    yield Facts((("answer", str(status)), ("because", "" if problem is None else problem.message)))
    yield Check("the second try is refused while nobody knows", status == 409, f"it was answered {status}")
    yield Say("Meanwhile the worker asks alpha, by the attempt's own key, what became of it:")
    settled = await _settled(shop, payment)
    yield await shop.story(payment.id)
    yield equal("evidence settled it: captured", settled.status, "captured")
    yield equal("with the one attempt that was made", settled.outcomes, ["approved"])
    charges = [charge.money for charge in await shop.charges(payment.id)]
    yield equal("and the processors charged exactly once", charges, [PRICE])


async def count(shop: Shop, before: wire.World) -> Tellings:
    """What the sandbox itself counted while the demo ran."""
    after = await shop.get("/v1/test/world", wire.World)
    asked, made = after.charges_asked - before.charges_asked, after.charges_made - before.charges_made
    doubles = after.double_charges - before.double_charges
    yield Facts(
        (
            ("charges asked", str(asked)),
            ("charges made", str(made)),
            ("double charges", str(doubles)),
        )
    )
    paid = [id_ for id_ in shop.payments if (await shop.payment(id_)).amount_captured]
    charged = [len(await shop.charges(id_)) for id_ in paid]
    yield equal("every payment that was paid was charged once", charged, [1] * len(paid))
    yield equal("every charge belongs to a payment that was paid", made, len(paid))
    yield equal("no double charge", doubles, 0)


async def _buy(shop: Shop, reference: str, number: str) -> wire.Payment:
    method = card(number, year=await _year(shop))
    return await shop.pay(PRICE, payment_method_data=method, merchant_reference=shop.reference(reference))


async def _settled(shop: Shop, payment: wire.Payment) -> wire.Payment:
    """The payment once its outcome is known, or as it stands when that takes too long."""
    for _ in range(int(SETTLED_IN_S / LOOKED_EVERY_S)):
        if payment.status != NO_ANSWER_YET:
            break
        await asyncio.sleep(LOOKED_EVERY_S)
        payment = await shop.payment(payment.id)
    return payment


async def _year(shop: Shop) -> int:
    """A year in which a card of today is still good, by the merchant's own clock."""
    return (await shop.get("/v1/test_clock", wire.Clock)).now.year + 3
