"""One suite that every connector in the registry must pass."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.connectors.cases import CASES
from tests.connectors.conformance import (
    KEY,
    MOVING,
    QUESTIONS,
    REPLY_TYPES,
    VERBS,
    Case,
    carried,
    drive,
)

from recoup.connectors.base import REPLY_BYTES_MAX, HttpResponse
from recoup.connectors.registry import CONNECTORS
from recoup.kit.currencies import DECIMALS
from recoup.outcomes.core import Approved, Declined, Unknown, Unprocessed, Withdrawn

BRANDS: Final = {"visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "maestro", "unknown"}
STATUSES: Final = (100, 200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 409, 413, 422, 429)
EMPTY_WORDS: Final = (b"", b"<html></html>", b"null", b"{}", b"[]", b'""', b"0", b"true")
every_connector = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_verb = pytest.mark.parametrize("verb", VERBS)

values: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
half_as_many: Final = settings(max_examples=settings().max_examples // 2)
"""Every law is tried at every verb of every connector."""
bodies: Final = st.binary(max_size=200) | values.map(msgspec.json.encode)
statuses: Final = st.integers(100, 599)


def answers(body: bytes, status: int = 200) -> list[HttpResponse]:
    return [HttpResponse(status, {}, body)]


def test_every_connector_has_a_case() -> None:
    assert CASES.keys() == CONNECTORS.keys()
    assert all(
        CONNECTORS[name] is case.connector and case.connector.name == name for name, case in CASES.items()
    )


@every_connector
@every_verb
def test_what_moves_money_is_the_last_request_and_carries_our_key_unchanged(case: Case, verb: str) -> None:
    """Promises 1 and 3: then a failure at an earlier request is harmless, and a repetition moves nothing twice."""
    told = drive(case.asked(verb), case.good[verb])
    assert told.sent
    assert not any(case.moves_money(request) for request in told.sent[:-1])
    assert case.moves_money(told.sent[-1]) is (verb in MOVING)
    assert KEY in carried(told.sent[-1])


@every_connector
@every_verb
def test_a_good_exchange_is_understood(case: Case, verb: str) -> None:
    meant = drive(case.asked(verb), case.good[verb]).meant
    assert type(meant) in REPLY_TYPES[verb]
    assert not isinstance(meant, Unknown)


@every_connector
@every_verb
def test_the_same_request_is_the_same_to_the_byte(case: Case, verb: str) -> None:
    """Processors compare what comes with a key: a second sending must not read as another request."""
    assert drive(case.asked(verb), case.good[verb]).sent == drive(case.asked(verb), case.good[verb]).sent


@every_connector
@every_verb
@half_as_many
@given(body=bodies, status=statuses)
def test_what_is_not_understood_is_unknown(case: Case, verb: str, body: bytes, status: int) -> None:
    """Promise 2, at the first request of the exchange."""
    assert isinstance(drive(case.asked(verb), answers(body, status)).meant, Unknown)


@every_connector
@every_verb
@half_as_many
@given(body=bodies, status=statuses)
def test_what_is_not_understood_is_unknown_at_the_end_too(
    case: Case, verb: str, body: bytes, status: int
) -> None:
    """Promise 2, at the last request of the exchange."""
    replies = [*case.good[verb][:-1], HttpResponse(status, {}, body)]
    assert isinstance(drive(case.asked(verb), replies).meant, Unknown)


@every_connector
@every_verb
def test_a_status_alone_says_nothing(case: Case, verb: str) -> None:
    """A proxy in between may answer with any status, after the processor has done what was asked."""
    for status in (*STATUSES, *range(500, 512)):
        for body in EMPTY_WORDS:
            assert isinstance(drive(case.asked(verb), answers(body, status)).meant, Unknown)


@every_connector
@every_verb
def test_a_strange_body_is_survived(case: Case, verb: str) -> None:
    """Too deep, too long, no text, cut off."""
    for body in (b"[" * 5000, b" " * REPLY_BYTES_MAX, b"\xff\xfe", b'{"a":' * 3000):
        for status in (200, 503):
            assert isinstance(drive(case.asked(verb), answers(body, status)).meant, Unknown)


@every_connector
@every_verb
@half_as_many
@given(data=st.data())
def test_a_good_answer_with_one_thing_wrong_never_raises_and_never_promises(
    case: Case, verb: str, data: st.DataObject
) -> None:
    *before, last = case.good[verb]
    body = msgspec.json.decode(last.body)
    name = data.draw(st.sampled_from(sorted(body)))
    wrong: dict[str, Any] = {**body, name: data.draw(values)}
    if data.draw(st.booleans()):
        del wrong[name]
    meant = drive(
        case.asked(verb), [*before, HttpResponse(last.status, {}, msgspec.json.encode(wrong))]
    ).meant
    assert type(meant) in REPLY_TYPES[verb]
    assert not isinstance(meant, Unprocessed)


@every_connector
@pytest.mark.parametrize("verb", MOVING)
def test_a_refusal_at_the_door_is_unprocessed(case: Case, verb: str) -> None:
    for refusal in case.at_the_door:
        assert isinstance(drive(case.asked(verb), [refusal]).meant, Unprocessed)


@every_connector
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in MOVING])
def test_a_question_that_is_refused_proves_nothing(case: Case, verb: str) -> None:
    """Else a rate-limited question would read as a payment that never was."""
    for refusal in case.at_the_door:
        assert isinstance(drive(case.asked(verb), [refusal]).meant, Unknown)


@every_connector
@pytest.mark.parametrize("verb", QUESTIONS)
def test_no_question_withdraws(case: Case, verb: str) -> None:
    """Whatever the processor answers to any verb: a mere question never returns a promise."""
    for replies in case.good.values():
        assert not isinstance(drive(case.asked(verb), replies).meant, Withdrawn | Unprocessed)


@every_connector
def test_raw_codes_are_kept_as_they_came(case: Case) -> None:
    for raw in case.declines:
        for verb in ("charge", "lookup"):
            meant = drive(case.asked(verb), [raw.reply]).meant
            assert isinstance(meant, Declined)
            decline = meant.decline
            assert (decline.processor_code, decline.network_code, decline.network_advice_code) == (
                raw.code,
                raw.network_code,
                raw.advice_code,
            )


@every_connector
@every_verb
def test_nothing_shows_a_secret(case: Case, verb: str) -> None:
    """What is sent and what is meant may be logged: by its repr, and by its text."""
    replies = [
        case.good[verb],
        *([refusal] for refusal in case.at_the_door),
        answers(b"?"),
        answers(b"", 500),
    ]
    for each in replies:
        told = drive(case.asked(verb), each)
        shown = f"{told!r} {told.meant!s} {case.account!r} {case.connector!r}"
        assert not [secret for secret in case.secrets if secret in shown]


@every_connector
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "charge"])
def test_only_a_charge_carries_the_card(case: Case, verb: str) -> None:
    told = drive(case.asked(verb), case.good[verb])
    assert not [request for request in told.sent if "4242" in carried(request)]


@every_connector
def test_credentials_travel_in_secret_headers_only(case: Case) -> None:
    for verb in VERBS:
        for request in drive(case.asked(verb), case.good[verb]).sent:
            said = carried(request)
            assert not [key for key in case.account.credentials.values() if key.reveal() in said]


@every_connector
def test_capabilities_are_in_known_words(case: Case) -> None:
    can = case.connector.capabilities
    assert can.brands <= BRANDS
    assert can.currencies is None or can.currencies <= DECIMALS.keys()
    assert can.countries is None or all(len(country) == 2 and country.isupper() for country in can.countries)
    assert can.lookup or not can.withdraw


@every_connector
def test_an_approval_is_approved_when_it_is_looked_up(case: Case) -> None:
    charged = drive(case.asked("charge"), case.good["charge"]).meant
    found = drive(case.asked("lookup"), case.good["lookup"]).meant
    assert isinstance(charged, Approved)
    assert found == charged
