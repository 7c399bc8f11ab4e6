"""Webhooks as values, and the rules about them."""
