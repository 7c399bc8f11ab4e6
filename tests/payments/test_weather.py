"""Any weather: processors that answer, decline, fall silent or answer later, and processes that die at any moment.

Whatever happens, in the end every payment says what the bank says, nobody was charged twice, and no row breaks a law.
A seed chooses what is wished for and what goes wrong.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from typing import Any, Final
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from tests import invariants
from tests.payments.bank import Died, Dies, Lost, decline, lost_card, no_funds
from tests.payments.house import House

from recoup.kit.ids import Kind, parse
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Declined,
    Done,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
)
from recoup.payments.core import AttemptState, OperationState, Snapshot, Status
from recoup.payments.flow import Taken

PAYMENTS: Final = 12
TAKEN: Final = Approved("ch-1", captured=True)
HELD: Final = Approved("ch-1")
CHARGES: Final = [
    TAKEN,
    HELD,
    HELD,
    decline(),
    no_funds(),
    lost_card(),
    Unprocessed("refused"),
    Lost(TAKEN),
    Lost(HELD),
    Lost(decline()),
    Lost(),
    Dies(TAKEN),
    Dies(HELD),
    Dies(decline()),
    Dies(),
    Pending("ref-1"),
    Lost(Pending("ref-1")),
    ActionRequired("ref-1", "https://bank.example"),
    ActionRequired("ref-1", "https://bank.example"),
    Lost(ActionRequired("ref-1", "https://bank.example")),
]
COMPLETIONS: Final = [
    TAKEN,
    HELD,
    no_funds(),
    ActionRequired("ref-1", "https://bank.example"),
    Pending("ref-1"),
    Lost(TAKEN),
    Lost(no_funds()),
    Lost(),
    Dies(HELD),
    Dies(no_funds()),
    Dies(),
]
CHANGES: Final = [
    Done("done-1"),
    Done("done-1"),
    Refused("no", "No."),
    Unprocessed("refused"),
    Lost(Done("done-1")),
    Lost(Refused("no", "No.")),
    Lost(),
    Dies(Done("done-1")),
    Dies(),
    Pending("ref-1"),
]
QUESTIONS: Final = [Lost(), Dies()]
OPEN: Final = {
    AttemptState.STARTED,
    AttemptState.COMPLETING,
    AttemptState.PENDING,
    AttemptState.REQUIRES_ACTION,
    AttemptState.UNKNOWN,
}


class Weather:
    """A seed's choices."""

    def __init__(self, seed: int, houses: list[House]) -> None:
        self.chance = random.Random(seed)
        self.houses = houses
        self.bank = houses[0].bank
        self.bank.will("charge", *self.chance.choices(CHARGES, k=300))
        self.bank.will("complete", *self.chance.choices(COMPLETIONS, k=300))
        for verb in ("capture", "cancel", "refund"):
            self.bank.will(verb, *self.chance.choices(CHANGES, k=300))

    async def lived(self, work: Awaitable[Any]) -> Any:
        """What came of it: an answer, a refusal, or the death of the process."""
        (result,) = list(await asyncio.gather(work, return_exceptions=True))
        assert not isinstance(result, BaseException) or isinstance(result, Refusal | Taken | Died), repr(
            result
        )
        return result

    async def life(self, merchant: Merchant, number: int) -> None:
        """One customer's wishes, each sent twice at times, to any of the processes."""
        house = self.chance.choice(self.houses)
        capture = self.chance.choice(["manual", "automatic"])
        made = await self.lived(house.pay(merchant, key=f"pay {number}", capture=capture))
        if not isinstance(made, Snapshot):
            return
        for step in range(6):
            house, key = self.chance.choice(self.houses), f"{number} {self.chance.randrange(step + 1)}"
            await self.lived(self._wish(house, merchant, made.payment.id, key))

    def _wish(self, house: House, merchant: Merchant, payment_id: UUID, key: str) -> Awaitable[Any]:
        amount = self.chance.choice([None, 200, 500])
        match self.chance.randrange(8):
            case 0:
                return house.capture(merchant, payment_id, amount, key=key)
            case 1:
                return house.cancel(merchant, payment_id, key=key)
            case 2 | 3:
                return house.refund(merchant, payment_id, amount, key=key)
            case 4:
                return house.confirm(merchant, payment_id, key=key)
            case 5 | 6:
                return house.come_back(merchant, payment_id, key=key)
            case _:
                return house.settle(merchant, payment_id)

    async def clear_up(self, house: House) -> None:
        """The bank makes up its mind, and the worker asks until nothing is open."""
        for key, meaning in list(self.bank.truth.items()):
            if isinstance(meaning, Pending | ActionRequired):
                charge = key.startswith("att_")
                self.bank.settle(key, self.chance.choice([HELD, no_funds()] if charge else [Done("done-1")]))
        for _ in range(30):
            await house.wait(days=1)
            with capture_logs():  # a handler that dies is told of at length
                await house.work()
            if not await house.dues(house.merchants_made[0]):
                return
        raise AssertionError("something stays open for ever")


@pytest.mark.parametrize("seed", range(12))
async def test_in_the_end_every_payment_says_what_the_bank_says(house: House, seed: int) -> None:
    merchant = await house.merchant("north", "south")
    weather = Weather(seed, [house, house.another_process(), house.another_process()])
    for verb in ("lookup", "lookup_change", "withdraw", "withdraw_change"):
        house.bank.will(verb, *weather.chance.choices(QUESTIONS, k=weather.chance.randrange(8)))
    await asyncio.gather(*(weather.life(merchant, number) for number in range(PAYMENTS)))
    await weather.clear_up(house)
    ended = await house.payments_of(merchant)
    assert ended, "the weather let somebody pay"
    for snapshot in ended:
        _says_what_the_bank_says(house, snapshot)
    await invariants.hold(house, merchant)


def _says_what_the_bank_says(house: House, snapshot: Snapshot) -> None:
    bank = house.bank
    truths = {parse(Kind.ATTEMPT, key): meaning for key, meaning in bank.truth.items() if key[:4] == "att_"}
    for attempt in snapshot.attempts:
        assert attempt.state not in OPEN
        truth = truths.get(attempt.id)
        assert (attempt.state is AttemptState.APPROVED) == isinstance(truth, Approved)
        assert not isinstance(truth, Declined) or attempt.state is AttemptState.DECLINED
        assert not isinstance(truth, Unknown)
    held = snapshot.open_attempt
    if held is None:
        assert snapshot.payment.status in (
            Status.DECLINED,
            Status.FAILED,
            Status.CANCELED,
            Status.REQUIRES_PAYMENT_METHOD,
        )
        return
    charge_key = next(key for key in bank.charges if parse(Kind.ATTEMPT, key) == held.id)
    sums, payment = bank.sums(charge_key), snapshot.payment
    assert (payment.captured, payment.refunded) == (sums["capture"], sums["refund"])
    assert {one.state for one in snapshot.operations} <= {OperationState.SUCCEEDED, OperationState.FAILED}
    assert payment.status in (
        Status.AUTHORIZED,
        Status.PARTIALLY_CAPTURED,
        Status.CAPTURED,
        Status.CANCELED,
    )
