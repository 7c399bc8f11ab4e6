"""One merchant: sends orders to whichever API process answers, repeats what broke, remembers what it wished for."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp
import msgspec
from tests.simulation.orders import Answer, Change, Order, Verb
from tests.whole.served import Answered, Client

UNDER_WAY_MAX: Final = 12
"""Orders of one merchant that are sent beside each other."""
TRIES_MAX: Final = 3
"""How often a change is put off because its payment has not got so far."""
ADVANCE_S: Final = 600.0
MOVES_MAX: Final = 10_000
WELL: Final = {"captured", "authorized", "partially_captured"}
_BUSY: Final = {"idempotency_key_in_use", "busy"}
_HELD: Final = {"card_tries_under_way", "card_tries_exhausted", "card_stopped_by_network"}
_MOVING: Final = {"clock_is_moving", "too_much_is_due"}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A customer with a card on file."""

    customer: str
    method: str


@dataclass(slots=True)
class Wish:
    """A change that was put off."""

    payment: str
    order: Order
    number: int
    tries: int = 0

    @property
    def change(self) -> Change:
        """What is wished for."""
        return self.order.changes[self.number]


@dataclass(slots=True)
class Shop:
    """A merchant's server. `payments` has the payment of each order that was answered."""

    number: int
    client: Client
    chance: random.Random
    merchant_id: str
    payments: dict[str, str] = field(default_factory=dict)
    refunds: dict[str, str] = field(default_factory=dict)
    subscribers: list[Subscriber] = field(default_factory=list)
    later: list[Wish] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)

    async def subscribe(self, cards: Sequence[str]) -> None:
        """Customers pay once themselves, and leave their cards."""
        for number, card in enumerate(cards):
            once = f"m{self.number}-customer-{number}"
            known = {"name": once, "country": "US", "time_zone": "America/New_York"}
            customer = (await self.did("/v1/customers", known, once=once))["id"]
            body = {"amount": 100, "currency": "USD", "customer": customer, "merchant_reference": once}
            paid = await self.did("/v1/payments", body | _card(card), once=f"{once}-pays")
            assert paid["status"] == "captured", paid
            self.payments[once] = paid["id"]
            self.subscribers.append(Subscriber(customer, paid["payment_method"]))

    async def round(self, orders: Iterable[Order]) -> None:
        """Send orders, some beside each other, and do what was put off."""
        room = asyncio.Semaphore(UNDER_WAY_MAX)
        put_off, self.later = self.later, []

        async def one(work: Any) -> None:
            async with room:
                await work

        works = [self._try(wish) for wish in put_off] + [self._order(order) for order in orders]
        await asyncio.gather(*map(one, works))

    async def _order(self, order: Order) -> None:
        if order.fault is not None:
            fault = {"merchant_reference": order.reference, **order.fault}
            await self._let_go_wrong(fault, once=f"fault-{order.reference}")
        paid = await self._paid(order)
        if paid is None:
            return
        self.payments[order.reference] = paid["id"]
        self.seen[f"first {paid['status']}"] += 1
        for number, change in enumerate(order.changes):
            wish = Wish(paid["id"], order, number)
            if change.later or paid["status"] not in WELL:
                self.later.append(wish)
            else:
                await self._change(wish, paid)

    async def _paid(self, order: Order) -> Any:
        """The payment of an order; None where the card's network allows no try now, for all that is under way."""
        body, once = self._body(order), f"pay-{order.reference}"
        sent = [self.insist("/v1/payments", body, once=once) for _ in range(1 + order.sent_twice)]
        answers = await asyncio.gather(*sent)
        taken = [one.json for one in answers if one.status < 300]
        for held in (one for one in answers if one.status >= 300):
            assert held.code in _HELD, (body, held.status, held.body)
            self.seen[f"payments held: {held.code}"] += 1
        assert all(other["id"] == taken[0]["id"] for other in taken), f"two payments of one order: {taken}"
        return taken[0] if taken else None

    def _body(self, order: Order) -> dict[str, Any]:
        body: dict[str, Any] = {
            "amount": order.amount,
            "currency": order.currency,
            "capture": "manual" if order.manual else "automatic",
            "merchant_reference": order.reference,
        }
        if order.card is not None:
            return body | _card(order.card)
        assert order.subscriber is not None, "a renewal is of somebody"
        who = self.subscribers[order.subscriber]
        return body | {"customer": who.customer, "payment_method": who.method, "initiator": "merchant"}

    async def _let_go_wrong(self, fault: Mapping[str, Any], *, once: str) -> None:
        answered = await self.insist("/v1/test/faults", fault, once=once)
        self.seen["faults asked for" if answered.status == 201 else "faults not taken"] += 1

    async def _try(self, wish: Wish) -> None:
        """What was put off, if the payment has got so far; else it is put off again, and not for ever."""
        payment = await self.get(f"/v1/payments/{wish.payment}")
        await self._change(wish, payment)

    async def _change(self, wish: Wish, payment: Any) -> None:
        body, order = _asked(wish.change, payment), wish.order
        if body is None:
            wish.tries += 1
            if wish.tries < TRIES_MAX:
                self.later.append(wish)
            else:
                self.seen["changes given up"] += 1
            return
        once = f"change-{wish.number}-of-{order.reference}"
        if wish.change.fault is not None:
            fault = {"kind": wish.change.fault, "on": wish.change.verb, "delay_s": 2}
            await self._let_go_wrong(fault, once=f"fault-of-{once}")
        refunds = wish.change.verb is Verb.REFUND
        path = "/v1/refunds" if refunds else f"/v1/payments/{payment['id']}/{wish.change.verb}"
        answered = await self.insist(path, body, once=once)
        self.seen[f"{wish.change.verb} {answered.status}"] += 1
        assert answered.status < 300 or answered.status in {400, 409}, answered.body
        if refunds and answered.status < 300:
            self.refunds[once] = answered.json["id"]

    async def answer_disputes(self) -> None:
        """Answer each dispute that waits for an answer, once: with good evidence, with bad, by giving in, or not."""
        for dispute in await self.every("/v1/disputes?status=needs_response"):
            if dispute["id"] not in self.answered:
                self.answered.add(dispute["id"])
                await self._answer(f"/v1/disputes/{dispute['id']}", self.chance.choice(list(Answer)))

    async def _answer(self, path: str, answer: Answer) -> None:
        self.seen[f"disputes answered: {answer}"] += 1
        once = path.rpartition("/")[2]
        if answer in {Answer.WINNING, Answer.LOSING}:
            evidence = {"fields": {"uncategorized_text": f"It is {answer}."}}
            await self.insist(f"{path}/evidence", evidence, once=f"evidence-{once}")
            await self.insist(f"{path}/submit", {}, once=f"submit-{once}")
        elif answer is Answer.ACCEPT:
            await self.insist(f"{path}/accept", {}, once=f"accept-{once}")

    async def advance(self, by: timedelta) -> int:
        """Move the merchant's clock; how much that was due ran on the way."""
        shown, ran = await self.now(), 0
        to = shown + by
        for _ in range(MOVES_MAX):
            once = f"clock-{self.number}-{self.chance.getrandbits(64):x}"
            body = {"to": to.isoformat()}
            answered = await self.insist("/v1/test_clock/advance", body, once=once, within_s=ADVANCE_S)
            if answered.status == 200:
                ran += int(answered.json["ran"])
                if datetime.fromisoformat(answered.json["now"]) >= to:
                    return ran
            elif answered.code == "clock_goes_back":
                return ran
            else:
                assert answered.code in _MOVING, answered.body
                await asyncio.sleep(0.2)
        raise AssertionError("the clock does not move")

    async def now(self) -> datetime:
        """What the merchant's clock shows."""
        return datetime.fromisoformat((await self.get("/v1/test_clock"))["now"])

    async def did(self, path: str, body: Any, *, once: str) -> Any:
        """A POST that must be taken; its answer as JSON."""
        answered = await self.insist(path, body, once=once)
        assert answered.status < 300, (path, body, answered.status, answered.body)
        return answered.json

    async def insist(self, path: str, body: Any, *, once: str, within_s: float = 240.0) -> Answered:
        """POST as often as it takes, to whoever answers, always under one key."""
        deadline = asyncio.get_running_loop().time() + within_s
        said: object = None
        while asyncio.get_running_loop().time() < deadline:
            try:
                answered = await self.client.send("POST", path, body, once=once)
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                said = repr(error)
            else:
                said = answered.body
                if answered.status < 500 and answered.code not in _BUSY:
                    self.seen["answers that were waiting"] += answered.replayed
                    return answered
            self.seen["sent again"] += 1
            await asyncio.sleep(self.chance.uniform(0.05, 0.4))
        raise AssertionError(f"no answer to {path} ({once}) within {within_s} s: {said!r}")

    async def read(self, path: str) -> bytes:
        """What is there, from whoever answers."""
        for _ in range(600):
            try:
                answered = await self.client.send("GET", path)
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                answered = None
            if answered is not None and answered.status < 500:
                assert answered.status == 200, answered.body
                return answered.body
            await asyncio.sleep(0.2)
        raise AssertionError(f"nobody answers {path}")

    async def get(self, path: str) -> Any:
        """The same as JSON."""
        return msgspec.json.decode(await self.read(path))

    async def every(self, path: str) -> list[Any]:
        """Everything in a list, page by page."""
        found: list[Any] = []
        cursor = ""
        joint = "&" if "?" in path else "?"
        while True:
            page = await self.get(f"{path}{joint}limit=100{cursor}")
            found += page["data"]
            if not page["has_more"]:
                return found
            cursor = f"&starting_after={page['data'][-1]['id']}"


def _card(number: str) -> dict[str, Any]:
    cvc = "1234" if len(number) == 15 else "123"
    card = {"number": number, "exp_month": 12, "exp_year": 2035, "cvc": cvc}
    return {"payment_method_data": {"type": "card", "card": card}}


def _asked(change: Change, payment: Any) -> dict[str, Any] | None:
    """What to send for a change; None where the payment does not stand so that it could be done."""
    status = payment["status"]
    match change.verb:
        case Verb.REFUND:
            left = payment["amount_captured"] - payment["amount_refunded"]
            amount = left * change.percent // 100
            return {"payment": payment["id"], "amount": amount} if amount else None
        case Verb.CAPTURE:
            amount = payment["amount_capturable"] * change.percent // 100
            return {"amount": amount} if status in {"authorized", "partially_captured"} and amount else None
        case Verb.CANCEL:
            return {} if status == "authorized" else None
