"""The small parts of the edge: the table of paths, pages of lists, words about failures, metadata."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import given

from recoup.http.failures import describe, scrub
from recoup.http.fields import ListQuery, Page, parse_id
from recoup.http.table import Table
from recoup.http.values import DEPTH_MAX, forbidden
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret

SEGMENTS = st.lists(st.sampled_from(["a", "b", "{x}", "{y}"]), min_size=1, max_size=4).map(tuple)


def table(*paths: str) -> Table[str]:
    made: Table[str] = Table()
    for path in paths:
        made.add("GET", path, path)
    return made


def test_literal_segments_come_before_parameters() -> None:
    paths = table("/v1/{kind}/list", "/v1/notes/{note}", "/v1/notes/search", "/v1/notes")
    assert paths.find("GET", "/v1/notes/search") == ("/v1/notes/search", {})
    assert paths.find("GET", "/v1/notes/n1") == ("/v1/notes/{note}", {"note": "n1"})
    assert paths.find("GET", "/v1/cards/list") == ("/v1/{kind}/list", {"kind": "cards"})
    assert paths.find("GET", "/v1/notes") == ("/v1/notes", {})
    for nothing in ("/", "/v1", "/v1/notes/", "/v1/cards/n1", "v1/notes", "/v1/notes/a\x00", "/a" * 50):
        assert paths.find("GET", nothing) is None
    assert paths.find("POST", "/v1/notes") is None
    assert set(paths.methods("/v1/notes/n1")) == {"GET"}


def test_a_literal_that_leads_nowhere_gives_way_to_a_parameter() -> None:
    paths = table("/v1/notes/search/deep", "/v1/{kind}/{id}")
    assert paths.find("GET", "/v1/notes/search") == ("/v1/{kind}/{id}", {"kind": "notes", "id": "search"})


def test_a_path_is_bound_once_a_method() -> None:
    with pytest.raises(AssertionError, match="bound twice"):
        table("/v1/{a}", "/v1/{b}")


@given(st.sets(SEGMENTS, min_size=1, max_size=8), st.lists(st.sampled_from(["a", "b", "c"]), max_size=4))
def test_a_path_is_found_if_any_template_fits_it(
    templates: set[tuple[str, ...]], segments: list[str]
) -> None:
    shapes = {tuple("{}" if part.startswith("{") else part for part in one): one for one in templates}
    paths = table(*("/" + "/".join(one) for one in shapes.values()))
    fits = any(
        len(shape) == len(segments)
        and all(part in ("{}", got) for part, got in zip(shape, segments, strict=True))
        for shape in shapes
    )
    assert (paths.find("GET", "/" + "/".join(segments)) is not None) == (fits and bool(segments))


@given(st.integers(1, 30), st.integers(0, 40), st.booleans())
def test_pages_put_together_are_the_list(limit: int, size: int, backwards: bool) -> None:
    newest_first = [UUID(int=n) for n in range(size, 0, -1)]
    seen: list[UUID] = []
    page = Page(limit, before=UUID(int=0)) if backwards else Page(limit)
    more = True
    while more:
        if page.backwards:
            chosen = [id_ for id_ in reversed(newest_first) if page.before is None or id_ > page.before]
        else:
            chosen = [id_ for id_ in newest_first if page.after is None or id_ < page.after]
        shown, more = page.cut(chosen[: page.fetch])
        assert len(shown) <= limit
        seen = shown + seen if backwards else seen + shown
        if more:
            page = Page(limit, before=shown[0]) if backwards else Page(limit, after=shown[-1])
    assert seen == newest_first


def test_a_cursor_is_an_id_of_the_list() -> None:
    id_ = UUID(int=5)
    query = ListQuery(starting_after=render(Kind.PAYMENT, id_))
    assert query.page(Kind.PAYMENT) == Page(10, after=id_)
    with pytest.raises(Refusal, match="`pay_`"):
        ListQuery(ending_before=render(Kind.CUSTOMER, id_)).page(Kind.PAYMENT)


def test_an_id_of_another_kind_names_nothing() -> None:
    assert parse_id(Kind.CUSTOMER, render(Kind.CUSTOMER, UUID(int=5))) == UUID(int=5)
    with pytest.raises(Refusal) as refused:
        parse_id(Kind.PAYMENT_METHOD, render(Kind.CUSTOMER, UUID(int=5)), param="payment_method")
    assert (refused.value.http_status, refused.value.param) == (404, "payment_method")
    assert refused.value.message.startswith("There is no payment method 'cus_")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("card 4242 4242 4242 4242 declined", "card *** declined"),
        ("4000-0025-0000-3155", "***"),
        ("key sk_test_0123456789abcdef", "key sk_***"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***"),
        ("waited 1234567890 ns", "waited 1234567890 ns"),
    ],
)
def test_words_of_failures_hold_no_secrets(text: str, kept: str) -> None:
    assert scrub(text) == kept


def test_a_failure_is_described_with_its_cause_and_without_its_values() -> None:
    def fail(card: str) -> None:
        try:
            raise KeyError(card)
        except KeyError as error:
            raise ValueError("could not charge") from error

    try:
        fail("4242" * 4)
    except ValueError as error:
        text = describe(error)
    assert "Raised ValueError: could not charge" in text
    assert "Caused by KeyError: '***'" in text
    assert "in fail" in text
    assert "4242424242424242" not in text


def test_a_look_at_values_finds_what_no_type_forbids() -> None:
    assert forbidden({"a": [1, "x", None, True, 2.5]}) is None
    assert forbidden({"a": [{"b": "\x00"}]}) == (
        "a[0].b",
        "holds a NUL character (\\u0000), which cannot be stored: leave it out",
    )
    found = forbidden({"a": Secret("\x00")})
    assert found is not None and found[0] == "a"
    assert forbidden([2**63]) is not None and forbidden([2**63 - 1, -(2**63)]) is None
    assert forbidden({"at": datetime(1969, 12, 31, tzinfo=UTC)}) is not None
    deep: list[object] = []
    for _ in range(DEPTH_MAX + 1):
        deep = [deep]
    assert forbidden(deep) is not None and forbidden(deep[0]) is None
