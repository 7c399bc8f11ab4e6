"""What is said to a try: the first reason to say no, in the words that issuer and network have for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recoup.sandbox.core.codes import codes
from recoup.sandbox.model.balances import balance, paydays
from recoup.sandbox.model.calendar import SLOTS_A_DAY, Tables
from recoup.sandbox.model.issuers import Issuers, Seen, disliked, issuer_out, route_out, tired
from recoup.sandbox.model.luck import Draw, Flags, Ints, Luck
from recoup.sandbox.model.parameters import ROUTES, Parameters
from recoup.sandbox.model.people import BRANDS, CLOSED, DAY_LIMIT, EXPIRED, NEVER, WEEK_LIMIT, People

Texts = NDArray[np.str_]


class Cause(IntEnum):
    """Why a try failed, in truth."""

    NONE = 0
    FUNDS = 1
    DORMANT = 2
    DEAD = 3
    RISK = 4
    TECHNICAL = 5
    LIMIT = 6
    AUTHENTICATION = 7
    REVOKED = 8
    TIRED = 9


class Means(IntEnum):
    """What is charged: the card as it is stored, the card as the updater has it, or another card on file."""

    OLD = 0
    UPDATED = 1
    BACKUP = 2


WORDS: Final = (
    "",
    "insufficient_funds",
    "do_not_honor",
    "expired_card",
    "lost_card",
    "invalid_account",
    "fraudulent",
    "transaction_not_allowed",
    "issuer_not_available",
    "processing_error",
    "card_velocity_exceeded",
    "withdrawal_count_limit_exceeded",
    "authentication_required",
    "revocation_of_authorization",
)
"""Standard codes, by the numbers that answers carry; 0 is an approval."""
_PLACE: Final = {word: place for place, word in enumerate(WORDS)}
FUNDS_WORD: Final = _PLACE["insufficient_funds"]
UNSPECIFIC_WORD: Final = _PLACE["do_not_honor"]


_SAID: Final = np.zeros(len(Cause), dtype=np.int64)
"""What is said for each cause for which there is one word."""
_SAID[[Cause.FUNDS, Cause.DORMANT]] = FUNDS_WORD
_SAID[Cause.AUTHENTICATION] = _PLACE["authentication_required"]
_SAID[Cause.REVOKED] = _PLACE["revocation_of_authorization"]
_SAID[Cause.TIRED] = UNSPECIFIC_WORD


def _on_wire(part: str) -> Texts:
    said = [[getattr(codes(word, brand), part) or "" if word else "" for word in WORDS] for brand in BRANDS]
    return np.array(said, dtype="<U2")


_NETWORK: Final = _on_wire("network_code")
_ADVICE: Final = _on_wire("advice_code")
_WAIT_HOURS: Final = np.array([1, 24, 48, 96, 144, 192])
_WAIT_ADVICE: Final = np.array(["24", "25", "26", "27", "28", "29", "30"])
_MASTERCARD: Final = BRANDS.index("mastercard")


@dataclass(frozen=True, slots=True)
class Try:
    """What is asked, each with one entry a person: in which slot, by which route, with what, how much, and how many
    other tries there were in the days before."""

    slot: Ints
    route: Ints
    means: Ints
    amount: Ints
    recent: Ints
    authenticated: Flags


@dataclass(frozen=True, slots=True)
class Answers:
    """What a merchant sees: approved or not, the standard code (a place in `WORDS`), the network's response code and
    the merchant advice code ("" where there is none)."""

    approved: Flags
    code: Ints
    network_code: Texts
    advice: Texts


@dataclass(frozen=True, slots=True)
class Nature:
    """What all of a world's answers rest on."""

    luck: Luck
    parameters: Parameters
    tables: Tables
    issuers: Issuers


def causes(nature: Nature, who: People, asked: Try) -> Ints:
    """The first reason to say no to each; `Cause.NONE` where there is none."""
    first = before_route(nature, who, asked)
    return np.where(first == Cause.NONE, at_route(nature, who, asked), first)


def before_route(nature: Nature, who: People, asked: Try) -> Ints:
    """Reasons that are the same by every route."""
    luck, parameters, day = nature.luck, nature.parameters, asked.slot // SLOTS_A_DAY
    backup = (asked.means == Means.BACKUP) & who.has_backup
    renewed = (asked.means == Means.UPDATED) & (asked.slot >= who.updated_at)
    money = balance(luck, who, asked.slot, parameters=parameters, tables=nature.tables)
    funded = luck.uniform(Draw.BACKUP_FUNDS, who.index, day // 7) < parameters.backup_funded
    short = np.where(backup, ~funded, money < asked.amount)
    dormant = (day >= who.dormant_from) & ~backup
    reasons = (
        ((day >= who.dead_from) & ~renewed & ~backup, Cause.DEAD),
        ((day >= who.revoked_from) & ~backup, Cause.REVOKED),
        ((day >= who.authenticates_from) & ~asked.authenticated & ~backup, Cause.AUTHENTICATION),
        (issuer_out(luck, who, asked.slot, parameters) & ~backup, Cause.TECHNICAL),
        (_limited(who, day) & ~backup, Cause.LIMIT),
        (dormant & short, Cause.DORMANT),
        (short, Cause.FUNDS),
    )
    return np.select([flag for flag, _ in reasons], [int(cause) for _, cause in reasons], int(Cause.NONE))


def at_route(nature: Nature, who: People, asked: Try) -> Ints:
    """Reasons that are a matter of the route, where nothing else speaks against the payment."""
    luck, parameters = nature.luck, nature.parameters
    backup = asked.means == Means.BACKUP
    extra = np.where(asked.authenticated, parameters.risk_authenticated, 0.0)
    seen = Seen(asked.slot, asked.route, asked.route + np.where(backup, ROUTES, 0))
    reasons = (
        (route_out(luck, who, seen, parameters), Cause.TECHNICAL),
        (
            tired(luck, who, seen, recent=asked.recent, known=nature.issuers, parameters=parameters),
            Cause.TIRED,
        ),
        (disliked(luck, who, seen, extra=extra, known=nature.issuers, parameters=parameters), Cause.RISK),
    )
    return np.select([flag for flag, _ in reasons], [int(cause) for _, cause in reasons], int(Cause.NONE))


def said(nature: Nature, who: People, asked: Try, cause: Ints) -> Answers:
    """How the reasons read."""
    luck, parameters = nature.luck, nature.parameters
    word = _words(nature, who, cause)
    unit = luck.uniform(Draw.MASKED, who.index, asked.slot // SLOTS_A_DAY)
    short = (cause == Cause.FUNDS) | (cause == Cause.DORMANT)
    hidden = short & (unit < nature.issuers.masks[who.issuer])
    hidden |= (cause == Cause.DEAD) & (unit < parameters.masks_dead_share)
    word = np.where(hidden, UNSPECIFIC_WORD, word)
    advice = _ADVICE[who.brand, word]
    timed = (word == FUNDS_WORD) & (who.brand == _MASTERCARD)
    if timed.any():
        some = np.flatnonzero(timed)
        advice[some] = _timed(nature, who.only(some), asked.slot[some])
    return Answers(cause == Cause.NONE, word, _NETWORK[who.brand, word], advice)


def _words(nature: Nature, who: People, cause: Ints) -> Ints:
    """What is said by those who do not hide it, as a place in `WORDS`."""
    unit = nature.luck.uniform(Draw.WORD, who.index, cause)
    kept = np.where(who.dead_how == CLOSED, _PLACE["invalid_account"], _PLACE["lost_card"])
    limit = _PLACE["withdrawal_count_limit_exceeded"], _PLACE["card_velocity_exceeded"]
    harsher = np.where(unit < 0.92, _PLACE["fraudulent"], _PLACE["transaction_not_allowed"])
    said_for = {
        Cause.DEAD: np.where(who.dead_how == EXPIRED, _PLACE["expired_card"], kept),
        Cause.RISK: np.where(unit < 0.84, UNSPECIFIC_WORD, harsher),
        Cause.TECHNICAL: np.where(unit < 0.7, _PLACE["issuer_not_available"], _PLACE["processing_error"]),
        Cause.LIMIT: np.where(who.limit_kind == DAY_LIMIT, *limit),
    }
    found = _SAID[cause]
    for one, words in said_for.items():
        found = np.where(cause == one, words, found)
    return found


def _timed(nature: Nature, who: People, slot: Ints) -> Texts:
    """Mastercard's advice on when to come back (24 to 30): right on many accounts, a guess on others."""
    luck, parameters = nature.luck, nature.parameters
    _, following = paydays(luck, who, slot, tables=nature.tables)
    hours = (following * SLOTS_A_DAY - slot) * 6
    right = luck.uniform(Draw.ADVICE, who.index, slot // SLOTS_A_DAY) < parameters.advice_right
    guess = (luck.uniform(Draw.ADVICE_WRONG, who.index, slot // SLOTS_A_DAY) * len(_WAIT_ADVICE)).astype(
        np.int64
    )
    place = np.where(right & (who.dormant_from == NEVER), np.searchsorted(_WAIT_HOURS, hours), guess)
    return np.where(nature.issuers.advises[who.issuer], _WAIT_ADVICE[place], "")


def _limited(who: People, day: Ints) -> Flags:
    """Whether a limit on the card's use is reached: until midnight, Monday, or the first of the month (about)."""
    over = np.select(
        [who.limit_kind == DAY_LIMIT, who.limit_kind == WEEK_LIMIT],
        [who.limit_day + 1, (who.limit_day + 3) // 7 * 7 + 4],
        who.limit_day + 28,
    )
    return np.asarray((day >= who.limit_day) & (day < over))
