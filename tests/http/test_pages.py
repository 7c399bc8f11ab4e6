"""The reference shows every operation, whole without script and without anything from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from tests.http.serving import Client
from tests.http.test_openapi import DOCUMENT, ROUTES

from recoup.http.docs.openapi import operation_id
from recoup.http.docs.pages import reference
from recoup.http.docs.prose import coloured, marked, pretty

PAGE = reference(DOCUMENT, base_url="http://127.0.0.1:1")
VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})


class Checker(HTMLParser):
    """Takes a page apart, and knows whether its tags match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        given = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name in ("href", "src") if (value := given.get(name))]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def checked() -> Checker:
    checker = Checker()
    checker.feed(PAGE)
    checker.close()
    return checker


def test_its_tags_match_and_its_names_are_its_own() -> None:
    page = checked()
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_every_link_leads_somewhere_here() -> None:
    page = checked()
    for link in page.links:
        assert link in {"/openapi.json", "data:,"} or link.removeprefix("#") in page.ids, link
    assert "script" not in page.tags
    assert not re.search(
        r"url\(|@import|https?://(?!127\.0\.0\.1)", PAGE.replace("https://json-schema.org", "")
    )


def test_every_operation_and_every_code_is_there() -> None:
    page = checked()
    for route in ROUTES:
        assert operation_id(route) in page.ids
        assert route.summary in page.text
    for code in ("missing_field", "idempotency_key_reused", "overloaded", "note_too_heavy", "unknown_route"):
        assert f"error-{code}" in page.ids
    assert "note.created" in page.text
    assert "curl http://127.0.0.1:1/v1/notes" in page.text
    assert '"title": "Milk"' in page.text


async def test_it_is_served_with_a_policy_that_lets_nothing_else_in(client: Client) -> None:
    answered = await client.send("GET", "/docs", key=None)
    assert answered.headers["content-type"] == "text/html; charset=utf-8"
    assert answered.headers["content-security-policy"].startswith("default-src 'none'")
    assert "Create a note" in answered.body.decode()


def test_words_are_escaped() -> None:
    assert marked("a <b> `c<d` **e**") == "<p>a &lt;b&gt; <code>c&lt;d</code> <strong>e</strong></p>"
    assert "<script>" not in coloured('{"<script>": "</pre><script>"}')


def test_short_json_stays_on_one_line() -> None:
    assert pretty({"a": {"b": 1}, "c": [1, 2]}) == '{\n  "a": {"b": 1},\n  "c": [1, 2]\n}'
    assert pretty([]) == "[]"
