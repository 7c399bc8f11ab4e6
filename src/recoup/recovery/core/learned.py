"""A learned model beside one case: what it says of it, kept with what is known, so that a decision replays alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recoup.recovery.core.known import Known, Learned, observed
from recoup.recovery.core.learning import Model
from recoup.recovery.core.learning.traits import Said


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """A merchant's model, and which version it is."""

    version: int
    model: Model

    def told(self, known: Known) -> Known:
        """What is known of a case, with what the model says of it."""
        plain = replace(known, learned=None)
        read = self.model.read(
            observed([plain]), said_of([plain]), [[str(account) for account in plain.accounts]]
        )
        tilts, liked = tuple(read.tilts[0].tolist()), tuple(read.liked[0].tolist())
        return replace(plain, learned=Learned(self.version, tilts, liked))


def said_of(cases: Sequence[Known]) -> Said:
    """What is said of cases beside what was observed of them."""
    return Said(
        code=[one.code or "" for one in cases],
        brand=[one.brand or "" for one in cases],
        funding=[one.funding or "" for one in cases],
        issuer=[one.issuer or "" for one in cases],
        amount=np.asarray([one.amount.minor / 10.0 ** (one.amount.decimals - 2) for one in cases]),
    )
