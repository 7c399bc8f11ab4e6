"""A key is done once, whatever happens: again, at the same time, after a crash, after it was withdrawn."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.sandbox.town import MASTERCARD, VISA, Shop, Town, a_town, body, new_key

from recoup.db import Database
from recoup.kit.clock import ManualClock
from recoup.outcomes.core import Approved, Declined, Done, Unknown, Unprocessed, Withdrawn
from recoup.sandbox.core.faults import FaultKind, Verb

AT_ONCE = 8


async def test_the_same_request_again_gives_the_same_answer_and_charges_once(shop: Shop) -> None:
    key, request = new_key(), body()
    first = await shop.http("POST", "/alpha/charges", request, key=key)
    await shop.wait(timedelta(days=1))
    again = await shop.http("POST", "/alpha/charges", request, key=key)
    assert (first.status, again) == (200, first)
    assert await shop.counts() == (1, 1, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 1001},
        {"currency": "EUR"},
        {"order": "pay_2"},
        {"card": {"number": MASTERCARD, "exp_month": 12, "exp_year": 2030, "cvc": "123"}},
        {"card": {"number": VISA, "exp_month": 12, "exp_year": 2030, "cvc": "124"}},
        {"capture": False},
        {"merchant_reference": "x"},
    ],
)
async def test_the_same_key_with_another_request_is_refused(shop: Shop, change: dict[str, object]) -> None:
    """Nothing is left out of the comparison, and no promise is given: the first request may have moved money."""
    key = new_key()
    await shop.http("POST", "/alpha/charges", body(), key=key)
    other = await shop.http("POST", "/alpha/charges", {**body(), **change}, key=key)
    assert (other.status, other.json["error"]["code"]) == (409, "key_reused")
    assert "processed" not in other.json
    assert await shop.counts() == (1, 1, 0)


async def test_not_even_a_space_is_left_out_of_the_comparison(shop: Shop) -> None:
    key = new_key()
    raw = b'{"amount":100}'
    await shop.charge(VISA, key=(charge := new_key()))
    path = f"/alpha/charges/{shop.references[charge]}/refunds"
    assert (await shop.http("POST", path, raw=raw, key=key)).status == 200
    assert (await shop.http("POST", path, raw=raw + b" ", key=key)).status == 409
    assert (await shop.http("POST", path, raw=raw, key=key)).status == 200


async def test_at_the_same_time_one_charge_is_made(shop: Shop) -> None:
    """Both ways of writing a charge: a card without an account, and one whose account is locked."""
    holder = await shop.holder(predictable=True, currency="USD", balance_min=50_000)
    for card in (VISA, holder):
        for key in (new_key(), new_key(), new_key()):
            outcomes = await asyncio.gather(
                *(shop.charge(card, key=key, payment=key) for _ in range(AT_ONCE))
            )
            assert len(set(outcomes)) == 1
            assert isinstance(outcomes[0], Approved)
    assert await shop.counts() == (6, 6, 0)
    assert (await shop.again(holder)).balance == holder.balance - 3000


async def test_at_the_same_time_one_refund_is_made(shop: Shop) -> None:
    charge, key = new_key(), new_key()
    await shop.charge(key=charge)
    outcomes = await asyncio.gather(*(shop.change("refund", charge, 300, key=key) for _ in range(AT_ONCE)))
    assert len(set(outcomes)) == 1
    assert (await shop.summary()).counts.refunded == {"USD": 300}


async def test_an_account_is_not_overdrawn_by_charges_at_the_same_time(shop: Shop) -> None:
    holder = await shop.alter(await shop.holder(predictable=True, currency="USD"), balance=3500)
    outcomes = await asyncio.gather(*(shop.charge(holder, payment=f"pay_{n}") for n in range(AT_ONCE)))
    assert sum(isinstance(each, Approved) for each in outcomes) == 3
    assert (await shop.again(holder)).balance == 500


async def test_keys_are_each_processors_own(shop: Shop) -> None:
    key = new_key()
    alpha, bravo = await shop.charge(key=key), await shop.charge(key=key, processor="bravo")
    assert isinstance(alpha, Approved)
    assert isinstance(bravo, Approved)
    assert alpha.reference != bravo.reference
    assert await shop.counts() == (2, 2, 1)


async def test_what_was_sent_is_found_by_its_key(shop: Shop) -> None:
    charge, capture, refund = new_key(), new_key(), new_key()
    outcome = await shop.charge(key=charge, capture=False)
    assert await shop.ask("lookup", charge) == outcome
    captured = await shop.change("capture", charge, 600, key=capture)
    assert await shop.ask("lookup_change", capture) == captured == Done(getattr(captured, "reference", ""))
    refused = await shop.change("refund", charge, 601, key=refund)
    assert await shop.ask("lookup_change", refund) == refused
    assert isinstance(await shop.ask("lookup", new_key()), Unknown)
    assert isinstance(await shop.ask("lookup", charge, processor="bravo"), Unknown)
    assert isinstance(await shop.ask("lookup", capture), Unknown), "a capture is no charge"


async def test_a_withdrawn_key_never_charges(shop: Shop) -> None:
    key = new_key()
    assert isinstance(await shop.ask("withdraw", key), Withdrawn)
    assert isinstance(await shop.ask("withdraw", key), Withdrawn), "for ever"
    late = await shop.charge(key=key)
    assert isinstance(late, Unprocessed)
    assert isinstance(await shop.ask("lookup", key), Unknown), "a question is no promise"
    assert await shop.counts() == (0, 0, 0)


async def test_withdrawing_what_happened_tells_what_happened(shop: Shop) -> None:
    charge, declined, refund = new_key(), new_key(), new_key()
    outcome = await shop.charge(key=charge)
    assert await shop.ask("withdraw", charge) == outcome
    await shop.charge("4000000000009995", key=declined)
    assert isinstance(await shop.ask("withdraw", declined), Declined)
    done = await shop.change("refund", charge, key=refund)
    assert await shop.ask("withdraw_change", refund) == done
    assert await shop.counts() == (2, 1, 0)


async def test_a_withdrawn_change_never_happens(shop: Shop) -> None:
    charge, refund = new_key(), new_key()
    await shop.charge(key=charge)
    assert isinstance(await shop.ask("withdraw_change", refund), Withdrawn)
    assert isinstance(await shop.change("refund", charge, key=refund), Unprocessed)
    assert (await shop.summary()).counts.refunded == {"USD": 0}


async def test_a_charge_that_arrives_late_meets_its_withdrawal(shop: Shop) -> None:
    """The hardest case there is: we gave up waiting, found nothing, and the request is still on its way."""
    key, traffic = new_key(), shop.town.traffic
    await shop.fault(FaultKind.LATE_ARRIVAL)
    assert isinstance(await shop.impatient.charge(key=key), Unknown)
    assert isinstance(await shop.ask("lookup", key), Unknown)
    assert isinstance(await shop.ask("withdraw", key), Withdrawn)
    traffic.let_arrive.set()
    await traffic.quiet()
    assert isinstance(await shop.ask("withdraw", key), Withdrawn)
    assert await shop.counts() == (0, 0, 0)


async def test_a_charge_that_arrives_late_happens_where_nobody_withdrew_it(shop: Shop) -> None:
    """Why "not found" is no evidence."""
    key, traffic = new_key(), shop.town.traffic
    await shop.fault(FaultKind.LATE_ARRIVAL)
    assert isinstance(await shop.impatient.charge(key=key), Unknown)
    assert isinstance(await shop.ask("lookup", key), Unknown)
    traffic.let_arrive.set()
    await traffic.quiet()
    assert isinstance(await shop.ask("lookup", key), Approved)
    assert await shop.counts() == (1, 1, 0)


async def test_charge_and_withdrawal_at_the_same_time_agree(shop: Shop) -> None:
    for _ in range(AT_ONCE):
        key = new_key()
        charged, withdrawn = await asyncio.gather(
            shop.charge(key=key, payment=key), shop.ask("withdraw", key)
        )
        if isinstance(withdrawn, Withdrawn):
            assert isinstance(charged, Unprocessed)
        else:
            assert withdrawn == charged


async def test_everything_outlives_the_server(town: Town, database: Database) -> None:
    """Nothing that a processor knows is in its process."""
    shop = await town.shop()
    charge, burnt, waiting = new_key(), new_key(), new_key()
    outcome = await shop.charge(key=charge)
    await shop.ask("withdraw", burnt)
    await shop.fault(FaultKind.LATE_APPROVAL)
    pending = await shop.charge(key=waiting, payment="pay_2")
    await shop.fault(FaultKind.OUTAGE, on=Verb.REFUND)
    async with a_town(database, clock=ManualClock(town.clock.now() + timedelta(hours=2))) as later:
        after = Shop(
            later,
            shop.merchant_id,
            await later.worlds.ensure_world(shop.merchant_id, seed=99),
            shop.references,
        )
        assert after.api_key == shop.api_key
        assert await after.charge(key=charge) == outcome
        assert isinstance(await after.charge(key=burnt), Unprocessed)
        found = await after.ask("lookup", waiting)
        assert isinstance(found, Approved)
        assert found.reference == getattr(pending, "reference", None)
        assert isinstance(await after.change("refund", charge), Unprocessed)
        assert isinstance(await after.change("refund", charge), Done)
        assert (await after.summary()).world.seed == 7
        assert await after.counts() == (2, 2, 0)


async def test_no_card_number_and_no_key_is_stored(shop: Shop) -> None:
    holder = await shop.holder(predictable=True)
    for card in (VISA, "4000002500003155", "4111111111111111", holder):
        await shop.charge(card)
    secrets = [VISA, "4000002500003155", "4111111111111111", holder.number.reveal(), shop.api_key.reveal()]
    for table in ("worlds", "operations", "accounts", "faults"):
        rows = await shop.town.database.fetch_all(f"select t::text as row from sandbox.{table} t")
        text = "\n".join(row["row"] for row in rows)
        assert not [secret for secret in secrets if secret in text]
        assert not [secret for secret in secrets if secret.encode().hex() in text]
