"""ISO 8583 messages: their bytes, and the names by which one message is told from every other.

The edition is that of 1987, the dialect a plain one: every field in ASCII, bitmaps in binary, 8 bytes each. A message
is a mapping: `t` is its type, `2` to `128` are its fields, all as text. The whole dialect stands in
`docs/explanation/iso8583.md`. The `iso8583` connector speaks from here, and so does whoever plays the other end:
`decode` reads a request, `reply` answers it.

A link has no idempotency keys, and a message may have to be named again by a process that never knew the one which sent
it. So a message's names come from its key alone: the retrieval reference number (field 37) is 60 bits of the key's
digest, the trace number (field 11) is another 20, and the transmission time (field 7) is when the key was made, which
the key itself tells. Trace numbers alone repeat within the hour on a busy account; the three together do not, and the
whole key travels beside them for a last comparison.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

import iso8583
from iso8583 import specs

from recoup.connectors.base.wire import Answers, Asks, LinkMessage
from recoup.kit.ids import Kind, made_at, parse
from recoup.kit.secret import Secret

Message = Mapping[str, str]
"""A message by field, its type as `t`."""

APPROVED: Final = "00"
SIGN_ON: Final = "001"
SIGN_OFF: Final = "002"
ECHO: Final = "301"

KEY: Final = "01"
ORIGINAL_KEY: Final = "02"
ORIGINAL_RRN: Final = "03"
FINAL: Final = "04"
AGREEMENT: Final = "05"
POSTAL_CODE: Final = "11"
HOUSE_NUMBER: Final = "12"
ACCESS_KEY: Final = "20"
AUTHENTICATED: Final = "42"
CRYPTOGRAM: Final = "43"
DS_TRANSACTION: Final = "66"
ADVICE_CODE: Final = "84"
CVC: Final = "92"
"""The subelements of field 48: two digits of name, two of length, then the value."""

UNTOLD: Final = "0000"
"""The type of an original message, where its key is all that is known of it."""

_BINARY: Final = ("52", "64", "96", "128")
_BITS: Final = {"data_enc": "b", "len_enc": "ascii", "len_type": 0, "max_len": 8, "desc": "bits"}
SPEC: Final = {**specs.default_ascii, **dict.fromkeys(("p", "1", *_BINARY), _BITS)}
"""How every field is written, in the words of the library that reads them."""
_NUMERIC: Final = frozenset("t 2 3 4 7 11 12 13 14 15 18 22 25 32 49 70 90".split())  # noqa: SIM905 - words read best as words
_ECHOED: Final = ("3", "4", "7", "11", "12", "13", "32", "37", "41", "42", "49", "70", "90", "95")
_TRACES: Final = 999_999
_PRINTABLE: Final = re.compile(r"[ -~]*", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
_HEAD: Final = re.compile(r"[0-9]{4}", re.ASCII)


class _Format(NamedTuple):
    """How a field is written: its number (0 for the type), what it may hold, how many digits tell its length."""

    number: int
    fits: re.Pattern[str]
    length_digits: int


def _format(name: str) -> _Format:
    spec = SPEC[name]
    longest, digits = spec["max_len"], spec["len_type"]
    assert isinstance(longest, int) and isinstance(digits, int), "the library's table has numbers here"
    letters = "[0-9]" if name in _NUMERIC else "[ -~]"
    shortest = longest if digits == 0 else int(name in _NUMERIC)
    fits = "[0-9A-Fa-f]{16}" if name in _BINARY else f"{letters}{{{shortest},{longest}}}"
    return _Format(0 if name == "t" else int(name), re.compile(fits), digits)


_SECOND_BITMAP: Final = (1 << 64) - 1
_HAS_SECOND: Final = 1 << 127
"""The bits of fields 65 to 128, and field 1, which says that there are some."""
_FORMATS: Final = {
    name: _format(name) for name in SPEC if name == "t" or (name.isdecimal() and name not in {"1", "65"})
}


class Unwritable(ValueError):
    """A message that the format cannot hold. It never quotes one."""


def encode(message: Message) -> bytes:
    """The bytes of a message, without a length header; what the library would write, in a third of the time."""
    if "t" not in message:
        raise Unwritable("field t does not fit")
    (_, type_), *fields = sorted([_written(name, value) for name, value in message.items()])
    bitmap = 0
    for number, _ in fields:
        bitmap |= 1 << (128 - number)
    has_second = bitmap & _SECOND_BITMAP
    bits = (bitmap | _HAS_SECOND).to_bytes(16, "big") if has_second else (bitmap >> 64).to_bytes(8, "big")
    return type_.encode("latin-1") + bits + "".join([text for _, text in fields]).encode("latin-1")


def _written(name: str, value: str) -> tuple[int, str]:
    """A field's number, and its bytes as letters of Latin-1."""
    format_ = _FORMATS.get(name)
    if format_ is None or format_.fits.fullmatch(value) is None:
        raise Unwritable(f"field {name} does not fit")
    if format_.length_digits:
        return format_.number, str(len(value)).zfill(format_.length_digits) + value
    if name in _BINARY:
        return format_.number, bytes.fromhex(value).decode("latin-1")
    return format_.number, value


def decode(body: bytes) -> dict[str, str] | None:
    """The message in these bytes, or None where they are none: cut off, too long, letters where digits belong."""
    try:
        said, _ = iso8583.decode(body, SPEC)
    except (iso8583.DecodeError, UnicodeError, KeyError):
        return None
    said.pop("p")
    said.pop("1", None)
    return said if _wrong(said) is None else None


def _wrong(message: Message) -> str | None:
    """The first field with letters where digits belong, or with what nobody can print."""
    for name, value in message.items():
        pattern = _DIGITS if name in _NUMERIC else _PRINTABLE
        if pattern.fullmatch(value) is None:
            return name
    return None


def framed(body: bytes, *, header_bytes: int) -> bytes:
    """A message behind its length."""
    return len(body).to_bytes(header_bytes, "big") + body


def reply_type(type_: str) -> str:
    """The type that answers another: 0110 for 0100, 0430 for 0420 and for its repeat 0421."""
    return f"{type_[:2]}{int(type_[2]) + 1}0"


def repeat_type(type_: str) -> str:
    """The type of the same message sent again."""
    return f"{type_[:3]}1"


def match_of(type_: str, stan: str, rrn: str) -> str:
    """What an answer is known by: its type, field 11 and field 37."""
    return f"{type_}/{stan}/{rrn}"


def reply(
    request: Message, code: str, *, fields: Message | None = None, tags: Message | None = None
) -> Message:
    """The answer to a message: what a host must say again of it, the response code, and what else it says."""
    echoed = {name: request[name] for name in _ECHOED if name in request}
    ours = subelements(request.get("48", "")) or {}
    private = joined({**({KEY: ours[KEY]} if KEY in ours else {}), **(tags or {})})
    said = {"t": reply_type(request["t"]), **echoed, "39": code, **({"48": private} if private else {})}
    return {**said, **(fields or {})}


def subelements(text: str) -> dict[str, str] | None:
    """The subelements of field 48, or None where it is not made of them."""
    found: dict[str, str] = {}
    while text:
        head, length = text[:2], text[2:4]
        if not _HEAD.fullmatch(head + length) or len(text) < 4 + int(length) or head in found:
            return None
        found[head] = text[4 : 4 + int(length)]
        text = text[4 + int(length) :]
    return found


def joined(parts: Message) -> str:
    """Field 48 made of its subelements, in the order of their names."""
    return "".join(f"{name}{len(value):02}{value}" for name, value in sorted(parts.items()))


@dataclass(frozen=True, slots=True)
class Name:
    """What a message is called on the wire: trace number, retrieval reference number, transmission time."""

    stan: str
    rrn: str
    sent: str

    def fields(self) -> dict[str, str]:
        """Fields 7, 11 and 37, and 12 and 13, which tell the same time once more."""
        return {"7": self.sent, "11": self.stan, "12": self.sent[4:], "13": self.sent[:4], "37": self.rrn}

    def original(self, type_: str, *, acquirer: str) -> str:
        """Field 90: the original data elements of the message of this name."""
        return f"{type_}{self.stan}{self.sent}{acquirer:0>11}{0:011}"


def name_of(key: str) -> Name | None:
    """The name of the message that carries this key; None where the key is none of ours."""
    made = _made_at(key)
    if made is None:
        return None
    digest = hashlib.sha256(key.encode()).digest()
    stan = int.from_bytes(digest[8:16], "big") % _TRACES + 1
    sent = f"{made.month:02}{made.day:02}{made.hour:02}{made.minute:02}{made.second:02}"
    return Name(f"{stan:06}", base64.b32encode(digest[:8])[:12].decode(), sent)


def reversal_of(original: Name) -> Name:
    """The name of what reverses that message: the same everywhere but for another trace number."""
    return Name(f"{int(original.stan) % _TRACES + 1:06}", original.rrn, original.sent)


def _made_at(key: str) -> datetime | None:
    prefix = key.partition("_")[0]
    try:
        id_ = parse(Kind(prefix), key)
        return None if id_ is None else made_at(id_)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Link:
    """How a connection is spoken: 0800 with 001 to sign on, 301 to echo, 002 to sign off, both ways."""

    acquirer: str
    header_bytes: int = 2
    password: Secret | None = field(default=None, repr=False)

    def sign_on(self, now: datetime, *, trace: int) -> LinkMessage:
        """The first message; it may carry a password."""
        tags = {ACCESS_KEY: self.password.reveal()} if self.password else {}
        return self._about(SIGN_ON, now, trace=trace, tags=tags)

    def echo(self, now: datetime, *, trace: int) -> LinkMessage:
        """Is somebody there?"""
        return self._about(ECHO, now, trace=trace)

    def sign_off(self, now: datetime, *, trace: int) -> LinkMessage:
        """The last message."""
        return self._about(SIGN_OFF, now, trace=trace)

    def is_accepted(self, answer: bytes) -> bool:
        """Whether the host said yes."""
        said = decode(answer)
        return said is not None and said.get("39") == APPROVED

    def heard(self, message: bytes) -> Answers | Asks | None:
        """An answer by its match; a host's own 0800 with what is to be said to it; None for all else."""
        said = decode(message) or {}
        match said:
            case {"t": str(type_), "11": str(stan)} if type_[2] in "13":
                return Answers(match_of(type_, stan, said.get("37", "")))
            case {"t": "0800" | "0801", "70": str(about)}:
                return Asks(encode(reply(said, APPROVED)), farewell=about == SIGN_OFF)
            case _:
                return None

    def _about(self, code: str, now: datetime, *, trace: int, tags: Message | None = None) -> LinkMessage:
        sent, stan = f"{now.astimezone(UTC):%m%d%H%M%S}", f"{(trace - 1) % _TRACES + 1:06}"
        fields = {"t": "0800", "7": sent, "11": stan, "32": self.acquirer, "70": code}
        private = {"48": joined(tags)} if tags else {}
        return LinkMessage(match_of("0810", stan, ""), encode({**fields, **private}))


NUMBERS: Final[Mapping[str, str]] = {
    each[:3]: each[3:]
    for each in """
    AED784 AFN971 ALL008 AMD051 AOA973 ARS032 AUD036 AWG533 AZN944 BAM977 BBD052 BDT050 BHD048 BIF108 BMD060
    BND096 BOB068 BOV984 BRL986 BSD044 BTN064 BWP072 BYN933 BZD084 CAD124 CDF976 CHE947 CHF756 CHW948 CLF990
    CLP152 CNY156 COP170 COU970 CRC188 CUP192 CVE132 CZK203 DJF262 DKK208 DOP214 DZD012 EGP818 ERN232 ETB230
    EUR978 FJD242 FKP238 GBP826 GEL981 GHS936 GIP292 GMD270 GNF324 GTQ320 GYD328 HKD344 HNL340 HTG332 HUF348
    IDR360 ILS376 INR356 IQD368 IRR364 ISK352 JMD388 JOD400 JPY392 KES404 KGS417 KHR116 KMF174 KPW408 KRW410
    KWD414 KYD136 KZT398 LAK418 LBP422 LKR144 LRD430 LSL426 LYD434 MAD504 MDL498 MGA969 MKD807 MMK104 MNT496
    MOP446 MRU929 MUR480 MVR462 MWK454 MXN484 MXV979 MYR458 MZN943 NAD516 NGN566 NIO558 NOK578 NPR524 NZD554
    OMR512 PAB590 PEN604 PGK598 PHP608 PKR586 PLN985 PYG600 QAR634 RON946 RSD941 RUB643 RWF646 SAR682 SBD090
    SCR690 SDG938 SEK752 SGD702 SHP654 SLE925 SOS706 SRD968 SSP728 STN930 SVC222 SYP760 SZL748 THB764 TJS972
    TMT934 TND788 TOP776 TRY949 TTD780 TWD901 TZS834 UAH980 UGX800 USD840 USN997 UYI940 UYU858 UYW927 UZS860
    VED926 VES928 VND704 VUV548 WST882 XAF950 XCD951 XCG532 XOF952 XPF953 YER886 ZAR710 ZMW967 ZWG924
    """.split()  # noqa: SIM905 - words read best as words - as a list it would take 164 lines
}
"""The number of each currency (ISO 4217, edition of 2026-01-01), for field 49."""
