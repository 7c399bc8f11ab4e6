"""Recoup: the self-hosted payment API that gets declined payments paid."""

__version__ = "0.1.0"
