"""Which policy wins back most of what was declined, by the world model, from fixed seeds, in one table a window.

    python -m bench.recovery                  everything; writes docs/explanation/recovery-bench.md
    python -m bench.recovery --quick          few cases, two seeds, one window; writes nothing
    python -m bench.recovery.calibration      whether the world gives the published figures
    python -m bench.recovery.plans            how many plans of due recoveries a core makes in a second

What plays and counts is `recoup.backtests`, with which merchants try out policies of their own. `informed.py` is told
causes and paydays. `contest.py` says who competes; `results.py`, `page.py` and `plots.py` make goals, page and picture.
"""
