"""Processors for tests: they answer as they are told, keep the truth about what they did, and find their own mistakes.

A `Bank` has the methods of a `Gateway`. Without a script it approves and carries out everything, honours keys, finds
by key, and burns keys on request. `Lost` answers nothing although something may have happened; a `Gate` keeps a call
waiting until a test opens it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from recoup.connectors.base import (
    Account,
    Addresses,
    Capabilities,
    Change,
    Charge,
    Completion,
    Connector,
    Credential,
    Question,
    Verification,
)
from recoup.gateway import Gateway
from recoup.gateway.calls import Timed
from recoup.outcomes.core import (
    ActionRequired,
    Advice,
    AdviceAction,
    Approved,
    Category,
    Decline,
    Declined,
    Done,
    Hardness,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
    Withdrawn,
)

LATENCY_MS = 7
Meaning = Any
"""An outcome, a follow-up, evidence, `Lost`, `Dies`, a `Gate`, or an exception to raise."""


@dataclass(frozen=True)
class Lost:
    """No answer comes back; `happened` is what the processor did all the same."""

    happened: Meaning = None


class Died(Exception):
    """The process that made the call is dead: nothing after the call happens."""


@dataclass(frozen=True)
class Dies:
    """Who called is dead before the answer comes; `happened` is what the processor did all the same."""

    happened: Meaning = None


@dataclass
class Gate:
    """The call is `entered`, and answers with `meaning` when it is `opened`."""

    meaning: Meaning = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Asked:
    """One call to a processor."""

    verb: str
    processor: str
    key: str
    amount: int | None = None


@dataclass
class FakeConnector:
    """A processor's name and what it can do; the bank answers in its place."""

    name: str
    capabilities: Capabilities
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    test_mode_only: bool = True
    lists_disputes: bool = False
    addresses: Addresses = field(default_factory=lambda: Addresses(None, None))


def capabilities(**changes: Any) -> Capabilities:
    """A processor that can do everything, but for the changes."""
    everything: dict[str, Any] = {
        "currencies": None,
        "countries": None,
        "brands": frozenset({"visa", "mastercard"}),
        "manual_capture": True,
        "multiple_captures": True,
        "partial_refunds": True,
        "stored_credentials": True,
        "lookup": True,
        "withdraw": True,
        "takes_authentication": True,
        "verification": True,
        "network_transaction_ids": True,
    }
    return Capabilities(**(everything | changes))


def connectors() -> dict[str, Connector]:
    """Four processors; `east` takes nothing back and nobody's word for an authentication, and captures only once.
    `west` cannot be asked, but goes on once more in the same way."""
    limited = capabilities(
        withdraw=False,
        multiple_captures=False,
        partial_refunds=False,
        takes_authentication=False,
        goes_on_with_us=True,
    )
    fakes = [
        FakeConnector("north", capabilities(processor_tokens=True, gives_tokens=True)),
        FakeConnector("south", capabilities(processor_tokens=True, gives_tokens=True, wants_card_again=True)),
        FakeConnector("east", limited),
        FakeConnector("west", capabilities(withdraw=False, lookup=False, resumable_completion=True)),
    ]
    return {one.name: cast(Connector, one) for one in fakes}


def decline(
    code: str = "processing_error",
    category: Category = Category.PROCESSOR,
    *,
    hardness: Hardness = Hardness.SOFT,
    action: AdviceAction = AdviceAction.RETRY_NOW,
    wait: timedelta | None = None,
) -> Declined:
    """A decline in which, unless it is changed, another processor helps."""
    return Declined(
        Decline(code, category, hardness, f"It was {code}.", Advice(action, wait), network_code="96")
    )


def no_funds() -> Declined:
    """A soft decline that stands."""
    return decline(
        "insufficient_funds", Category.FUNDS, action=AdviceAction.RETRY_LATER, wait=timedelta(hours=24)
    )


def lost_card() -> Declined:
    """A hard decline."""
    return decline("lost_card", Category.FRAUD, hardness=Hardness.HARD, action=AdviceAction.STOP)


class Bank:
    """Every processor there is, and the truth."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.charges: dict[str, Charge] = {}
        self.changes: dict[str, tuple[str, Change]] = {}
        self.truth: dict[str, Meaning] = {}
        self.burnt: set[str] = set()
        self.returned: list[dict[str, str]] = []
        self.verified: list[Verification] = []
        self.completions: list[Completion] = []
        self._scripts: dict[str, deque[Meaning]] = {}

    def will(self, verb: str, *meanings: Meaning) -> None:
        """Answer the next calls of this verb so; what comes after them is as usual."""
        self._scripts.setdefault(verb, deque()).extend(meanings)

    def settle(self, key: str, meaning: Meaning) -> None:
        """Change the truth about a key: what was pending is decided."""
        self.truth[key] = meaning

    def gateway(self) -> Gateway:
        """The bank, as flows see it."""
        return cast(Gateway, self)

    def verbs(self) -> list[str]:
        """What was asked, in order."""
        return [one.verb for one in self.asked]

    def keys(self, verb: str) -> list[str]:
        """The keys that came with a verb, in order."""
        return [one.key for one in self.asked if one.verb == verb]

    def double_charges(self) -> int:
        """How many payments were approved more than once."""
        approved = Counter(
            charge.payment_key
            for key, charge in self.charges.items()
            if isinstance(self.truth.get(key), Approved)
        )
        return sum(1 for number in approved.values() if number > 1)

    def sums(self, charge_key: str) -> Counter[str]:
        """What was captured, canceled and refunded of a charge."""
        sums: Counter[str] = Counter()
        charge, truth = self.charges[charge_key], self.truth.get(charge_key)
        if isinstance(truth, Approved) and truth.captured:
            sums["capture"] += charge.amount.minor
        for key, (verb, change) in self.changes.items():
            if change.charge_key == charge_key and isinstance(self.truth.get(key), Done):
                sums[verb] += change.amount.minor
        return sums

    def overdrawn(self) -> list[str]:
        """The charges of which more was taken or given back than there was."""
        wrong = []
        for key, charge in self.charges.items():
            sums = self.sums(key)
            too_much_taken = sums["capture"] + sums["cancel"] > charge.amount.minor
            if too_much_taken or sums["refund"] > sums["capture"]:
                wrong.append(key)
        return wrong

    async def open(self) -> None:
        """As a gateway."""

    async def close(self) -> None:
        """As a gateway."""

    async def charge(
        self, connector: Connector, account: Account, charge: Charge, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway."""
        self.charges[charge.key] = charge
        self.asked.append(Asked("charge", connector.name, charge.key, charge.amount.minor))
        usual = Approved(f"ch-{charge.key}", captured=charge.capture, network_transaction_id="ntid-1")
        return await self._acted("charge", charge.key, usual)

    async def complete(
        self, connector: Connector, account: Account, completion: Completion, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway: the charge under this key goes on, where it still waits for its customer."""
        key = completion.key
        self.asked.append(Asked("complete", connector.name, key, completion.amount.minor))
        self.returned.append(dict(completion.returned))
        self.completions.append(completion)
        usual = Approved(f"ch-{key}", captured=completion.capture)
        meaning = await self._scripted("complete", usual)
        if not isinstance(self.truth.get(key), ActionRequired):
            return Timed(self.truth.get(key, Unknown("not found")), LATENCY_MS)
        happened = meaning.happened if isinstance(meaning, Lost | Dies) else meaning
        if isinstance(happened, Approved | Declined | ActionRequired | Pending):
            self.truth[key] = happened
        if isinstance(meaning, Dies):
            raise Died
        return Timed(Unknown("no answer in time") if isinstance(meaning, Lost) else meaning, LATENCY_MS)

    async def verify(
        self, connector: Connector, account: Account, verification: Verification, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway: nothing is taken; what must wait for its customer goes on with `complete`."""
        self.verified.append(verification)
        self.asked.append(Asked("verify", connector.name, verification.key, 0))
        return await self._acted(
            "verify", verification.key, Approved(f"vf-{verification.key}", captured=False)
        )

    async def capture(
        self, connector: Connector, account: Account, change: Change, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway."""
        return await self._changed("capture", connector, change)

    async def cancel(
        self, connector: Connector, account: Account, change: Change, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway."""
        return await self._changed("cancel", connector, change)

    async def refund(
        self, connector: Connector, account: Account, change: Change, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway."""
        return await self._changed("refund", connector, change)

    async def lookup(
        self, connector: Connector, account: Account, question: Question, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway."""
        return await self._told("lookup", connector, question, Unknown("not found"))

    async def lookup_change(
        self, connector: Connector, account: Account, question: Question, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway."""
        return await self._told("lookup_change", connector, question, Unknown("not found"))

    async def withdraw(
        self, connector: Connector, account: Account, question: Question, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway."""
        return await self._told("withdraw", connector, question, Withdrawn())

    async def withdraw_change(
        self, connector: Connector, account: Account, question: Question, *, account_id: UUID
    ) -> Timed[Any]:
        """As a gateway."""
        return await self._told("withdraw_change", connector, question, Withdrawn())

    async def _changed(self, verb: str, connector: Connector, change: Change) -> Timed[Any]:
        self.changes[change.key] = (verb, change)
        self.asked.append(Asked(verb, connector.name, change.key, change.amount.minor))
        return await self._acted(verb, change.key, Done(f"{verb}-{change.key}"))

    async def _acted(self, verb: str, key: str, usual: Meaning) -> Timed[Any]:
        """Do once what comes with a key."""
        meaning = await self._scripted(verb, usual)
        if key in self.burnt:
            return Timed(Unprocessed("HTTP 409: withdrawn"), LATENCY_MS)
        if key in self.truth:
            return Timed(self.truth[key], LATENCY_MS)
        happened = meaning.happened if isinstance(meaning, Lost | Dies) else meaning
        if isinstance(happened, Approved | Declined | ActionRequired | Pending | Done | Refused):
            self.truth[key] = happened
        if isinstance(meaning, Dies):
            raise Died
        said = Unknown("no answer in time") if isinstance(meaning, Lost) else meaning
        return Timed(said, LATENCY_MS)

    async def _told(
        self, verb: str, connector: Connector, question: Question, otherwise: Meaning
    ) -> Timed[Any]:
        self.asked.append(Asked(verb, connector.name, question.key))
        meaning = await self._scripted(verb, self.truth.get(question.key, otherwise))
        if isinstance(meaning, Dies):
            raise Died
        if isinstance(meaning, Withdrawn):
            self.burnt.add(question.key)
        elif isinstance(meaning, Lost):
            meaning = Unknown("no answer in time")
        elif not isinstance(meaning, Unknown):
            self.truth.setdefault(question.key, meaning)
        return Timed(meaning, LATENCY_MS)

    async def _scripted(self, verb: str, usual: Meaning) -> Meaning:
        script = self._scripts.get(verb)
        meaning = script.popleft() if script else usual
        if isinstance(meaning, Gate):
            meaning.entered.set()
            await meaning.opened.wait()
            meaning = usual if meaning.meaning is None else meaning.meaning
        if isinstance(meaning, BaseException):
            raise meaning
        return meaning
