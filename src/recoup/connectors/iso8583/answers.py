"""What comes back over an acquirer link, and what it means.

An answer is believed where it is of the right type and says again what was asked: trace number, reference number, time,
amount, currency, processing code, and our key. Everything else is unknown.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from recoup.connectors.base import HttpResponse, iso8583, no_readable_answer
from recoup.connectors.base.iso8583 import Message
from recoup.connectors.iso8583.messages import Asked, Reference
from recoup.outcomes.core import (
    Approved,
    Checks,
    Declined,
    Done,
    Refused,
    Unknown,
    Withdrawn,
)
from recoup.outcomes.core.classify import declined

APPROVED: Final = frozenset({"00", "08", "11", "16", "87"})
"""Approved; with identification; as a very important person; and update track 3; but no cash."""
NOT_REFUSED: Final = frozenset({"85"})
"""What is said of a card that was checked, and of nothing else."""
_UNSURE: Final = frozenset({"09", "10", "32", "68", "94"}) | APPROVED | NOT_REFUSED
"""In progress, approved in part, answered too late, seen before: none of these says that nothing happened."""
_SAID_AGAIN: Final = ("3", "4", "7", "11", "37", "49")
_CODE: Final = re.compile(r"[0-9A-Z]{2}", re.ASCII)
_NETWORK_ID: Final = re.compile(r"[!-~]{1,40}", re.ASCII)
_APPROVAL: Final = re.compile(r"[0-9A-Za-z]{1,6}", re.ASCII)

_BOTH: Final = ("pass", "pass")
_NEITHER: Final = ("fail", "fail")
_NOT_SAID: Final = ("unavailable", "unavailable")
_ADDRESS: Final = {
    **dict.fromkeys("YXDMF", _BOTH),
    "N": _NEITHER,
    "A": ("pass", "fail"),
    "B": ("pass", "unavailable"),
    "P": ("unavailable", "pass"),
    **dict.fromkeys("ZW", ("fail", "pass")),
    **dict.fromkeys("CEGIRSTU", _NOT_SAID),
}
"""What the result of address verification says of the address, and of the postal code."""
_CVC: Final = {"M": "pass", "N": "fail", **dict.fromkeys("PSU", "unavailable")}


def judged(
    response: HttpResponse,
    asked: Asked,
    *,
    brand: str,
    today: date,
    captured: bool,
    approvals: frozenset[str],
) -> Approved | Declined | Unknown:
    """What an answer to 0100 or 0200 means."""
    said = _read(response, asked)
    if said is None:
        return no_readable_answer(response)
    code = said["39"]
    if code in approvals:
        network_id = said.get("63", "").strip()
        return Approved(
            str(_reference(asked, said)),
            captured=captured,
            network_transaction_id=network_id if _NETWORK_ID.fullmatch(network_id) else None,
            checks=_checks(said),
        )
    if code in _UNSURE or _CODE.fullmatch(code) is None:
        return Unknown(_unsure(code))
    return declined(
        "iso8583",
        code,
        on=today,
        network_code=code,
        advice_code=_tags(said).get(iso8583.ADVICE_CODE),
        brand=brand,
        raw={"44": said["44"]} if "44" in said else None,
        reference=str(_reference(asked, said)),
        checks=_checks(said),
    )


def carried_out(response: HttpResponse, asked: Asked) -> Done | Refused | Unknown:
    """What an answer to a capture, cancellation or refund means."""
    said = _read(response, asked)
    if said is None:
        return no_readable_answer(response)
    code = said["39"]
    if code == iso8583.APPROVED:
        return Done(done_reference(asked))
    if code in _UNSURE or _CODE.fullmatch(code) is None:
        return Unknown(_unsure(code))
    return Refused(code, f"The acquirer refused with response code {code}.")


def withdrawn(response: HttpResponse, asked: Asked) -> Withdrawn | Unknown:
    """What an answer to a reversal advice means: acknowledged, or nothing."""
    said = _read(response, asked)
    if said is None:
        return no_readable_answer(response)
    if said["39"] != iso8583.APPROVED:
        return Unknown(f"the reversal was not acknowledged: response code {said['39']!r}")
    return Withdrawn("the acquirer acknowledged the reversal")


def done_reference(asked: Asked) -> str:
    """What a change is called: reference and trace number."""
    return f"{asked.message['37']}-{asked.message['11']}"


def _unsure(code: str) -> str:
    return f"response code {code!r} does not say what happened"


def _read(response: HttpResponse, asked: Asked) -> Message | None:
    """The answer, if it is the one to this message and says again what that said."""
    said = iso8583.decode(response.body) if response.status == 200 else None
    if said is None or said["t"] != iso8583.reply_type(asked.message["t"]) or "39" not in said:
        return None
    if any(said.get(name) != asked.message[name] for name in _SAID_AGAIN if name in asked.message):
        return None
    return said if _tags(said).get(iso8583.KEY) == asked.key else None


def _tags(said: Message) -> Message:
    return iso8583.subelements(said.get("48", "")) or {}


def _reference(asked: Asked, said: Message) -> Reference:
    approval = said.get("38", "").strip()
    minor = int(asked.message["4"])
    known = approval if _APPROVAL.fullmatch(approval) else ""
    return Reference(asked.message["t"], asked.message["37"], known, minor)


def _checks(said: Message) -> Checks:
    """Field 44: the address verification result, then that of the security code."""
    results = said.get("44", "")
    address, postal_code = _ADDRESS.get(results[:1], (None, None))
    return Checks(cvc=_CVC.get(results[1:2]), postal_code=postal_code, address=address)
