"""What billing costs, and what charging on payday is worth.

`python -m bench.billing.run` opens the cycles that are due among many subscriptions; `python -m bench.billing.years`
lives through years of them, with and without a window in which the charge day may be chosen.
"""
