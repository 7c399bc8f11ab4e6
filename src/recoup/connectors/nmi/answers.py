"""What NMI's answers to Direct Post mean: a form of `response` (1 yes, 2 no, 3 error) and its three-digit code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final
from urllib.parse import parse_qsl

from recoup.connectors.base import Change, HttpResponse, no_readable_answer
from recoup.kit.money import Money, parse_major
from recoup.kit.secret import Secret
from recoup.outcomes.core import Approved, Checks, Done, FollowUp, Outcome, Refused, Unknown, Unprocessed
from recoup.outcomes.core.classify import declined

NAME: Final = "nmi"
VOIDED: Final = "voided"
"""Our word, in NMI's table, for a charge that was let go of before we heard of it."""
UNAUTHENTICATED: Final = "unauthenticated"
"""Our word, in NMI's table, for a charge that was never asked for: its customer did not authenticate."""
FIELDS_MAX: Final = 100

_CODE: Final = re.compile(r"[1-4][0-9]{2}", re.ASCII)
_TWO_LETTERS: Final = re.compile(r"[0-9A-Z]{2}", re.ASCII)
_MAYBE_DONE: Final = frozenset({"100", "420", "430"})
_NOT_AUTHENTICATED: Final = ("authentication failed", "invalid security_key", "invalid username")
_AVS: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys("XYDM26", ("pass", "pass")),
    **dict.fromkeys("AB37", ("pass", "fail")),
    **dict.fromkeys("WZPL15", ("fail", "pass")),
    **dict.fromkeys("NC48", ("fail", "fail")),
    **dict.fromkeys("UGIRES0O", ("unavailable", "unavailable")),
}
_CVC: Final = {"M": "pass", "N": "fail", "S": "unavailable", "U": "unavailable"}
_WHY: Final = ("responsetext", "avsresponse", "cvvresponse", "authcode", "merchant_advice_code")


def charged(
    response: HttpResponse, *, key: str, amount: Money | None, brand: str, today: date, captured: bool
) -> Outcome:
    """What the answer to a charge or a validation means."""
    said = read(response)
    if said is None:
        return no_readable_answer(response)
    if refused := _not_authenticated(said):
        return refused
    if said.get("orderid") != key:
        return Unknown("the answer is about another request")
    code, text = said["response_code"], said.get("responsetext", "")
    shown = checks(said.get("avsresponse", ""), said.get("cvvresponse", ""))
    if said["response"] == "1" and code == "100" and said.get("transactionid"):
        if amount is not None and _is_partial(said, amount):
            return Unknown("the answer is about another amount")
        vault_id = said.get("customer_vault_id")
        return Approved(
            said["transactionid"],
            captured=captured,
            checks=shown,
            token=Secret(vault_id) if vault_id else None,
        )
    if said["response"] in {"2", "3"} and is_no(code, text):
        return declined(
            NAME,
            code,
            on=today,
            advice_code=two_letters(said.get("merchant_advice_code", "")),
            brand=brand,
            text=text or None,
            raw={name: said[name] for name in _WHY if said.get(name)},
            reference=said.get("transactionid") or None,
            checks=shown,
        )
    return Unknown(f"no clear answer: {code}")


def changed(response: HttpResponse, change: Change) -> FollowUp:
    """What the answer to a capture, void or refund means. The acts on a charge repeat the charge's own order id."""
    said = read(response)
    if said is None or said.get("orderid", "") not in {"", change.key, change.charge_key}:
        return no_readable_answer(response)
    if refused := _not_authenticated(said):
        return refused
    code, transaction_id = said["response_code"], said.get("transactionid", "")
    if said["response"] == "1" and code == "100" and transaction_id:
        return Done(transaction_id)
    if said["response"] in {"2", "3"} and is_no(code, said.get("responsetext", "")):
        return Refused(code, said.get("responsetext") or "The gateway gave no reason.")
    return Unknown(f"no clear answer: {code}")


def is_no(code: str, text: str) -> bool:
    """Whether a code is a refusal for sure: no duplicate of something else, no lost connection."""
    return _CODE.fullmatch(code) is not None and code not in _MAYBE_DONE and "duplicate" not in text.lower()


def checks(avs: str, cvc: str) -> Checks:
    """What the issuer said of address and security code."""
    address, postal_code = _AVS.get(avs, (None, None))
    return Checks(cvc=_CVC.get(cvc), postal_code=postal_code, address=address)


def two_letters(code: str) -> str | None:
    """A code where it has the form of the networks' own."""
    return code if _TWO_LETTERS.fullmatch(code) else None


def read(response: HttpResponse) -> dict[str, str] | None:
    """The fields of an answer that has a response and its code; one with a field twice is none."""
    if response.status != 200:
        return None
    try:
        pairs = parse_qsl(response.body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        return None
    said = dict(pairs)
    if len(said) != len(pairs) or not _CODE.fullmatch(said.get("response_code", "")):
        return None
    return said if said.get("response") in {"1", "2", "3"} else None


def _not_authenticated(said: Mapping[str, str]) -> Unprocessed | None:
    text = said.get("responsetext", "").lower()
    refused = (
        said["response"] == "3" and said["response_code"] == "300" and text.startswith(_NOT_AUTHENTICATED)
    )
    return Unprocessed("refused: not authenticated") if refused else None


def _is_partial(said: Mapping[str, str], amount: Money) -> bool:
    authorised = said.get("amount_authorized")
    if authorised and parse_major(authorised, amount.currency) != amount:
        return True
    return bool(said.get("partial_payment_id"))
