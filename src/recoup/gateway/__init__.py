"""The only place that talks to processors: `Gateway` asks, `Timed` is what it answers with."""

from __future__ import annotations

from recoup.gateway.calls import Gateway as Gateway
from recoup.gateway.calls import Timed as Timed
from recoup.gateway.connection import Pace as Pace
from recoup.gateway.verbs import REQUESTS_MAX as REQUESTS_MAX
