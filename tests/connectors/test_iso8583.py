"""The acquirer link: exactly what is sent, and what is made of what comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.connectors.cases.iso8583 import ACCOUNT, CASES, CHARGE_REFERENCE, fields
from tests.connectors.conformance import CHARGE_KEY, a_card, a_charge, a_question, a_token, drive
from tests.connectors.recorded import KEY

from recoup.connectors.base import Agreement, Billing, ChangeKind, HttpResponse, LinkRequest
from recoup.connectors.base import iso8583 as wire
from recoup.connectors.iso8583 import messages
from recoup.kit.ids import Kind, render, uuid7
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.codes import iso8583 as networks
from recoup.outcomes.codes.processors import iso8583 as table
from recoup.outcomes.core import Approved, Declined, Done, Refused, Unknown, Unprocessed, Withdrawn
from recoup.outcomes.core.classify import declined

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
    "63": st.text(printable, max_size=999),
    "70": st.text(digits, min_size=3, max_size=3),
    "90": st.text(digits, min_size=42, max_size=42),
    "95": st.text(printable, min_size=42, max_size=42),
}


def sent(verb: str, **ask: Any) -> tuple[LinkRequest, dict[str, str]]:
    """What a verb sends, and what that says."""
    (request,) = drive(CASE.asked(verb, ask=ask), SILENT).sent
    return request, fields(request)


def private(said: dict[str, str]) -> dict[str, str]:
    """Field 48."""
    found = wire.subelements(said["48"])
    assert found is not None
    return found


class TestWhatIsSent:
    def test_a_sale(self) -> None:
        request, said = sent("charge")
        assert (request.method, request.url, request.match) == (
            "0200",
            "tcp://127.0.0.1:9",
            "0210/842136/WVB6L2FWHKX2",
        )
        assert said == {
            "t": "0200",
            "2": "4242424242424242",
            "3": "000000",
            "4": "000000004999",
            "7": "1126115016",
            "11": "842136",
            "12": "115016",
            "13": "1126",
            "14": "3112",
            "18": "5732",
            "22": "812",
            "25": "59",
            "32": "412345",
            "37": "WVB6L2FWHKX2",
            "41": "RECOUP01",
            "42": "RECOUPMERCHANT1",
            "43": "ORMSBY ELECTRONICS       BERLIN       DE",
            "48": f"0130{KEY}0503CU-1109941036677120119203737",
            "49": "978",
        }
        assert request.repeat == b""

    def test_what_goes_out_shows_no_card(self) -> None:
        asked = messages.charge(messages.terms_of(ACCOUNT), a_charge())
        assert isinstance(asked, messages.Asked) and asked.message["2"] == "4242424242424242"
        assert "4242424242424242" not in repr(asked)

    def test_an_authorisation_only(self) -> None:
        assert sent("charge", capture=False)[1]["t"] == "0100"

    def test_by_the_merchant_from_a_stored_credential(self) -> None:
        _, said = sent("charge", initiator="merchant", agreement=Agreement.RECURRING)
        assert (said["22"], said["25"], said["63"]) == ("102", "08", "141544217307196")
        assert private(said)["05"] == "MR-"
        assert "92" not in private(said)

    def test_to_be_remembered(self) -> None:
        assert private(sent("charge", remember=True)[1])["05"] == "CUS"

    def test_a_card_is_checked_over_nothing(self) -> None:
        _, said = sent("verify")
        assert (said["t"], said["4"], said["25"]) == ("0100", "000000000000", "51")

    def test_a_capture_says_of_what(self) -> None:
        request, said = sent("capture", final=True)
        assert (said["t"], said["4"], said["38"]) == ("0220", "000000001000", "A1B2C3")
        assert said["90"] == f"01008170801126115016{412345:011}{0:011}"
        assert private(said) == {"01": KEY, "02": CHARGE_KEY, "03": "WXBYLHYRIXHJ", "04": "F"}
        assert request.match == "0230/842136/WVB6L2FWHKX2"

    def test_a_cancellation_of_a_part_says_what_stays(self) -> None:
        _, said = sent("cancel")
        assert (said["t"], said["4"], said["37"]) == ("0400", "000000004999", "WXBYLHYRIXHJ")
        assert said["95"] == "000000003999000000000000C00000000C00000000"

    def test_a_cancellation_of_all_says_nothing_of_it(self) -> None:
        assert "95" not in sent("cancel", amount=Money(4999, "EUR"))[1]

    def test_a_refund_goes_the_other_way(self) -> None:
        _, said = sent("refund")
        assert (said["t"], said["3"], said["37"]) == ("0200", "200000", "WVB6L2FWHKX2")

    @pytest.mark.parametrize(
        ("verb", "ask", "original"),
        [
            ("withdraw", {}, "0000842136"),
            ("withdraw_change", {}, "0220842136"),
            ("withdraw_change", {"change": ChangeKind.REFUND}, "0200842136"),
            ("withdraw_change", {"change": ChangeKind.CANCEL}, "0100817080"),
        ],
    )
    def test_a_reversal_advice_names_its_original(
        self, verb: str, ask: dict[str, Any], original: str
    ) -> None:
        request, said = sent(verb, **ask)
        assert (said["t"], said["90"][:10]) == ("0420", original)
        assert wire.decode(request.repeat) == {**said, "t": "0421"}
        assert "2" not in said

    def test_a_reversal_needs_the_key_only(self) -> None:
        _, said = sent("withdraw", amount=None)
        assert "4" not in said
        assert private(said)["02"] == KEY

    @pytest.mark.parametrize("missing", ["charge_key", "charge_reference", "amount"])
    def test_a_cancellation_of_nobody_knows_what_is_not_finished(self, missing: str) -> None:
        question: Any = a_question("withdraw_change", CHARGE_REFERENCE, change=ChangeKind.CANCEL)
        (_,) = drive(CASE.connector.withdraw_change(ACCOUNT, question), SILENT).sent
        told = drive(CASE.connector.withdraw_change(ACCOUNT, replace(question, **{missing: None})), SILENT)
        assert isinstance(told.meant, Unknown) and not told.sent

    def test_what_change_it_was_is_in_the_key_too(self) -> None:
        key = render(Kind.REFUND, uuid7(NOW, bytes))
        question = replace(a_question("withdraw_change"), key=key, change=None, amount=None)
        (request,) = drive(CASE.connector.withdraw_change(ACCOUNT, question), SILENT).sent
        assert fields(request)["90"][:4] == "0200"


class TestNothingIsSent:
    @pytest.mark.parametrize(
        "changes",
        [
            {"source": a_token()},
            {"amount": Money(10**12, "EUR")},
            {"network_transaction_id": "with a blank"},
            {"network_transaction_id": "x" * 41},
            {"source": replace(a_card(), number=Secret("4242 4242"))},
        ],
    )
    def test_where_it_cannot_be_said(self, changes: dict[str, Any]) -> None:
        told = drive(CASE.connector.charge(ACCOUNT, a_charge(**changes)), SILENT)
        assert isinstance(told.meant, Unprocessed) and not told.sent
        assert "4242" not in told.meant.why

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("acquirer_id", ""),
            ("acquirer_id", "123456789012"),
            ("terminal_id", "TERMINAL 1"),
            ("merchant_id", "x" * 16),
            ("merchant_category", "57"),
            ("name_and_place", "Ü"),
            ("length_header", "3"),
            ("sign_on_key", "a b"),
        ],
    )
    def test_where_the_account_does_not_fit(self, name: str, value: str) -> None:
        account = replace(ACCOUNT, credentials={**ACCOUNT.credentials, name: Secret(value)})
        for verb, type_ in (("charge", Unprocessed), ("capture", Unprocessed), ("withdraw", Unknown)):
            told = drive(replace(CASE, account=account).asked(verb), SILENT)
            if value or name == "acquirer_id":
                assert isinstance(told.meant, type_) and not told.sent
                assert name in told.meant.why

    @pytest.mark.parametrize(
        "reference", ["", "pi_1", CHARGE_REFERENCE.replace("WXB", "AXB"), "0100-WXBYLHYRIXHJ-A1B2C3"]
    )
    @pytest.mark.parametrize("verb", ["capture", "cancel", "refund"])
    def test_where_the_charge_is_another(self, verb: str, reference: str) -> None:
        told = drive(replace(CASE, charge_reference=reference).asked(verb), SILENT)
        assert isinstance(told.meant, Unprocessed) and not told.sent

    def test_where_more_is_let_go_than_was_charged(self) -> None:
        told = drive(CASE.asked("cancel", ask={"amount": Money(5000, "EUR")}), SILENT)
        assert isinstance(told.meant, Unprocessed) and not told.sent

    @pytest.mark.parametrize(
        ("line1", "postal_code", "expected"),
        [
            (None, None, {}),
            ("Unter den Linden 77", "10117", {"11": "10117", "12": "77"}),
            ("Am Markt", "SW1A 1AA", {"11": "SW1A1AA"}),
        ],
    )
    def test_of_the_payer_only_what_is_compared(
        self, line1: str | None, postal_code: str | None, expected: dict[str, str]
    ) -> None:
        charge = replace(a_charge(), billing=Billing(name="Wilhelmina", line1=line1, postal_code=postal_code))
        (request,) = drive(CASE.connector.charge(ACCOUNT, charge), SILENT).sent
        said = private(fields(request))
        assert {name: said[name] for name in ("11", "12") if name in said} == expected


class TestWhatComesBack:
    @given(data=st.data())
    def test_an_answer_with_one_field_wrong_promises_nothing(self, data: st.DataObject) -> None:
        """What says again what was asked must say it unchanged; what is left may be read, and never raises."""
        verb = data.draw(st.sampled_from([*CASE.good]))
        said = wire.decode(CASE.good[verb][-1].body)
        assert said is not None
        name = data.draw(st.sampled_from(sorted(FORMATS.keys() & said.keys())))
        value = data.draw(FORMATS[name])
        assume(value != said[name])
        meant = drive(CASE.asked(verb), [HttpResponse(200, {}, wire.encode({**said, name: value}))]).meant
        if name in {"3", "4", "7", "11", "37", "48"}:
            assert isinstance(meant, Unknown)
        assert not isinstance(meant, Unprocessed)

    @given(
        code=st.text(printable, min_size=2, max_size=2),
        verb=st.sampled_from(["charge", "capture", "withdraw"]),
    )
    def test_every_response_code_means_something(self, code: str, verb: str) -> None:
        said = wire.decode(CASE.good[verb][-1].body)
        assert said is not None
        meant = drive(CASE.asked(verb), [HttpResponse(200, {}, wire.encode({**said, "39": code}))]).meant
        if verb == "withdraw":
            assert isinstance(meant, Withdrawn if code == "00" else Unknown)
        elif verb == "capture":
            assert isinstance(meant, Done if code == "00" else (Refused, Unknown))
        else:
            assert isinstance(meant, (Approved, Declined, Unknown))

    def test_a_host_answers_with_the_same_tools(self) -> None:
        """What the other end needs: read the request, answer it."""
        request, said = sent("charge", amount=Money(777, "KWD"))
        answer = wire.encode(wire.reply(said, "00", fields={"38": "ABC123"}, tags={wire.ADVICE_CODE: "01"}))
        meant = drive(
            CASE.asked("charge", ask={"amount": Money(777, "KWD")}), [HttpResponse(200, {}, answer)]
        ).meant
        assert isinstance(meant, Approved)
        assert ACCOUNT.base_url == request.url

    def test_every_code_is_in_the_table_unless_it_is_no_decline(self) -> None:
        known = {row.code for row in table.ROWS}
        assert {row.code for row in networks.ROWS} <= known
        assert not known & {"00", "08", "09", "10", "11", "16", "32", "68", "85", "87"}
        for row in table.ROWS:
            assert declined(
                "iso8583", row.code, on=NOW.date(), network_code=row.code, brand="jcb"
            ).decline.recognised

    def test_the_networks_own_meaning_counts_first(self) -> None:
        def code(brand: str) -> str:
            return declined("iso8583", "78", on=NOW.date(), network_code="78", brand=brand).decline.code

        assert [code(brand) for brand in ("visa", "mastercard", "jcb")] == [
            "restricted_card",
            "invalid_account",
            "restricted_card",
        ]
