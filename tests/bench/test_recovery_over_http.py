"""A small version of the comparison: cards of a world's model answer over HTTP as the model says."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from bench.recovery import over_http
from bench.recovery.compared import Compared, PlayedWorld
from msgspec import json
from tests.whole.served import serving

from recoup.sandbox.model import World
from recoup.sandbox.model.single import answer


async def test_every_try_over_http_is_answered_as_the_model_says(tmp_path: Path, database_url: str) -> None:
    with serving(tmp_path / "data", RECOUP_DATABASE_URL=database_url) as served:
        ground, found = await over_http.played_at(served.base_url, served.key, cases=12, seed=over_http.SEED)
    compared = Compared([json.decode(json.encode(found), type=PlayedWorld)])
    assert compared.broken == {} and compared.left_out == 0 and compared.tries_of_others == 0
    assert found.passed >= 12 + sum(found.http.tries)
    assert compared.http.tries.sum() > 0
    assert len(compared.rows()) == 4 and any("forbidden ones: 0" in line for line in compared.said())
    for case, (won_s, tries) in enumerate(zip(found.http.won_s, found.http.tries, strict=True)):
        if won_s >= 0 and tries == 1:
            assert _approved(ground.world, case, renewed_s=found.when_s[case], at_s=won_s)


def _approved(world: World, case: int, *, renewed_s: int, at_s: int) -> bool:
    moment, renewed = over_http.moment(int(at_s)), over_http.moment(int(renewed_s))
    assert isinstance(moment, datetime) and moment - renewed > timedelta(0)
    return answer(world, case, moment, tried=[renewed]) is None
