"""One suite that every connector in the registry must pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.connectors.cases import CASES
from tests.connectors.conformance import (
    DISPUTING,
    EVIDENCE,
    LISTING,
    MOVING,
    QUESTIONS,
    REPLY_TYPES,
    Case,
    carried,
    drive,
    loggable,
)
from tests.connectors.every import VERBS, every_connector, every_moving_verb, every_recorded, every_verb
from tests.connectors.recorded import KEY, Recorded, said_of
from tests.together import hold

from recoup.connectors.base import REPLY_BYTES_MAX, Card, DisputePage, HttpResponse, Notice
from recoup.connectors.registry import CONNECTORS
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Declined,
    Done,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
    Withdrawn,
)

BRANDS: Final = {
    *("visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "maestro", "elo", "unknown"),
    *("cartes_bancaires", "eftpos_au", "interac", "sepa_debit", "bacs_debit", "ach_debit", "paypal"),
}
STATUSES: Final = (100, 200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 409, 413, 422, 429)
EMPTY_WORDS: Final = (b"", b"<html></html>", b"null", b"{}", b"[]", b'""', b"0", b"true")
MEANINGS: Final[Mapping[str, tuple[type, ...]]] = {
    "approved": (Approved, Done, Withdrawn, DisputePage, Notice),
    "declined": (Declined, Refused),
    "pending": (Pending, ActionRequired),
    "garbage": (Unknown,),
}
_DISPUTING: Final = dict(zip(("submit", "accept"), DISPUTING, strict=True))
values: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
LEFT_OUT: Final = object()
few: Final = settings(max_examples=max(10, settings().max_examples // 5))
"""What is drawn is tried at every verb of every connector."""
bodies: Final = st.binary(max_size=200) | values.map(msgspec.json.encode)
statuses: Final = st.integers(100, 599)


def answers(body: bytes, status: int = 200) -> list[HttpResponse]:
    return [HttpResponse(status, {}, body)]


def not_understood(case: Case, verb: str, replies: list[HttpResponse]) -> bool:
    """Whether it ended as unknown, or, where nothing that moves money was sent, as not processed or still awaited."""
    told = drive(case.asked(verb), replies)
    undone = ActionRequired if verb == "complete" else Unprocessed
    if isinstance(told.meant, undone):
        may = verb in {*MOVING, *DISPUTING, "verify", "complete"}
        return may and not any(case.acts(verb, request) for request in told.sent)
    nothing = DisputePage(()) if replies[-1].body == case.nothing_listed else None
    return isinstance(told.meant, Unknown) or told.meant == nothing


def test_every_connector_has_a_case() -> None:
    assert CASES.keys() == CONNECTORS.keys()
    assert all(CONNECTORS[name] is case.connector and case.name == name for name, case in CASES.items())


@every_connector
def test_every_verb_that_a_processor_can_do_has_a_good_exchange(case: Case) -> None:
    can = case.connector.capabilities
    wanted = {"charge", "refund"}
    wanted |= {"cancel", "capture"} if can.manual_capture else set()
    wanted |= {"lookup"} if can.lookup else set()
    wanted |= {"complete"} if can.three_d_secure else set()
    wanted |= {"verify"} if can.verification else set()
    wanted |= {"withdraw"} if can.withdraw else set()
    wanted |= {_DISPUTING[verb] for verb in can.disputes}
    wanted |= set(LISTING) if case.connector.lists_disputes else set()
    assert wanted <= case.good.keys()


@every_connector
def test_where_nothing_can_be_looked_up_a_question_is_not_sent(case: Case) -> None:
    """There are processors that cannot be asked: their webhooks tell, and until then the outcome is unknown."""
    for verb in QUESTIONS:
        if "lookup" in case.good:
            continue
        told = drive(case.asked(verb), [])
        assert not told.sent
        assert isinstance(told.meant, Unknown)


@every_verb
def test_what_moves_money_is_the_last_request_and_carries_our_key_unchanged(case: Case, verb: str) -> None:
    """Promises 1 and 3: then a failure at an earlier request is harmless, and a repetition moves nothing twice."""
    told = drive(case.asked(verb), case.good[verb])
    assert told.sent
    assert not any(case.acts(verb, request) for request in told.sent[:-1])
    if verb in {*MOVING, *DISPUTING}:
        assert case.acts(verb, told.sent[-1])
        assert verb in DISPUTING or KEY in carried(told.sent[-1])
    elif verb != "complete":
        assert not case.moves_money(told.sent[-1])


@every_verb
def test_a_good_exchange_is_understood(case: Case, verb: str) -> None:
    meant = drive(case.asked(verb), case.good[verb]).meant
    assert type(meant) in REPLY_TYPES[verb]
    assert not isinstance(meant, Unknown)


@every_verb
def test_the_same_request_is_the_same_to_the_byte(case: Case, verb: str) -> None:
    """Processors compare what comes with a key: a second sending must not read as another request."""
    first, second = (drive(case.asked(verb), case.good[verb]).sent for _ in range(2))
    assert [(one.method, one.url, one.body) for one in first] == [
        (one.method, one.url, one.body) for one in second
    ]


@every_connector
@few
@given(body=bodies, status=statuses)
def test_what_is_not_understood_is_unknown(case: Case, body: bytes, status: int) -> None:
    """Promise 2, at the first request of the exchange."""

    def law(case: Case, verb: str) -> None:
        assert not_understood(case, verb, answers(body, status))

    hold(law, VERBS[case.name])


@every_connector
@few
@given(body=bodies, status=statuses)
def test_what_is_not_understood_is_unknown_at_the_end_too(case: Case, body: bytes, status: int) -> None:
    """Promise 2, at the last request of the exchange."""

    def law(case: Case, verb: str) -> None:
        assert not_understood(case, verb, [*case.good[verb][:-1], HttpResponse(status, {}, body)])

    hold(law, VERBS[case.name])


@every_verb
def test_a_status_alone_says_nothing(case: Case, verb: str) -> None:
    """A proxy in between may answer with any status, after the processor has done what was asked."""
    for status in (*STATUSES, *range(500, 512)):
        for body in EMPTY_WORDS:
            assert not_understood(case, verb, answers(body, status))
            assert not_understood(case, verb, [*case.good[verb][:-1], HttpResponse(status, {}, body)])


@every_verb
def test_a_strange_body_is_survived(case: Case, verb: str) -> None:
    """Too deep, too long, no text, cut off."""
    for body in (b"[" * 5000, b" " * REPLY_BYTES_MAX, b"\xff\xfe", b'{"a":' * 3000, b"<a>" * 5000):
        for status in (200, 503):
            assert not_understood(case, verb, [*case.good[verb][:-1], HttpResponse(status, {}, body)])


@every_verb
def test_a_good_answer_cut_off_anywhere_is_unknown(case: Case, verb: str) -> None:
    *before, last = case.good[verb]
    for end in range(0, len(last.body) - 1, max(1, len(last.body) // 20)):
        cut = HttpResponse(last.status, last.headers, last.body[:end])
        meant = drive(case.asked(verb), [*before, cut]).meant
        assert isinstance(meant, Unknown), f"cut off at {end}: {meant}"


@every_connector
@few
@given(wrong=values | st.just(LEFT_OUT))
def test_a_good_answer_with_one_thing_wrong_never_raises_and_never_promises(case: Case, wrong: Any) -> None:
    def law(case: Case, verb: str) -> None:
        *before, last = case.good[verb]
        for body in with_one_thing(wrong, of=last.body):
            meant = drive(case.asked(verb), [*before, HttpResponse(last.status, last.headers, body)]).meant
            assert type(meant) in REPLY_TYPES[verb], body
            assert not isinstance(meant, Unprocessed), body

    hold(law, VERBS[case.name])


def with_one_thing(wrong: Any, *, of: bytes) -> Iterator[bytes]:
    """An answer with each of its fields wrong in turn; none of what is no JSON object: another law cuts that."""
    try:
        good = msgspec.json.decode(of)
    except msgspec.DecodeError:
        return
    for name in good if isinstance(good, dict) else ():
        changed = {**good, name: wrong}
        if wrong is LEFT_OUT:
            del changed[name]
        yield msgspec.json.encode(changed)


@every_recorded
def test_a_recorded_reply_reads_as_its_folder_says(case: Case, one: Recorded) -> None:
    meant = drive(case.asked(one.verb, ask=one.ask), one.replies).meant
    if one.folder == "unprocessed":
        expected: tuple[type, ...] = (Unknown,) if one.verb in EVIDENCE else (Unprocessed,)
    else:
        expected = MEANINGS[one.folder]
    assert isinstance(meant, expected), f"{one}: {meant!r}"
    if "type" in one.means:
        assert type(meant).__name__ == one.means["type"]
    wrong = {
        path: said_of(meant, path)
        for path, value in one.means.items()
        if path != "type" and said_of(meant, path) != value
    }
    assert not wrong, f"{one}: {wrong}"


@every_recorded
def test_a_recorded_reply_with_another_status_or_cut_off_is_no_approval(case: Case, one: Recorded) -> None:
    *before, last = one.replies
    for changed in (
        HttpResponse(503, last.headers, last.body[: len(last.body) // 2]),
        HttpResponse(last.status, last.headers, last.body[: len(last.body) // 2]),
    ):
        meant = drive(case.asked(one.verb, ask=one.ask), [*before, changed]).meant
        assert changed == last or not isinstance(meant, MEANINGS["approved"])


@every_moving_verb
def test_a_refusal_at_the_door_is_unprocessed(case: Case, verb: str) -> None:
    for refusal in case.at_the_door:
        replies = [*case.good[verb][:-1], refusal]
        meant = drive(case.asked(verb), replies).meant
        assert isinstance(meant, (Unprocessed, Refused)), meant
        assert verb != "charge" or isinstance(meant, Unprocessed)


@every_verb
def test_a_question_that_is_refused_proves_nothing(case: Case, verb: str) -> None:
    """Else a rate-limited question would read as a payment that never was."""
    if verb not in EVIDENCE:
        return
    for refusal in case.at_the_door:
        assert not_understood(case, verb, [refusal])


@every_verb
def test_no_question_withdraws(case: Case, verb: str) -> None:
    """Not finding something is no promise that it will never happen."""
    if verb in QUESTIONS:
        assert not isinstance(
            drive(case.asked(verb), case.good.get("withdraw", answers(b""))).meant, Withdrawn
        )


@every_connector
def test_every_decline_is_read_with_its_raw_codes(case: Case) -> None:
    assert case.declines
    for raw in case.declines:
        meant = drive(case.asked("charge"), [*case.good["charge"][:-1], raw.reply]).meant
        assert isinstance(meant, Declined)
        said = meant.decline
        assert (said.processor_code, said.network_code, said.network_advice_code) == (
            raw.code,
            raw.network_code,
            raw.advice_code,
        )


@every_verb
def test_nothing_shows_a_secret(case: Case, verb: str) -> None:
    """What is sent and what is meant may be logged: by its repr, and by its text."""
    replies = [
        case.good[verb],
        *([*case.good[verb][:-1], refusal] for refusal in case.at_the_door),
        answers(b"?"),
        answers(b"", 500),
    ]
    for each in replies:
        told = drive(case.asked(verb), each)
        shown = f"{told!r} {told.meant!s} {case.account!r} {case.connector!r}"
        assert not [secret for secret in case.secrets if secret in shown]


@every_verb
def test_only_a_charge_and_a_verification_carry_the_card(case: Case, verb: str) -> None:
    if verb in {"charge", "verify"} or (verb == "complete" and case.connector.capabilities.wants_card_again):
        return
    told = drive(case.asked(verb), case.good[verb])
    assert not [request for request in told.sent if "42424242" in carried(request)]


@every_verb
def test_credentials_travel_in_secret_headers_or_bodies_only(case: Case, verb: str) -> None:
    """A URL and plain headers may be logged."""
    secrets = [each.reveal() for name, each in case.account.credentials.items() if case.is_secret(name)]
    for request in drive(case.asked(verb), case.good[verb]).sent:
        assert not [secret for secret in secrets if secret in loggable(request)]


@every_connector
def test_capabilities_are_in_known_words(case: Case) -> None:
    can = case.connector.capabilities
    assert can.brands <= BRANDS
    assert can.currencies is None or can.currencies <= DECIMALS.keys()
    assert can.countries is None or all(len(country) == 2 and country.isupper() for country in can.countries)
    assert "lookup" in case.good or can.webhooks or can.withdraw, (
        "what is unknown must be able to come to an end"
    )
    assert can.cards or can.processor_tokens
    assert can.webhooks is (case.webhooks is not None)


@every_connector
def test_an_account_of_the_case_brings_what_is_needed(case: Case) -> None:
    wanted = case.connector.credentials
    assert {name for name, one in wanted.items() if one.required} <= case.account.credentials.keys()
    assert case.account.credentials.keys() <= wanted.keys()
    assert all(one.about for one in wanted.values())


@every_connector
@pytest.mark.parametrize("currency", ["JPY", "EUR", "KWD"])
def test_amounts_have_the_decimals_of_their_currency(case: Case, currency: str) -> None:
    """4990 minor units of a currency with no, two and three decimals; one that is not taken is refused unsent."""
    if case.sent_amount is None:
        assert case.connector.test_mode_only
        return
    told = drive(case.asked("charge", ask={"amount": Money(4990, currency)}), case.good["charge"])
    can = case.connector.capabilities.currencies
    if can is None or currency in can:
        assert case.sent_amount(told.sent[case.amount_at]) == case.amounts[currency]
    else:
        assert not [request for request in told.sent if case.moves_money(request)]
        assert isinstance(told.meant, Unprocessed)


@every_connector
def test_an_answer_about_another_amount_is_not_believed(case: Case) -> None:
    """A processor that approved something else than what was asked has not approved this."""
    asked = {"amount": Money(123_456, "EUR")}
    meant = drive(case.asked("charge", ask=asked), case.good["charge"]).meant
    assert isinstance(meant, Unknown) is case.says_amounts


@every_connector
def test_an_approval_is_approved_when_it_is_looked_up(case: Case) -> None:
    if "lookup" not in case.good:
        return
    charged = drive(case.asked("charge"), case.good["charge"]).meant
    found = drive(case.asked("lookup"), case.good["lookup"]).meant
    if isinstance(charged, Approved):
        assert isinstance(found, Approved)
        assert (found.reference, found.captured) == (charged.reference, charged.captured)
    else:
        assert isinstance(charged, Pending), "only money that takes days is not approved at once"


@every_connector
def test_a_network_transaction_id_goes_to_those_alone_who_take_one(case: Case) -> None:
    """It links a merchant's payment by card to the one that the customer agreed to; a token's processor knows that."""
    told = drive(case.asked("charge", ask={"initiator": "merchant"}), case.good["charge"])
    sent = "".join(carried(request) for request in told.sent)
    takes = case.connector.capabilities.network_transaction_ids and isinstance(case.source, Card)
    assert ("141544217307196" in sent) is takes


@every_connector
def test_a_completion_that_may_be_repeated_is_the_same_to_the_byte(case: Case) -> None:
    """Under a key of the attempt's own, else the processor could not tell that it is the same."""
    if case.connector.capabilities.resumable_completion:
        once, again = (drive(case.asked("complete"), case.good["complete"]) for _ in range(2))
        assert once.sent == again.sent
        keys = [
            value for name, value in once.sent[-1].headers.items() if name.lower().endswith(("key", "id"))
        ]
        assert [key for key in keys if key.startswith(KEY)]
