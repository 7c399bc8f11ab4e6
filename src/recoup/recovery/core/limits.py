"""When used-up limits of cards begin anew: the next midnight, Monday or first of the month of their customers."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.paydays.core.beliefs import Calendar

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Begins(IntEnum):
    """With what a limit begins anew. The numbers are columns of `until`."""

    DAY = 0
    WEEK = 1
    """On Monday: where weeks begin on Sunday, it has begun by then."""
    MONTH = 2


_WEEKDAY_OF_EPOCH: Final = 3
"""1970 began on a Thursday."""


def until(calendar: Calendar, moments: Floats) -> Floats:
    """Seconds from each moment to the next day, week and month: customers, kinds of `Begins`."""
    days, _ = calendar.local(moments[:, None])
    first = np.datetime64(round(calendar.epoch_s), "s").astype("datetime64[D]")
    dates = first + days[:, 0].astype("timedelta64[D]")
    numbers = dates.astype(np.int64)
    months = (dates.astype("datetime64[M]") + 1).astype("datetime64[D]").astype(np.int64)
    ahead: Ints = np.stack(
        [np.ones_like(numbers), 7 - (numbers + _WEEKDAY_OF_EPOCH) % 7, months - numbers], axis=1
    )
    found: Floats = calendar.moments(days + ahead, np.zeros(ahead.shape)) - moments[:, None]
    return found
