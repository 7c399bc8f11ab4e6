"""What issuers are like, and what stands between them and a merchant: appetite for risk, affinity, patience, outages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoup.sandbox.core.people import COUNTRIES
from recoup.sandbox.model.calendar import SLOTS_A_DAY
from recoup.sandbox.model.luck import Draw, Flags, Floats, Ints, Luck
from recoup.sandbox.model.parameters import ROUTES, Parameters
from recoup.sandbox.model.people import People

HOMES = ("US", "GB", "DE", "US", "FR")
"""Where the processors are, by route."""


@dataclass(frozen=True, slots=True)
class Issuers:
    """Issuers, each with one entry in every array; `affinity` has one for each route beside."""

    risk: Floats
    affinity: Floats
    masks: Floats
    tires: Floats
    advises: Flags


@dataclass(frozen=True, slots=True)
class Seen:
    """A payment as its issuer sees it. `luck` is the route as luck knows it: of another card it has others."""

    slot: Ints
    route: Ints
    luck: Ints


def issuers(luck: Luck, parameters: Parameters) -> Issuers:
    """The issuers of a world."""
    every = np.arange(len(COUNTRIES) * parameters.issuers_each)
    mean, spread = parameters.masks_share, luck.uniform(Draw.ISSUER_MASKS, every)
    abroad = np.array([[one.code != home for home in HOMES] for one in COUNTRIES])[
        every // parameters.issuers_each
    ]
    liking = luck.normal(Draw.ISSUER_AFFINITY, every[:, None] * ROUTES + np.arange(ROUTES))
    return Issuers(
        risk=parameters.risk_issuer_sigma * luck.normal(Draw.ISSUER_RISK, every),
        affinity=parameters.risk_affinity_sigma * liking + parameters.risk_abroad * abroad,
        masks=np.where(spread < mean, 0.85, 0.15 * mean),
        tires=np.where(
            luck.uniform(Draw.ISSUER_TIRES, every) < parameters.tires_share, parameters.tires_each, 0.0
        ),
        advises=luck.uniform(Draw.ISSUER_ADVISES, every) < parameters.advice_issuers_share,
    )


def disliked(
    luck: Luck, who: People, seen: Seen, *, known: Issuers, parameters: Parameters, extra: Floats
) -> Flags:
    """Whether the issuer turns a payment down for what it is and where it comes from. `extra` is on the logit."""
    routed = parameters.risk_route_sigma * luck.normal(Draw.LIKING_ROUTE, who.index, seen.luck)
    now = parameters.risk_slot_sigma * luck.normal(Draw.LIKING_NOW, who.index, seen.slot // (5 * SLOTS_A_DAY))
    logit = parameters.risk_base + parameters.risk_cardholder_sigma * who.liking + routed + now + extra
    logit = logit + known.risk[who.issuer] + known.affinity[who.issuer, seen.route]
    unit = luck.uniform(Draw.DISLIKE, who.index, seen.slot, seen.luck)
    return np.asarray(unit * (1.0 + np.exp(-logit)) < 1.0)


def tired(
    luck: Luck, who: People, seen: Seen, *, recent: Ints, known: Issuers, parameters: Parameters
) -> Flags:
    """Whether the issuer has had enough of this card's tries: the more of them of late, the likelier."""
    over = np.maximum(recent - parameters.tires_from + 1, 0)
    chance = 1.0 - (1.0 - known.tires[who.issuer]) ** over
    return np.asarray(luck.uniform(Draw.TIRED, who.index, seen.slot, seen.luck) < chance)


def issuer_out(luck: Luck, who: People, slot: Ints, parameters: Parameters) -> Flags:
    """Whether the issuer cannot be reached, or stumbles."""
    out = _out(
        luck, who.issuer, slot, every=parameters.outage_every_days, drawn=Draw.OUTAGE, parameters=parameters
    )
    return out | (luck.uniform(Draw.GLITCH, who.index, slot) < parameters.glitch_share)


def route_out(luck: Luck, route: Ints, slot: Ints, parameters: Parameters) -> Flags:
    """Whether the processor of a route is down."""
    every = parameters.route_outage_every_days
    return _out(luck, route, slot, every=every, drawn=Draw.ROUTE_OUTAGE, parameters=parameters)


def _out(luck: Luck, whose: Ints, slot: Ints, *, every: int, drawn: Draw, parameters: Parameters) -> Flags:
    """One outage in some stretches of days. Clocks of places are taken as one: an outage is anywhere at its hour."""
    share, hours = parameters.outage_share, parameters.outage_hours
    if drawn is Draw.ROUTE_OUTAGE:
        share, hours = parameters.route_outage_share, parameters.route_outage_hours
    length = every * SLOTS_A_DAY
    block = slot // length
    begins = (block * length).astype(np.float64) + luck.uniform(Draw(drawn + 1), whose, block) * length
    lasts = hours / 6.0 * luck.exponential(Draw(drawn + 2), whose, block)
    middle = slot + 0.5
    happens = luck.uniform(drawn, whose, block) < share
    return np.asarray(happens & (begins <= middle) & (middle < begins + lasts))
