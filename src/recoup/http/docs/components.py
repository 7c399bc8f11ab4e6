"""The parts of the OpenAPI document that all operations share: headers, refusals, keys, and words about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from recoup.http.answers import VERSION, VERSIONS
from recoup.http.idempotency import KEPT
from recoup.http.routes import Auth, Problem
from recoup.kit.refusals import STATUS, RefusalType

INTRODUCTION: Final = f"""\
One API for payments over all of your processors. Send JSON in UTF-8, and your key as `Authorization: Bearer sk_test_…`.

**Money** is an integer in the currency's smallest unit, with an ISO 4217 code: `"amount": 4999, "currency": "USD"`
is 49.99 dollars. **Times** are RFC 3339, in UTC. **Ids** say by their prefix what they name, and sort by their age.

**Repeating is safe.** Send an `Idempotency-Key` with every POST. The same key with the same request gives the first
answer again, with `Idempotent-Replayed: true`; with another request it is refused (422); while the first is still
running it is refused with `Retry-After` (409). A refused request changed nothing, and keeps no key. Keys are kept for
{KEPT.days} days, through every crash.

**Lists** run from the newest to the oldest, in pages: `limit`, `starting_after`, `ending_before`.

**A decline is an answer, not an error.** An error is what can be mended on your side, or what broke on ours: it has a
`type`, a `code`, a `message` that says what to do, and the `request_id` to ask about. Fields that do not exist are
refused by name; text may hold any character but NUL.
"""

WEBHOOK_DESCRIPTION: Final = (
    "Delivered to your endpoint and signed as the Standard Webhooks specification says. May come more than once, and "
    "out of order: `sequence` says where it belongs."
)

REASONS: Final = {
    200: "OK.",
    201: "Made.",
    202: "Accepted; it goes on.",
    204: "Done; there is nothing to say.",
}


@dataclass(frozen=True, slots=True)
class _Refusal:
    name: str
    type: RefusalType
    description: str
    problems: tuple[Problem, ...]


_BAD_REQUEST: Final = (
    Problem("invalid_json", 400, "The body is not JSON in UTF-8."),
    Problem("missing_field", 400, "A field that is required is missing."),
    Problem("unknown_field", 400, "A field, or a parameter of the query, does not exist."),
    Problem("wrong_type", 400, "A field has a value of another type."),
    Problem("wrong_form", 400, "A text does not have the form that its field must have."),
    Problem("wrong_length", 400, "A text, a list or a map is too long or too short."),
    Problem("out_of_range", 400, "A number is too large or too small."),
    Problem("not_a_choice", 400, "A value is none of those that its field may have."),
    Problem("invalid_value", 400, "A value cannot be kept, such as a text with a NUL character."),
    Problem("invalid_query", 400, "The query is not percent-encoded UTF-8, or has too many parameters."),
    Problem("repeated_parameter", 400, "A parameter of the query came more than once."),
    Problem("invalid_cursor", 400, "`starting_after` or `ending_before` is no id of this list."),
    Problem("one_direction_only", 400, "`starting_after` and `ending_before` came together."),
    Problem("invalid_idempotency_key", 400, "The Idempotency-Key is empty, too long, or not visible ASCII."),
    Problem("unknown_version", 400, "Recoup-Version names a version that this server does not speak."),
)

REFUSALS: Final[dict[int, _Refusal]] = {
    400: _Refusal("BadRequest", RefusalType.INVALID_REQUEST, "Cannot be right as it stands.", _BAD_REQUEST),
    401: _Refusal(
        "Unauthenticated",
        RefusalType.AUTHENTICATION,
        "No key, or one that opens nothing.",
        (
            Problem("api_key_missing", 401, "The Authorization header holds no bearer key."),
            Problem("api_key_invalid", 401, "The key is unknown or was revoked."),
        ),
    ),
    403: _Refusal(
        "Forbidden",
        RefusalType.PERMISSION,
        "The key does not open this.",
        (
            Problem("secret_key_required", 403, "A publishable key came where a secret one is needed."),
            Problem("test_mode_only", 403, "A live key came where only test mode exists."),
        ),
    ),
    404: _Refusal(
        "NotFound",
        RefusalType.NOT_FOUND,
        "Something that was named does not exist.",
        (Problem("resource_missing", 404, "There is no such object of yours."),),
    ),
    408: _Refusal(
        "TooSlow",
        RefusalType.INVALID_REQUEST,
        "The body took too long to arrive.",
        (Problem("body_too_slow", 408, "The body took too long to arrive."),),
    ),
    409: _Refusal(
        "Conflict",
        RefusalType.CONFLICT,
        "The present state of things forbids it, or the first request with this key is still running.",
        (
            Problem("busy", 409, "Another request is changing the same object."),
            Problem(
                "idempotency_key_in_use", 409, "The first request with this Idempotency-Key is still running."
            ),
        ),
    ),
    413: _Refusal(
        "TooLarge",
        RefusalType.INVALID_REQUEST,
        "The body is too large.",
        (Problem("body_too_large", 413, "The body is larger than this server takes."),),
    ),
    415: _Refusal(
        "NotJson",
        RefusalType.INVALID_REQUEST,
        "The body does not say that it is JSON.",
        (
            Problem(
                "unsupported_media_type",
                415,
                "The Content-Type is not application/json, or it is compressed.",
            ),
        ),
    ),
    422: _Refusal(
        "KeyReused",
        RefusalType.IDEMPOTENCY,
        "The Idempotency-Key came before with another request.",
        (Problem("idempotency_key_reused", 422, "One key came with two different requests."),),
    ),
    500: _Refusal(
        "Broken",
        RefusalType.INTERNAL,
        "Something broke on our side.",
        (Problem("internal", 500, "A bug. The logs have more under the request id."),),
    ),
    503: _Refusal(
        "Unavailable",
        RefusalType.RATE_LIMITED,
        "Too much is being worked on, or the database does not answer. Nothing was done, unless the code says so.",
        (
            Problem("overloaded", 503, "More requests are in flight than are taken at once."),
            Problem("unavailable", 503, "The database does not answer."),
            Problem(
                "outcome_not_stored", 503, "A processor was asked: read the payment that the message names."
            ),
        ),
    ),
}
"""What every route may refuse with, by status; the reference lists these codes once."""

WITHOUT_ROUTE: Final = (
    Problem("unknown_route", 404, "There is nothing at this path."),
    Problem("method_not_allowed", 405, "The path takes other methods: the Allow header lists them."),
)

_TYPE_OF_STATUS: Final = {
    status: type_ for type_, status in STATUS.items() if type_ is not RefusalType.IDEMPOTENCY
}


def refusal(status: int, problems: Sequence[Problem], schema: dict[str, Any]) -> dict[str, Any]:
    """The description of one refusal of a route: the shared codes of its status, and the route's own."""
    shared = REFUSALS.get(status)
    type_ = shared.type if shared else _TYPE_OF_STATUS.get(status, RefusalType.INVALID_REQUEST)
    known = {problem.code: problem for problem in (*problems, *(shared.problems if shared else ()))}
    known |= {problem.code: problem for problem in problems}
    headers = answer_headers("RequestId", "RecoupVersion")
    if status in {409, 429, 503}:
        headers |= answer_headers("RetryAfter")
    description = shared.description if shared else "Refused."
    codes = ", ".join(f"`{code}`" for code in known)
    return {
        "description": f"{description} Codes: {codes}.",
        "headers": headers,
        "content": {
            "application/json": {
                "schema": schema,
                "examples": {code: _example(type_, problem) for code, problem in known.items()},
            }
        },
    }


def responses(schema: dict[str, Any]) -> dict[str, Any]:
    """The refusals that all routes share."""
    return {shared.name: refusal(status, (), schema) for status, shared in REFUSALS.items()}


def _example(type_: RefusalType, problem: Problem) -> dict[str, Any]:
    if problem.code.startswith("idempotency_key"):
        type_ = RefusalType.IDEMPOTENCY
    detail = {
        "type": type_.value,
        "code": problem.code,
        "message": problem.meaning or problem.code.replace("_", " ").capitalize() + ".",
        "param": None,
        "doc_url": f"/docs#error-{problem.code}",
        "request_id": "req_01kaq3v8e7f0t9m2c4x6z8b1d5",
    }
    return {"value": {"error": detail}}


def answer_headers(*names: str) -> dict[str, Any]:
    """References to the headers of an answer."""
    return {_HEADER_NAMES[name]: {"$ref": f"#/components/headers/{name}"} for name in names}


_HEADER_NAMES: Final = {
    "RequestId": "Request-Id",
    "RecoupVersion": "Recoup-Version",
    "IdempotentReplayed": "Idempotent-Replayed",
    "RetryAfter": "Retry-After",
}

HEADERS: Final[dict[str, Any]] = {
    "RequestId": {
        "description": "The request's id, for the logs and for support.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
    },
    "RecoupVersion": {
        "description": "The version of the API that answered.",
        "required": True,
        "schema": {"type": "string", "enum": list(VERSIONS)},
    },
    "IdempotentReplayed": {
        "description": "`true` where this is the recorded answer to an earlier request with the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "RetryAfter": {
        "description": "In how many seconds to try again, where that can help.",
        "schema": {"type": "integer", "minimum": 0},
    },
}

PARAMETERS: Final[dict[str, Any]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A name of your own for this request, such as a UUID, so that repeating it does it once.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$", "minLength": 1, "maxLength": 255},
    },
    "RequestId": {
        "name": "Request-Id",
        "in": "header",
        "required": False,
        "description": "An id of your own for this request, used in place of ours where it has this form.",
        "schema": {"type": "string"},
    },
    "RecoupVersion": {
        "name": "Recoup-Version",
        "in": "header",
        "required": False,
        "description": "The version of the API that you speak.",
        "schema": {"type": "string", "enum": list(VERSIONS), "default": VERSION},
    },
}

WEBHOOK_HEADERS: Final[list[dict[str, Any]]] = [
    {"name": name, "in": "header", "required": True, "description": words, "schema": {"type": "string"}}
    for name, words in (
        ("webhook-id", "The same for every delivery of one event."),
        ("webhook-timestamp", "When this delivery was signed, in seconds since 1970."),
        ("webhook-signature", "One or more signatures, `v1,` before each."),
    )
]

SECURITY_SCHEMES: Final[dict[str, Any]] = {
    "secret_key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A secret key, `sk_test_…` or `sk_live_…`. Keep it on your server.",
    },
    "publishable_key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A publishable key, `pk_test_…` or `pk_live_…`. It may be seen; it opens little.",
    },
}

SECURITY: Final[dict[Auth, list[dict[str, list[str]]]]] = {
    Auth.SECRET: [{"secret_key": []}],
    Auth.PUBLISHABLE: [{"secret_key": []}, {"publishable_key": []}],
    Auth.NONE: [],
}
