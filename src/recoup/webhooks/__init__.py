"""Webhooks: what merchants are told (the outbox), and what processors tell (the inbox)."""
