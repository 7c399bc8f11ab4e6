"""The contract of a connector: verbs are generators that yield requests and return meanings.

A connector sends nothing. Each verb yields an `HttpRequest`, is sent the `HttpResponse`, may yield again, and returns
what it all means; `recoup.gateway` drives it. Three promises, proved for every connector by `tests/connectors`:

1. A request that moves money is the last of its exchange.
2. An answer that is not understood is `Unknown`, never an exception and never `Unprocessed`.
3. Everything that moves money carries the key it was given, unchanged, as the processor's idempotency key or reference.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from recoup.connectors.base.asks import Account, Change, Charge, Completion, Question, Verification
from recoup.connectors.base.disputes import AcceptDispute, DisputeVerb, SubmitEvidence
from recoup.connectors.base.listing import DisputePage, ListDisputes, ReadDispute
from recoup.connectors.base.webhooks import Authentic, Delivery, Forged, Notice, Undecided
from recoup.connectors.base.wire import Exchange, HttpResponse
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Unknown,
    Unprocessed,
    Withdrawn,
)

_BLANK: Final = re.compile(r"\{([a-z_]+)\}")


class Idempotency(StrEnum):
    """What the processor itself does when the same request comes twice. We never send one twice, whatever it does."""

    KEY = "key"
    """The same key brings the first answer again."""
    REFERENCE = "reference"
    """A second request with our reference is refused, or shown as the first."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Credential:
    """Something that an account must or may bring. What is not `secret` may show in a URL.

    `test` and `live` are how its values begin in each mode, where that tells them apart: a live account that holds a
    test key would report money that does not exist, and a test account with a live key would charge real cards.
    """

    about: str
    required: bool = True
    secret: bool = True
    test: tuple[str, ...] = ()
    live: tuple[str, ...] = ()

    def is_of_other_mode(self, value: Secret, *, livemode: bool) -> bool:
        """Whether this value belongs to the mode that it is not used in."""
        return value.reveal().startswith(self.test if livemode else self.live)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a processor is spoken to, without a slash at the end; `{name}` is filled with a credential of that name.

    None: it has no address of its own, so an account must bring one.
    """

    test: str | None
    live: str | None

    def of(self, credentials: Mapping[str, Secret], *, livemode: bool) -> str | None:
        """The address in this mode, with what the account's credentials fill in."""
        pattern = self.live if livemode else self.test
        if pattern is None:
            return None
        return _BLANK.sub(lambda found: _shown(credentials, found[1]), pattern)


def _shown(credentials: Mapping[str, Secret], name: str) -> str:
    return credentials[name].reveal() if name in credentials else ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a processor can do, as data: routing filters by it, `/v1/connectors` shows it. None means any.

    `cards`: takes a card from our vault. `processor_tokens`: takes its own saved methods; `gives_tokens`: an approval
    with `remember` brings one. `network_transaction_ids`: gives and takes them. `takes_authentication`: of a card, a
    3-D Secure result that was made elsewhere. `wants_card_again`: to go on after a challenge. `goes_on_with_us`: a
    charge that waits for our page takes nothing until we complete it, so that leaving it alone ends it.
    `resumable_completion`: the very same completion can be asked for again under the same key, and goes on once.
    `lookup`: by our key alone, before we know the processor's reference. `disputes`: what may be asked about a dispute.
    `dispute_fees`: news of a dispute tell what it costs.
    """

    currencies: frozenset[str] | None
    countries: frozenset[str] | None
    brands: frozenset[str]
    manual_capture: bool
    multiple_captures: bool
    partial_refunds: bool
    stored_credentials: bool
    lookup: bool
    withdraw: bool
    cards: bool = True
    processor_tokens: bool = False
    gives_tokens: bool = False
    network_transaction_ids: bool = False
    three_d_secure: bool = False
    takes_authentication: bool = False
    wants_card_again: bool = False
    resumable_completion: bool = False
    goes_on_with_us: bool = False
    verification: bool = False
    webhooks: bool = False
    idempotency: Idempotency = Idempotency.NONE
    disputes: frozenset[DisputeVerb] = frozenset()
    dispute_fees: bool = False


class Connector(Protocol):
    """One processor's translator."""

    @property
    def name(self) -> str:
        """What accounts, tables and pages call it."""
        ...

    @property
    def test_mode_only(self) -> bool:
        """Whether it speaks to a simulated processor, which no live account may name."""
        ...

    @property
    def lists_disputes(self) -> bool:
        """Whether it can be asked which disputes there are, and about each."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    @property
    def webhook_reply(self) -> str:
        """What it wants to read when a webhook was taken; most want a status of 2xx and nothing more."""
        ...

    @property
    def credentials(self) -> Mapping[str, Credential]:
        """What an account brings, by name."""
        ...

    @property
    def addresses(self) -> Addresses:
        """Where it is spoken to."""
        ...

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money; the request that does so is the last."""
        ...

    def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
        """Go on with a charge whose customer came back; where money moves then, it does so in the last request."""
        ...

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """Ask whether a card or token is good, without taking money; `Approved` may bring a token."""
        ...

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held."""
        ...

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of what is still held."""
        ...

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all of what was taken."""
        ...

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a charge, by our key. Not found is `Unknown`."""
        ...

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """What became of a capture, cancellation or refund, by our key. Not found is `Unknown`."""
        ...

    def withdraw(self, account: Account, question: Question) -> Exchange[Evidence | Withdrawn]:
        """Make sure that a charge nobody can find never happens: burn our key at the processor.

        Answers what became of the charge where the processor has it after all; one that waits for its customer is ended
        first. Only for processors whose `capabilities.withdraw` says that they keep such a promise.
        """
        ...

    def withdraw_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence | Withdrawn]:
        """The same for a capture, cancellation or refund."""
        ...

    def submit_evidence(self, account: Account, asked: SubmitEvidence) -> Exchange[FollowUp]:
        """Hand in evidence, for good, in the last request; `Done` says that it is with the processor.

        Only for processors whose `capabilities.disputes` has it, as with the next.
        """
        ...

    def accept_dispute(self, account: Account, asked: AcceptDispute) -> Exchange[FollowUp]:
        """Give the disputed money up, in the last request."""
        ...

    def list_disputes(self, account: Account, asked: ListDisputes) -> Exchange[DisputePage | Unknown]:
        """A page of what moved since a moment. One that cannot be read is `Unknown`, and never empty.

        Only where `lists_disputes`, as with the next. It sends nothing that changes anything.
        """
        ...

    def read_dispute(self, account: Account, asked: ReadDispute) -> Exchange[Notice | Unknown]:
        """Where one dispute stands. Not found is `Unknown`."""
        ...

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged | Undecided]:
        """Whether a webhook comes from this processor, for this account, now."""
        ...

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """What an authentic webhook says; what is not understood is left out or is `Subject.OTHER`. Never raises."""
        ...


class Defaults(ABC):
    """What a connector answers that its processor has no way to do: inherited, then overridden one by one."""

    test_mode_only: bool = False
    lists_disputes: bool = False
    webhook_reply: str = ""

    @abstractmethod
    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """What became of a charge."""

    def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
        """The processor goes on by itself once the customer has acted: ask what became of it."""
        question = Question(
            key=completion.key,
            brand=completion.brand,
            today=completion.today,
            reference=completion.reference,
            amount=completion.amount,
        )
        return self.lookup(account, question)

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """The processor has no way to check a card without charging it."""
        yield from ()
        return Unprocessed("not sent: this processor cannot check a card without charging it")

    def withdraw(self, account: Account, question: Question) -> Exchange[Evidence | Withdrawn]:
        """The processor keeps no such promise."""
        yield from ()
        return Unknown("this processor cannot withdraw a charge by our key")

    def withdraw_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence | Withdrawn]:
        """The processor keeps no such promise."""
        yield from ()
        return Unknown("this processor cannot withdraw a change by our key")

    def submit_evidence(self, account: Account, asked: SubmitEvidence) -> Exchange[FollowUp]:
        """The processor takes no evidence from a program."""
        yield from ()
        return Unprocessed("not sent: this processor takes evidence on its own pages only")

    def accept_dispute(self, account: Account, asked: AcceptDispute) -> Exchange[FollowUp]:
        """The processor has no way for a program to accept a dispute."""
        yield from ()
        return Unprocessed("not sent: at this processor a dispute is accepted on its own pages only")

    def list_disputes(self, account: Account, asked: ListDisputes) -> Exchange[DisputePage | Unknown]:
        """The processor has no such list for a program."""
        yield from ()
        return Unknown("this processor cannot be asked which disputes there are")

    def read_dispute(self, account: Account, asked: ReadDispute) -> Exchange[Notice | Unknown]:
        """The processor shows disputes on its own pages only."""
        yield from ()
        return Unknown("this processor cannot be asked about a dispute")

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged | Undecided]:
        """The processor sends no webhooks."""
        yield from ()
        return Forged("this processor sends no webhooks")

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """The processor sends no webhooks."""
        return ()


def no_readable_answer(response: HttpResponse) -> Unknown:
    """What every connector falls through to. It names the status, never the body."""
    return Unknown(f"no readable answer: HTTP {response.status}")
