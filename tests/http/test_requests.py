"""Every request is answered in the same way, whatever it was."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.http.serving import Client
from tests.http.toy import ANN, CALLERS, LIVE_KEY, OTHER_KEY, PUBLISHABLE_KEY, START, Toy

NOTE = {"title": "Milk"}


async def test_a_struct_is_answered_with_the_status_of_its_route(client: Client) -> None:
    answered = await client.send("POST", "/v1/notes", json={"title": "Milk", "metadata": {"a": "b"}})
    assert answered.status == 201
    assert answered.headers["content-type"] == "application/json"
    assert answered.json | {"id": ""} == {
        "id": "",
        "object": "note",
        "title": "Milk",
        "weight": 0,
        "metadata": {"a": "b"},
        "livemode": False,
    }
    again = await client.send("GET", f"/v1/notes/{answered.json['id']}")
    assert again.json == answered.json


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/notes", 200),
        ("GET", "/v1/notes/evt_0", 404),
        ("GET", "/nowhere", 404),
        ("PUT", "/v1/notes", 405),
        ("POST", "/v1/notes", 400),
        ("GET", "/health/live", 200),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/metrics", 200),
    ],
)
async def test_every_answer_names_its_request_and_its_version(
    client: Client, method: str, path: str, status: int
) -> None:
    answered = await client.send(method, path)
    assert answered.status == status
    assert answered.headers["recoup-version"] == "2026-11-01"
    assert answered.headers["request-id"].startswith("req_")
    assert answered.headers["x-content-type-options"] == "nosniff"


async def test_the_callers_own_request_id_is_kept(client: Client) -> None:
    answered = await client.send("GET", "/nowhere", headers={"Request-Id": "order-7.a_B"})
    assert answered.headers["request-id"] == answered.error["request_id"] == "order-7.a_B"


@pytest.mark.parametrize("bad", ["", "a b", "x" * 65, "é", '"><script>'])
async def test_a_request_id_that_logs_cannot_bear_is_replaced(client: Client, bad: str) -> None:
    answered = await client.send("GET", "/v1/open", key=None, headers={"Request-Id": bad})
    assert answered.headers["request-id"].startswith("req_")


async def test_the_version_may_be_said_and_another_is_refused_with_the_known_ones(client: Client) -> None:
    known = await client.send("GET", "/v1/notes", headers={"Recoup-Version": "2026-11-01"})
    assert known.status == 200
    other = await client.send("GET", "/v1/notes", headers={"Recoup-Version": "2020-01-01"})
    assert (other.status, other.error["code"], other.error["param"]) == (
        400,
        "unknown_version",
        "Recoup-Version",
    )
    assert "2026-11-01" in other.error["message"]


async def test_every_refusal_has_the_same_shape(client: Client) -> None:
    answered = await client.send("GET", "/v1/notes/nonsense")
    assert answered.status == 404
    assert answered.json == {
        "error": {
            "type": "not_found",
            "code": "resource_missing",
            "message": "There is no note 'nonsense'. Check the id, and that your key is of the merchant and the mode "
            "that it was made with.",
            "param": None,
            "doc_url": "/docs#error-resource_missing",
            "request_id": answered.headers["request-id"],
        }
    }


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic c2s6", "sk_test_ann", "Bearer é"]
)
async def test_a_request_without_a_key_is_told_how_to_send_one(
    client: Client, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answered = await client.send("GET", "/v1/notes", key=None, headers=headers)
    assert (answered.status, answered.error["type"]) == (401, "authentication")
    assert answered.error["code"] == "api_key_missing"
    assert answered.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("key", ["sk_test_nobody", "x" * 256])
async def test_a_key_that_opens_nothing_is_refused(client: Client, key: str) -> None:
    answered = await client.send("GET", "/v1/notes", key=key)
    assert (answered.status, answered.error["code"]) == (401, "api_key_invalid")
    assert key not in answered.body.decode()


async def test_a_publishable_key_opens_its_own_routes_only(client: Client) -> None:
    assert (await client.send("POST", "/v1/tokens", key=PUBLISHABLE_KEY)).json == {"token": "publishable"}
    assert (await client.send("POST", "/v1/tokens")).json == {"token": "secret"}
    refused = await client.send("GET", "/v1/notes", key=PUBLISHABLE_KEY)
    assert (refused.status, refused.error["type"]) == (403, "permission")


async def test_a_route_of_test_mode_is_closed_to_live_keys(client: Client) -> None:
    assert (await client.send("POST", "/v1/test_only")).status == 200
    refused = await client.send("POST", "/v1/test_only", key=LIVE_KEY)
    assert (refused.status, refused.error["code"]) == (403, "test_mode_only")


async def test_a_route_without_a_key_asks_for_none(client: Client) -> None:
    assert (await client.send("GET", "/v1/open", key=None)).json == {"token": "open"}


async def test_another_method_is_refused_with_the_ones_there_are(client: Client) -> None:
    answered = await client.send("PATCH", "/v1/notes/evt_1")
    assert (answered.status, answered.error["code"]) == (405, "method_not_allowed")
    assert answered.headers["allow"] == "DELETE, GET"


@pytest.mark.parametrize(
    "path", ["/v1/notes/", "/v1/notes//print", "/v1/notes/%00", "/v1/notes/a/b/c", "/V1/notes"]
)
async def test_there_is_nothing_at_other_paths(client: Client, path: str) -> None:
    answered = await client.send("GET", path)
    assert (answered.status, answered.error["type"]) == (404, "not_found")


@pytest.mark.parametrize(
    "id_", ["evt_1", "pay_00000000000000000000000000", "%ff%fe", "é", "x" * 3000, "'\"<>&"]
)
async def test_an_id_that_is_none_names_nothing(client: Client, id_: str) -> None:
    answered = await client.send("GET", f"/v1/notes/{id_}")
    assert (answered.status, answered.error["code"]) == (404, "resource_missing")
    assert len(answered.error["message"]) < 200


async def test_a_handler_is_given_what_it_may_know(client: Client, toy: Toy) -> None:
    await client.send("POST", "/v1/notes", json=NOTE, once="k1")
    (call,) = toy.calls
    assert call.merchant == ANN and call.caller == CALLERS["sk_test_ann"]
    assert call.now == START + timedelta(days=3)
    assert call.claim is not None and call.claim.at == START
    assert call.claim.key == "k1"
    assert "Milk" not in repr(call)


async def test_merchants_do_not_meet(client: Client) -> None:
    made = await client.send("POST", "/v1/notes", json=NOTE, once="same")
    id_ = made.json["id"]
    assert (await client.send("GET", f"/v1/notes/{id_}", key=OTHER_KEY)).status == 404
    others = await client.send("POST", "/v1/notes", json=NOTE, once="same", key=OTHER_KEY)
    assert others.json["id"] != id_
    assert "idempotent-replayed" not in others.headers


async def test_lists_run_from_the_newest_in_pages(client: Client) -> None:
    made = [(await client.send("POST", "/v1/notes", json={"title": f"n{n}"})).json["id"] for n in range(5)]
    newest_first = made[::-1]
    first = (await client.send("GET", "/v1/notes?limit=2")).json
    assert [note["id"] for note in first["data"]] == newest_first[:2]
    assert (first["object"], first["has_more"], first["url"]) == ("list", True, "/v1/notes")
    second = (await client.send("GET", f"/v1/notes?limit=3&starting_after={newest_first[1]}")).json
    assert [note["id"] for note in second["data"]] == newest_first[2:]
    assert second["has_more"] is False
    back = (await client.send("GET", f"/v1/notes?limit=2&ending_before={newest_first[3]}")).json
    assert [note["id"] for note in back["data"]] == newest_first[1:3]
    assert back["has_more"] is True


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("limit=0", "out_of_range", "limit"),
        ("limit=101", "out_of_range", "limit"),
        ("limit=ten", "wrong_type", "limit"),
        ("limit=1&limit=2", "repeated_parameter", "limit"),
        ("limit=%201", "wrong_type", "limit"),
        ("limit=1.0", "wrong_type", "limit"),
        ("limit=1_0", "wrong_type", "limit"),
        ("limit=null", "wrong_type", "limit"),
        ("limit=99999999999999999999", "wrong_type", "limit"),
        ("heavy=1", "wrong_type", "heavy"),
        ("color=null", "not_a_choice", "color"),
        ("color=red", "not_a_choice", "color"),
        ("colour=blue", "unknown_field", "colour"),
        ("starting_after=cus_1", "invalid_cursor", "starting_after"),
        ("starting_after=evt_1&ending_before=evt_2", "one_direction_only", "ending_before"),
        ("titles=a&titles=b&titles=c&titles=d", "wrong_length", "titles"),
        ("titles=%00", "invalid_value", "titles[0]"),
        ("color=%ff", "invalid_query", None),
        ("&".join(["a=1"] * 200), "invalid_query", None),
    ],
)
async def test_a_query_that_does_not_fit_is_refused_by_name(
    client: Client, query: str, code: str, param: str | None
) -> None:
    answered = await client.send("GET", f"/v1/notes?{query}")
    assert (answered.status, answered.error["code"], answered.error["param"]) == (400, code, param)


async def test_a_query_says_numbers_and_truth_values_as_json_does(client: Client) -> None:
    await client.send("POST", "/v1/notes", json={"title": "true", "weight": 5000})
    await client.send("POST", "/v1/notes", json={"title": "light"})
    for query, titles in (("heavy=true", ["true"]), ("heavy=false", ["light"]), ("titles=true", ["true"])):
        answered = await client.send("GET", f"/v1/notes?limit=5&{query}")
        assert [note["title"] for note in answered.json["data"]] == titles


async def test_health_figures_and_documents_need_no_key(client: Client, toy: Toy) -> None:
    assert (await client.send("GET", "/health/live", key=None)).json == {"status": "live"}
    assert (await client.send("GET", "/health/ready", key=None)).status == 200
    toy.ready = False
    assert (await client.send("GET", "/health/ready", key=None)).status == 503
    head = await client.send("HEAD", "/health/live", key=None)
    assert (head.status, head.body) == (200, b"")
    root = await client.send("GET", "/", key=None)
    assert (root.status, root.headers["location"]) == (307, "/docs")


async def test_figures_count_by_route_and_never_by_path(client: Client) -> None:
    await client.send("GET", "/v1/notes/evt_secret")
    await client.send("GET", "/v1/nowhere/secret")
    await client.send("PATCH", "/v1/notes")
    figures = (await client.send("GET", "/metrics", key=None)).body.decode()
    assert 'recoup_http_requests_total{method="GET",route="/v1/notes/{note}",status="404"} 1.0' in figures
    assert 'recoup_http_requests_total{method="OTHER",route="unmatched",status="404"} 1.0' in figures
    assert 'recoup_http_requests_total{method="OTHER",route="unmatched",status="405"} 1.0' in figures
    assert "secret" not in figures and "PATCH" not in figures
