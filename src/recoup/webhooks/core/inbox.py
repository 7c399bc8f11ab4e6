"""What processors send us: what of a delivery is kept, by which name it is known, and what can come of reading it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from recoup.connectors.base import Authentic, Delivery, Notice
from recoup.connectors.base.webhooks import body_digest
from recoup.kit.clock import rfc3339

BODY_BYTES_MAX: Final = 512 * 1024
HEADERS_MAX: Final = 60
HEADER_BYTES_MAX: Final = 16 * 1024
"""What is kept of the headers in all: signatures and certificates' addresses need far less."""
NAME_LENGTH_MAX: Final = 300
NOTICES_MAX: Final = 1000
"""The most notices of one delivery that are heard; processors put 250 into one at most."""
WHY_LENGTH_MAX: Final = 500
FAILURES_MAX: Final = 100
"""How often a delivery is read in vain before it is left to a person: about eight hours."""
_WAIT_FIRST: Final = timedelta(seconds=10)
_WAIT_MAX: Final = timedelta(minutes=15)
_DOUBLINGS_MAX: Final = 10
_LOOK_FIRST: Final = timedelta(minutes=1)
_LOOK_MAX: Final = timedelta(days=1)
_LOOKS_DOUBLED_MAX: Final = 11
_NOT_KEPT: Final = frozenset(
    {"authorization", "cookie", "proxy-authorization", "host", "connection", "accept", "accept-encoding"}
)


class Result(StrEnum):
    """What came of a delivery, or of one notice in it."""

    APPLIED = "applied"
    KNOWN = "known"
    FOREIGN = "foreign"
    CONTRADICTION = "contradiction"
    CONFLICT = "conflict"
    UNUSED = "unused"
    UNREADABLE = "unreadable"
    FAILED = "failed"


QUIET: Final = frozenset({Result.APPLIED, Result.KNOWN})
"""What nobody has to look at."""
TO_A_PERSON: Final = frozenset({Result.CONTRADICTION, Result.CONFLICT, Result.FAILED})
"""What opens an audit case."""
_WEIGHT: Final = (
    Result.FAILED,
    Result.CONFLICT,
    Result.CONTRADICTION,
    Result.APPLIED,
    Result.FOREIGN,
    Result.UNUSED,
    Result.KNOWN,
)


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one notice. `object_name` is our attempt, capture, cancellation or refund as the API names it.

    For a contradiction, `held` and `said` are what we hold and what was told, in a word each.
    """

    event_id: str
    about: str
    result: Result
    reference: str | None = None
    occurred_at: datetime | None = None
    payment_id: UUID | None = None
    object_name: str | None = None
    held: str | None = None
    said: str | None = None
    happened: tuple[str, ...] = ()
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """One delivery, without what came in it. `result` None: it is not read yet."""

    id: UUID
    account_id: UUID
    delivery_id: str
    digest: bytes
    verified: bool
    received_at: datetime
    result: Result | None
    told: tuple[Told, ...]
    tries: int
    read_at: datetime | None


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """What is sealed of a delivery."""

    headers: dict[str, str]
    body: bytes
    url: str

    def __repr__(self) -> str:
        return "Parcel(***)"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A delivery to be written down. `sealed` is in base64."""

    merchant_id: UUID
    id: UUID
    account_id: UUID
    delivery_id: str
    digest: str
    verified: bool
    data_key_id: UUID
    sealed: str = field(repr=False)
    received_at: datetime
    slot: int
    kind: str


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(Parcel).decode


def packed(delivery: Delivery) -> bytes:
    """What of a delivery is sealed."""
    return _pack(Parcel(dict(delivery.headers), delivery.body, delivery.url))


def unpacked(plain: bytes, *, received_at: datetime) -> Delivery:
    """The delivery that was sealed."""
    parcel = _unpack(plain)
    return Delivery(parcel.headers, parcel.body, received_at, parcel.url)


def place(merchant_id: UUID, inbound_id: UUID) -> bytes:
    """Binds what is sealed to its row: moved to another, it does not open."""
    return b"recoup inbound 1" + merchant_id.bytes + inbound_id.bytes


def headers_kept(given: Mapping[bytes, bytes]) -> dict[str, str]:
    """The headers of a request by their names in lower case, without what is nobody's business, and not too many."""
    kept: dict[str, str] = {}
    left = HEADER_BYTES_MAX
    for name, value in given.items():
        shown = name.decode("latin-1").lower()
        left -= len(name) + len(value)
        if left < 0 or len(kept) >= HEADERS_MAX:
            break
        if shown not in _NOT_KEPT:
            kept[shown] = value.decode("latin-1")
    return kept


def digest_of(body: bytes) -> bytes:
    """By which two deliveries of one name are told apart."""
    return hashlib.sha256(body).digest()


def name_of(authentic: Authentic, delivery: Delivery, notices: Sequence[Notice]) -> str:
    """By which a delivery is known to be the same again.

    Where the processor gives it none but gives one to the single event in it, that is its name.
    """
    name = authentic.delivery_id
    if name == body_digest(delivery) and len(notices) == 1:
        name = notices[0].event_id
    return fitting(name)


def unproved_name(delivery: Delivery) -> str:
    """Of a delivery that nobody has vouched for yet, so that it can stand for no other."""
    return f"{body_digest(delivery)}@{rfc3339(delivery.received_at)}"


def fitting(name: str) -> str:
    """A name that the journal can hold."""
    clean = name.replace("\x00", "").encode("utf-8", "replace").decode()
    if clean and len(clean) <= NAME_LENGTH_MAX:
        return clean
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def result_of(told: Iterable[Told]) -> Result:
    """What came of a delivery: of its notices, what weighs most."""
    found = {one.result for one in told}
    return next((one for one in _WEIGHT if one in found), Result.UNREADABLE)


def wait_after(tries: int) -> timedelta:
    """How long to wait before something that failed so often is tried again."""
    doubled: int = 1 << min(tries, _DOUBLINGS_MAX)
    return min(_WAIT_FIRST * doubled, _WAIT_MAX)


def look_again_at(asked: datetime, *, times: int, now: datetime) -> datetime:
    """When to hear again what could not be judged `times` times, the first time when that was asked for.

    What hinders it may take weeks (a refund that is under way), so the waits double, up to a day.
    """
    if times <= 1:
        return max(asked, now)
    doubled: int = 1 << min(times - 1, _LOOKS_DOUBLED_MAX)
    return max(asked, now + min(_LOOK_FIRST * doubled, _LOOK_MAX))


def shortened(why: str) -> str:
    """A reason that the journal can hold."""
    return why.replace("\x00", "")[:WHY_LENGTH_MAX]
