"""A refusal says what was wrong, where, and with which status to answer."""

from __future__ import annotations

import pytest

from recoup.kit.refusals import STATUS, Refusal, RefusalType, conflict, invalid, not_found


@pytest.mark.parametrize("type_", RefusalType)
def test_every_type_has_a_status_of_its_own(type_: RefusalType) -> None:
    refusal = Refusal(type_, "a_code", "Do this instead.")
    assert refusal.http_status == STATUS[type_]
    assert 400 <= refusal.http_status < 600


def test_the_statuses_are_those_of_the_api() -> None:
    assert {type_.value: status for type_, status in STATUS.items()} == {
        "invalid_request": 400,
        "authentication": 401,
        "permission": 403,
        "not_found": 404,
        "conflict": 409,
        "idempotency": 409,
        "rate_limited": 429,
        "processor": 502,
        "internal": 500,
    }


def test_a_refusal_may_have_a_status_of_its_own() -> None:
    other_body = Refusal(RefusalType.IDEMPOTENCY, "key_reused", "Use another key.", status=422)
    assert other_body.http_status == 422


def test_a_refusal_carries_what_a_caller_needs() -> None:
    refusal = Refusal(RefusalType.CONFLICT, "busy", "Try again.", param="amount", retry_after_s=3)
    assert (refusal.type, refusal.code, refusal.message) == (RefusalType.CONFLICT, "busy", "Try again.")
    assert (refusal.param, refusal.retry_after_s, str(refusal)) == ("amount", 3, "Try again.")


def test_the_usual_refusals_have_the_usual_types() -> None:
    assert invalid("wrong", "Mend it.", param="a.b").http_status == 400
    assert conflict("busy", "Wait.", retry_after_s=1).http_status == 409
    missing = not_found("payment", "pay_1")
    assert (missing.http_status, missing.code) == (404, "resource_missing")
    assert "pay_1" in missing.message


def test_somebody_elses_object_reads_like_one_that_is_not_there() -> None:
    """Nothing in the refusal depends on why there is nothing to show."""
    one, other = not_found("payment", "pay_1"), not_found("payment", "pay_1")
    assert (one.type, one.code, one.message, one.param) == (
        other.type,
        other.code,
        other.message,
        other.param,
    )
