"""Routing on a simulated world: rivals, the real code, the oracle, from fixed seeds, in one table.

    python -m bench.routing                                     everything; writes docs/explanation/routing-bench.md
    python -m bench.routing --quick                             a short run of everything; writes nothing
    python -m bench.routing --scenario affinity_medium --policy Recoup --seeds 3
                                                                one scenario and one policy, for tuning; writes nothing
    python -m bench.routing --scenario drill                    the outage drill alone

`world.py` makes a world from parameters and a seed: what a merchant sees of each payment, and the truth, apart.
`scenarios.py` names the worlds. `rivals.py` and `hyperswitch.py` are other people's algorithms from their descriptions,
`ours.py` hands the real code what a merchant sees. `play.py` lets one policy route one world's payments, `drill.py`
breaks a processor at a thousand payments a minute. `results.py`, `page.py` and `plots.py` make rows, page and pictures.
"""
