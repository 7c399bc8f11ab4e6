"""How much a report may differ from what we know before somebody must look, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Tolerances(StrEnum):
    """The named rules that an upload or an account may choose from."""

    EXACT = "exact"
    USUAL = "usual"
    LENIENT = "lenient"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """`amount` and `fee` in minor units; `fee_basis_points` is a share of the expected fee, of which the larger counts.

    `missing_after_days`: how long after a capture or refund a report must have it.
    """

    amount: int
    fee: int
    fee_basis_points: int
    missing_after_days: int


TOLERANCES: Final[Mapping[Tolerances, Tolerance]] = MappingProxyType(
    {
        Tolerances.EXACT: Tolerance(amount=0, fee=0, fee_basis_points=0, missing_after_days=5),
        Tolerances.USUAL: Tolerance(amount=0, fee=2, fee_basis_points=500, missing_after_days=7),
        Tolerances.LENIENT: Tolerance(amount=1, fee=10, fee_basis_points=2500, missing_after_days=14),
    }
)
