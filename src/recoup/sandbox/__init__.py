"""A simulated world that ships with Recoup: processors, card networks, issuers, cardholders, and faults on demand.

It runs as a real HTTP server, so that everything between Recoup and a processor is used. `cards` and `core` say what
happens and why, `flow` is what its processors do, `chain` the card network and the issuers behind them, `worlds` keeps
and tells the worlds, `server` is its HTTP, `wire` its language, `link` its door for acquirer links, and `api` the part
of Recoup's own API (test mode only) that moves the world about.
"""
