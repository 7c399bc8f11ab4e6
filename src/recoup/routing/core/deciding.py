"""Puts the accounts that can do a payment in order, by what the policy rules, what was learned, costs and health.

Pure, and made again from what is stored: the same options, ruling, seed and unit give the same order and the same
propensities (`recoup decisions replay`).

Accounts stand in three tiers: those that are well, those whose breaker is open, and those that a person is draining.
Within a tier the ruling's method orders them. Now and then, by its probe share, an account with an open breaker goes
first, because only being asked can show that it is well again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, assert_never
from uuid import UUID

from msgspec import Struct

from recoup.routing.core.chance import draw, led_by, pick
from recoup.routing.core.exploring import Prospect, choose
from recoup.routing.core.words import WELL, Estimate, Health, Method, Price, Ruling, Standing


class Option(Struct, frozen=True):
    """An account that can do the payment.

    `value` is what asking it first is worth and `value_spread` the standard deviation of what is not known of it, both
    in thousandths of a minor unit.
    """

    account_id: UUID
    label: str
    acquirer: str
    estimate: Estimate | None = None
    price: Price | None = None
    value: int | None = None
    value_spread: int = 0
    cost_per_approval: int | None = None
    standing: Standing = WELL
    is_drained: bool = False


class Placed(Struct, frozen=True):
    """An option's turn: how likely it was to be asked first, given the facts, and why it stands here."""

    option: Option
    propensity: float
    why: str


_Ranked = tuple[tuple[Option, ...], Mapping[UUID, float], str]
"""An order, who might have come first with which probability, and the reason in words."""


def decide(options: Sequence[Option], ruling: Ruling, *, seed: bytes, unit: str | None) -> tuple[Placed, ...]:
    """The order in which accounts are asked, the first being asked now.

    `options` come in the merchant's own order (or the caller's). `unit` is what a sticky split hangs on. Where the
    ruling leaves nobody, nobody is returned.
    """
    allowed = [one for one in options if one.account_id not in ruling.excluded and _is_meant(one, ruling)]
    order: list[Placed] = []
    for tier in _tiers(allowed):
        ranked, shares, why = _ranked(tier, ruling, seed=seed, unit=unit)
        is_first = not order
        order.extend(Placed(one, shares.get(one.account_id, 0.0) if is_first else 0.0, why) for one in ranked)
    return _probed(order, seed)


def _is_meant(option: Option, ruling: Ruling) -> bool:
    return not ruling.only or option.account_id in ruling.order or option.account_id in ruling.shares


def _tiers(options: Sequence[Option]) -> list[list[Option]]:
    """Who is well, who is not, and who is being drained; empty tiers are left out."""
    tiers: list[list[Option]] = [[], [], []]
    for one in options:
        place = 2 if one.is_drained else int(one.standing.health is not Health.GOOD)
        tiers[place].append(one)
    return [tier for tier in tiers if tier]


def _ranked(tier: Sequence[Option], ruling: Ruling, *, seed: bytes, unit: str | None) -> _Ranked:
    match ruling.method:
        case Method.ORDERED:
            return _ordered(tier, ruling)
        case Method.SPLIT:
            return _split(tier, ruling, seed=seed, unit=unit)
        case Method.LEAST_COST:
            return _cheapest(tier)
        case Method.LEARNED:
            return _learned(tier, ruling, seed=seed)
        case _:
            assert_never(ruling.method)


def _ordered(tier: Sequence[Option], ruling: Ruling) -> _Ranked:
    turn = {account_id: place for place, account_id in enumerate(ruling.order)}
    ranked = tuple(sorted(tier, key=lambda one: turn.get(one.account_id, len(turn))))
    said = "the order of the rule" if ruling.order else "the merchant's order"
    return ranked, {ranked[0].account_id: 1.0}, said


def _split(tier: Sequence[Option], ruling: Ruling, *, seed: bytes, unit: str | None) -> _Ranked:
    shares = {one: ruling.shares[one.account_id] for one in tier if ruling.shares.get(one.account_id, 0) > 0}
    if not shares:
        return tuple(tier), {tier[0].account_id: 1.0}, "none of the split's accounts is left"
    total = sum(shares.values())
    sticky = ruling.sticky_by is not None and unit is not None
    drawn = draw(f"{ruling.rule}\n{unit}".encode(), "split") if sticky else draw(seed, "split")
    first = pick({one: float(share) for one, share in shares.items()}, drawn)
    others = sorted(tier, key=lambda one: -shares.get(one, 0))
    said = f"{shares[first]} of {total} parts of the split" + (
        f", kept for this {ruling.sticky_by}" if sticky else ""
    )
    return led_by(first, others), {one.account_id: share / total for one, share in shares.items()}, said


_DEAR: Final = 1 << 62
"""What an unknown price counts as: nobody is chosen for it."""


def _cheapest(tier: Sequence[Option]) -> _Ranked:
    ranked = tuple(
        sorted(tier, key=lambda one: _DEAR if one.cost_per_approval is None else one.cost_per_approval)
    )
    return ranked, {ranked[0].account_id: 1.0}, "the least expected cost for an approval"


def _learned(tier: Sequence[Option], ruling: Ruling, *, seed: bytes) -> _Ranked:
    """By expected value; where nothing is known yet, in the merchant's order."""
    known = [one for one in tier if one.value is not None]
    unknown = [one for one in tier if one.value is None]
    if not known:
        return tuple(tier), {tier[0].account_id: 1.0}, "nothing was learned yet: the merchant's order"
    prospects = [Prospect(float(one.value or 0), float(one.value_spread)) for one in known]
    chosen = choose(prospects, explore=ruling.explore, draw=draw(seed, "explore"))
    ranked = (*(known[place] for place in chosen.order), *unknown)
    shares = {one.account_id: share for one, share in zip(known, chosen.propensities, strict=True)}
    if not chosen.is_trial:
        return ranked, shares, "the greatest expected value"
    return (
        ranked,
        shares,
        f"a trial: {shares[ranked[0].account_id]:.2%} of such payments go here first, to learn",
    )


PROBES_MAX: Final = 0.5
"""The part of payments that goes to all accounts with an open breaker together, at most."""


def _probed(order: Sequence[Placed], seed: bytes) -> tuple[Placed, ...]:
    """Lets one degraded account go first, by its share; the others' propensities shrink by all such shares."""
    probes = {
        one.option.account_id: one.option.standing.probe_share
        for one in order[1:]
        if one.option.standing.probe_share > 0 and not one.option.is_drained
    }
    if not probes or order[0].option.standing.health is not Health.GOOD:
        return tuple(order)
    total = sum(probes.values())
    if total > PROBES_MAX:
        probes = {account_id: share * PROBES_MAX / total for account_id, share in probes.items()}
    left = 1.0 - sum(probes.values())
    weighed = [
        Placed(one.option, probes.get(one.option.account_id, one.propensity * left), one.why) for one in order
    ]
    drawn = draw(seed, "probe")
    if drawn < left:
        return tuple(weighed)
    chosen = pick(probes, (drawn - left) / max(1.0 - left, 1e-12))
    first = next(one for one in weighed if one.option.account_id == chosen)
    why = f"a probe: {first.option.standing.why or 'its breaker is open'}"
    return led_by(Placed(first.option, first.propensity, why), [one for one in weighed if one is not first])
