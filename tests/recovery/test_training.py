"""Training on what was decided and what came of it, in a real database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from tests.recovery.cases import ALPHA, BRAVO, NOW, PRICE, decline, payment
from tests.recovery.office import Office

from recoup.outcomes.core import Category
from recoup.recovery.core.known import Known
from recoup.recovery.core.weighing import known_from, weigh
from recoup.recovery.flow.training import EVERY, TRAIN, Models, Training
from recoup.recovery.store import models as store
from recoup.recovery.store.models import ModelStatus

DAY: Final = timedelta(days=1)
RECOVERIES: Final = 640
GOOD, BAD = "411111", "422222"


def known(number: int, at: datetime) -> Known:
    """A refusal without a reason; cards of one issuer and of another take turns."""
    return Known(
        now=at,
        deadline=at + 28 * DAY,
        tries_left=4,
        amount=PRICE,
        country="US",
        zone="America/New_York",
        pay=None,
        category="issuer",
        refused_at=at,
        not_before=at,
        advised_at=None,
        accounts=(ALPHA, BRAVO),
        refused_by=ALPHA,
        refused=(ALPHA,),
        code="do_not_honor",
        brand="visa",
        funding="debit",
        issuer=(GOOD, BAD)[number % 2],
    )


async def lived_through(office: Office, *, good: float = 0.9, bad: float = 0.1) -> None:
    """A month of recoveries: each refused, tried once two days later by the second account, approved by issuer."""
    luck, rows = np.random.default_rng(7).random(RECOVERIES), []
    for number in range(RECOVERIES):
        at = NOW - timedelta(hours=number)
        approved = bool(luck[number] < (bad if number % 2 else good))
        rows.append(
            {
                "id": str(office.new_id()),
                "payment": str(office.new_id()),
                "attempt": str(office.new_id()),
                "decision": str(office.new_id()),
                "person": str(office.new_id()),
                "at": at.isoformat(),
                "tried": (at + 2 * DAY).isoformat(),
                "state": "approved" if approved else "declined",
                "data": {"action": "retry", "facts": {"known": known(number, at).kept()}},
            }
        )
    for statement in _ROWS:
        await office.database.execute(
            statement, {"merchant_id": office.us.id, "account": BRAVO, "rows": json.dumps(rows)}
        )


_ROWS: Final = (
    """
    insert into payments (merchant_id, id, status, version, events_count, amount, currency, capture, initiator,
        metadata, created_at, updated_at)
    select %(merchant_id)s, payment, 'declined', 1, 1, 4999, 'USD', 'automatic', 'merchant', '{}', at, at
    from json_to_recordset(%(rows)s::json) as r (payment uuid, at timestamptz)
    """,
    """
    insert into recoveries (merchant_id, id, payment_id, status, version, events_count, policy, opened_at, deadline,
        tries_made, tries_max, updated_at)
    select %(merchant_id)s, id, payment, 'exhausted', 1, 1, 'default', at, tried, 1, 4, tried
    from json_to_recordset(%(rows)s::json) as r (id uuid, payment uuid, at timestamptz, tried timestamptz)
    """,
    """
    insert into decisions (merchant_id, id, kind, object_id, data, created_at)
    select %(merchant_id)s, decision, 'recovery', id, data, at
    from json_to_recordset(%(rows)s::json) as r (id uuid, decision uuid, data json, at timestamptz)
    """,
    """
    insert into attempts (merchant_id, id, payment_id, number, reason, state, processor_account_id, payment_method_id,
        fingerprint, brand, amount, decision_id, started_at)
    select %(merchant_id)s, attempt, payment, 2, 'recovery', state, %(account)s, person, '\\x00', 'visa', 4999, attempt,
        tried
    from json_to_recordset(%(rows)s::json)
        as r (attempt uuid, payment uuid, state text, person uuid, tried timestamptz)
    """,
)


async def test_a_merchants_tries_are_learned_and_plans_go_by_it_and_replay_without_it(office: Office) -> None:
    """Trained, tilted, told with its version, replayed from the record alone; off again by a person's word."""
    models = Models(office.database)
    training = Training(office.database, models=models)
    later = NOW + 3 * DAY
    assert not await training.begin(office.us, later), "there is nothing to learn from yet"
    assert (await training.train(office.us, now=later)).version is None

    await lived_through(office)
    tried = await training.train(office.us, now=later, dry_run=True)
    assert tried.card.refused is None and tried.version is None
    assert await models.of(office.us.id) is None, "a dry run keeps nothing"

    outcome = await training.train(office.us, now=later)
    assert outcome.version == 1
    assert outcome.card.window.tries == RECOVERIES
    assert outcome.card.model is not None and outcome.card.untrained is not None
    assert outcome.card.model.log_loss < outcome.card.untrained.log_loss
    taught = await models.of(office.us.id)
    assert taught is not None and taught.version == 1

    chances = []
    for number in (0, 1):
        told = taught.told(known(number, later))
        weighed = weigh(told)
        chances.append(weighed.chance)
        again = weigh(known_from(json.loads(json.dumps(told.kept()))))
        assert (again.at, again.chance, again.facts()) == (weighed.at, weighed.chance, weighed.facts())
        assert told.learned is not None and told.learned.model == 1, "a decision names its model"
    assert chances[0] > chances[1] + 0.2, "the issuer that approves is believed in"

    second = await training.train(office.us, now=later)
    assert second.version == 2 and "the model in force" in str(second.card.refused)
    assert [one.status for one in await training.newest(office.us)] == [
        ModelStatus.REFUSED,
        ModelStatus.TAKEN,
    ]
    held = await models.of(office.us.id)
    assert held is not None and held.version == 1, "what was refused is not in force"

    await training.switch_off(office.us, now=later)
    assert await models.of(office.us.id) is None
    assert await training.on_due(office.us, office.us.id, later) == later + EVERY
    assert len(await training.newest(office.us)) == 3, "who switched it off is not overruled by the schedule"
    assert await training.begin(office.us, later)
    assert await store.is_due(office.database, merchant_id=office.us.id, kind=TRAIN)


async def test_plans_of_recoveries_name_the_model_that_they_went_by(office: Office) -> None:
    models = Models(office.database)
    office.recoveries.go_by(models)
    refusal = replace(payment(decline(Category.ISSUER)), bin=GOOD, funding="debit")
    before = (await office.decisions(await office.opened(refusal)))[0]["facts"]["known"]
    assert before["learned"] is None and before["issuer"] == GOOD
    await lived_through(office)
    await Training(office.database, models=models).train(office.us, now=NOW + 3 * DAY)
    after = (await office.decisions(await office.opened(refusal)))[0]["facts"]["known"]
    assert after["learned"]["model"] == 1
