"""A merchant's server that takes every webhook. Run as `python -m bench.webhook_receiver`; it prints its port."""

from __future__ import annotations

from bench.instant import serve

if __name__ == "__main__":
    serve(lambda head: b"HTTP/1.1 204 No Content\r\n\r\n")
