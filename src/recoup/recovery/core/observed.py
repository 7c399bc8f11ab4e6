"""What the joint choice is made from: what was observed of a batch of refused payments, and what costs what.

Moments are seconds of Unix time, nan where there is none. `worth` and costs are in one unit of the caller's, such as
minor units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recoup.paydays.core import PayCycle
from recoup.recovery.core.chances import Options

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

HOUR_S: Final = 3_600.0
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What waiting costs and what success brings, as shares of the amount."""

    margin: float = 0.8
    """What a recovered payment leaves after processing and what was sold: own estimate, a merchant may know better."""
    refused: float = 0.005
    """The share of the amount that a declined try costs beside its fee: issuers trust those less who are declined
    often. Own estimate. What never reached the issuer costs no trust."""
    asleep: float = 0.002
    """The share of the amount that a try between 3 and 6 in the morning costs beside: a decline may ring somebody's
    phone. Own estimate; it keeps tries out of those hours that could as well be made at six."""
    lost_per_day: float = 0.003
    """The share of the value lost with each day of waiting, by interest and by customers who leave: own estimate,
    small, so that it breaks ties rather than hurries."""


DEFAULT_COSTS: Final = Costs()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """What is known of a batch of refused payments; everything runs over cases first.

    `category` is that of the latest refusal, which came at `refused_at`; `not_before` the earliest moment that advice
    and budgets allow (nan: at once), `advised_at` a moment that the network named (nan: none). `seen_*` (cases,
    tries) are earlier tries with this card, without the latest refusal, padded with nan: approved or not, the
    category of a decline (empty where approved), whether it was for this payment, and its amount over this payment's.
    `seen_moved`, and `moved` for the latest refusal: whether it was on a route that had not refused this payment
    before; None: never. `cost` (cases, options) is what a try costs. `tilts` (cases, groups of hypotheses): by how much
    a learned model thinks each group likelier, as logarithms; None: nothing was learned.
    """

    country: Sequence[str | None]
    zone: Sequence[str]
    stated: Sequence[PayCycle | None]
    category: Sequence[str]
    refused_at: Floats
    not_before: Floats
    advised_at: Floats
    worth: Floats
    seen_at: Floats
    seen_approved: Flags
    seen_category: npt.NDArray[np.str_]
    seen_here: Flags
    seen_ratio: Floats
    options: Options
    cost: Floats
    seen_moved: Flags | None = None
    moved: Flags | None = None
    tilts: Floats | None = None

    def __len__(self) -> int:
        return len(self.refused_at)

    def cut(self, part: slice) -> Observed:
        """Some of the cases."""
        whole = len(self)
        if part.start == 0 and part.stop >= whole:
            return self
        options = {one.name: getattr(self.options, one.name)[part] for one in fields(Options)}
        own = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "options"}
        taken: dict[str, Any] = {name: one if one is None else one[part] for name, one in own.items()}
        return Observed(**taken, options=Options(**options))
