"""The files of account updaters: what is written is read again, and what cannot be read says where, and no number."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.updater.core.files import (
    Answered,
    Format,
    Header,
    Question,
    code_of,
    read_answers,
    read_questions,
    write_answers,
    write_questions,
)
from recoup.updater.core.inquiries import BRINGS_A_CARD, Answer

OLD, NEW = "4242424242424242", "4000056655665556"
HEADER = Header("shop", "7", "ops@shop.example", date(2026, 11, 22))
SAID = sorted(set(Answer) - {Answer.OPTED_OUT, Answer.REFUSED, Answer.NOT_PARTICIPATING})

numbers = st.text("0123456789", min_size=12, max_size=19).map(Secret)
questions = st.builds(
    Question,
    st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=50),
    numbers,
    st.integers(1, 12),
    st.integers(2000, 2099),
)


@st.composite
def answered(draw: st.DrawFn, format_: Format, asked: Question) -> Answered:
    answer = draw(st.sampled_from(SAID))
    brings = answer in BRINGS_A_CARD
    return Answered(
        line=0,
        reference=asked.reference,
        number=asked.number,
        answer=answer,
        code=code_of(format_, answer),
        new_number=draw(numbers) if answer is Answer.NUMBER else asked.number if brings else None,
        exp_month=draw(st.integers(1, 12)) if brings else None,
        exp_year=draw(st.integers(2000, 2099)) if brings else None,
    )


@given(st.sampled_from(Format), st.lists(questions, min_size=1, max_size=5), st.data())
def test_what_is_asked_and_answered_is_read_again(
    format_: Format, asked: list[Question], data: st.DataObject
) -> None:
    assert read_questions(format_, write_questions(format_, HEADER, asked)) == asked
    said = [data.draw(answered(format_, one)) for one in asked]
    text = write_answers(format_, zip(asked, said, strict=True))
    read = read_answers(format_, text)
    assert [(one.reference, one.number, one.answer, one.code) for one in read] == [
        (one.reference, one.number, one.answer, one.code) for one in said
    ]
    assert [(one.new_number, one.exp_month, one.exp_year) for one in read] == [
        (one.new_number, one.exp_month, one.exp_year) for one in said
    ]
    assert asked[0].number.reveal() not in repr((asked, said, text, read))


def test_files_look_as_acquirers_publish_them() -> None:
    asked = [Question("ref-1", Secret(OLD), 1, 2027)]
    plain = write_questions(Format.MASTERCARD_ABU, HEADER, asked).reveal()
    assert plain == f"ref-1,{OLD},2701\r\n"
    whole = write_questions(Format.CYBERSOURCE, HEADER, asked).reveal().splitlines()
    assert whole == [
        "H,cybs.au.request.pan,shop,7,1,ops@shop.example,2026-11-22",
        f"D,{OLD},01,27,ref-1",
        "F",
    ]


@pytest.mark.parametrize(
    ("format_", "line", "answer"),
    [
        (Format.MASTERCARD_ABU, f"ref-1, {OLD}, {NEW}, 2701, 3002, UPDATE", Answer.NUMBER),
        (Format.MASTERCARD_ABU, f"ref-1,{OLD},,2701,3002,EXPIRY", Answer.EXPIRY),
        (Format.MASTERCARD_ABU, f"ref-1,{OLD},,2701,,CONTAC", Answer.CLOSED),
        (Format.VISA_VAU, f"ref-1,{OLD},,2701,,q", Answer.CONTACT_CARDHOLDER),
        (Format.VISA_VAU, f"ref-1,{OLD},,2701,,000104", Answer.REFUSED),
        (Format.CYBERSOURCE, f"D,99,{OLD},01,27,{NEW},02,30,ref-1,,NAN,800", Answer.NUMBER),
        (Format.CYBERSOURCE, f"D,99,{OLD},01,27,,,,ref-1,,DEC,801", Answer.REFUSED),
    ],
)
def test_answers_mean(format_: Format, line: str, answer: Answer) -> None:
    [read] = read_answers(format_, Secret(f"{line}\n"))
    assert (read.reference, read.answer, read.number.reveal()) == ("ref-1", answer, OLD)
    if answer is Answer.NUMBER:
        assert (read.new_number, read.exp_month, read.exp_year) == (Secret(NEW), 2, 2030)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"ref-1,{OLD},{NEW},2701,3002", "Line 2: the line must have 6 fields"),
        (f"ref-1,{OLD},{NEW}x,2701,3002,A", "Line 2: new number must be a card number"),
        (f"ref-1,{OLD},{NEW},2701,3013,A", "Line 2: new expiry must be a year of two digits and a month"),
        (f"ref 1,{OLD},{NEW},2701,3012,A", "Line 2: reference must be the one that was asked with"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole_and_quotes_no_number(line: str, says: str) -> None:
    good = f"ref-0,{OLD},,2701,,V"
    with pytest.raises(Refusal, match="Line") as refused:
        read_answers(Format.VISA_VAU, Secret(f"{good}\n{line}\n"))
    assert refused.value.message.startswith(says)
    assert OLD not in refused.value.message and NEW not in refused.value.message
