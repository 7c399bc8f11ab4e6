"""Routing over HTTP: the decisions that were made; policies, experiments and health have files of their own."""

from recoup.routing.api.decisions import DecisionsApi

__all__ = ["DecisionsApi"]
