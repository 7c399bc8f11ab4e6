"""What every flow of payments works with, and the two moves they share: committing a step, and finding an account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import structlog

from recoup.budgets.core import CAUTIOUS, Limit
from recoup.connectors.base import (
    Account,
    Authentication,
    Billing,
    Browser,
    Card,
    Connector,
    Initiator,
    Source,
    Token,
)
from recoup.db import Database, is_passing
from recoup.gateway import Gateway
from recoup.kit.clock import Clock
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal, RefusalType, conflict, not_found
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.merchants.flow import ProcessorAccounts
from recoup.outcomes.core import AdviceAction, Approved, Declined, FollowUp, Outcome, Withdrawn
from recoup.payments import store
from recoup.payments.core import (
    Attempt,
    AttemptState,
    Operation,
    OperationKind,
    Payment,
    Snapshot,
    answers,
    operations,
)
from recoup.payments.core.step import Step
from recoup.payments.writes import Along, Answer, Claim, Count, Renderer, Writer, Written
from recoup.routing.core import Facts
from recoup.routing.core.facts import UNKNOWN_FUNDING
from recoup.routing.flow.routing import Router

REPLANS_MAX: Final = 300
"""How often a step is planned again when the payment moved on between reading and writing. Each time somebody else's
step was written, and all attempts and operations of a payment together bring fewer."""
PATIENCE_MARGIN: Final = timedelta(seconds=10)
"""How much longer than the longest call an attempt is left to its maker before others ask about it."""
NEWS_LEASE: Final = timedelta(seconds=30)
"""How long the API keeps a step's news to itself, to work it before it answers."""

_log: Final = structlog.get_logger("recoup.payments")


class Taken(Exception):
    """The idempotency key was used before: the edge answers from what is recorded under it."""


@dataclass(frozen=True, slots=True)
class Means:
    """With what a payment is made. `card` and `tokens` are in the clear for as long as the call lasts.

    `tokens` are by the account that each is good at. `customer_id` is whose payment method it is.
    """

    payment_method_id: UUID
    fingerprint: str = field(repr=False)
    brand: str
    issuer_country: str | None
    card: Card | None = field(repr=False)
    network_transaction_id: str | None
    funding: str = UNKNOWN_FUNDING
    bin: str | None = None
    customer_id: UUID | None = None
    tokens: Mapping[UUID, Token] = field(default_factory=dict, repr=False)
    remembered_at: frozenset[UUID] = frozenset()
    """The accounts whose processor was asked to keep it, and gave the token for that."""
    billing: Billing = field(default_factory=Billing)
    renewed_at: datetime | None = None
    """Since when the card is newer than what was given: what was said of the old one no longer holds."""
    browser: Browser | None = None
    authentication: Authentication | None = field(default=None, repr=False)
    """What the customer's 3-D Secure authentication came to, where it was made elsewhere. It goes with every attempt of
    the call, and ends with it: nothing stores it."""
    back_to: str | None = None
    """The customer is there although the payment is the merchant's, and comes back here from their bank."""
    new_card: dict[str, Any] | None = field(default=None, repr=False)
    """The row of a payment method seen for the first time, written with the payment's first transaction."""
    new_card_shown: bytes = field(default=b"", repr=False)
    """The same payment method as the API shows it, for its event."""
    new_tokens: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    """The rows of its tokens."""

    def source(self, account_id: UUID) -> Source:
        """What this account is charged with: what its processor keeps, else the card."""
        source = self.tokens.get(account_id, self.card)
        assert source is not None, "a route leaves out accounts that have nothing to charge"
        return source


class Wallet(Protocol):
    """Where stored payment methods come from."""

    async def means(self, merchant: Merchant, payment_method_id: UUID) -> tuple[Means, UUID | None]:
        """A stored method opened for one call, and its customer; refuses with 404 what is not there."""
        ...

    async def last4(self, merchant: Merchant, payment_method_id: UUID) -> str | None:
        """The end of the card's number, where it is known."""
        ...

    async def sealed_token(
        self, merchant: Merchant, payment_method_id: UUID, account_id: UUID, token: Token, *, now: datetime
    ) -> dict[str, Any]:
        """The row of a token that a processor has just given."""
        ...

    async def keep_token(self, merchant: Merchant, row: dict[str, Any]) -> None:
        """Write such a row by itself."""
        ...


class RunNews(Protocol):
    """Works the news that later subjects listen to, at once; what fails is left to the worker."""

    async def __call__(
        self, merchant: Merchant, *, kinds: Sequence[str], object_id: UUID, lease: datetime
    ) -> None:
        """Run the handlers of these due rows, which were written with `lease`."""
        ...


OutcomeT = TypeVar("OutcomeT")
ReadDecline = Callable[[Merchant, Declined, str, str], Awaitable[Declined]]


async def _as_it_came(_merchant: Merchant, declined: Declined, _connector: str, _brand: str) -> Declined:
    return declined


def _nobodys(_number: str) -> bool:
    return False


def _nowhere(_merchant_id: UUID, _attempt_id: UUID) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Tools:
    """The parts that a composition root gives."""

    database: Database
    writer: Writer
    gateway: Gateway
    accounts: ProcessorAccounts
    connectors: Mapping[str, Connector]
    wallet: Wallet
    router: Router
    clock: Clock
    new_id: Callable[[], UUID]
    render: Renderer
    sandbox_url: Callable[[], str]
    run_news: RunNews
    record_answer: Callable[[UUID, Answer], Awaitable[None]]
    take_claim: Callable[[UUID, Claim], Awaitable[bool]]
    release_claim: Callable[[UUID, Claim], Awaitable[None]]
    processor_timeout: timedelta
    attempts_max: int
    is_published: Callable[[str], bool] = _nobodys
    """Whether a card number is one of the test cards that everybody uses."""
    read_decline: ReadDecline = _as_it_came
    """A decline as this merchant reads it, given the connector and the card's brand."""
    limits: tuple[Limit, ...] = CAUTIOUS
    """How often card networks let a card be tried."""
    callback_url: Callable[[UUID, UUID], str | None] = _nowhere
    """Where a challenge's page posts the customer of an attempt to, given its merchant: a page of ours."""

    @property
    def patience(self) -> timedelta:
        """How long an attempt is left to the process that made it."""
        return self.processor_timeout + PATIENCE_MARGIN

    async def understood(
        self, merchant: Merchant, outcome: OutcomeT, *, connector: str, brand: str
    ) -> OutcomeT | Declined:
        """What a processor said, as this merchant reads it."""
        if not isinstance(outcome, Declined):
            return outcome
        return await self.read_decline(merchant, outcome, connector, brand)

    def now(self, merchant: Merchant) -> datetime:
        """The merchant's present."""
        return merchant.now(self.clock.now())

    async def load(self, merchant: Merchant, payment_id: UUID) -> Snapshot:
        """A payment of this merchant; refuses with 404."""
        snapshot = await store.load(self.database, merchant_id=merchant.id, payment_id=payment_id)
        if snapshot is None:
            raise not_found("payment", render(Kind.PAYMENT, payment_id))
        return snapshot

    async def account(
        self, merchant: Merchant, account_id: UUID
    ) -> tuple[ProcessorAccount, Connector, Account]:
        """A processor account, its translator, and what the translator may know of it."""
        account = await self.accounts.account(merchant.id, account_id)
        connector = self.connectors[account.connector]
        return account, connector, self.as_seen(account, connector, livemode=merchant.livemode)

    def as_seen(self, account: ProcessorAccount, connector: Connector, *, livemode: bool) -> Account:
        """A processor account as its connector sees it; a simulated one without an address is the sandbox's."""
        if connector.test_mode_only:
            url = account.base_url or self.sandbox_url()
        else:
            url = account.base_url or connector.addresses.of(account.credentials, livemode=livemode) or ""
        timeout_s = None if account.timeout_ms is None else account.timeout_ms / 1000
        return Account(url, account.credentials, timeout_s, livemode, now=self.clock.now())

    async def tokens(
        self, merchant: Merchant, attempt: Attempt, outcome: Outcome | Withdrawn
    ) -> tuple[dict[str, Any], ...]:
        """The row of the token that an approval brings, to be written in the transaction of its step."""
        method_id, account_id = attempt.payment_method_id, attempt.processor_account_id
        return await self.tokens_at(merchant, method_id, account_id, outcome)

    async def tokens_at(
        self, merchant: Merchant, payment_method_id: UUID, account_id: UUID, outcome: Outcome | Withdrawn
    ) -> tuple[dict[str, Any], ...]:
        """The same, of a payment method at an account."""
        if not isinstance(outcome, Approved) or outcome.token is None:
            return ()
        token, now = Token(outcome.token, outcome.token_customer), self.now(merchant)
        return (await self.wallet.sealed_token(merchant, payment_method_id, account_id, token, now=now),)

    async def commit(
        self,
        merchant: Merchant,
        plan: Callable[[Snapshot], Step | None],
        snapshot: Snapshot,
        along: Along,
        *,
        look: Callable[[], Awaitable[Count]] | None = None,
    ) -> tuple[Snapshot, Step | None]:
        """Plan a step and write it; where the payment moved on meanwhile, read again and plan again.

        Raises `Taken` where the claim's key was used before, and whatever the plan refuses: then nothing was written,
        the claim neither. A plan that answers None has nothing to change. `look` goes with a step that begins an
        attempt: it looks at the card's tries, and refuses where there may be none.
        """
        for _ in range(REPLANS_MAX):
            step = plan(snapshot)
            if step is None:
                return snapshot, None
            match await self.writer.commit(merchant, step, along):
                case Written.YES:
                    return step.after, step
                case Written.TAKEN:
                    raise Taken
                case Written.STALE | Written.BARRED as unwritten:
                    snapshot = await self.load(merchant, snapshot.payment.id)
                    if step.is_in(snapshot):
                        return snapshot, step
                    if unwritten is Written.BARRED:
                        assert look is not None, "only an attempt is counted"
                        along = replace(along, count=await look())
        raise busy()

    async def keep_answer(self, merchant: Merchant, answer: Answer | None) -> None:
        """Record an answer under its key. What it tells is written already, so that no answer is lost with the record:
        a repeated request is then answered from the rows."""
        if answer is None:
            return
        try:
            await self.record_answer(merchant.id, answer)
        except Exception as error:
            if not is_passing(error):
                raise
            _log.warning("payments.answer_not_recorded", error=type(error).__name__)

    @staticmethod
    def is_news(fresh: Snapshot, attempt_id: UUID, outcome: Outcome | Withdrawn) -> bool:
        """Whether an attempt still takes an answer. One that it does not take may contradict it: see
        `contradicting.of_attempt`."""
        attempt = fresh.attempt(attempt_id)
        assert attempt is not None, "attempts are never deleted"
        return answers.takes(attempt, outcome)

    @staticmethod
    def is_news_of_operation(fresh: Snapshot, operation_id: UUID, answer: FollowUp | Withdrawn) -> bool:
        """The same for a capture, cancellation or refund."""
        operation = fresh.operation(operation_id)
        assert operation is not None, "operations are never deleted"
        return operations.takes(operation, answer)


_ID_KINDS: Final = {
    OperationKind.CAPTURE: Kind.CAPTURE,
    OperationKind.CANCEL: Kind.CANCELLATION,
    OperationKind.REFUND: Kind.REFUND,
}


def operation_key(operation: Operation) -> str:
    """The key that a capture, cancellation or refund carries to its processor."""
    return render(_ID_KINDS[operation.kind], operation.id)


def approved_attempt(snapshot: Snapshot) -> Attempt:
    """The attempt that holds or took the money."""
    return next(one for one in snapshot.attempts if one.state is AttemptState.APPROVED)


def attempt_of(snapshot: Snapshot, operation: Operation) -> Attempt:
    """The attempt whose money a capture, cancellation or refund is about. Where its row does not say, only one attempt
    was ever approved."""
    if operation.attempt_id is None:
        return approved_attempt(snapshot)
    found = snapshot.attempt(operation.attempt_id)
    assert found is not None, "attempts are never deleted"
    return found


def facts_of(payment: Payment, means: Means, *, at: datetime) -> Facts:
    """What a route is chosen by."""
    by_customer = initiator_of(payment, means) is Initiator.CUSTOMER
    return Facts(
        currency=payment.currency,
        brand=means.brand,
        issuer_country=means.issuer_country,
        capture=payment.capture,
        initiator=initiator_of(payment, means),
        card_in_vault=means.card is not None,
        saved_at=frozenset(means.tokens),
        amount=payment.amount,
        funding=means.funding,
        bin=means.bin,
        attempt_number=payment.attempts_count + 1,
        at=at,
        customer_id=payment.customer_id or means.customer_id,
        metadata=payment.metadata,
        agreement=payment.agreement,
        merchant_category=payment.merchant_category,
        network_transaction_id=means.network_transaction_id is not None,
        can_challenge=by_customer and way_back(payment, means) is not None,
        authenticated=by_customer and means.authentication is not None,
        needs_challenge=by_customer and _was_told_to_authenticate(payment, means),
    )


def initiator_of(payment: Payment, means: Means) -> Initiator:
    """Who makes this try: the customer, where they are there, whoever made the payment."""
    return Initiator(payment.initiator) if means.back_to is None else Initiator.CUSTOMER


def way_back(payment: Payment, means: Means) -> str | None:
    """Where the customer comes back to from their bank."""
    return means.back_to or payment.return_url


def _was_told_to_authenticate(payment: Payment, means: Means) -> bool:
    """Whether the payment's last answer was that the owner of this very card must authenticate."""
    if payment.decline is None or payment.payment_method_id != means.payment_method_id:
        return False
    return payment.decline.decline.advice.action is AdviceAction.AUTHENTICATE


def busy() -> Refusal:
    """Too many others change the payment at the same time."""
    return conflict("payment_busy", "Other requests keep changing this payment; try again.", retry_after_s=1)


def no_account(route_reasons: Sequence[str]) -> Refusal:
    """No processor account can do this payment."""
    reasons = "; ".join(route_reasons) or "there is no processor account yet"
    return Refusal(
        RefusalType.INVALID_REQUEST,
        "no_processor_account",
        f"No processor account can take this payment: {reasons}. Add one or change the payment.",
    )
