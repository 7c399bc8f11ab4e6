"""Who can do a payment: every reason against an account is said, and what nobody knows is no reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.payments.bank import capabilities
from tests.routing.test_laws import Account

from recoup.connectors.base import Capabilities
from recoup.merchants.core import AmountLimits
from recoup.routing.core import Facts, route
from recoup.routing.core.eligibility import obstacles
from recoup.routing.core.facts import acquirer_of

ID: Final = UUID(int=1)
PLAIN: Final = Account(ID, "it")
SALE: Final = Facts(
    "USD",
    "visa",
    "US",
    "automatic",
    "customer",
    amount=4999,
    funding="debit",
    merchant_category="5411",
)


def against(facts: Facts = SALE, account: Account = PLAIN, **can: Any) -> tuple[str, ...]:
    return obstacles(facts, account, capabilities(**can))


@dataclass(frozen=True)
class Obstacle:
    """One thing that stands against an account: how it comes about, and what is said of it."""

    said: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)
    can: Mapping[str, Any] = field(default_factory=dict)


OBSTACLES: Final = (
    Obstacle("it is disabled", account={"enabled": False}),
    Obstacle("it does not take USD", account={"currencies": frozenset({"EUR"})}),
    Obstacle("it does not take USD", can={"currencies": frozenset({"EUR"})}),
    Obstacle("it does not take visa cards", account={"brands": frozenset({"mastercard"})}),
    Obstacle("it does not take visa cards", can={"brands": frozenset({"mastercard"})}),
    Obstacle("it does not take debit cards", account={"fundings": frozenset({"credit"})}),
    Obstacle("it does not take cards issued in US", account={"countries": frozenset({"DE"})}),
    Obstacle("it does not take cards issued in US", can={"countries": frozenset({"DE"})}),
    Obstacle("it takes no less than 50.00 USD", account={"amount_limits": {"USD": AmountLimits(min=5000)}}),
    Obstacle("it takes no more than 49.98 USD", account={"amount_limits": {"USD": AmountLimits(max=4998)}}),
    Obstacle(
        "it does not take payments of merchant category 5411",
        account={"merchant_categories": frozenset({"5812"})},
    ),
    Obstacle(
        "it cannot check a card without charging it", facts={"charges": False}, can={"verification": False}
    ),
    Obstacle(
        "it cannot hold money for a later capture", facts={"capture": "manual"}, can={"manual_capture": False}
    ),
    Obstacle(
        "it cannot charge stored cards without the customer",
        facts={"initiator": "merchant"},
        can={"stored_credentials": False},
    ),
    Obstacle(
        "it cannot name the customer's first payment to the network, and keeps no method of its own",
        facts={"initiator": "merchant", "network_transaction_id": True},
        can={"network_transaction_ids": False},
    ),
    Obstacle(
        "it does not take a 3-D Secure result that was made elsewhere",
        facts={"authenticated": True},
        can={"takes_authentication": False},
    ),
    Obstacle(
        "it cannot have the customer authenticated",
        facts={"needs_challenge": True},
        can={"three_d_secure": False},
    ),
    Obstacle(
        "it cannot have the customer authenticated",
        facts={"needs_challenge": True},
        account={"three_d_secure": False},
        can={"three_d_secure": True},
    ),
    Obstacle("no saved method at this account, and no card in the vault", facts={"card_in_vault": False}),
    Obstacle(
        "it takes no cards from the vault, and there is no saved method at this account", can={"cards": False}
    ),
)


@pytest.mark.parametrize("one", OBSTACLES, ids=lambda one: one.said)
def test_each_obstacle_alone_is_said(one: Obstacle) -> None:
    assert against() == ()
    found = against(replace(SALE, **one.facts), replace(PLAIN, **one.account), **one.can)
    assert found == (one.said,)


INDEPENDENT: Final = [one for one in OBSTACLES if one.account and not one.facts and "no less" not in one.said]
"""Each hangs on a field of the account that no other hangs on."""


@given(st.sets(st.sampled_from(range(len(INDEPENDENT)))))
def test_every_reason_is_said_and_none_that_is_not_there(chosen: set[int]) -> None:
    """Whoever mends the first reason must not find the next one only then."""
    account = PLAIN
    for number in chosen:
        account = replace(account, **INDEPENDENT[number].account)
    found = obstacles(SALE, account, capabilities())
    assert sorted(found) == sorted(INDEPENDENT[number].said for number in chosen)
    (candidate,) = route(SALE, [(account, capabilities())]).candidates
    assert (candidate.place is None) == bool(found)
    assert candidate.why == ("; ".join(found) or "can do it")


UNKNOWN: Final = replace(SALE, funding="unknown", issuer_country=None, merchant_category=None)


def test_what_nobody_knows_is_no_obstacle() -> None:
    """Only the processor can tell, and a payment that is not tried is lost for certain."""
    picky = replace(
        PLAIN,
        fundings=frozenset({"credit"}),
        countries=frozenset({"DE"}),
        merchant_categories=frozenset({"5812"}),
    )
    assert len(against(SALE, picky)) == 3
    assert against(UNKNOWN, picky) == ()


@given(amount=st.integers(0, 20), least=st.integers(0, 20), most=st.none() | st.integers(0, 20))
def test_amounts_pass_within_both_limits_and_only_there(amount: int, least: int, most: int | None) -> None:
    account = replace(PLAIN, amount_limits={"USD": AmountLimits(min=least, max=most)})
    found = against(replace(SALE, amount=amount), account)
    assert (found == ()) == (least <= amount and (most is None or amount <= most))
    assert against(replace(SALE, amount=amount, currency="EUR"), account) == (), (
        "another currency has no limit"
    )
    assert against(replace(SALE, amount=0, charges=False), account, verification=True) == (), (
        "nothing is paid"
    )


def test_what_the_processor_keeps_needs_no_network_name() -> None:
    """Its own token says to it what the network's name would say to another."""
    renewal = replace(SALE, initiator="merchant", network_transaction_id=True)
    assert against(renewal, processor_tokens=True, network_transaction_ids=False) != ()
    saved = replace(renewal, saved_at=frozenset({ID}))
    assert against(saved, processor_tokens=True, network_transaction_ids=False) == ()
    assert against(renewal, network_transaction_ids=True) == ()
    nothing = replace(renewal, network_transaction_id=False)
    assert against(nothing, network_transaction_ids=False) == (), "there is nothing to name"


def test_an_outside_result_makes_a_challenge_needless() -> None:
    done = replace(SALE, authenticated=True, needs_challenge=True)
    assert against(done, takes_authentication=True) == ()
    assert against(done, replace(PLAIN, three_d_secure=False), takes_authentication=True) == ()


def drained(number: int, **said: Any) -> tuple[Account, Capabilities]:
    return Account(UUID(int=number), f"account {number}", drained=True, **said), capabilities()


def well(number: int, **said: Any) -> tuple[Account, Capabilities]:
    return Account(UUID(int=number), f"account {number}", **said), capabilities()


@given(
    drains=st.lists(st.booleans(), max_size=6), requested=st.none() | st.lists(st.integers(0, 6), max_size=6)
)
def test_a_drained_account_is_the_last_resort(drains: list[bool], requested: list[int] | None) -> None:
    """It gets nothing while another can do it, and everything when none can."""
    known = [drained(number) if drain else well(number) for number, drain in enumerate(drains)]
    ids = None if requested is None else [UUID(int=number) for number in requested]
    found = route(SALE, known, requested=ids)
    order = [drains[account_id.int] for account_id in found.accounts]
    assert order == sorted(order)
    wanted = range(len(drains)) if requested is None else {*requested} & {*range(len(drains))}
    assert {account_id.int for account_id in found.accounts} == {*wanted}
    for one in found.candidates:
        assert ("drained" in one.why) == (one.place is not None and drains[one.account_id.int])


def test_a_drained_account_that_is_disabled_is_forbidden() -> None:
    assert route(SALE, [drained(1, enabled=False)]).accounts == ()


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"connector": "north"}, {"connector": "north"}, True),
        ({"connector": "north"}, {"connector": "south"}, False),
        (
            {"connector": "north", "acquirer": "First Bank"},
            {"connector": "south", "acquirer": "first bank "},
            True,
        ),
        ({"connector": "north", "acquirer": "First Bank"}, {"connector": "north"}, False),
        ({"connector": "north"}, {"connector": "south", "acquirer": "North"}, True),
    ],
)
def test_two_accounts_of_one_acquirer_are_one_to_an_issuer(
    first: dict[str, Any], second: dict[str, Any], same: bool
) -> None:
    here, there = (acquirer_of(Account(ID, "it", **said)) for said in (first, second))
    assert (here == there) == same


def test_requested_accounts_alone_are_asked_and_the_others_keep_their_own_reasons() -> None:
    found = obstacles(SALE, replace(PLAIN, enabled=False), capabilities(), requested=[UUID(int=9)])
    assert found == ("it is disabled", "the caller asked for other accounts")
    accounts: Sequence[tuple[Account, Capabilities]] = [well(1), well(2)]
    assert route(SALE, accounts, requested=[UUID(int=2)]).accounts == (UUID(int=2),)
