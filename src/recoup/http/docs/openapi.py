"""The OpenAPI 3.1 document, written from the routes: nothing in it is kept by hand beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, get_args

import msgspec

from recoup.http.answers import VERSION, ErrorObject
from recoup.http.bound import WITH_BODY
from recoup.http.docs import components
from recoup.http.docs.schemas import Schemas, query_parameters, schemas_of
from recoup.http.routes import Auth, Idempotency, Problem, Route
from recoup.http.wiring import About, Webhook

_JSON: Final = "application/json"


def document(routes: Sequence[Route], about: About) -> dict[str, Any]:
    """The whole document."""
    taken = [route.body for route in routes if route.body is not None]
    payloads = [hook.payload for hook in about.webhooks]
    given = [*(route.answer for route in routes if route.answer is not None), *payloads, ErrorObject]
    schemas = schemas_of(taken=tuple(taken), given=tuple(given))
    operations = [(route, _operation(route, schemas)) for route in routes]
    _check_unique(operation["operationId"] for _, operation in operations)
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in operations:
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": VERSION,
            "summary": about.summary,
            "description": components.INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": _tags(routes, about),
        "paths": paths,
        "webhooks": {hook.type: _webhook(hook, schemas) for hook in about.webhooks},
        "components": {
            "schemas": schemas.components,
            "parameters": components.PARAMETERS,
            "headers": components.HEADERS,
            "responses": components.responses(schemas.of(ErrorObject)),
            "securitySchemes": components.SECURITY_SCHEMES,
        },
    }


def operation_id(route: Route) -> str:
    """A name for one operation, unique in the API: `customers_create`."""
    name = getattr(route.handler, "__name__", route.method.lower()).strip("_")
    return f"{route.tag.replace(' ', '_').replace('-', '_')}_{name}"


def error_statuses(route: Route) -> dict[int, list[Problem]]:
    """Every status that a route may refuse with, and the refusals that are its own."""
    statuses = {400, 500, 503}
    if route.auth is not Auth.NONE:
        statuses.add(401)
    if route.auth is Auth.SECRET or route.test_mode_only:
        statuses.add(403)
    if route.parameters() or route.query is not None or route.method in WITH_BODY:
        statuses.add(404)  # each of them may name an object
    if route.method != "GET":
        statuses.add(409)
    if route.method in WITH_BODY:
        statuses |= {408, 413, 415}
    if route.idempotency is not Idempotency.NONE:
        statuses.add(422)
    found: dict[int, list[Problem]] = {status: [] for status in statuses}
    for problem in route.problems():
        found.setdefault(problem.status, []).append(problem)
    return dict(sorted(found.items()))


def _operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "description": route.description,
        "tags": [route.tag],
        "security": components.SECURITY[route.auth],
        "parameters": _parameters(route),
        "responses": {
            str(status): _success(route, schemas, status)
            for status in (route.status, route.also)
            if status is not None
        },
    }
    if route.test_mode_only:
        operation["description"] = f"{route.description}\n\nTest mode only.".strip()
    if route.body is not None:
        operation["requestBody"] = _request_body(route, schemas)
    if route.upload is not None:
        taken = {"schema": {"type": "string", "maxLength": route.upload.bytes_max}}
        operation["requestBody"] = {"required": True, "content": {route.upload.content_type: taken}}
    for status, problems in error_statuses(route).items():
        operation["responses"][str(status)] = _refusal(status, problems, schemas)
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": route.path_descriptions.get(name, f"The id of the {name.replace('_', ' ')}."),
            "schema": {"type": "string", "minLength": 1},
        }
        for name in route.parameters()
    ]
    query = query_parameters(route.query) if route.query is not None else ()
    headers = ["RequestId", "RecoupVersion"]
    if route.idempotency is not Idempotency.NONE:
        headers.insert(0, "IdempotencyKey")
    return [*path, *query, *({"$ref": f"#/components/parameters/{name}"} for name in headers)]


def _request_body(route: Route, schemas: Schemas) -> dict[str, Any]:
    assert route.body is not None, "asked for routes with a body"
    content: dict[str, Any] = {"schema": schemas.of(route.body)}
    if route.examples:
        content["examples"] = _examples(route.examples.items())
    return {
        "required": all(_needs_a_field(one) for one in get_args(route.body) or (route.body,)),
        "content": {_JSON: content},
    }


def _needs_a_field(body: type[msgspec.Struct]) -> bool:
    tagged = body.__struct_config__.tag is not None
    return tagged or len(body.__struct_fields__) > len(body.__struct_defaults__)


def _success(route: Route, schemas: Schemas, status: int) -> dict[str, Any]:
    headers = components.answer_headers("RequestId", "RecoupVersion")
    if route.idempotency is not Idempotency.NONE:
        headers |= components.answer_headers("IdempotentReplayed")
    success: dict[str, Any] = {
        "description": components.REASONS.get(status, "Done."),
        "headers": headers,
    }
    if route.answer is not None:
        content: dict[str, Any] = {"schema": schemas.of(route.answer)}
        if route.answer_examples:
            content["examples"] = _examples(route.answer_examples.items())
        success["content"] = {_JSON: content}
    return success


def _refusal(status: int, problems: Sequence[Problem], schemas: Schemas) -> dict[str, Any]:
    if not problems and status in components.REFUSALS:
        return {"$ref": f"#/components/responses/{components.REFUSALS[status].name}"}
    return components.refusal(status, problems, schemas.of(ErrorObject))


def _examples(examples: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {words.lower().replace(" ", "_"): {"summary": words, "value": value} for words, value in examples}


def _webhook(hook: Webhook, schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schemas.of(hook.payload)}
    if hook.example:
        content["examples"] = _examples([(hook.type, hook.example)])
    return {
        "post": {
            "operationId": f"webhook_{hook.type.replace('.', '_')}",
            "summary": hook.summary,
            "description": components.WEBHOOK_DESCRIPTION,
            "parameters": components.WEBHOOK_HEADERS,
            "requestBody": {"required": True, "content": {_JSON: content}},
            "responses": {"2XX": {"description": "Taken. Anything else is delivered again later."}},
        }
    }


def _tags(routes: Sequence[Route], about: About) -> list[dict[str, str]]:
    used = dict.fromkeys(route.tag for route in routes)
    ordered = [*(tag for tag in about.tags if tag in used), *(tag for tag in used if tag not in about.tags)]
    return [
        {"name": tag} | ({"description": about.tags[tag]} if tag in about.tags else {}) for tag in ordered
    ]


def _check_unique(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        assert name not in seen, f"two operations are called {name}"
        seen.add(name)
