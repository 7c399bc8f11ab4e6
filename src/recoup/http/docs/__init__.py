"""The API described: its OpenAPI document, written from the routes, and the reference page, written from that."""
