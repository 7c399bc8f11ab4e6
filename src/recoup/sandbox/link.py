"""The other door of the sandbox's processors: an acquirer host for the `iso8583` connector, over TCP.

A merchant signs on with the world's link key. Field 32 names the processor (100001 `alpha`, 100002 `bravo`, 100003
`charlie`), and every message does what the HTTP wire does (`recoup.sandbox.wire`), under the key that it carries: 0200
and 0100 charge, 0100 under condition 51 verifies, 0220 captures, 0200 with processing code 20 refunds, 0400 lets go.
0420 undoes whatever came with a key, and makes sure that nothing will; where it names another charge than its own key
does, it lets go of that. What nobody can promise is answered with silence, and a customer cannot authenticate here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from recoup.connectors.base import iso8583, shaped
from recoup.connectors.base.iso8583 import Message
from recoup.kit.money import Money
from recoup.sandbox.answers import Answer, Delivery
from recoup.sandbox.chain.messages import ACQUIRERS, RETURN, amount_of, tags_of
from recoup.sandbox.core.faults import Verb
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.flow import Incoming, Processors
from recoup.sandbox.flow.desk import charge_reference
from recoup.sandbox.wire import (
    AuthenticationData,
    CardData,
    ChangeRequest,
    ChargeRequest,
    VerificationRequest,
)

Sleep = Callable[[float], Awaitable[None]]
_NOT_UNDERSTOOD: Final = "30"
_SEEN_BEFORE: Final = "94"
_IN_PROGRESS: Final = "09"
_NO_SUCH_CHARGE: Final = "25"
_NOT_TAKEN: Final = "12"
_CARD_IS_GOOD: Final = "85"
_CHECKS_ONLY: Final = "51"
_ON_FILE: Final = "08"
_REFUSALS: Final = {
    "unauthorized": "03",
    "not_supported": "57",
    "no_such_charge": _NO_SUCH_CHARGE,
    "withdrawn": "21",
    "invalid_request": _NOT_UNDERSTOOD,
}
_NO_ROOM: Final = "91"
_ADDRESSES: Final = {
    ("pass", "pass"): "Y",
    ("fail", "fail"): "N",
    ("pass", "fail"): "A",
    ("pass", "unavailable"): "B",
    ("unavailable", "pass"): "P",
    ("fail", "pass"): "Z",
}
_CODES: Final = {"pass": "M", "fail": "N", "unavailable": "U"}
_NOT_IN_AN_APPROVAL: Final = re.compile(r"[^0-9A-Za-z]", re.ASCII)


class _Checks(msgspec.Struct, frozen=True):
    cvc: str | None = None
    postal_code: str | None = None
    address: str | None = None


class _Decline(msgspec.Struct, frozen=True):
    code: str
    network_code: str
    advice_code: str | None = None


class _Error(msgspec.Struct, frozen=True):
    code: str


class _Said(msgspec.Struct, frozen=True):
    """What an answer of the HTTP wire says, whatever it is about."""

    id: str = ""
    state: str = ""
    code: str | None = None
    checks: _Checks = _Checks()
    decline: _Decline | None = None
    network_transaction_id: str | None = None
    error: _Error | None = None
    processed: bool = True


class Caller:
    """One merchant's connection."""

    def __init__(self, processors: Processors, *, sleep: Sleep = asyncio.sleep) -> None:
        self._processors = processors
        self._sleep = sleep
        self._api_key = ""

    async def signed_on(self, message: Message) -> bool:
        """Whether the link key opens a world."""
        self._api_key = tags_of(message).get(iso8583.ACCESS_KEY, "")
        return message.get("32") in ACQUIRERS and await self._processors.opens(self._api_key)

    async def answer(self, message: Message) -> Message | None:
        """The answer of the processor; None where there is none, or none that anybody may rely on."""
        processor, key = ACQUIRERS.get(message.get("32", "")), tags_of(message).get(iso8583.KEY)
        if processor is None or not key:
            return iso8583.reply(message, _NOT_UNDERSTOOD)
        match message["t"]:
            case "0420" | "0421":
                return await self._reversed(message, processor, key)
            case "0100" | "0101" | "0200" | "0201" if message.get("3") != RETURN:
                return await self._charged(message, processor, key)
            case "0200" | "0201" | "0220" | "0221" | "0400" | "0401":
                return await self._changed(message, processor, key)
            case _:
                return iso8583.reply(message, _NOT_UNDERSTOOD)

    async def _charged(self, message: Message, processor: ProcessorName, key: str) -> Message | None:
        checks_only = message.get("25") == _CHECKS_ONLY
        body = _verification(message) if checks_only else _charge(message, key)
        if body is None:
            return iso8583.reply(message, _NOT_UNDERSTOOD)
        verb, path = (Verb.VERIFY, "verifications") if checks_only else (Verb.CHARGE, "charges")
        said = await self._said(verb, f"/{processor}/{path}", processor, key=key, body=body)
        if said is not None and said.state == "requires_action":
            # Nobody comes to authenticate over a link, so the charge ends here.
            path = f"/{processor}/operations/{key}/withdraw"
            said = await self._said(Verb.WITHDRAW, path, processor, key=key)
        return None if said is None else _judged(message, said, good=_CARD_IS_GOOD if checks_only else None)

    async def _changed(self, message: Message, processor: ProcessorName, key: str) -> Message | None:
        of, amount = tags_of(message).get(iso8583.ORIGINAL_KEY), amount_of(message)
        if not of or amount is None:
            return iso8583.reply(message, _NOT_UNDERSTOOD)
        match message["t"][:2], message.get("3"):
            case "02", code if code == RETURN:
                verb, path, body = Verb.REFUND, "refunds", _of(amount)
            case "02", _:
                verb, path, body = Verb.CAPTURE, "captures", _of(amount)
            case _:
                verb, path, body = Verb.CANCEL, "cancellations", b"{}"
        reference = charge_reference(self._api_key, processor, of)
        said = await self._said(
            verb,
            f"/{processor}/charges/{reference}/{path}",
            processor,
            key=key,
            body=body,
            reference=reference,
        )
        if said is None:
            return None
        if said.error is None and said.state in ("done", "pending"):
            return iso8583.reply(message, iso8583.APPROVED)
        return iso8583.reply(message, _refusal(said) if said.error else _NOT_TAKEN)

    async def _reversed(self, message: Message, processor: ProcessorName, key: str) -> Message | None:
        if tags_of(message).get(iso8583.ORIGINAL_KEY) != key:
            return await self._changed({**message, "t": "0420"}, processor, key)
        path = f"/{processor}/operations/{key}/withdraw"
        incoming = self._incoming(Verb.WITHDRAW, path, processor, key=key)
        said = await self._heard(incoming)
        if said is None:
            return None
        undone = said.error is None and await self._processors.undo(incoming)
        return iso8583.reply(message, iso8583.APPROVED if undone else _NOT_TAKEN)

    async def _said(
        self,
        verb: Verb,
        path: str,
        processor: ProcessorName,
        *,
        key: str,
        body: bytes = b"",
        reference: str = "",
    ) -> _Said | None:
        return await self._heard(
            self._incoming(verb, path, processor, key=key, body=body, reference=reference)
        )

    def _incoming(
        self,
        verb: Verb,
        path: str,
        processor: ProcessorName,
        *,
        key: str,
        body: bytes = b"",
        reference: str = "",
    ) -> Incoming:
        return Incoming(
            processor=processor,
            verb=verb,
            path=path,
            base_url="tcp://localhost",
            key=key,
            api_key=self._api_key,
            body=body,
            charge_reference=reference,
            by_link=True,
        )

    async def _heard(self, incoming: Incoming) -> _Said | None:
        """What the processor answers; None where its answer gets lost, or promises nothing."""
        answer: Answer = await self._processors.answer(incoming)
        if answer.after_s:
            await self._sleep(answer.after_s)
        if answer.delivery is not Delivery.WHOLE:
            return None
        said = msgspec.json.decode(answer.body, type=_Said)
        unsure = said.error is not None and said.processed and said.error.code != "key_reused"
        return None if unsure else said


def _judged(message: Message, said: _Said, *, good: str | None) -> Message:
    """The answer to a charge or verification; `good` is what an approval says that held nothing."""
    fields = {"44": _results(said.checks)}
    match said:
        case _Said(error=_Error()):
            return iso8583.reply(message, _refusal(said))
        case _Said(state="approved"):
            approval = _NOT_IN_AN_APPROVAL.sub("", said.id.partition("_")[2])[:6].upper()
            network = {"63": said.network_transaction_id} if said.network_transaction_id else {}
            return iso8583.reply(
                message, good or iso8583.APPROVED, fields={**fields, **network, "38": f"{approval:<6}"}
            )
        case _Said(state="declined", decline=_Decline() as why):
            tags = {iso8583.ADVICE_CODE: why.advice_code} if why.advice_code else {}
            return iso8583.reply(message, why.network_code, fields=fields, tags=tags)
        case _:
            return iso8583.reply(message, _IN_PROGRESS)


def _refusal(said: _Said) -> str:
    """What a request that was turned away is told."""
    assert said.error is not None, "it was turned away"
    return _SEEN_BEFORE if said.processed else _REFUSALS.get(said.error.code, _NO_ROOM)


def _results(checks: _Checks) -> str:
    """Field 44: address verification, then security code; a space where nothing was compared."""
    address, postal = checks.address, checks.postal_code
    letter = " "
    if address or postal:
        letter = _ADDRESSES.get((address or "unavailable", postal or "unavailable"), "U")
    return f"{letter}{_CODES.get(checks.cvc or '', ' ')}"


def _card(message: Message) -> CardData | None:
    match message:
        case {"2": str(number), "14": str(expiry)} if 1 <= int(expiry[2:] or 0) <= 12 <= len(number):
            cvc = tags_of(message).get(iso8583.CVC, "")
            return CardData(
                number=number,
                exp_month=int(expiry[2:]),
                exp_year=2000 + int(expiry[:2]),
                cvc=cvc if cvc.isdecimal() and len(cvc) in (3, 4) else None,
            )
        case _:
            return None


def _charge(message: Message, key: str) -> bytes | None:
    card, amount = _card(message), amount_of(message)
    if card is None or amount is None or not amount.minor:
        return None
    return msgspec.json.encode(
        ChargeRequest(
            order=key,
            amount=amount.minor,
            currency=amount.currency,
            card=card,
            capture=message["t"].startswith("02"),
            initiator="merchant" if message.get("25") == _ON_FILE else "customer",
            network_transaction_id=message.get("63"),
            postal_code=tags_of(message).get(iso8583.POSTAL_CODE),
            authentication=_authentication(tags_of(message)),
        )
    )


def _authentication(tags: Message) -> AuthenticationData | None:
    """The customer's authentication, where the message has all of it; else nobody authenticated."""
    version, _, transaction = tags.get(iso8583.DS_TRANSACTION, "").partition(" ")
    gone = tags.get(iso8583.AUTHENTICATED, "")
    said = {
        "version": version,
        "status": gone[2:],
        "eci": gone[:2],
        "cryptogram": tags.get(iso8583.CRYPTOGRAM, ""),
        "ds_transaction_id": transaction,
    }
    return shaped(said, AuthenticationData)


def _verification(message: Message) -> bytes | None:
    card, amount = _card(message), amount_of(message)
    if card is None or amount is None:
        return None
    return msgspec.json.encode(
        VerificationRequest(
            currency=amount.currency, card=card, postal_code=tags_of(message).get(iso8583.POSTAL_CODE)
        )
    )


def _of(amount: Money) -> bytes:
    return msgspec.json.encode(ChangeRequest(amount=amount.minor))
