"""Who is asked: only who can, nobody twice, never too many, and nobody at all after an unknown outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.payments.bank import capabilities, decline, lost_card, no_funds

from recoup.connectors.base import Capabilities
from recoup.merchants.core import AmountLimits, Fees
from recoup.outcomes.core import (
    ActionRequired,
    AdviceAction,
    Approved,
    Category,
    Declined,
    Outcome,
    Pending,
    Unknown,
    Unprocessed,
    another_processor,
)
from recoup.routing.core import Facts, Next, Reconcile, Route, Stop, after, route

CURRENCIES: Final = ("USD", "EUR")
COUNTRIES: Final = ("US", "DE")
BRANDS: Final = ("visa", "mastercard")


@dataclass(frozen=True)
class Account:
    """A processor account, as a route sees it."""

    id: UUID
    label: str
    enabled: bool = True
    currencies: frozenset[str] | None = None
    countries: frozenset[str] | None = None
    brands: frozenset[str] | None = None
    connector: str = "north"
    country: str | None = None
    acquirer: str | None = None
    fundings: frozenset[str] | None = None
    amount_limits: Mapping[str, AmountLimits] | None = None
    merchant_categories: frozenset[str] | None = None
    drained: bool = False
    three_d_secure: bool | None = None
    fees: Fees | None = None


def limits(values: Sequence[str]) -> st.SearchStrategy[frozenset[str] | None]:
    return st.none() | st.frozensets(st.sampled_from(values))


ABILITIES: Final = st.builds(
    capabilities,
    currencies=limits(CURRENCIES),
    countries=limits(COUNTRIES),
    brands=st.frozensets(st.sampled_from(BRANDS)),
    manual_capture=st.booleans(),
    stored_credentials=st.booleans(),
)
FACTS: Final = st.builds(
    Facts,
    currency=st.sampled_from(CURRENCIES),
    brand=st.sampled_from(BRANDS),
    issuer_country=st.none() | st.sampled_from(COUNTRIES),
    capture=st.sampled_from(["automatic", "manual"]),
    initiator=st.sampled_from(["customer", "merchant"]),
)
CARD: Final = Facts("USD", "visa", "US", "automatic", "customer")


@st.composite
def accounts(draw: st.DrawFn) -> list[tuple[Account, Capabilities]]:
    def account(number: int) -> Account:
        return Account(
            UUID(int=number),
            f"account {number}",
            draw(st.booleans()),
            draw(limits(CURRENCIES)),
            draw(limits(COUNTRIES)),
            draw(limits(BRANDS)),
        )

    return [(account(number), draw(ABILITIES)) for number in range(draw(st.integers(0, 6)))]


REQUESTED: Final = st.none() | st.lists(st.builds(UUID, int=st.integers(0, 8)), max_size=6)
OUTCOMES: Final = st.sampled_from(
    [
        Approved("ch-1"),
        decline(),
        no_funds(),
        lost_card(),
        Unprocessed("never left"),
        Unknown("no answer"),
        ActionRequired("r", "https://x.example"),
        Pending("r"),
    ]
)


def may(account: Account, can: Capabilities, facts: Facts) -> bool:
    """The rule once more, in other words."""

    def takes(limit: frozenset[str] | None, value: str | None) -> bool:
        return limit is None or value is None or value in limit

    return (
        account.enabled
        and takes(can.currencies, facts.currency)
        and takes(account.currencies, facts.currency)
        and takes(can.brands, facts.brand)
        and takes(account.brands, facts.brand)
        and takes(can.countries, facts.issuer_country)
        and takes(account.countries, facts.issuer_country)
        and (can.manual_capture or facts.capture == "automatic")
        and (can.stored_credentials or facts.initiator == "customer")
    )


@given(facts=FACTS, known=accounts(), requested=REQUESTED)
def test_who_is_on_the_route_can_do_it_and_who_is_not_has_a_reason(
    facts: Facts, known: list[tuple[Account, Capabilities]], requested: list[UUID] | None
) -> None:
    found = route(facts, known, requested=requested)
    assert sorted(one.account_id for one in found.candidates) == sorted(one.id for one, _ in known)
    able = {one.id for one, can in known if may(one, can, facts)}
    assert set(found.accounts) == able & set(requested if requested is not None else able)
    assert len(set(found.accounts)) == len(found.accounts)
    assert all(one.why for one in found.candidates)
    places = [one.place for one in found.candidates if one.place is not None]
    assert places == list(range(1, len(places) + 1))


@given(facts=FACTS, known=accounts(), requested=REQUESTED)
def test_the_same_facts_make_the_same_route_in_the_order_asked_for(
    facts: Facts, known: list[tuple[Account, Capabilities]], requested: list[UUID] | None
) -> None:
    found = route(facts, known, requested=requested)
    assert route(facts, list(known), requested=requested) == found
    order = [one.id for one, _ in known] if requested is None else list(dict.fromkeys(requested))
    assert list(found.accounts) == [one for one in order if one in found.accounts]


@given(
    facts=FACTS, known=accounts(), outcomes=st.lists(OUTCOMES, min_size=8, max_size=8), most=st.integers(1, 5)
)
def test_a_call_asks_nobody_twice_never_too_many_and_ends_at_the_first_answer_that_stands(
    facts: Facts, known: list[tuple[Account, Capabilities]], outcomes: list[Outcome], most: int
) -> None:
    chosen = route(facts, known)
    tried: list[UUID] = list(chosen.accounts[:1])
    for outcome in outcomes if tried else []:
        turn = after(outcome, route=chosen, tried=tried, attempts_max=most)
        assert turn.why
        if not isinstance(turn, Next):
            left = [one for one in chosen.accounts if one not in tried]
            helps = isinstance(outcome, Unprocessed) or (
                isinstance(outcome, Declined) and another_processor(outcome.decline).allowed
            )
            assert not (helps and left and len(tried) < most), "who could help was asked"
            assert isinstance(turn, Reconcile) == isinstance(outcome, Unknown)
            break
        assert isinstance(outcome, Declined | Unprocessed)
        tried.append(turn.account_id)
    assert len(set(tried)) == len(tried) <= most
    assert list(chosen.accounts[: len(tried)]) == tried


@given(known=accounts(), tried=st.lists(st.builds(UUID, int=st.integers(0, 8))), most=st.integers(1, 10))
def test_after_an_unknown_outcome_nobody_is_asked(
    known: list[tuple[Account, Capabilities]], tried: list[UUID], most: int
) -> None:
    chosen = route(CARD, known)
    assert isinstance(after(Unknown("timeout"), route=chosen, tried=tried, attempts_max=most), Reconcile)


@pytest.mark.parametrize(
    ("answer", "turn"),
    [
        (decline(), Next),
        (decline("do_not_honor", Category.ISSUER), Next),
        (decline("invalid_account", Category.MERCHANT_CONFIGURATION), Next),
        (no_funds(), Stop),
        (lost_card(), Stop),
        (decline(wait=timedelta(hours=1)), Stop),
        (decline(action=AdviceAction.AUTHENTICATE), Stop),
        (decline(action=AdviceAction.STOP), Stop),
        (decline("fraudulent", Category.FRAUD), Stop),
        (Unprocessed("refused"), Next),
        (Unknown("timeout"), Reconcile),
        (Approved("ch-1"), Stop),
        (Pending("r"), Stop),
        (ActionRequired("r", "https://x.example"), Stop),
    ],
)
def test_what_follows_each_answer(answer: Any, turn: type) -> None:
    known = [(Account(UUID(int=n), f"account {n}"), capabilities()) for n in (1, 2)]
    found = after(answer, route=route(CARD, known), tried=[UUID(int=1)])
    assert type(found) is turn


@pytest.mark.parametrize(
    ("within_ms", "elapsed_ms", "turn"), [(0, 0, Stop), (500, 499, Next), (500, 500, Stop)]
)
def test_a_policy_says_how_long_others_are_asked(within_ms: int, elapsed_ms: int, turn: type) -> None:
    """And that nobody else is: zero is a time too."""
    known = [(Account(UUID(int=n), f"account {n}"), capabilities()) for n in (1, 2)]
    chosen = replace(route(CARD, known), failover_within_ms=within_ms)
    found = after(Unprocessed("refused"), route=chosen, tried=[UUID(int=1)], elapsed_ms=elapsed_ms)
    assert type(found) is turn


def test_an_account_named_twice_keeps_its_first_place() -> None:
    first, second = UUID(int=1), UUID(int=2)
    known = [(Account(one, str(one)), capabilities()) for one in (first, second)]
    assert route(CARD, known, requested=[second, first, second]).accounts == (second, first)


def test_a_route_without_accounts_is_empty() -> None:
    assert route(CARD, []) == Route(())


WITHOUT_CARD: Final = Facts("USD", "unknown", None, "automatic", "customer", card_in_vault=False)


def why_of(facts: Facts, *, account_id: int = 1, **can: Any) -> tuple[bool, str]:
    """Whether an account may be asked, and why (not)."""
    account = Account(UUID(int=account_id), "it", brands=frozenset({"visa"}))
    (candidate,) = route(facts, [(account, capabilities(**can))]).candidates
    return candidate.place is not None, candidate.why


def test_without_a_card_only_accounts_with_a_token_are_asked() -> None:
    """What brand it is only its processor knows, where the merchant did not say."""
    saved = replace(WITHOUT_CARD, saved_at=frozenset({UUID(int=1)}))
    assert why_of(saved, processor_tokens=True)[0]
    nothing = "no saved method at this account, and no card in the vault"
    assert why_of(saved, account_id=2, processor_tokens=True) == (False, nothing)
    assert why_of(saved, processor_tokens=False) == (False, nothing), (
        "another connector's token is worth nothing"
    )
    amex = replace(saved, brand="amex")
    assert why_of(amex, processor_tokens=True) == (False, "it does not take amex cards")


def test_who_takes_no_cards_is_asked_with_a_token_alone() -> None:
    card = Facts("USD", "visa", "US", "automatic", "customer")
    assert why_of(card)[0]
    asked, why = why_of(card, cards=False, processor_tokens=True)
    assert not asked
    assert "takes no cards from the vault" in why
    assert why_of(replace(card, saved_at=frozenset({UUID(int=1)})), cards=False, processor_tokens=True)[0]


def test_who_cannot_check_a_card_is_not_asked_to() -> None:
    checking = Facts("USD", "visa", "US", "automatic", "customer", charges=False)
    assert why_of(checking, verification=False) == (False, "it cannot check a card without charging it")
    assert why_of(checking, verification=True)[0]
