"""A processor that approves everything at once.

It speaks the wire of the sandbox's processors and reads no more of a request than it must to answer it. Run as
`python -m bench.fake_processor`; it prints its port.
"""

from __future__ import annotations

from typing import Final

from bench.instant import serve, value

_KEY: Final = b"idempotency-key:"


def approved(head: bytes) -> bytes:
    """The answer to a charge."""
    key = value(head, _KEY)
    body = (
        b'{"object":"charge","id":"ch_%s","key":"%s","state":"approved","amount":4999,"currency":"USD",'
        b'"capture":true,"network_transaction_id":"ntid"}' % (key, key)
    )
    length = len(body)
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        length,
        body,
    )


if __name__ == "__main__":
    serve(approved)
