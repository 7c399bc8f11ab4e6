"""The reference of the API as one page of HTML, made from its OpenAPI document: no script, nothing from elsewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from recoup.http.docs import components
from recoup.http.docs.fieldlists import Field, fields_of, parameter_field
from recoup.http.docs.prose import coloured, marked, path_marked, pretty
from recoup.http.docs.samples import sample
from recoup.http.routes import Problem

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Code:
    """One way in which an operation refuses."""

    status: str
    code: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    key: str
    path_fields: list[Field]
    query_fields: list[Field]
    body_fields: list[Field]
    answer_status: str
    answer_words: str
    answer_fields: list[Field]
    own_codes: list[Code]
    statuses: list[str]
    curl: str
    answer_example: str


@dataclass(frozen=True, slots=True)
class Group:
    """The operations under one tag."""

    name: str
    anchor: str
    description: str
    operations: list[Operation]


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as the page shows it."""

    type: str
    anchor: str
    summary: str
    example: str


def reference(document: Mapping[str, Any], *, base_url: str) -> str:
    """The whole page."""
    environment = Environment(
        loader=PackageLoader("recoup.http.docs"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"marked": marked, "coloured": coloured, "path": path_marked}
    groups = _groups(document, base_url)
    return environment.get_template("reference.html.j2").render(
        info=document["info"],
        groups=groups,
        hooks=list(_hooks(document)),
        hook_fields=_hook_fields(document),
        error_fields=fields_of(_ref("ErrorDetail"), document["components"]["schemas"]),
        error_example=pretty(_error_example(document)),
        codes=_all_codes(groups),
        hook_words=components.WEBHOOK_DESCRIPTION,
        base_url=base_url,
    )


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _groups(document: Mapping[str, Any], base_url: str) -> list[Group]:
    operations: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = _operation(method, path, operation, document=document, base_url=base_url)
            operations.setdefault(operation["tags"][0], []).append(shown)
    return [
        Group(tag["name"], _anchor(tag["name"]), tag.get("description", ""), operations[tag["name"]])
        for tag in document["tags"]
    ]


def _operation(
    method: str, path: str, operation: Mapping[str, Any], *, document: Mapping[str, Any], base_url: str
) -> Operation:
    schemas = document["components"]["schemas"]
    own = [parameter for parameter in operation["parameters"] if "$ref" not in parameter]
    status, answer = next(iter(operation["responses"].items()))
    answered = answer.get("content", {}).get(_JSON)
    taken = operation.get("requestBody", {}).get("content", {}).get(_JSON)
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation["description"],
        key=_key(operation["security"]),
        path_fields=[parameter_field(one) for one in own if one["in"] == "path"],
        query_fields=[parameter_field(one) for one in own if one["in"] == "query"],
        body_fields=fields_of(taken["schema"], schemas) if taken else [],
        answer_status=status,
        answer_words=answer["description"],
        answer_fields=fields_of(answered["schema"], schemas) if answered else [],
        own_codes=_own_codes(operation),
        statuses=[one for one in operation["responses"] if one != status],
        curl=_curl(method, path, operation, taken=_example(taken, schemas), base_url=base_url),
        answer_example=pretty(_example(answered, schemas)) if answered else "",
    )


def _key(security: list[Mapping[str, Any]]) -> str:
    if not security:
        return "no key"
    return "publishable or secret key" if len(security) > 1 else "secret key"


def _example(content: Mapping[str, Any] | None, schemas: Mapping[str, Any]) -> Any:
    if content is None:
        return None
    for example in content.get("examples", {}).values():
        return example["value"]
    return sample(content["schema"], schemas)


def _own_codes(operation: Mapping[str, Any]) -> list[Code]:
    """The refusals that the route brought itself, or says more of than what all routes share."""
    shared = {one for refusal in components.REFUSALS.values() for one in refusal.problems}
    return [
        Code(status, code, meaning)
        for status, answer in operation["responses"].items()
        if "$ref" not in answer and not status.startswith("2")
        for code, example in answer["content"][_JSON]["examples"].items()
        if Problem(code, int(status), meaning := example["value"]["error"]["message"]) not in shared
    ]


def _all_codes(groups: list[Group]) -> list[Code]:
    """Every refusal of the API once, by status."""
    found = {
        problem.code: Code(str(problem.status), problem.code, problem.meaning)
        for problem in (
            *(one for refusal in components.REFUSALS.values() for one in refusal.problems),
            *components.WITHOUT_ROUTE,
        )
    }
    for group in groups:
        for operation in group.operations:
            for code in operation.own_codes:
                found.setdefault(code.code, code)
    return sorted(found.values(), key=lambda one: one.status)


def _error_example(document: Mapping[str, Any]) -> Any:
    bad_request = document["components"]["responses"]["BadRequest"]["content"][_JSON]
    return bad_request["examples"]["missing_field"]["value"]


def _hooks(document: Mapping[str, Any]) -> Iterator[Hook]:
    schemas = document["components"]["schemas"]
    for type_, hook in document["webhooks"].items():
        content = hook["post"]["requestBody"]["content"][_JSON]
        example = pretty(_example(content, schemas)) if "examples" in content else ""
        yield Hook(type_, f"event-{_anchor(type_)}", hook["post"]["summary"], example)


def _hook_fields(document: Mapping[str, Any]) -> list[Field]:
    for hook in document["webhooks"].values():
        schema = hook["post"]["requestBody"]["content"][_JSON]["schema"]
        return fields_of(schema, document["components"]["schemas"])
    return []


def _curl(method: str, path: str, operation: Mapping[str, Any], *, taken: Any, base_url: str) -> str:
    lines = [f"curl {shlex.quote(base_url + path)}" if "{" not in path else f'curl "{base_url}{path}"']
    if method not in {"get", "post"} or (method == "post" and taken is None):
        lines[0] = lines[0].replace("curl ", f"curl -X {method.upper()} ", 1)
    if operation["security"]:
        lines.append('-H "Authorization: Bearer $RECOUP_KEY"')
    if {"$ref": "#/components/parameters/IdempotencyKey"} in operation["parameters"]:
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if taken is not None:
        lines += ['-H "Content-Type: application/json"', f"-d {shlex.quote(pretty(taken))}"]
    return " \\\n  ".join(lines)


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
