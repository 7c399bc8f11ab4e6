"""Which policy wins back most of what was declined, by the world model, from fixed seeds, in one table a window.

    python -m bench.recovery                  everything; writes docs/explanation/recovery-bench.md
    python -m bench.recovery --quick          few cases, two seeds, one window; writes nothing
    python -m bench.recovery.calibration      whether the world gives the published figures
    python -m bench.recovery.plans            how many plans of due recoveries a core makes in a second

`matches.py` plays one policy's tries in one world and counts what they bring, the same way for everybody. `fixed.py`
holds schedules from their descriptions, the best one in hindsight, and the oracles; `ours.py` hands the real code what
a merchant sees; `informed.py` is told causes and paydays. `contest.py` says who competes; `results.py`, `page.py` and
`plots.py` make goals, page and picture.
"""
