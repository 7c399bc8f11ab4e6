"""Builds the body of a form with files: the same parts are the same to the byte, so that a repetition reads as one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

NAME_LENGTH_MAX: Final = 100
_ODD: Final = re.compile(r"[^A-Za-z0-9._ -]")


@dataclass(frozen=True, slots=True)
class Part:
    """One field. `name` is ours; `file_name` is the merchant's, and is written without what could end a header."""

    name: str
    content: bytes = field(repr=False)
    media_type: str | None = None
    file_name: str | None = None

    def encoded(self) -> bytes:
        """Headers, an empty line, the content."""
        head = f'Content-Disposition: form-data; name="{self.name}"'
        if self.file_name is not None:
            head += f'; filename="{plain_name(self.file_name)}"'
        if self.media_type is not None:
            head += f"\r\nContent-Type: {self.media_type}"
        return head.encode() + b"\r\n\r\n" + self.content + b"\r\n"


def plain_name(name: str) -> str:
    """A file's name with nothing in it that a header or a path could take amiss."""
    return _ODD.sub("_", name)[-NAME_LENGTH_MAX:].strip(" .") or "document"


def multipart(parts: Sequence[Part]) -> tuple[str, bytes]:
    """The content type and the body. The boundary is a digest of all parts, so that no part can hold it."""
    encoded = [part.encoded() for part in parts]
    digest = hashlib.sha256()
    for each in encoded:
        digest.update(len(each).to_bytes(8, "big") + each)
    boundary = f"recoup-{digest.hexdigest()}"
    opening = f"--{boundary}\r\n".encode()
    body = b"".join(opening + each for each in encoded) + f"--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body
