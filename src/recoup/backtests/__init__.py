"""Recovery policies tried out before they go live: on what was logged, and in a simulated world.

`matches.py` plays one policy's tries in one world and counts what they bring, the same way for everybody; `fixed.py`
has schedules, the best one in hindsight, and the oracles; `ours.py` hands Recoup's own choice what a merchant sees.
"""
