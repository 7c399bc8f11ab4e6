"""The OpenAPI document says what is, and a tool can read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, cast

import jsonschema_rs
import msgspec
import pytest
from msgspec import Meta
from schemathesis.specs.openapi.definitions import OPENAPI_31
from tests.http.serving import Client
from tests.http.toy import ABOUT, PUBLISHABLE_KEY, Toy
from tests.http.toy_types import CreateNote, NoteObject

from recoup.db import Database
from recoup.http.docs.openapi import document, error_statuses
from recoup.http.routes import Auth, Call, Idempotency, Problem, Route
from recoup.kit.clock import ManualClock
from recoup.kit.refusals import Refusal

TOY = Toy(cast("Database", None), cast("ManualClock", None))
ROUTES = TOY.routes()
DOCUMENT = document(ROUTES, ABOUT)
SCHEMAS = DOCUMENT["components"]["schemas"]


def operation(method: str, path: str) -> Any:
    return DOCUMENT["paths"][path][method]


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from parts(inner)


def at(ref: str) -> Any:
    found: Any = DOCUMENT
    for step in ref.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_it_is_openapi_3_1() -> None:
    plain = msgspec.json.decode(msgspec.json.encode(DOCUMENT))
    assert [
        error.message for error in jsonschema_rs.Draft202012Validator(OPENAPI_31).iter_errors(plain)
    ] == []


def test_every_schema_is_json_schema() -> None:
    for schema in SCHEMAS.values():
        assert jsonschema_rs.meta.is_valid(
            schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        )


def test_every_reference_leads_somewhere() -> None:
    refs = [part["$ref"] for part in parts(DOCUMENT) if isinstance(part.get("$ref"), str)]
    mapped = [ref for part in parts(DOCUMENT) if "propertyName" in part for ref in part["mapping"].values()]
    assert refs and mapped
    for ref in refs + mapped:
        assert at(ref)


def test_every_example_keeps_its_own_schema() -> None:
    defs = {"components": {"schemas": SCHEMAS}}
    contents = [part for part in parts(DOCUMENT["paths"]) if "schema" in part and "examples" in part]
    contents += [
        response["content"]["application/json"] for response in DOCUMENT["components"]["responses"].values()
    ]
    for content in contents:
        validator = jsonschema_rs.Draft202012Validator(content["schema"] | defs)
        for name, example in content["examples"].items():
            assert validator.is_valid(example["value"]), name


def test_a_body_keeps_its_choices_and_refuses_other_fields() -> None:
    body = operation("post", "/v1/notes")["requestBody"]
    assert body["required"] is True
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/CreateNote"}
    note = SCHEMAS["CreateNote"]
    assert note["additionalProperties"] is False and note["required"] == ["title"]
    choice = note["properties"]["attachment"]["anyOf"][0]
    assert choice["discriminator"]["propertyName"] == "type"
    assert choice["discriminator"]["mapping"]["card"] == "#/components/schemas/Card"
    assert SCHEMAS["Card"]["additionalProperties"] is False
    assert SCHEMAS["Card"]["properties"]["number"]["format"] == "password"
    country = note["properties"]["country"]["anyOf"][0]
    assert country["pattern"] == "^[A-Z]{2}$"
    assert note["properties"]["metadata"]["maxProperties"] == 50


def test_an_answer_has_every_field_and_no_defaults() -> None:
    assert SCHEMAS["NoteObject"]["required"] == ["id", "object", "title", "weight", "metadata", "livemode"]
    assert SCHEMAS["NoteObject"]["properties"]["object"] == {"enum": ["note"], "type": "string"}
    assert SCHEMAS["NoteList"]["required"] == ["object", "data", "has_more", "url"]


def test_a_query_is_its_parameters() -> None:
    parameters = {one["name"]: one for one in operation("get", "/v1/notes")["parameters"] if "name" in one}
    assert set(parameters) == {"limit", "starting_after", "ending_before", "color", "heavy", "titles"}
    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
    assert parameters["color"]["schema"]["enum"] == ["blue", "white"]
    assert all(one["in"] == "query" and one["required"] is False for one in parameters.values())
    assert "$ref" not in str(parameters)


def test_keys_and_headers_are_said() -> None:
    post = operation("post", "/v1/notes")
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in post["parameters"]
    assert post["security"] == [{"secret_key": []}]
    assert set(post["responses"]["201"]["headers"]) == {"Request-Id", "Recoup-Version", "Idempotent-Replayed"}
    get = operation("get", "/v1/notes")
    assert {"$ref": "#/components/parameters/IdempotencyKey"} not in get["parameters"]
    assert operation("get", "/v1/open")["security"] == []
    assert operation("post", "/v1/tokens")["security"] == [{"secret_key": []}, {"publishable_key": []}]


def test_every_route_says_how_it_may_refuse() -> None:
    statuses = {(route.method, route.path): set(error_statuses(route)) for route in ROUTES}
    assert statuses["POST", "/v1/notes"] == {400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503}
    assert statuses["GET", "/v1/notes"] == {400, 401, 403, 404, 500, 503}
    assert statuses["GET", "/v1/notes/{note}"] == {400, 401, 403, 404, 500, 503}
    assert statuses["DELETE", "/v1/notes/{note}"] == {400, 401, 403, 404, 409, 500, 503}
    assert statuses["GET", "/v1/open"] == {400, 500, 503}
    assert 403 not in statuses["POST", "/v1/tokens"]
    described = operation("post", "/v1/notes")["responses"]["409"]
    assert (
        "`note_too_heavy`" in described["description"]
        and "`idempotency_key_in_use`" in described["description"]
    )
    assert (
        described["content"]["application/json"]["examples"]["note_too_heavy"]["value"]["error"]["type"]
        == "conflict"
    )


def test_a_status_of_its_own_is_described_too() -> None:
    route = Route(
        "GET", "/v1/x", TOY.open, summary="X", tag="x", errors=(Problem("no_answer", 502, "It is silent."),)
    )
    refused = document([route], ABOUT)["paths"]["/v1/x"]["get"]["responses"]["502"]
    example = refused["content"]["application/json"]["examples"]["no_answer"]["value"]["error"]
    assert (example["type"], example["message"]) == ("processor", "It is silent.")


def test_webhooks_and_tags_are_there() -> None:
    assert list(DOCUMENT["webhooks"]) == ["note.created", "note.deleted"]
    payload = DOCUMENT["webhooks"]["note.created"]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    assert payload == {"$ref": "#/components/schemas/EventObject"}
    assert [tag["name"] for tag in DOCUMENT["tags"]] == ["notes", "printing", "other"]


def test_operations_have_names_of_their_own() -> None:
    names = [part["operationId"] for part in parts(DOCUMENT) if "operationId" in part]
    assert len(names) == len(set(names)) == len(ROUTES) + 2
    assert "notes_create" in names and all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)
    twice = [Route("GET", path, TOY.open, summary="X", tag="x") for path in ("/v1/a", "/v1/b")]
    with pytest.raises(AssertionError, match="two operations are called x_open"):
        document(twice, ABOUT)


async def test_answers_are_what_the_document_says(client: Client, toy: Toy) -> None:
    """Every kind of answer that the toy can be brought to, against the document it serves."""
    served = (await client.send("GET", "/openapi.json", key=None)).json
    assert served == msgspec.json.decode(msgspec.json.encode(DOCUMENT))
    toy.gate.set()
    made = (await client.send("POST", "/v1/notes", json={"title": "a"}, once="k")).json["id"]
    note = "/v1/notes/{note}"
    requests: list[tuple[str, str, str, dict[str, Any]]] = [
        ("post", "/v1/notes", "/v1/notes", {"json": {"title": "a"}}),
        ("post", "/v1/notes", "/v1/notes", {"json": {"title": "b"}, "once": "k"}),
        ("post", "/v1/notes", "/v1/notes", {"json": {}}),
        ("post", "/v1/notes", "/v1/notes", {"json": {"title": "a", "weight": 10**10}}),
        ("post", "/v1/notes", "/v1/notes", {"body": b"x", "headers": {"Content-Type": "text/plain"}}),
        ("post", "/v1/notes", "/v1/notes", {"body": b" " * 70_000}),
        ("post", "/v1/notes", "/v1/notes", {"key": None}),
        ("post", "/v1/notes", "/v1/notes", {"key": PUBLISHABLE_KEY}),
        ("post", "/v1/broken", "/v1/broken", {"json": {"title": "a"}}),
        ("get", "/v1/notes", "/v1/notes?limit=3", {}),
        ("get", "/v1/notes", "/v1/notes?limit=0", {}),
        ("get", note, f"/v1/notes/{made}", {}),
        ("get", note, "/v1/notes/x", {}),
        ("post", f"{note}/print", f"/v1/notes/{made}/print", {"once": "p"}),
        ("delete", note, f"/v1/notes/{made}", {}),
    ]
    for method, template, path, options in requests:
        answered = await client.send(method.upper(), path, **options)
        response = operation(method, template)["responses"][str(answered.status)]
        response = at(response["$ref"]) if "$ref" in response else response
        schema = response["content"]["application/json"]["schema"] | {"components": {"schemas": SCHEMAS}}
        assert jsonschema_rs.Draft202012Validator(schema).is_valid(answered.json), (method, path, answered)
        needed = {
            name for name in response["headers"] if at(response["headers"][name]["$ref"]).get("required")
        }
        assert needed <= {name.title() for name in answered.headers}


def test_two_types_of_one_name_are_told_apart_by_renaming() -> None:
    namesake = msgspec.defstruct("NoteObject", [("id", str)], frozen=True, module="elsewhere")
    routes = [
        Route("GET", "/v1/a", TOY.read, answer=NoteObject, summary="A", tag="a"),
        Route("GET", "/v1/b", TOY.read, answer=namesake, summary="B", tag="b"),
    ]
    with pytest.raises(AssertionError, match="both have a NoteObject: rename one"):
        document(routes, ABOUT)


class Loose(msgspec.Struct, frozen=True):
    """A body that takes anything."""

    a: int = 0


class Unbounded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body whose number has no end."""

    a: int = 0


class Dollar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body whose text may end in a line feed."""

    a: Annotated[str, Meta(pattern="^a$")] = "a"


class Zoneless(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body whose time may have no zone."""

    a: list[datetime] = []


class Within(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body with one of them inside."""

    a: dict[str, Unbounded] = {}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (Loose, "forbid_unknown_fields"),
        (Unbounded, "bigint"),
        (Dollar, r"\\Z"),
        (Zoneless, "tz=True"),
        (Within, "bigint"),
    ],
)
def test_a_body_that_could_hurt_is_never_bound(body: type[msgspec.Struct], why: str) -> None:
    route = Route("POST", "/v1/x", TOY.open, body=body, summary="X", tag="x")
    with pytest.raises(AssertionError, match=why):
        Toy.bind(route)


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "GET", "body": CreateNote},
        {"method": "GET", "idempotency": Idempotency.FLOW},
        {"method": "POST", "idempotency": Idempotency.FLOW, "auth": Auth.NONE},
        {"method": "BREW"},
        {"method": "POST", "body": CreateNote, "examples": {"Untitled": {"weight": 1}}},
    ],
)
def test_a_route_that_contradicts_itself_is_never_bound(wrong: dict[str, Any]) -> None:
    async def handler(_: Call[Any, Any]) -> NoteObject:
        raise AssertionError("never bound")

    method = wrong.pop("method")
    with pytest.raises((AssertionError, Refusal)):
        Toy.bind(Route(method, "/v1/x", handler, summary="X", tag="x", **wrong))
