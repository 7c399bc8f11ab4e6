"""Refusals: what a caller got wrong, said so that they can mend it.

A refusal is raised anywhere below the API and rendered once, in `recoup.http`. What the world may answer (a decline,
an unknown outcome) is never a refusal; what cannot happen is an assertion.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RefusalType(StrEnum):
    """The kinds of error that the API tells apart; each has one HTTP status unless a refusal says otherwise."""

    INVALID_REQUEST = "invalid_request"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    IDEMPOTENCY = "idempotency"
    RATE_LIMITED = "rate_limited"
    PROCESSOR = "processor"
    INTERNAL = "internal"


STATUS = {
    RefusalType.INVALID_REQUEST: 400,
    RefusalType.AUTHENTICATION: 401,
    RefusalType.PERMISSION: 403,
    RefusalType.NOT_FOUND: 404,
    RefusalType.CONFLICT: 409,
    RefusalType.IDEMPOTENCY: 409,
    RefusalType.RATE_LIMITED: 429,
    RefusalType.PROCESSOR: 502,
    RefusalType.INTERNAL: 500,
}


class Refusal(Exception):
    """A request that will not be done, with what to do instead.

    `status` overrides the type's usual HTTP status; `retry_after_s` becomes the `Retry-After` header.
    """

    def __init__(
        self,
        type: RefusalType,  # noqa: A002 - the word of the API
        code: str,
        message: str,
        *,
        param: str | None = None,
        status: int | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.type = type
        self.code = code
        self.message = message
        self.param = param
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def http_status(self) -> int:
        """The HTTP status to answer with."""
        return self.status or STATUS[self.type]


def invalid(code: str, message: str, *, param: str | None = None) -> Refusal:
    """A request that cannot be right as it stands (400)."""
    return Refusal(RefusalType.INVALID_REQUEST, code, message, param=param)


CHECK_ID: Final = "Check the id, and that your key is of the merchant and the mode that it was made with."


def not_found(what: str, id_: str, *, param: str | None = None, hint: str = CHECK_ID) -> Refusal:
    """A name that stands for nothing of this merchant's (404). Somebody else's object reads just the same."""
    message = f"There is no {what} {id_!r}. {hint}"
    return Refusal(RefusalType.NOT_FOUND, "resource_missing", message, param=param)


def conflict(
    code: str, message: str, *, param: str | None = None, retry_after_s: int | None = None
) -> Refusal:
    """A request that the object's present state forbids (409)."""
    return Refusal(RefusalType.CONFLICT, code, message, param=param, retry_after_s=retry_after_s)
