"""What every connector must keep, whoever wrote it: the promises of `recoup.connectors.base`, as laws.

A connector takes part by a `Case` in `cases.py`: how it is asked, and what its processor's replies look like. The laws
themselves know no processor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, get_args

from recoup.connectors.base import (
    Account,
    Card,
    Change,
    Charge,
    Connector,
    Exchange,
    HttpRequest,
    HttpResponse,
    Initiator,
    Question,
)
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Evidence, FollowUp, FollowUpEvidence, Outcome, Withdrawn

NUMBER: Final = "4242424242424242"
CVC: Final = "737"
HOLDER: Final = "Wilhelmina Ormsby"
POSTAL_CODE: Final = "94103-6677"
KEY: Final = "att_01kb0000000000000000000001"
CHARGE_KEY: Final = "att_01kb0000000000000000000002"
REQUESTS_MAX: Final = 8

REPLY_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "charge": get_args(Outcome),
    "capture": get_args(FollowUp),
    "cancel": get_args(FollowUp),
    "refund": get_args(FollowUp),
    "lookup": get_args(Evidence),
    "lookup_change": get_args(FollowUpEvidence),
    "withdraw": (*get_args(Evidence), Withdrawn),
    "withdraw_change": (*get_args(FollowUpEvidence), Withdrawn),
}
VERBS: Final = tuple(REPLY_TYPES)
MOVING: Final = ("charge", "capture", "cancel", "refund")
QUESTIONS: Final = ("lookup", "lookup_change")


@dataclass(frozen=True, slots=True)
class Raw:
    """A decline as the processor sent it: its own code, the network's, the advice code."""

    reply: HttpResponse
    code: str | None
    network_code: str | None
    advice_code: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """A connector with its processor's replies.

    `good` are the replies of an exchange that succeeds, by verb; `declines` are answers to a charge; `at_the_door` are
    replies by which the processor itself says that it did nothing. `moves_money` tells whether a request does.
    """

    connector: Connector
    account: Account
    good: Mapping[str, Sequence[HttpResponse]]
    declines: Sequence[Raw]
    at_the_door: Sequence[HttpResponse]
    moves_money: Callable[[HttpRequest], bool]
    charge_reference: str = "reference-1"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no repr may show."""
        return (
            NUMBER,
            CVC,
            HOLDER,
            POSTAL_CODE,
            *(each.reveal() for each in self.account.credentials.values()),
        )

    def asked(self, verb: str, *, charge: Charge | None = None) -> Exchange[Any]:
        """The exchange of a verb."""
        connector, account = self.connector, self.account
        if verb == "charge":
            return connector.charge(account, charge or a_charge())
        if verb in {"capture", "cancel", "refund"}:
            exchange: Exchange[Any] = getattr(connector, verb)(account, a_change(self.charge_reference))
            return exchange
        question: Exchange[Any] = getattr(connector, verb)(account, a_question())
        return question


@dataclass(frozen=True, slots=True)
class Told:
    """A whole exchange: what was sent, and what it meant."""

    sent: tuple[HttpRequest, ...]
    meant: object


def drive(exchange: Exchange[Any], replies: Iterable[HttpResponse]) -> Told:
    """Play the processor: hand out the replies in order, the last one again and again."""
    sent: list[HttpRequest] = []
    queue = list(replies)
    try:
        request = next(exchange)
        while True:
            sent.append(request)
            assert len(sent) <= REQUESTS_MAX, "an exchange ends"
            request = exchange.send(queue.pop(0) if len(queue) > 1 else queue[0])
    except StopIteration as end:
        return Told(tuple(sent), end.value)


def a_charge(
    *, amount: Money | None = None, key: str = KEY, initiator: Initiator = Initiator.CUSTOMER
) -> Charge:
    """A charge with everything in it that could leak."""
    return Charge(
        key=key,
        payment_key="pay_01kb0000000000000000000001",
        amount=amount or Money(4999, "EUR"),
        card=Card(
            number=Secret(NUMBER), exp_month=12, exp_year=2031, brand="visa", cvc=Secret(CVC), holder=HOLDER
        ),
        capture=True,
        initiator=initiator,
        today=date(2026, 11, 23),
        network_transaction_id=None,
        merchant_reference="order-1",
        return_url="https://shop.example/after",
        country="DE",
        postal_code=POSTAL_CODE,
    )


def a_change(charge_reference: str) -> Change:
    """A change of an approved charge."""
    return Change(
        key=KEY, charge_key=CHARGE_KEY, charge_reference=charge_reference, amount=Money(1000, "EUR")
    )


def a_question() -> Question:
    """A question about what was sent with our key."""
    return Question(key=KEY, brand="visa", today=date(2026, 11, 23))


def carried(request: HttpRequest) -> str:
    """Everything of a request in which a key could be."""
    return f"{request.url} {dict(request.headers)} {request.body.decode()}"
