"""Subscriptions that somebody else has billed until now, read line by line, and what becomes of each."""
