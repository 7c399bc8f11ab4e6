"""Typed ids that sort by the time they were made: UUIDv7 inside, a prefix and 26 letters outside.

Outside, an id reads `pay_01kaq3v8e7f0t9m2c4x6z8b1d5`: the prefix names the kind, the rest is the UUID's 128 bits in
Crockford's base 32 (lower case, no i, l, o, u), so that ids of one kind sort as text in the order they were made.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, SafeUUID

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_TRIPLES: Final = tuple(a + b for a in _PAIRS for b in _ALPHABET)
_DIGITS: Final = bytes(
    b"0123456789abcdefghijklmnopqrstuv"[_ALPHABET.index(chr(code))] if chr(code) in _ALPHABET else ord("!")
    for code in range(256)
)
"""The letters as `int` reads base 32, and a sign that it refuses for whatever is no letter of ours."""
TEXT_LENGTH: Final = 26
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MILLISECONDS_MAX: Final = (1 << 48) - 1

Entropy = Callable[[int], bytes]


class Kind(StrEnum):
    """What an id names; the value is its prefix outside."""

    MERCHANT = "mer"
    API_KEY = "key"
    PROCESSOR_ACCOUNT = "pa"
    CUSTOMER = "cus"
    PAYMENT_METHOD = "pm"
    PAYMENT = "pay"
    ATTEMPT = "att"
    CAPTURE = "cap"
    CANCELLATION = "can"
    REFUND = "ref"
    VERIFICATION = "ver"
    DECISION = "dec"
    EXPERIMENT = "exp"
    RECOVERY = "rec"
    KILL_SWITCH = "ksw"
    HISTORY_IMPORT = "him"
    EVENT = "evt"
    WEBHOOK_ENDPOINT = "we"
    WEBHOOK_DELIVERY = "whd"
    INBOUND = "inb"
    LEDGER_ACCOUNT = "lac"
    LEDGER_ENTRY = "len"
    FAULT = "flt"
    MESSAGE = "msg"
    AUDIT_CASE = "aud"
    DISPUTE = "dsp"
    SETTLEMENT = "stl"
    SETTLEMENT_EXCEPTION = "ste"
    CARD_UPDATE = "cup"
    UPDATE_BATCH = "upb"
    PLAN = "plan"
    SUBSCRIPTION = "sub"
    DUNNING_POLICY = "dun"
    INVOICE = "inv"
    INVOICE_ITEM = "ii"
    SCHEDULED_PAYMENT = "sch"
    BILLING_DATE_CHANGE = "bdc"
    REQUEST = "req"


_PREFIXES: Final = {kind.value: f"{kind.value}_" for kind in Kind}
"""By the plain text: a member of an enumeration is hashed by a function written in Python."""
_LOW: Final = (1 << 60) - 1
_SAFE: Final = SafeUUID.unknown
_set: Final = object.__setattr__


class Buffered:
    """Random bytes out of larger draws, because a call of the system costs more than a hundred bytes of its answer.

    No byte is given twice. For ids only: what was drawn ahead lies in memory, where no key may.
    """

    __slots__ = ("_at", "_drawn", "_size", "_source")

    def __init__(self, source: Entropy, *, size: int = 4096) -> None:
        self._source = source
        self._size = size
        self._drawn = b""
        self._at = 0

    def __call__(self, count: int) -> bytes:
        """So many random bytes."""
        start = self._at
        end = start + count
        if end > len(self._drawn):
            self._drawn = self._source(max(count, self._size))
            start, end = 0, count
        self._at = end
        return self._drawn[start:end]


def uuid7(now: datetime, entropy: Entropy) -> UUID:
    """A new UUID of version 7 (RFC 9562, 2024-05): 48 bits of milliseconds, then 74 bits of chance.

    `now` must be aware; `entropy(n)` gives n random bytes.
    """
    milliseconds = (now - _EPOCH) // _MILLISECOND
    assert 0 <= milliseconds <= _MILLISECONDS_MAX, "a time outside the years 1970 to 10889"
    chance = int.from_bytes(entropy(10), "big")
    value = milliseconds << 80 | 0x7 << 76 | (chance >> 68) << 64 | 0b10 << 62 | chance & ((1 << 62) - 1)
    return _uuid(value)


def _uuid(value: int) -> UUID:
    """`UUID(int=value)` for 128 bits, without its checks, which cost more than all else here."""
    made = UUID.__new__(UUID)
    _set(made, "int", value)
    _set(made, "is_safe", _SAFE)
    return made


def first_id(moment: datetime) -> UUID:
    """The least UUIDv7 that can be made at this moment or later; none is older than 1970."""
    return UUID(int=((max(moment, _EPOCH) - _EPOCH) // _MILLISECOND) << 80)


def made_at(id_: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond, in UTC."""
    return _EPOCH + timedelta(milliseconds=id_.int >> 80)


def render(kind: Kind, id_: UUID) -> str:
    """The id as callers see it, such as `pay_01k…`."""
    value = id_.int
    high, low = (
        value >> 60,
        value & _LOW,
    )  # two machine words: shifting the whole costs more than all else here
    return (
        _PREFIXES[kind._value_]
        + _PAIRS[high >> 60]
        + _TRIPLES[high >> 45 & 32767]
        + _TRIPLES[high >> 30 & 32767]
        + _TRIPLES[high >> 15 & 32767]
        + _TRIPLES[high & 32767]
        + _TRIPLES[low >> 45]
        + _TRIPLES[low >> 30 & 32767]
        + _TRIPLES[low >> 15 & 32767]
        + _TRIPLES[low & 32767]
    )


def parse(kind: Kind, text: str) -> UUID | None:
    """The UUID in an id of this kind, or None where the text is no such id."""
    prefix, separator, letters = text.partition("_")
    if not separator or prefix != kind.value or len(letters) != TEXT_LENGTH:
        return None
    try:
        value = int(letters.encode("ascii").translate(_DIGITS), 32)
    except ValueError:
        return None
    return _uuid(value) if value < 1 << 128 else None
