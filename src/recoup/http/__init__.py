"""The edge that every api.py shares: routes, keys, refusals as JSON, idempotency, paging, request ids, documents."""
