"""What a merchant has who tries out policies of recovery, and holds some tries back."""

from __future__ import annotations

from tests.whole.probes import MARK
from tests.whole.served import Client


async def compared(victim: Client) -> dict[str, str]:
    """A recovery policy, an experiment with it, and what holds tries."""
    await victim.post("/v1/recovery/policies", {"policy": {"name": "patient"}, "note": MARK})
    arms = [{"name": MARK, "policy": "patient", "share": 100}]
    experiment = await victim.post("/v1/recovery/experiments", {"name": MARK, "arms": arms})
    return {
        "recovery_policy": "patient",
        "recovery_experiment": experiment["id"],
        "kill_switch": await held(victim),
    }


async def held(victim: Client) -> str:
    """A kill switch, beside an address that is asked before tries."""
    await victim.post("/v1/recovery/check", {"url": f"http://127.0.0.1:9/{MARK}"})
    code = {"scope": "decline_code", "decline_code": "lost_card", "reason": MARK}
    return str((await victim.post("/v1/recovery/kill_switches", code))["id"])
