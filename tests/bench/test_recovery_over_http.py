"""A small version of the comparison: cards of a world's model answer over HTTP as the model says."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from bench.recovery import over_http
from tests.whole.served import serving

from recoup.sandbox.model import World
from recoup.sandbox.model.single import answer


async def test_every_try_over_http_is_answered_as_the_model_says(tmp_path: Path, database_url: str) -> None:
    with serving(tmp_path / "data", RECOUP_DATABASE_URL=database_url) as served:
        found = await over_http.compared_at(served.base_url, served.key, cases=12)
    assert found.network["broken"] == {}
    assert found.network["tries"] >= 12 + int(found.http.tries.sum())
    assert found.http.tries[found.ground.open].sum() > 0
    last = found.http.won_s
    for case in np.flatnonzero(found.http.won & (found.http.tries == 1)).tolist():
        assert _approved(found.ground.world, case, renewed_s=found.ground.seen.when_s[case], at_s=last[case])


def _approved(world: World, case: int, *, renewed_s: int, at_s: int) -> bool:
    moment, renewed = over_http.moment(int(at_s)), over_http.moment(int(renewed_s))
    assert isinstance(moment, datetime) and moment - renewed > timedelta(0)
    return answer(world, case, moment, tried=[renewed]) is None
