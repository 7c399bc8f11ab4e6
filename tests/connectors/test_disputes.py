"""What is sent in a dispute, to the letter, and what is never sent: beyond what every connector keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from inspect import get_annotations
from typing import Any, Final, get_args
from urllib.parse import parse_qs

import msgspec
import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from square.types.dispute_evidence_type import DisputeEvidenceType
from tests.connectors.cases import CASES
from tests.connectors.conformance import DISPUTING, Case, Told, drive
from tests.connectors.disputing import PDF, PHOTO, WORDS, documents
from tests.connectors.recorded import KEY

from recoup.connectors.base import (
    DisputeEvidence,
    DisputeVerb,
    DocumentPurpose,
    EvidenceField,
    EvidenceFile,
    HttpRequest,
    HttpResponse,
)
from recoup.connectors.base.disputes import FILE_BYTES_MAX, FILES_MAX
from recoup.connectors.base.multipart import Part, multipart, plain_name
from recoup.outcomes.core import Refused, Unknown, Unprocessed

VERB_OF: Final = dict(zip(DISPUTING, (DisputeVerb.SUBMIT, DisputeVerb.ACCEPT), strict=True))
ABLE: Final = [case for case in CASES.values() if DisputeVerb.SUBMIT in case.connector.capabilities.disputes]
every_able = pytest.mark.parametrize("case", ABLE, ids=[case.name for case in ABLE])
UNABLE: Final = [
    (case, verb)
    for case in CASES.values()
    for verb in DISPUTING
    if VERB_OF[verb] not in case.connector.capabilities.disputes
]


def submitted(name: str, **ask: Any) -> Told:
    """The good exchange of a connector, where something else may be handed in."""
    case = CASES[name]
    return drive(case.asked("submit_evidence", ask=ask), case.good["submit_evidence"])


def parts(request: HttpRequest) -> dict[str, Message]:
    """The fields of a form with files, read by somebody else's parser."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    form = message_from_bytes(head + request.body)
    assert form.is_multipart()
    found = [part for part in form.get_payload() if isinstance(part, Message)]
    return {str(part.get_param("name", header="content-disposition")): part for part in found}


def content(part: Message) -> bytes:
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    return body


def json_of(request: HttpRequest) -> Any:
    return msgspec.json.decode(request.body)


def test_the_processors_that_take_evidence_from_a_program() -> None:
    assert {case.name for case in ABLE} >= {"stripe", "adyen", "checkout", "braintree", "paypal", "square"}


@pytest.mark.parametrize(("case", "verb"), UNABLE, ids=[f"{case.name}-{verb}" for case, verb in UNABLE])
def test_who_cannot_sends_nothing_and_says_so(case: Case, verb: str) -> None:
    told = drive(case.asked(verb), [])
    assert not told.sent
    assert isinstance(told.meant, Unprocessed)


@every_able
def test_no_evidence_is_not_sent(case: Case) -> None:
    """Most processors take evidence once: an empty submission would be the only one."""
    for empty in (DisputeEvidence(), DisputeEvidence({EvidenceField.UNCATEGORIZED_TEXT: " \n"})):
        told = drive(case.asked("submit_evidence", ask={"evidence": empty}), [])
        assert not told.sent
        assert isinstance(told.meant, Unprocessed)


@every_able
@pytest.mark.parametrize(
    "files",
    [
        (replace(PDF, media_type="text/html\r\nX-Evil: 1"),),
        (replace(PDF, content=b""),),
        (replace(PDF, content=b"x" * (FILE_BYTES_MAX + 1)),),
        (PDF,) * (FILES_MAX + 1),
    ],
    ids=["of another kind", "empty", "too long", "too many"],
)
def test_a_document_that_no_processor_takes_is_not_sent(case: Case, files: tuple[EvidenceFile, ...]) -> None:
    """Refused before it costs an upload, and before its kind is written into a header."""
    told = drive(case.asked("submit_evidence", ask={"evidence": DisputeEvidence(files=files)}), [])
    assert not told.sent
    assert isinstance(told.meant, Unprocessed)


@every_able
def test_a_failure_before_the_last_request_hands_nothing_in(case: Case) -> None:
    """Whatever the processor answers on the way, the submission never happened, and may be asked for again."""
    replies = list(case.good["submit_evidence"])
    for at in range(len(replies) - 1):
        for broken in (HttpResponse(500, {}, b""), HttpResponse(400, {}, b"{}"), HttpResponse(200, {}, b"?")):
            told = drive(case.asked("submit_evidence"), [*replies[:at], broken])
            assert len(told.sent) == at + 1
            assert isinstance(told.meant, (Unprocessed, Refused)), told.meant


@every_able
def test_an_answer_to_the_last_request_that_is_not_understood_is_never_done(case: Case) -> None:
    """The evidence may be with the issuer, or not: only news of the dispute tells."""
    for verb in DISPUTING:
        before = case.good[verb][:-1]
        for status in (200, 202, 204, 301, 408, 500, 502, 503, 504):
            told = drive(case.asked(verb), [*before, HttpResponse(status, {}, b"<html>gateway</html>")])
            assert isinstance(told.meant, Unknown), (verb, status, told.meant)


@every_able
def test_nothing_of_the_evidence_can_be_logged(case: Case) -> None:
    told = submitted(case.name, **case.submission)
    shown = f"{told!r} {case.asked('submit_evidence')!r}"
    assert not [text for text in (*WORDS.values(), "Wilhelmina", "photo") if text in shown]


def test_stripe_is_sent_documents_at_its_own_host_then_everything_at_once() -> None:
    first, second, last = submitted("stripe").sent
    assert (first.url, second.url) == ("https://files.stripe.com/v1/files",) * 2
    form = parts(first)
    assert content(form["purpose"]) == b"dispute_evidence"
    assert content(form["file"]) == PDF.content
    assert form["file"].get_content_type() == "application/pdf"
    assert form["file"].get_filename() == "receipt of__order 1.pdf"
    assert content(parts(second)["file"]) == PHOTO.content
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]
    assert last.url == "https://api.stripe.com/v1/disputes/dp_1SXq1kRecoup0dispute001"
    assert last.headers["Idempotency-Key"] == KEY
    assert parse_qs(last.body.decode()) == {
        "evidence[customer_name]": ["Wilhelmina Ormsby"],
        "evidence[shipping_tracking_number]": ["1Z0000000000000000"],
        "evidence[uncategorized_text]": [WORDS[EvidenceField.UNCATEGORIZED_TEXT]],
        "evidence[receipt]": ["file_1SXq1kRecoup0000001"],
        "evidence[shipping_documentation]": ["file_1SXq1kRecoup0000002"],
        "submit": ["true"],
    }


def test_our_words_for_evidence_are_stripes() -> None:
    """By Stripe's own library: a name that it does not know would be refused with everything else."""
    known = get_annotations(stripe.Dispute.Evidence)
    assert {*EvidenceField, *DocumentPurpose} <= known.keys()
    assert stripe.DEFAULT_UPLOAD_API_BASE == "https://files.stripe.com"


def test_squares_types_of_evidence_are_its_own() -> None:
    """By Square's own library."""
    known = get_args(get_args(DisputeEvidenceType)[0])
    every_word = {EvidenceField(name): "told" for name in EvidenceField}
    every_file = tuple(
        replace(PDF, purpose=purpose) for purpose in DocumentPurpose if "policy" not in purpose
    )
    sent = submitted("square", evidence=DisputeEvidence(every_word)).sent
    told = {json_of(one)["evidence_type"] for one in sent if one.url.endswith("/evidence-text")}
    sent = submitted("square", evidence=DisputeEvidence(files=every_file)).sent
    told |= {
        msgspec.json.decode(content(parts(one)["request"]))["evidence_type"]
        for one in sent
        if one.url.endswith("/evidence-files")
    }
    assert told <= set(known)
    assert len(told) > 8


def test_a_stand_in_for_stripe_gets_the_documents_itself() -> None:
    """No key of an account leaves for a host that its owner did not name."""
    case = CASES["stripe"]
    elsewhere = replace(case, account=replace(case.account, base_url="http://127.0.0.1:8420"))
    sent = drive(elsewhere.asked("submit_evidence"), case.good["submit_evidence"]).sent
    assert {request.url.split("/v1/")[0] for request in sent} == {"http://127.0.0.1:8420"}


def test_stripe_takes_one_document_for_each_purpose() -> None:
    told = submitted("stripe", evidence=DisputeEvidence(files=(PDF, PDF)))
    assert not told.sent
    assert isinstance(told.meant, Unprocessed)


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://checkout-test.adyen.com/v71", "https://ca-test.adyen.com"),
        ("https://1797a841-AcmeBV-checkout-live.adyenpayments.com/checkout/v71", "https://ca-live.adyen.com"),
        ("http://127.0.0.1:8420/v71", "http://127.0.0.1:8420"),
        (
            "https://checkout-live.adyenpayments.com.evil.example/v71",
            "https://checkout-live.adyenpayments.com.evil.example",
        ),
    ],
)
def test_adyens_disputes_have_a_host_of_their_own(base_url: str, host: str) -> None:
    case = CASES["adyen"]
    elsewhere = replace(case, account=replace(case.account, base_url=base_url))
    (request,) = drive(elsewhere.asked("accept_dispute"), case.good["accept_dispute"]).sent
    assert request.url == f"{host}/ca/services/DisputeService/v30/acceptDispute"


def test_adyen_is_defended_for_the_reason_that_the_documents_meet() -> None:
    asks, supplies, defends = submitted("adyen", **CASES["adyen"].submission).sent
    about = {"disputePspReference": "9915555555555555", "merchantAccountCode": "RecoupExampleECOM"}
    assert json_of(asks) == about
    receipt, photo = json_of(supplies)["defenseDocuments"]
    assert (receipt["defenseDocumentTypeCode"], receipt["contentType"]) == ("TIDorInvoice", "application/pdf")
    assert (photo["defenseDocumentTypeCode"], photo["contentType"]) == ("ProofOfDelivery", "image/jpg")
    assert json_of(defends) == {**about, "defenseReasonCode": "GoodsOrServicesProvided"}


def test_adyen_is_defended_for_the_reason_that_the_merchant_names() -> None:
    named = documents(
        receipt="TIDorInvoice", shipping_documentation="ProofOfDelivery", defense="CancellationOrReturns"
    )
    assert (
        json_of(submitted("adyen", evidence=named).sent[-1])["defenseReasonCode"] == "CancellationOrReturns"
    )


@pytest.mark.parametrize(
    "evidence",
    [
        DisputeEvidence(WORDS),
        DisputeEvidence(WORDS, (PDF,)),
        DisputeEvidence(files=(replace(PDF, media_type="image/png"),)),
    ],
    ids=["words alone", "words too", "a picture that Adyen does not take"],
)
def test_adyen_takes_documents_alone(evidence: DisputeEvidence) -> None:
    """Words left out would be words that the merchant thinks were read."""
    told = submitted("adyen", evidence=evidence)
    assert not told.sent
    assert isinstance(told.meant, Unprocessed)


def test_adyen_wants_one_document_of_a_kind() -> None:
    same = documents(receipt="ProofOfDelivery", shipping_documentation="ProofOfDelivery")
    told = submitted("adyen", evidence=same)
    assert len(told.sent) == 1
    assert isinstance(told.meant, Unprocessed)
    assert "CancellationOrReturns with CancellationNeverAccepted" in told.meant.why


def test_checkout_keeps_the_evidence_before_it_is_handed_in() -> None:
    *uploads, keeps, hands_in = submitted("checkout").sent
    assert [content(parts(one)["file"]) for one in uploads] == [PDF.content, PHOTO.content]
    assert content(parts(uploads[0])["purpose"]) == b"dispute_evidence"
    assert (keeps.method, hands_in.method) == ("PUT", "POST")
    assert keeps.url == hands_in.url
    assert hands_in.body == b""
    kept = json_of(keeps)
    assert kept["proof_of_delivery_or_service_text"] == "1Z0000000000000000"
    assert kept["invoice_or_receipt_file"] == "file_6lbss42ezvoufcb2beo76rvwaa"
    assert kept["additional_evidence_text"].startswith(
        "Customer name: Wilhelmina Ormsby\nUncategorized text: "
    )


@pytest.mark.parametrize("name", ["checkout", "square"])
def test_a_text_that_is_too_long_is_not_cut(name: str) -> None:
    """Half an explanation may say the opposite."""
    told = submitted(name, evidence=DisputeEvidence({EvidenceField.UNCATEGORIZED_TEXT: "x" * 501}))
    assert not told.sent
    assert isinstance(told.meant, Unprocessed)
    assert "500" in told.meant.why


def test_square_is_sent_each_piece_under_a_key_of_its_own() -> None:
    *pieces, last = submitted("square").sent
    texts, files = pieces[:3], pieces[3:]
    assert [json_of(one)["evidence_type"] for one in texts] == [
        "CARDHOLDER_INFORMATION",
        "TRACKING_NUMBER",
        "GENERIC_EVIDENCE",
    ]
    abouts = [msgspec.json.decode(content(parts(one)["request"])) for one in files]
    assert [one["evidence_type"] for one in abouts] == ["RECEIPT", "PROOF_OF_DELIVERY_DOCUMENTATION"]
    assert content(parts(files[1])["image_file"]) == PHOTO.content
    keys = [one["idempotency_key"] for one in (*map(json_of, texts), *abouts)]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith(KEY) and len(key) <= 45 for key in keys)
    assert last.url.endswith("/v2/disputes/dR3c0upDispute0000001/submit-evidence")


def test_paypal_is_told_of_the_parcel_and_sent_the_documents_with_it() -> None:
    _, request = submitted("paypal").sent
    form = parts(request)
    (told,) = msgspec.json.decode(content(form["input"]))["evidences"]
    assert told["evidence_type"] == "PROOF_OF_FULFILLMENT"
    assert told["evidence_info"]["tracking_info"] == [
        {"carrier_name": "OTHER", "tracking_number": "1Z0000000000000000"}
    ]
    assert told["notes"].startswith("Customer name: Wilhelmina Ormsby\n")
    assert [content(form[f"file{at}"]) for at in (1, 2)] == [PDF.content, PHOTO.content]
    assert form["input"].get_content_type() == "application/json"


def test_paypal_is_told_a_carrier_that_it_knows_by_its_name() -> None:
    words = {EvidenceField.SHIPPING_TRACKING_NUMBER: "00340", EvidenceField.SHIPPING_CARRIER: "dhl"}
    _, request = submitted("paypal", evidence=DisputeEvidence(words)).sent
    (told,) = msgspec.json.decode(content(parts(request)["input"]))["evidences"]
    assert told["evidence_info"]["tracking_info"] == [{"carrier_name": "DHL", "tracking_number": "00340"}]
    assert "notes" not in told


def test_braintree_is_asked_by_the_newer_name_of_the_dispute() -> None:
    *pieces, last = submitted("braintree").sent
    assert json_of(last)["variables"]["input"] == {
        "clientMutationId": KEY,
        "disputeId": "ZGlzcHV0ZV83eDlrMmQ0bQ",
    }
    assert [json_of(one)["variables"]["input"]["category"] for one in pieces[:3]] == [
        "PURCHASER_NAME",
        "TRACKING_NUMBER",
        "GENERAL",
    ]
    form = parts(pieces[4])
    assert content(form["0"]) == PHOTO.content
    asked: Mapping[str, Any] = msgspec.json.decode(content(form["operations"]))
    assert asked["variables"]["input"]["category"] == "PROOF_OF_DELIVERY"
    assert asked["variables"]["file"] is None


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4), st.text(max_size=40))
def test_a_form_is_read_back_as_it_was_written(contents: list[bytes], name: str) -> None:
    """Whatever is in a document, also what looks like the end of one."""
    fields = [Part(f"part{at}", each, file_name=name) for at, each in enumerate(contents)]
    content_type, body = multipart(fields)
    assert multipart(fields) == (content_type, body)
    boundary = content_type.partition("boundary=")[2].encode()
    first, *found, last = body.split(b"--" + boundary)
    assert (first, last) == (b"", b"--\r\n")
    assert [each.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for each in found] == contents


@given(st.text())
def test_a_files_name_can_end_no_header(name: str) -> None:
    assert plain_name(name).isascii()
    assert not set(plain_name(name)) & set('"\r\n/\\;')


def test_a_documents_content_is_not_shown() -> None:
    assert "PDF" not in repr(EvidenceFile("a.pdf", "application/pdf", b"%PDF"))
