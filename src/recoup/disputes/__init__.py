"""Disputes: what issuers and their customers contest, by when it must be answered, and what became of the money."""
