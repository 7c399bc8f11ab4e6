"""What lies on many accounts in given slots: filled on payday, claimed by other merchants, lived from, topped up.

It is a function of the person and the slot, so it does not matter when or how often it is asked. It is seen in the
middle of a slot. Pay comes just after midnight, on some accounts in the morning; who tries in the first slot of a
payday comes before most others.
"""

from __future__ import annotations

import numpy as np

from recoup.sandbox.model.calendar import SLOT_H, SLOTS_A_DAY, Tables
from recoup.sandbox.model.luck import Draw, Floats, Ints, Luck
from recoup.sandbox.model.parameters import Parameters
from recoup.sandbox.model.people import IRREGULAR, People


def balance(luck: Luck, who: People, slot: Ints, *, parameters: Parameters, tables: Tables) -> Ints:
    """What there is to spend, in the smallest unit; never below zero."""
    day = slot // SLOTS_A_DAY
    hour = (slot % SLOTS_A_DAY) * SLOT_H + SLOT_H // 2
    last, following = paydays(luck, who, slot, tables=tables)
    hours = (day - last) * 24 + hour
    lived = np.clip(hours / ((following - last) * 24.0), 0.0, 1.0)
    noise = luck.normal(Draw.CYCLE_NOISE, who.index, last) * parameters.spends_noise
    spends = who.spends * (1.0 + noise)
    claimed = who.bills * (hours[:, None] >= who.claims).mean(axis=1)
    living = (1.0 - who.bills) * (1.0 - (1.0 - lived) ** parameters.living_bend)
    size = np.where(
        who.pattern == IRREGULAR, 0.4 + 1.2 * luck.uniform(Draw.IRREGULAR_SIZE, who.index, last), 1.0
    )
    left = who.pay * np.maximum(size - spends * (claimed + living), 0.0)
    left = np.where(
        day >= who.dormant_from, 0.0, left + _topped_up(luck, who, slot, parameters) + who.reserve
    )
    return left.astype(np.int64)


def paydays(luck: Luck, who: People, slot: Ints, *, tables: Tables) -> tuple[Ints, Ints]:
    """The days of the last pay that is there in a slot, and of the next."""
    day = slot // SLOTS_A_DAY
    seen = day - (who.credited_late & (slot % SLOTS_A_DAY == 0))
    last, following = tables.paydays(who.country, np.maximum(who.pattern, 0), seen)
    irregular = np.flatnonzero(who.pattern == IRREGULAR)
    if len(irregular):
        some = who.only(irregular)
        block = day[irregular] // some.irregular_days
        before, this, after = (_paid_in(luck, some, block + n) for n in (-1, 0, 1))
        come = this <= day[irregular]
        last[irregular] = np.where(come, this, before)
        following[irregular] = np.where(come, after, this)
    return last, following


def _paid_in(luck: Luck, who: People, block: Ints) -> Ints:
    """The one day of a stretch on which irregular money comes."""
    within = luck.uniform(Draw.IRREGULAR_DAY, who.index, block) * who.irregular_days
    return block * who.irregular_days + within.astype(np.int64)


def _topped_up(luck: Luck, who: People, slot: Ints, parameters: Parameters) -> Floats:
    """What is left of a transfer from savings or friends: one in some stretches of days, gone soon."""
    every = parameters.top_up_every_days * SLOTS_A_DAY
    shortest, longest = parameters.top_up_lasts_days
    block = slot // every
    found = np.zeros(len(slot))
    for earlier in (0, 1):
        there = block - earlier
        begins = there * every + (luck.uniform(Draw.TOP_UP_WHEN, who.index, there) * every).astype(np.int64)
        lasts = shortest + (longest - shortest) * luck.uniform(Draw.TOP_UP_LASTS, who.index, there)
        since = (slot - begins) / (lasts * SLOTS_A_DAY)
        comes = luck.uniform(Draw.TOP_UP, who.index, there) < parameters.top_up_share
        size = luck.uniform(Draw.TOP_UP_SIZE, who.index, there) * 30_000.0
        found += np.where(comes & (since >= 0.0) & (since < 1.0), size * (1.0 - since), 0.0)
    return found
