"""The card network: it passes what acquirers ask to the issuer that a number's first digits name, and the answer back.

Where an issuer cannot be reached, or is silent past a limit, the network stands in for it: it approves small amounts on
cards that nobody has reported, a few for each card, and declines the rest with 91. The issuer is told of approvals by
advice (0120) until it acknowledges them. Where it may still answer what the network has declined, it is told to undo
that (0420). Advices from acquirers that their issuer does not take are acknowledged, kept and told later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from recoup.connectors.base import iso8583
from recoup.connectors.base.iso8583 import Message
from recoup.db import Database
from recoup.kit.clock import Clock
from recoup.sandbox.cards import luhn_valid
from recoup.sandbox.chain import messages, store
from recoup.sandbox.chain.bins import BANKS, bank_of
from recoup.sandbox.chain.forwarding import Forwarding
from recoup.sandbox.chain.lines import Down, Line, Silent
from recoup.sandbox.chain.messages import (
    Advice,
    AdviceKind,
    Judgement,
    Request,
    advice_message,
    advice_of,
    answer_message,
    not_available,
    request_of,
    said,
)
from recoup.sandbox.chain.store import Holder
from recoup.sandbox.core.cardfile import account_name, brand_of
from recoup.sandbox.core.charges import network_transaction_id
from recoup.sandbox.core.exchange import convert
from recoup.sandbox.core.issuer import Approval, Checks, unknown_number

_NOT_UNDERSTOOD: Final = "30"
_NO_ROUTE: Final = "92"


@dataclass(frozen=True, slots=True)
class StandInRules:
    """When the network approves in an issuer's place: up to so much (cents of a dollar), so often for each card."""

    cents_max: int = 5000
    payments_max: int = 3


class Network:
    """Routes messages. `lines` are the ways to the issuers, by their institution numbers."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        lines: Mapping[str, Line],
        *,
        issuer_timeout_s: float,
        rules: StandInRules = StandInRules(),
    ) -> None:
        self._database = database
        self._clock = clock
        self._lines = lines
        self._issuer_timeout_s = issuer_timeout_s
        self._rules = rules
        self.forwarding = Forwarding(database, Holder.NETWORK, self._tell)

    async def signed_on(self, message: Message) -> bool:
        """Members reach the network by loopback only."""
        return message["t"] == "0800"

    async def answer(self, message: Message) -> Message | None:
        """The answer to what an acquirer asks or tells; None is silence."""
        if message["t"] in ("0100", "0101"):
            mark = messages.tags_of(message).get(messages.MARK, "")
            answer = await self._authorised(message, mark=mark)
            return None if mark == messages.NETWORK_SILENT else answer
        advice = advice_of(message)
        if advice is None:
            return iso8583.reply(message, _NOT_UNDERSTOOD)
        if advice.issuer is not None and advice.issuer not in self._lines:
            return iso8583.reply(message, _NO_ROUTE)
        if not await self._tell(advice):
            await store.keep(self._database, advice, Holder.NETWORK, now=self._clock.now())
            self.forwarding.wake()
        return iso8583.reply(message, iso8583.APPROVED)

    async def _authorised(self, message: Message, *, mark: str) -> Message:
        request = request_of(message)
        if request is None:
            return iso8583.reply(message, _NOT_UNDERSTOOD)
        bank = bank_of(request.number)
        if bank is None:
            return answer_message(message, said(Judgement(unknown_number(brand_of(request.number)))))
        heard: Message | Down | Silent = Down()
        if mark != messages.ISSUER_DOWN:
            line = self._lines[bank.number]
            onwards = {**message, "11": f"{(line.trace() - 1) % 999_999 + 1:06}"}
            heard = await line.ask(onwards, within_s=self._issuer_timeout_s)
        match heard:
            case Down():
                judgement = await self._stood_in(request, bank.number)
            case Silent():
                judgement = await self._stood_in(request, bank.number)
                if not isinstance(judgement.verdict, Approval):
                    await self._undo(request, bank.number)
            case _:
                return {**heard, "11": message["11"]}
        return answer_message(message, said(judgement))

    async def _stood_in(self, request: Request, bank: str) -> Judgement:
        """Decide in an issuer's place."""
        brand = brand_of(request.number)
        known = await store.stand_in(
            self._database,
            world_id=request.world_id,
            acquirer=request.acquirer,
            key=request.key,
            card=request.card,
            account=account_name(request.card),
        )
        approval = Judgement(
            Approval(Checks()),
            network_transaction_id(
                brand, f"{request.world_id}/{request.acquirer}/{request.key}", at=self._clock.now()
            ),
        )
        if known is not None and known.stood_in:
            return approval
        if known is None or known.reported or not self._fits(request, known.outstanding):
            return not_available(brand)
        advice = _about(request, AdviceKind.STOOD_IN, bank)
        await store.keep(self._database, advice, Holder.NETWORK, now=self._clock.now())
        self.forwarding.wake()
        return approval

    def _fits(self, request: Request, outstanding: int) -> bool:
        cents = convert(request.amount, "USD")
        known = luhn_valid(request.number) and not request.card.startswith("unknown:")
        return known and 0 < cents <= self._rules.cents_max and outstanding < self._rules.payments_max

    async def _undo(self, request: Request, bank: str) -> None:
        """The issuer may have approved, and its answer comes too late: what it held is let go of."""
        advice = _about(request, AdviceKind.REVERSED, bank)
        await store.keep(self._database, advice, Holder.NETWORK, now=self._clock.now())
        self.forwarding.wake()

    async def _tell(self, advice: Advice) -> bool:
        """Tell an issuer; whether it acknowledged. Any can undo what only a key is known of."""
        line = self._lines[advice.issuer or BANKS[0].number]
        message = advice_message(advice, trace=line.trace(), sent=self._clock.now())
        heard = await line.ask(message, within_s=self._issuer_timeout_s)
        return isinstance(heard, Mapping) and heard.get("39") == iso8583.APPROVED


def _about(request: Request, kind: AdviceKind, bank: str) -> Advice:
    return Advice(
        kind=kind,
        world_id=request.world_id,
        acquirer=request.acquirer,
        key=request.key,
        issuer=bank,
        card=request.card,
        amount=request.amount,
    )
