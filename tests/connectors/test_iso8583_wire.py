"""ISO 8583 itself: bytes and messages, names that only the key decides, what belongs to the connection."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

import iso8583
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.connectors.cases.iso8583 import CASES, fields
from tests.connectors.conformance import drive
from tests.connectors.recorded import KEY
from tests.gateway.links import key as key_of

from recoup.connectors.base import Asks, HttpResponse, LinkRequest
from recoup.connectors.base import iso8583 as wire
from recoup.connectors.base.wire import Answers
from recoup.kit.ids import Kind, render, uuid7
from recoup.kit.secret import Secret
from recoup.outcomes.core import Unprocessed

CASE: Final = CASES[0]
NOW: Final = datetime(2026, 11, 22, 11, 0, 7, tzinfo=UTC)
SILENT: Final = [HttpResponse(200, {}, b"")]

digits: Final = "0123456789"
printable: Final = st.characters(min_codepoint=32, max_codepoint=126)
FORMATS: Final = {
    "2": st.text(digits, min_size=12, max_size=19),
    "3": st.text(digits, min_size=6, max_size=6),
    "4": st.text(digits, min_size=12, max_size=12),
    "7": st.text(digits, min_size=10, max_size=10),
    "11": st.text(digits, min_size=6, max_size=6),
    "32": st.text(digits, min_size=1, max_size=11),
    "37": st.text(printable, min_size=12, max_size=12),
    "39": st.text(printable, min_size=2, max_size=2),
    "43": st.text(printable, min_size=40, max_size=40),
    "44": st.text(printable, max_size=25),
    "48": st.text(printable, max_size=999),
    "52": st.binary(min_size=8, max_size=8).map(lambda pin: pin.hex().upper()),
    "63": st.text(printable, max_size=999),
    "70": st.text(digits, min_size=3, max_size=3),
    "90": st.text(digits, min_size=42, max_size=42),
    "95": st.text(printable, min_size=42, max_size=42),
}
messages: Final = st.fixed_dictionaries(
    {"t": st.sampled_from(["0100", "0210", "0421", "0800"])}, optional=FORMATS
)
instants: Final = st.datetimes(datetime(1970, 1, 1), datetime(2500, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zones are drawn
keys: Final = st.builds(
    lambda kind, made, chance: render(kind, uuid7(made, lambda size: chance)),
    st.sampled_from(Kind),
    instants,
    st.binary(min_size=10, max_size=10),
)


def sent(verb: str, **ask: Any) -> tuple[LinkRequest, dict[str, str]]:
    """What a verb sends, and what that says."""
    (request,) = drive(CASE.asked(verb, ask=ask), SILENT).sent
    return request, fields(request)


def private(said: dict[str, str]) -> dict[str, str]:
    """Field 48."""
    found = wire.subelements(said["48"])
    assert found is not None
    return found


class TestBytes:
    @given(message=messages)
    def test_what_is_written_is_read(self, message: dict[str, str]) -> None:
        assert wire.decode(wire.encode(message)) == message

    @given(message=messages)
    def test_the_library_writes_the_same(self, message: dict[str, str]) -> None:
        assert wire.encode(message) == iso8583.encode(dict(message), wire.SPEC)[0]

    @given(
        type_=st.text(printable, max_size=5),
        name=st.sampled_from([*wire.SPEC, "", "02", "65", "129", "٣"]),
        value=st.one_of(st.text(max_size=45), st.text(digits, max_size=45), st.text("0 aF", max_size=17)),
    )
    def test_what_the_library_refuses_is_refused(self, type_: str, name: str, value: str) -> None:
        message = {"t": type_, name: value}
        try:
            ours = wire.encode(message)
        except wire.Unwritable:
            return
        assert ours == iso8583.encode(message, wire.SPEC)[0]
        assert (wire.decode(ours) or {}).get(name, "").upper() == message[name].upper()

    @given(message=messages, end=st.integers(0, 4000))
    def test_a_message_cut_off_is_none(self, message: dict[str, str], end: int) -> None:
        whole = wire.encode(message)
        assume(end < len(whole))
        assert wire.decode(whole[:end]) is None

    @given(body=st.binary(max_size=300))
    def test_no_bytes_are_too_strange(self, body: bytes) -> None:
        said = wire.decode(body)
        assert said is None or wire.decode(wire.encode(said)) == said

    @given(message=messages, at=st.integers(0, 4000), byte=st.integers(0, 255))
    def test_a_message_with_one_byte_wrong_never_raises(
        self, message: dict[str, str], at: int, byte: int
    ) -> None:
        whole = bytearray(wire.encode(message))
        whole[at % len(whole)] = byte
        wire.decode(bytes(whole))
        wire.Link("1").heard(bytes(whole))

    @pytest.mark.parametrize("name", ["4", "11", "39", "90"])
    def test_what_does_not_fit_is_not_written_and_not_quoted(self, name: str) -> None:
        with pytest.raises(wire.Unwritable) as refused:
            wire.encode({"t": "0100", name: "5"})
        assert str(refused.value) == f"field {name} does not fit"

    @given(
        parts=st.dictionaries(
            st.text(digits, min_size=2, max_size=2), st.text(printable, max_size=99), max_size=8
        )
    )
    def test_subelements_come_back(self, parts: dict[str, str]) -> None:
        assert wire.subelements(wire.joined(parts)) == parts

    @pytest.mark.parametrize("text", ["0", "01", "013", "0103ab", "0101a0101b", "x101a", "01-1a", "0101a9"])
    def test_what_are_no_subelements(self, text: str) -> None:
        assert wire.subelements(text) is None

    def test_the_length_goes_before(self) -> None:
        assert wire.framed(b"abc", header_bytes=2) == b"\0\3abc"
        assert wire.framed(b"abc", header_bytes=4) == b"\0\0\0\3abc"

    def test_types(self) -> None:
        assert [wire.reply_type(one) for one in ("0100", "0220", "0420", "0421", "0800")] == [
            "0110",
            "0230",
            "0430",
            "0430",
            "0810",
        ]
        assert wire.repeat_type("0420") == "0421"


class TestNames:
    """What a message is called follows from its key, so that any process can name it again."""

    @given(key=keys)
    def test_a_name_fits_its_fields_and_is_the_same_every_time(self, key: str) -> None:
        name = wire.name_of(key)
        assert name is not None and name == wire.name_of(key)
        whole = {"t": "0420", **name.fields(), "90": name.original("0100", acquirer="412345")}
        assert wire.decode(wire.encode(whole)) == whole
        assert 1 <= int(name.stan) <= 999_999

    def test_the_time_is_when_the_key_was_made(self) -> None:
        name = wire.name_of(render(Kind.CAPTURE, uuid7(NOW, bytes)))
        assert name is not None
        assert name.sent == "1122110007"

    def test_a_name_by_hand(self) -> None:
        """Nobody may change how names are made: what was sent before would not be found again."""
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        assert wire.name_of(KEY) == wire.Name(
            f"{int(digest[16:32], 16) % 999_999 + 1:06}", "WVB6L2FWHKX2", "1126115016"
        )

    @given(key=keys)
    def test_a_reversal_is_told_from_its_original(self, key: str) -> None:
        original = wire.name_of(key)
        assert original is not None
        reversal = wire.reversal_of(original)
        assert reversal.stan != original.stan
        assert (reversal.rrn, reversal.sent) == (original.rrn, original.sent)
        assert 1 <= int(reversal.stan) <= 999_999

    def test_reference_numbers_do_not_repeat(self) -> None:
        names = [wire.name_of(key_of(number)) for number in range(20_000)]
        assert len({name.rrn for name in names if name}) == len(names)

    @pytest.mark.parametrize(
        "key", ["", "att_1", "1", "order-1", f"xyz_{'0' * 26}", f"att_7{'z' * 25}", f"att_{'ü' * 26}"]
    )
    def test_a_key_of_another_making_names_nothing(self, key: str) -> None:
        assert wire.name_of(key) is None
        told = drive(CASE.asked("charge", ask={"key": key}), SILENT)
        assert isinstance(told.meant, Unprocessed) and not told.sent


class TestTheConnectionItself:
    link: Final = wire.Link("412345", password=Secret("no-real-key"))

    def test_what_is_said_first_and_last(self) -> None:
        first, echo, last = (
            words(NOW, trace=trace)
            for words, trace in ((self.link.sign_on, 1), (self.link.echo, 1_000_000), (self.link.sign_off, 3))
        )
        assert (first.match, echo.match, last.match) == ("0810/000001/", "0810/000001/", "0810/000003/")
        assert wire.decode(first.body) == {
            "t": "0800",
            "7": "1122110007",
            "11": "000001",
            "32": "412345",
            "48": "2011no-real-key",
            "70": "001",
        }
        assert (wire.decode(echo.body) or {})["70"] == "301"
        assert (wire.decode(last.body) or {})["70"] == "002"
        assert "no-real-key" not in repr((self.link, first))

    def test_what_is_heard(self) -> None:
        def heard(**said: str) -> object:
            return self.link.heard(wire.encode(said))

        assert heard(t="0210", **{"11": "000001", "37": "A" * 12}) == Answers(f"0210/000001/{'A' * 12}")
        assert heard(t="0810", **{"11": "000001"}) == Answers("0810/000001/")
        assert heard(t="0210") is None
        assert heard(t="0200", **{"11": "000001"}) is None
        off = heard(t="0800", **{"11": "000009", "70": "002"})
        assert isinstance(off, Asks) and off.farewell
        assert wire.decode(off.reply) == {"t": "0810", "11": "000009", "39": "00", "70": "002"}
        assert self.link.heard(b"") is None

    def test_equal_links_share_a_connection(self) -> None:
        again = wire.Link("412345", password=Secret("no-real-key"))
        assert {self.link: 1}[again] == 1
        assert again != wire.Link("412345", password=Secret("another"))
