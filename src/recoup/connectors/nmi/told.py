"""What NMI tells of transactions: by the Query API in XML, by webhooks in JSON; both list the acts on each.

Of chargebacks the webhooks are the only source that is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from recoup.connectors.base import (
    AskAgain,
    Delivery,
    DisputeNews,
    DisputeState,
    HttpResponse,
    Notice,
    Question,
    Subject,
    shaped,
)
from recoup.connectors.base.webhooks import body_digest
from recoup.connectors.base.xml import read_xml_elements
from recoup.connectors.nmi import answers
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money, parse_major
from recoup.outcomes.core import Approved, Declined, Done, Evidence, FollowUpEvidence, Refused, Unknown
from recoup.outcomes.core.classify import declined

_ROOT: Final = "nm_response/transaction"
_ACTION: Final = f"{_ROOT}/action"
_BRANDS: Final = frozenset({"visa", "mastercard", "amex", "discover", "diners", "jcb"})
_SUBJECTS: Final = {
    "sale": Subject.CHARGE,
    "auth": Subject.CHARGE,
    "capture": Subject.CAPTURE,
    "void": Subject.CANCEL,
    "refund": Subject.REFUND,
}


@dataclass(frozen=True, slots=True)
class Act:
    """One act on a transaction: a sale, authorisation, capture, void, refund or settlement."""

    said: Mapping[str, str]

    @property
    def kind(self) -> str:
        """What was done."""
        return self.said.get("action_type", "")

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return self.said.get("success") == "1"

    def is_for(self, amount: Money | None) -> bool:
        """Whether it is about that much."""
        return amount is None or parse_major(self.said.get("amount", ""), amount.currency) == amount


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction, and what was done to it."""

    said: Mapping[str, str]
    acts: tuple[Act, ...] = ()

    @property
    def id(self) -> str:
        """The gateway's name for it."""
        return self.said.get("transaction_id", "")

    @property
    def order_id(self) -> str:
        """Ours."""
        return self.said.get("order_id", "")

    @property
    def voided(self) -> bool:
        """Whether it was let go."""
        return any(one.kind == "void" and one.done for one in self.acts)

    def act(self, *kinds: str) -> Act | None:
        """The first act of one of these kinds."""
        return next((one for one in self.acts if one.kind in kinds), None)

    def is_in(self, amount: Money | None) -> bool:
        """Whether its currency, where told, is that of the amount."""
        return amount is None or self.said.get("currency", "") in {"", amount.currency}


class _Chargeback(Struct, frozen=True):
    id: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+\Z")]
    reason: str = ""


class _Batch(Struct, frozen=True):
    chargebacks: list[_Chargeback]


class Event(Struct, frozen=True):
    """A webhook."""

    event_id: str
    event_type: str
    event_body: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """The same when it is told again."""
        return self.event_id


def transactions(response: HttpResponse) -> tuple[Transaction, ...]:
    """What the Query API lists."""
    elements = read_xml_elements(response.body) if response.status == 200 else None
    found: list[Transaction] = []
    said: dict[str, str] = {}
    act: dict[str, str] = {}
    acts: list[Act] = []
    for path, text in elements or ():
        parent, _, name = path.rpartition("/")
        if parent == _ACTION:
            act.setdefault(name, text)
        elif path == _ACTION:
            acts.append(Act(act))
            act = {}
        elif path == _ROOT:
            found.append(Transaction(said, tuple(acts)))
            said, acts = {}, []
        elif parent == _ROOT:
            said.setdefault(name, text)
    return tuple(found)


def evidence(charge: Transaction, question: Question) -> Evidence:
    """What the acts on a transaction say of a charge."""
    act = charge.act("sale", "auth")
    if act is None or not charge.id or not charge.is_in(question.amount) or not act.is_for(question.amount):
        return Unknown("the transaction with our order id is for another amount")
    if charge.voided:
        return _let_go(charge, question)
    if act.done:
        return _approved(charge, act)
    refused = _declined(charge, act, brand=question.brand, today=question.today)
    return refused or Unknown(f"the transaction is {charge.said.get('condition', 'in no known state')}")


def _let_go(charge: Transaction, question: Question) -> Declined:
    """Somebody voided it, or the gateway did: nothing of it was taken, and nothing ever will be."""
    condition = charge.said.get("condition", "")
    return declined(
        answers.NAME,
        answers.VOIDED,
        on=question.today,
        brand=question.brand,
        raw={"condition": condition} if condition else None,
        reference=charge.id,
    )


def refund_found(refund: Transaction, question: Question) -> FollowUpEvidence:
    """What the acts on a transaction say of a refund."""
    act = refund.act("refund")
    if act is None or not refund.id or not refund.is_in(question.amount) or not act.is_for(question.amount):
        return Unknown("the refund with our order id is for another amount")
    return Done(refund.id) if act.done else _refused(act) or Unknown("the refund ended in no verdict")


def event(delivery: Delivery) -> Event:
    """What a webhook says; where it says nothing that is understood, no more than its digest."""
    try:
        told = msgspec.json.decode(delivery.body, type=Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = Event("", "")
    return told if told.event_id else Event(body_digest(delivery), told.event_type, told.event_body)


def notices(delivery: Delivery) -> tuple[Notice, ...]:
    """What happened to a transaction; other news is told as such."""
    told = event(delivery)
    match told.event_type.split("."):
        case ["transaction", kind, result]:
            return (_notice(told, kind, result, today=delivery.received_at.date()),)
        case ["chargeback", *_]:
            return _chargebacks(told) or (Notice(told.id, Subject.DISPUTE, None),)
        case ["acu", *_]:
            return (Notice(told.id, Subject.CREDENTIAL, None),)
        case _:
            return (Notice(told.id, Subject.OTHER, None),) if told.event_type else ()


def _chargebacks(told: Event) -> tuple[Notice, ...]:
    """Those of a batch. NMI names neither the transaction nor the currency of one, so it stands for itself."""
    body = shaped(told.event_body, _Batch)
    return tuple(
        Notice(
            f"{told.id}:{one.id}",
            Subject.DISPUTE,
            DisputeNews(
                one.id,
                DisputeState.OPENED,
                reason=one.reason.partition(":")[0].strip() or None,
                withdrawn=True,
            ),
            reference=one.id,
        )
        for one in (body.chargebacks if body is not None else ())
    )


def _notice(told: Event, kind: str, result: str, *, today: date) -> Notice:
    act = Act(_texts(told.event_body.get("action")))
    transaction = Transaction(_texts(told.event_body) | _texts(told.event_body.get("card")), (act,))
    about = _SUBJECTS.get(kind, Subject.OTHER)
    is_own = about in {Subject.CHARGE, Subject.REFUND}
    meaning = _meaning(transaction, act, kind, result, today=today) if transaction.id else None
    return Notice(
        told.id,
        about,
        None if about is Subject.OTHER else meaning,
        reference=transaction.id or None,
        charge_reference=None if is_own else transaction.id or None,
        key=(transaction.order_id or None) if is_own else None,
        amount=_amount(transaction, act),
    )


def _meaning(
    transaction: Transaction, act: Act, kind: str, result: str, *, today: date
) -> Evidence | FollowUpEvidence | AskAgain:
    match kind, result:
        case (("sale" | "auth"), "success"):
            return _approved(transaction, Act({**act.said, "action_type": kind}))
        case (("sale" | "auth"), "failure"):
            brand = transaction.said.get("cc_type", "").lower()
            return (
                _declined(transaction, act, brand=brand if brand in _BRANDS else "unknown", today=today)
                or AskAgain()
            )
        case (("capture" | "void" | "refund"), "success"):
            return Done(transaction.id)
        case "refund", "failure":
            return _refused(act) or AskAgain()
        case _:
            return AskAgain()


def _approved(transaction: Transaction, act: Act) -> Approved:
    said = transaction.said
    return Approved(
        transaction.id,
        captured=act.kind == "sale",
        checks=answers.checks(said.get("avs_response", ""), said.get("csc_response", "")),
    )


def _declined(transaction: Transaction, act: Act, *, brand: str, today: date) -> Declined | None:
    code, text = act.said.get("response_code", ""), act.said.get("response_text", "")
    if not answers.is_no(code, text):
        return None
    why = ("response_text", "processor_response_text", "processor_response_code")
    return declined(
        answers.NAME,
        code,
        on=today,
        network_code=answers.two_letters(act.said.get("processor_response_code", "")),
        brand=brand,
        text=act.said.get("processor_response_text") or text or None,
        raw={name: act.said[name] for name in why if act.said.get(name)},
        reference=transaction.id,
        checks=answers.checks(
            transaction.said.get("avs_response", ""), transaction.said.get("csc_response", "")
        ),
    )


def _refused(act: Act) -> Refused | None:
    code, text = act.said.get("response_code", ""), act.said.get("response_text", "")
    return Refused(code, text or "The gateway gave no reason.") if answers.is_no(code, text) else None


def _amount(transaction: Transaction, act: Act) -> Money | None:
    currency = transaction.said.get("currency", "")
    return parse_major(act.said.get("amount", ""), currency) if currency in DECIMALS else None


def _texts(value: object) -> dict[str, str]:
    """The texts directly in an object."""
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(name, str) and isinstance(text, str)}
