"""What every connector must keep, whoever wrote it: the promises of `recoup.connectors.base`, as laws.

A connector takes part by a `Case` in `cases/`: how it is asked, and by what its processor's replies look like, which
stand in `replies/<connector>/` (see `recorded`). The laws themselves know no processor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Final, get_args

from tests.connectors.disputing import DISPUTE, about_disputes
from tests.connectors.recorded import KEY, Recorded, recorded

from recoup.connectors.base import (
    Account,
    Authenticated,
    Authentication,
    Billing,
    Browser,
    Card,
    Change,
    ChangeKind,
    Charge,
    Completion,
    Connector,
    Delivery,
    DisputePage,
    Exchange,
    HttpRequest,
    HttpResponse,
    Initiator,
    Notice,
    Question,
    Request,
    Source,
    Token,
    Verification,
)
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Evidence, FollowUp, FollowUpEvidence, Outcome, Unknown, Withdrawn

NUMBER: Final = "4242424242424242"
CVC: Final = "737"
HOLDER: Final = "Wilhelmina Ormsby"
POSTAL_CODE: Final = "94103-6677"
TOKEN: Final = "tok-secret-0000-of-a-saved-card"
CHARGE_KEY: Final = "att_01kb0000000000000000000002"
NOW: Final = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
KEPT: Final = {
    "authenticationTransactionId": "kept-0000",
    "complete3dsChallenge": "/api/payments/kept-0001/3dsChallenges",
    "customer_vault_id": "kept-0002",
    "paymentMethodId": "84294a9b-8d1d-04ed-7e25-c1cab84f06ed",
    **dict.fromkeys(("acsUrl", "termUrl"), "https://acs.bank.example/challenge"),
    **dict.fromkeys(("pareq", "md"), "kept-0003"),
}
CRYPTOGRAM: Final = "AJkBBkhgQQAAAE4gSEJydQAAAAA="
"""Twenty bytes; all but its end reads the same in a form."""
DS_TRANSACTION: Final = "f25084f0-5b16-4c0a-ae5d-b24808a95e4b"
RETURNED: Final = {
    "redirectResult": "returned-0000",
    "PaRes": "returned-0001",
    "verification_token": "returned-0002",
    "cavv": "AJkBBkhgQQAAAE4gSEJydQAAAAA=",
    "eci": "05",
    "cardHolderAuth": "verified",
    "threeDsVersion": "2.2.0",
    "directoryServerId": "f25084f0-5b16-4c0a-ae5d-b24808a95e4b",
}
REQUESTS_MAX: Final = 8

REPLY_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "charge": get_args(Outcome),
    "complete": get_args(Evidence),
    "verify": get_args(Outcome),
    "capture": get_args(FollowUp),
    "cancel": get_args(FollowUp),
    "refund": get_args(FollowUp),
    "lookup": get_args(Evidence),
    "lookup_change": get_args(FollowUpEvidence),
    "withdraw": (*get_args(Evidence), Withdrawn),
    "withdraw_change": (*get_args(FollowUpEvidence), Withdrawn),
    "submit_evidence": get_args(FollowUp),
    "accept_dispute": get_args(FollowUp),
    "list_disputes": (DisputePage, Unknown),
    "read_dispute": (Notice, Unknown),
}
VERBS: Final = tuple(REPLY_TYPES)
MOVING: Final = ("charge", "capture", "cancel", "refund")
"""The verbs that always move money, or what is held."""
DISPUTING: Final = ("submit_evidence", "accept_dispute")
"""The verbs whose last request hands in or gives up, for good."""
QUESTIONS: Final = ("lookup", "lookup_change")
LISTING: Final = ("list_disputes", "read_dispute")
"""The verbs that ask what there is of disputes."""
EVIDENCE: Final = ("complete", *QUESTIONS, "withdraw", "withdraw_change", *LISTING)
"""The verbs that speak of what was sent before, and so can never prove that nothing was."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A decline as the processor sent it: its own code, the network's, the advice code."""

    reply: HttpResponse
    code: str | None
    network_code: str | None
    advice_code: str | None


@dataclass(frozen=True, slots=True)
class Webhooks:
    """How a processor signs, played for the account given.

    `stamped`: the signature covers a time. `tampered` changes what the signature covers, where that is not the whole
    body. `replies` answer what the connector asks to authenticate, where it asks.
    """

    sign: Callable[[Account, bytes, datetime], Delivery]
    secrets: frozenset[str]
    stamped: bool = False
    tampered: Callable[[bytes], Iterable[bytes]] | None = None
    replies: Sequence[HttpResponse] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A connector with its processor's replies.

    `good` are the replies of an exchange that succeeds, by verb; `declines` are answers to a charge; `at_the_door` are
    replies by which the processor itself says that it did nothing. `moves_money` tells whether a request does.
    `sent_amount` reads the amount of a charge's last request, or of the one `amount_at` where the last only points to
    it; `amounts` is what it must be for 4990 minor units, by currency; `says_amounts` tells whether the processor's
    answer to a charge repeats it. `settles` tells whether a request hands evidence in or gives a dispute up;
    `submission` is what is handed in, where it is not the usual. `nothing_listed` is how the processor
    says that there are no disputes, where one could take that for no answer.
    """

    connector: Connector
    account: Account
    good: Mapping[str, Sequence[HttpResponse]]
    declines: Sequence[Raw]
    at_the_door: Sequence[HttpResponse]
    moves_money: Callable[[Any], bool]
    sent_amount: Callable[[Any], object] | None = None
    amount_at: int = -1
    amounts: Mapping[str, object] = field(default_factory=dict)
    says_amounts: bool = True
    charge_reference: str = "reference-1"
    webhooks: Webhooks | None = None
    dispute_reference: str = DISPUTE
    settles: Callable[[Any], bool] = lambda _: False
    submission: Mapping[str, Any] = field(default_factory=dict)
    nothing_listed: bytes | None = None

    @property
    def name(self) -> str:
        """The connector's."""
        return self.connector.name

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no repr may show."""
        return (
            *(NUMBER, CVC, HOLDER, POSTAL_CODE, TOKEN, CRYPTOGRAM),
            *(each.reveal() for name, each in self.account.credentials.items() if self.is_secret(name)),
        )

    def is_secret(self, name: str) -> bool:
        """Whether a credential may not show in a URL."""
        return self.connector.credentials[name].secret

    @property
    def source(self) -> Source:
        """With what the default charge pays."""
        return a_card() if self.connector.capabilities.cards else a_token()

    def acts(self, verb: str, request: Any) -> bool:
        """Whether this is the request that has the verb's effect."""
        return self.settles(request) if verb in DISPUTING else self.moves_money(request)

    def asked(self, verb: str, *, ask: Mapping[str, Any] | None = None) -> Exchange[Any]:
        """The exchange of a verb; `ask` changes what is asked, in the words of `a_charge` and its like."""
        connector, account, words = self.connector, self.account, dict(ask or {})
        exchange: Exchange[Any]
        match verb:
            case "charge":
                exchange = connector.charge(account, a_charge(**{"source": self.source, **words}))
            case "verify":
                exchange = connector.verify(account, a_verification(**{"source": self.source, **words}))
            case "complete":
                again = a_charge_again(self.source) if connector.capabilities.wants_card_again else None
                of = words.pop("reference", self.charge_reference)
                asked = a_completion(of, **{"charge": again, **words})
                exchange = connector.complete(account, asked)
            case "capture" | "cancel" | "refund":
                exchange = getattr(connector, verb)(account, a_change(self.charge_reference, **words))
            case "submit_evidence" | "accept_dispute" | "list_disputes" | "read_dispute":
                words = {**(self.submission if verb == "submit_evidence" else {}), **words}
                asks = about_disputes(verb, words.pop("reference", self.dispute_reference), now=NOW, **words)
                exchange = getattr(connector, verb)(account, asks)
            case _:
                exchange = getattr(connector, verb)(account, a_question(verb, self.charge_reference, **words))
        return exchange


def recorded_case(connector: Connector, account: Account, **fields: Any) -> Case:
    """A case whose replies all come from its folder: the file `approved/<verb>.json` is the good one of its verb."""
    found = recorded(connector.name)
    return Case(
        connector=connector,
        account=account,
        good={one.name: one.replies for one in found if one.folder == "approved" and one.name in VERBS},
        declines=[_raw(one) for one in found if one.folder == "declined" and one.verb == "charge"],
        at_the_door=[one.replies[-1] for one in found if one.folder == "unprocessed" and one.verb in MOVING],
        **fields,
    )


def _raw(one: Recorded) -> Raw:
    said = one.means
    codes = (
        said.get(f"decline.{name}") for name in ("processor_code", "network_code", "network_advice_code")
    )
    return Raw(one.replies[-1], *codes)


@dataclass(frozen=True, slots=True)
class Told:
    """A whole exchange: what was sent (each an `HttpRequest`, or over a link a `LinkRequest`), and what it meant."""

    sent: tuple[Any, ...]
    meant: object


def drive(exchange: Exchange[Any], replies: Iterable[HttpResponse]) -> Told:
    """Play the processor: hand out the replies in order, the last one again and again."""
    sent: list[Request] = []
    queue = list(replies)
    try:
        request = next(exchange)
        while True:
            sent.append(request)
            assert len(sent) <= REQUESTS_MAX, "an exchange ends"
            request = exchange.send(queue.pop(0) if len(queue) > 1 else queue[0])
    except StopIteration as end:
        return Told(tuple(sent), end.value)


def a_card() -> Card:
    """A card with everything in it that could leak."""
    return Card(
        number=Secret(NUMBER), exp_month=12, exp_year=2031, brand="visa", cvc=Secret(CVC), holder=HOLDER
    )


def a_token() -> Token:
    """A processor's own name for a saved card."""
    return Token(Secret(TOKEN), customer="customer-1", brand="visa")


def an_authentication(*, eci: str = "05", status: str = "Y") -> Authentication:
    """What a 3-D Secure authentication came to that was made elsewhere."""
    return Authentication(
        version="2.2.0",
        status=Authenticated(status),
        eci=eci,
        cryptogram=Secret(CRYPTOGRAM),
        ds_transaction_id=DS_TRANSACTION,
        acs_transaction_id="1b5d3bd4-8a2c-4f3c-9c3a-2a1f5d7c0e11",
    )


def a_billing() -> Billing:
    """Who pays."""
    return Billing(
        name=HOLDER,
        email="wilhelmina@example.com",
        line1="1 Main Street",
        city="Berlin",
        postal_code=POSTAL_CODE,
        country="DE",
    )


def a_charge(
    *,
    amount: Money | None = None,
    key: str = KEY,
    initiator: str = "customer",
    capture: bool = True,
    source: Source | None = None,
    **changes: Any,
) -> Charge:
    """A charge with everything in it that could leak; one by the merchant carries what an agreement left."""
    by_merchant = initiator == Initiator.MERCHANT
    pays = source or a_card()
    if by_merchant and isinstance(pays, Card):
        pays = replace(pays, cvc=None)
    whole: dict[str, Any] = {
        "merchant_reference": "order-1",
        "return_url": None if by_merchant else "https://shop.example/after",
        "network_transaction_id": "141544217307196" if by_merchant else None,
        "customer_key": "cus_01kb0000000000000000000001",
        "browser": None if by_merchant else Browser("203.0.113.9", "Mozilla/5.0", "text/html", "de-DE"),
        **changes,
    }
    return Charge(
        key=key,
        payment_key="pay_01kb0000000000000000000001",
        amount=amount or Money(4999, "EUR"),
        source=pays,
        capture=capture,
        initiator=Initiator(initiator),
        today=NOW.date(),
        billing=a_billing(),
        **whole,
    )


def a_charge_again(source: Source) -> Charge:
    """The same charge when it goes on after a challenge: the security code was not kept."""
    kept = replace(source, cvc=None) if isinstance(source, Card) else source
    return a_charge(source=kept, browser=None)


def a_verification(
    *, key: str = KEY, currency: str = "EUR", source: Source | None = None, **changes: Any
) -> Verification:
    """A question whether a card is good."""
    return Verification(
        key=key,
        currency=currency,
        source=source or a_card(),
        today=NOW.date(),
        customer_key="cus_01kb0000000000000000000001",
        return_url="https://shop.example/after",
        billing=a_billing(),
        **changes,
    )


def a_completion(
    reference: str, *, amount: Money | None = None, capture: bool = True, **changes: Any
) -> Completion:
    """The customer of that charge came back."""
    return Completion(
        **{
            "key": KEY,
            "reference": reference,
            "amount": amount or Money(4999, "EUR"),
            "capture": capture,
            "brand": "visa",
            "today": NOW.date(),
            "returned": RETURNED,
            "kept": KEPT,
            **changes,
        }
    )


def a_change(charge_reference: str, *, amount: Money | None = None, **changes: Any) -> Change:
    """A change of an approved charge."""
    whole: dict[str, Any] = {"whole": False, "final": False, "last4": NUMBER[-4:], **changes}
    return Change(
        key=KEY,
        charge_key=CHARGE_KEY,
        charge_reference=charge_reference,
        amount=amount or Money(1000, "EUR"),
        **whole,
    )


def a_question(verb: str = "lookup", charge_reference: str = "reference-1", **changes: Any) -> Question:
    """A question about what was sent with our key."""
    about_a_change = verb.endswith("_change")
    whole: dict[str, Any] = {
        "amount": Money(1000, "EUR") if about_a_change else Money(4999, "EUR"),
        "change": ChangeKind.CAPTURE if about_a_change else None,
        "charge_key": CHARGE_KEY if about_a_change else None,
        "charge_reference": charge_reference if about_a_change else None,
        **changes,
    }
    return Question(key=KEY, brand="visa", today=date(2026, 11, 23), sent_at=NOW, **whole)


def carried(request: Request) -> str:
    """Everything of a request in which a key could be."""
    return f"{loggable(request)} {request.body.decode(errors='replace')}"


def loggable(request: Request) -> str:
    """What of a request may be logged."""
    return f"{request.url} {dict(request.headers) if isinstance(request, HttpRequest) else ''}"
