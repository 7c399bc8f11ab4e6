"""What issuers are like, and what stands before them: appetite for risk, affinity, patience, outages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoup.sandbox.core.people import COUNTRIES
from recoup.sandbox.model.calendar import SLOT_H, SLOTS_A_DAY
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
    more = (1.0 - parameters.masks_share) / parameters.masks_share
    abroad = np.array([[one.code != home for home in HOMES] for one in COUNTRIES])[
        every // parameters.issuers_each
    ]
    liking = luck.normal(Draw.ISSUER_AFFINITY, every[:, None] * ROUTES + np.arange(ROUTES))
    return Issuers(
        risk=parameters.risk_issuer_sigma * luck.normal(Draw.ISSUER_RISK, every),
        affinity=parameters.risk_affinity_sigma * liking + parameters.risk_abroad * abroad,
        masks=luck.uniform(Draw.ISSUER_MASKS, every) ** more,
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
    lasts = parameters.outage_share, parameters.outage_hours
    part = _out(luck, who.issuer, slot, Draw.OUTAGE, every=parameters.outage_every_days, lasts=lasts)
    return np.asarray(luck.uniform(Draw.GLITCH, who.index, slot) < part + parameters.glitch_share)


def route_out(luck: Luck, who: People, seen: Seen, parameters: Parameters) -> Flags:
    """Whether the processor of a route is down."""
    lasts = parameters.route_outage_share, parameters.route_outage_hours
    part = _out(
        luck, seen.route, seen.slot, Draw.ROUTE_OUTAGE, every=parameters.route_outage_every_days, lasts=lasts
    )
    return np.asarray(luck.uniform(Draw.ROUTE_GLITCH, who.index, seen.slot, seen.route) < part)


def _out(
    luck: Luck, whose: Ints, slot: Ints, drawn: Draw, *, every: int, lasts: tuple[float, float]
) -> Floats:
    """The part of a slot that an outage takes: there is one in some stretches of days, by their share and hours.

    Whether there is one is `drawn`; the two draws after it are when, and how long.
    Clocks of places are taken as one: an outage is everywhere at its hour.
    """
    share, hours = lasts
    length = every * SLOTS_A_DAY
    block = slot // length
    begins = (block * length).astype(np.float64) + luck.uniform(Draw(drawn + 1), whose, block) * length
    ends = begins + hours / SLOT_H * luck.exponential(Draw(drawn + 2), whose, block)
    taken = np.clip(np.minimum(ends, slot + 1.0) - np.maximum(begins, slot), 0.0, 1.0)
    return np.where(luck.uniform(drawn, whose, block) < share, taken, 0.0)
