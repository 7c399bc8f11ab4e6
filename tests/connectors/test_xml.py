"""XML from processors is read without its dangers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.connectors.base.xml import DEPTH_MAX, read_xml, read_xml_elements

LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY l "ha"><!ENTITY m "&l;&l;&l;&l;&l;&l;&l;&l;">]>'
    b"<a><b>&m;&m;&m;&m;&m;&m;&m;&m;&m;</b></a>"
)
OUTSIDE = b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>'

TOO_DEEP = b"<a>" * (DEPTH_MAX + 1) + b"</a>" * (DEPTH_MAX + 1)
TOO_MUCH = b"<a>" + b"<b/>" * 10_001 + b"</a>"


def test_every_path_has_its_first_text() -> None:
    read = read_xml(b"<a><b> 1 </b><b>2</b><c><b>3</b></c><d nil='true'/></a>")
    assert read == {"a": "", "a/b": "1", "a/c": "", "a/c/b": "3", "a/d": ""}


def test_every_element_is_told_as_it_ends() -> None:
    """So what belongs to the second of two equal elements is not taken for the first's."""
    read = read_xml_elements(b"<a><b><c>1</c></b><b><c>2</c></b></a>")
    assert read == [("a/b/c", "1"), ("a/b", ""), ("a/b/c", "2"), ("a/b", ""), ("a", "")]


@pytest.mark.parametrize("body", [LAUGHS, OUTSIDE, b"<!DOCTYPE a><a/>", b"", b"<a>", b"{}", b"\xff\xfe<a/>"])
def test_a_document_type_is_refused_like_no_xml(body: bytes) -> None:
    """Entities are how XML reads files and eats memory; no processor declares any."""
    assert read_xml(body) is None


@pytest.mark.parametrize(
    "body", [b"<a>" * (DEPTH_MAX + 1) + b"</a>" * (DEPTH_MAX + 1), b"<a>" + b"<b/>" * 10_001 + b"</a>"]
)
def test_what_is_too_deep_or_too_much_is_refused(body: bytes) -> None:
    assert read_xml(body) is None


@given(body=st.binary(max_size=100))
def test_nothing_raises(body: bytes) -> None:
    read_xml(body)
    read_xml(b"<a>" + body + b"</a>")
