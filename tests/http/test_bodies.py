"""A body either fits the types of its route or is refused with 400, the field's name and what to do: never a 500."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any
from urllib.parse import urlencode

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import example, given
from tests.http.serving import Client
from tests.http.toy import CARD_NUMBER
from tests.http.toy_types import Anything, CreateNote, NoteQuery

from recoup.http.parsing import BodyParser, QueryParser
from recoup.kit.refusals import Refusal

PARSER = BodyParser(CreateNote)
FREE = BodyParser(Anything)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries(
    {"title": st.text(max_size=120)},
    optional={
        "weight": st.integers() | JSON,
        "color": st.sampled_from(["white", "blue", "red", 3]),
        "country": st.text(max_size=3) | st.just("US\n"),
        "remind_at": st.datetimes().map(lambda at: f"{at.isoformat()}Z") | st.text(max_size=9),
        "attachment": st.fixed_dictionaries({"type": st.sampled_from(["card", "drawing", "x"])}) | JSON,
        "metadata": st.dictionaries(st.text(max_size=45), st.text(max_size=510), max_size=52),
        "extra": JSON,
    },
)


@pytest.mark.parametrize(
    ("body", "code", "param", "advice"),
    [
        ({}, "missing_field", "title", "`title` is required: send it. What the note says."),
        ({"title": 3}, "wrong_type", "title", "`title` must be a string, not an integer."),
        ({"title": ""}, "wrong_length", "title", "`title` must not be empty."),
        ({"title": "a", "titel": 1}, "unknown_field", "titel", "did you mean `title`?"),
        (
            {"title": "a", "zzz": 1},
            "unknown_field",
            "zzz",
            "`zzz` is not a field of this request: leave it out.",
        ),
        ({"title": "a", "weight": 2**63}, "out_of_range", "weight", "must be at most 9223372036854775807"),
        (
            {"title": "a", "weight": -(2**63) - 1},
            "out_of_range",
            "weight",
            "must be at least -9223372036854775808",
        ),
        ({"title": "a", "weight": 10**4000}, "out_of_range", "weight", "must be at most 9223372036854775807"),
        ({"title": "a", "weight": 1.5}, "wrong_type", "weight", "an integer, not a number with decimals"),
        ({"title": "a", "weight": True}, "wrong_type", "weight", "an integer, not a boolean"),
        ({"title": "a", "color": "red"}, "not_a_choice", "color", "`color` must be one of: white, blue."),
        ({"title": "a", "shape": "oval"}, "not_a_choice", "shape", "`shape` must be one of: round, square."),
        ({"title": "a", "country": "usa"}, "wrong_form", "country", "Two letters of ISO 3166."),
        ({"title": "a", "country": "US\n"}, "wrong_form", "country", "Two letters of ISO 3166."),
        ({"title": "a", "remind_at": "soon"}, "wrong_form", "remind_at", "such as 2026-11-01T12:00:00Z"),
        (
            {"title": "a", "remind_at": "2026-11-01T12:00:00"},
            "wrong_form",
            "remind_at",
            "2026-11-01T12:00:00Z",
        ),
        (
            {"title": "a", "remind_at": "0001-01-01T00:00:00+23:00"},
            "invalid_value",
            "remind_at",
            "out of range",
        ),
        ({"title": "a", "attachment": {}}, "missing_field", "attachment.type", "is required"),
        ({"title": "a", "attachment": {"type": "x"}}, "not_a_choice", "attachment.type", "card, drawing"),
        (
            {"title": "a", "attachment": {"type": "card"}},
            "missing_field",
            "attachment.number",
            "12 to 19 digits.",
        ),
        (
            {"title": "a", "attachment": {"type": "card", "number": 42}},
            "wrong_type",
            "attachment.number",
            "must be a string",
        ),
        (
            {"title": "a", "attachment": {"type": "drawing", "points": [1, -1]}},
            "out_of_range",
            "attachment.points[1]",
            "`attachment.points[1]` must be at least 0.",
        ),
        (
            {"title": "a", "metadata": {"k": 1}},
            "wrong_type",
            "metadata",
            "Every value of `metadata` must be a string",
        ),
        ({"title": "a", "metadata": {"": "v"}}, "wrong_length", "metadata", "Every key of `metadata`"),
        ({"title": "a", "metadata": {"k" * 41: "v"}}, "wrong_length", "metadata", "at most 40 characters"),
        ({"title": "a", "metadata": {"k": "v" * 501}}, "wrong_length", "metadata", "at most 500 characters"),
        (
            {"title": "a", "metadata": {str(n): "v" for n in range(51)}},
            "wrong_length",
            "metadata",
            "at most 50 entries",
        ),
        ({"title": "a\x00b"}, "invalid_value", "title", "NUL character"),
        ({"title": "a", "metadata": {"k": "\x00"}}, "invalid_value", "metadata.k", "NUL character"),
        ({"title": "a", "metadata": {"\x00": "v"}}, "invalid_value", "metadata", "NUL character"),
        (
            {"title": "a", "attachment": {"type": "card", "number": "\x00"}},
            "invalid_value",
            "attachment.number",
            "NUL character",
        ),
    ],
)
async def test_a_body_that_does_not_fit_is_refused_by_field(
    client: Client, body: dict[str, Any], code: str, param: str, advice: str
) -> None:
    answered = await client.send("POST", "/v1/notes", body=json.dumps(body).encode())
    assert answered.status == 400
    assert (answered.error["type"], answered.error["code"]) == ("invalid_request", code)
    assert answered.error["param"] == param
    assert advice in answered.error["message"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "Input data was truncated"),
        (b"\x00", "invalid character"),
        (b'{"title": "a",}', "trailing comma in object"),
        (b'{"title": "a"} {}', "trailing characters"),
        (b'{"title": "\xff"}', "no UTF-8"),
        (b'{"title": "\xed\xa0\x80"}', "no UTF-8"),
        (b'{"\xff": 1}', "no UTF-8"),
        (b'{"title": "\\ud800"}', "not valid JSON"),
        (b'{"title": "\\udc00\\ud800"}', "surrogate"),
        (b'{"title": "a\nb"}', "invalid character"),
        (b'{"title": NaN}', "invalid character"),
        (b'\xef\xbb\xbf{"title": "a"}', "invalid character"),
        (b'{"title":"a","x":' + b"[" * 30000 + b"]" * 30000 + b"}", "unknown_field"),
        (b"[" * 60000, "must be an object"),
    ],
)
async def test_what_is_no_json_is_refused_with_the_reason(client: Client, body: bytes, why: str) -> None:
    answered = await client.send("POST", "/v1/notes", body=body)
    assert answered.status == 400
    assert why in answered.body.decode()


@pytest.mark.parametrize("depth", [40, 20_000])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
async def test_deep_nesting_is_refused(client: Client, depth: int, brackets: tuple[bytes, bytes]) -> None:
    opening, closing = brackets
    depth = min(depth, 60_000 // len(opening + closing))
    body = b'{"json":' + opening * depth + b"1" + closing * depth + b"}"
    answered = await client.send("POST", "/v1/anything", body=body)
    assert answered.status == 400
    assert "nested" in answered.error["message"]


@pytest.mark.parametrize("free", [2**70, [{"a": -(2**70)}], {"a": "\x00"}, {"\x00": 1}])
async def test_free_json_holds_nothing_that_cannot_be_kept(client: Client, free: Any) -> None:
    answered = await client.send("POST", "/v1/anything", body=json.dumps({"json": free}).encode())
    assert (answered.status, answered.error["code"]) == (400, "invalid_value")
    kept = await client.send("POST", "/v1/anything", json={"json": {"a": [1, "\\u0000", None, 2.5]}})
    assert kept.json == {"json": {"a": [1, "\\u0000", None, 2.5]}}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 201),
        ({"Content-Type": "Application/JSON; charset=UTF-8"}, 201),
        ({"Content-Type": 'application/json;charset="utf-8"'}, 201),
        ({"Content-Type": "application/json; charset=latin-1"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
    ],
)
async def test_a_body_says_that_it_is_json(client: Client, headers: dict[str, str], status: int) -> None:
    answered = await client.send("POST", "/v1/notes", body=b'{"title": "a"}', headers=headers)
    assert answered.status == status


async def test_a_route_without_fields_takes_no_body_or_an_empty_object(client: Client) -> None:
    assert (await client.send("POST", "/v1/tokens")).status == 200
    assert (await client.send("POST", "/v1/tokens", json={})).status == 200
    refused = await client.send("POST", "/v1/tokens", json={"card": 1})
    assert (refused.status, refused.error["param"]) == (400, "card")


async def test_a_refusal_does_not_repeat_what_was_sent(client: Client) -> None:
    """A card number in the wrong field stays where it is."""
    for body in (
        {"title": 1, "color": CARD_NUMBER},
        {"title": "a", "color": CARD_NUMBER},
        {"title": [CARD_NUMBER]},
    ):
        answered = await client.send("POST", "/v1/notes", json=body)
        assert answered.status == 400
        assert CARD_NUMBER not in answered.body.decode()


def test_equal_requests_have_one_writing() -> None:
    spellings = [
        b'{"title":"a","metadata":{"x":"1","y":"2"}}',
        b'{ "metadata": {"y": "2", "x": "1"}, "title": "\\u0061", "weight": 0, "attachment": null }',
    ]
    first, second = (PARSER.canonical(PARSER.parse(raw)) for raw in spellings)
    assert first == second
    card = b'{"title":"a","attachment":{"type":"card","number":"%s"}}'
    one, other = (PARSER.canonical(PARSER.parse(card % number)) for number in (b"4242", b"4243"))
    assert one != other, "a secret takes part in it"


def parsed(parser: BodyParser, raw: bytes) -> msgspec.Struct | None:
    """The struct, or None where the body was refused in the one way it may be."""
    try:
        return parser.parse(raw)
    except Refusal as refusal:
        assert refusal.http_status == 400
        assert refusal.message
        refusal.message.encode()
        return None


@given(st.binary())
@example(b"")
def test_any_bytes_are_parsed_or_refused(raw: bytes) -> None:
    parsed(PARSER, raw)
    parsed(FREE, raw)


@given(FIELDS | JSON)
def test_any_json_is_parsed_or_refused(body: Any) -> None:
    note = parsed(PARSER, json.dumps(body).encode())
    if note is not None:
        assert isinstance(note, CreateNote)
        assert "\x00" not in json.dumps(msgspec.to_builtins(note, enc_hook=str))
        assert -(2**63) <= note.weight < 2**63
        assert note.country is None or len(note.country) == 2
        assert note.remind_at is None or note.remind_at.astimezone(UTC).year > 1900


@given(JSON)
def test_free_json_comes_through_unchanged_or_is_refused(value: Any) -> None:
    kept = parsed(FREE, json.dumps({"json": value}).encode())
    if kept is not None:
        assert isinstance(kept, Anything)
        assert kept.json == value


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: urlencode({"titles": text}).encode()))
def test_any_query_is_parsed_or_refused(raw: bytes) -> None:
    try:
        QueryParser(NoteQuery).parse(raw)
    except Refusal as refusal:
        assert refusal.http_status == 400
