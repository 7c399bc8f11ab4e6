"""What switches hold, and what a check's answer means, whatever it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest

from recoup.gate.core import (
    HELD_FOR,
    WAIT_DEFAULT,
    WAIT_MAX,
    Check,
    Due,
    Held,
    Open,
    Otherwise,
    Scope,
    Stopped,
    Switch,
    checked,
    past_switches,
)

NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE, THERE, US = UUID(int=1), UUID(int=2), UUID(int=3)
DUE: Final = Due(US, US, 2, 1000, "USD", None, None, "do_not_honor", (HERE, THERE))


def switch(scope: Scope, account: UUID | None = None, code: str | None = None) -> Switch:
    return Switch(US, UUID(int=9), scope, account, code, "because", NOW)


@pytest.mark.parametrize(
    ("switches", "left"),
    [
        ([], (HERE, THERE)),
        ([switch(Scope.MERCHANT)], None),
        ([switch(Scope.DECLINE_CODE, code="do_not_honor")], None),
        ([switch(Scope.DECLINE_CODE, code="lost_card")], (HERE, THERE)),
        ([switch(Scope.PROCESSOR_ACCOUNT, HERE)], (THERE,)),
        ([switch(Scope.PROCESSOR_ACCOUNT, HERE), switch(Scope.PROCESSOR_ACCOUNT, THERE)], None),
    ],
)
def test_a_switch_holds_what_it_names_and_nothing_else(
    switches: list[Switch], left: tuple[UUID, ...] | None
) -> None:
    passed = past_switches(switches, DUE, NOW)
    if left is None:
        assert isinstance(passed, Held) and passed.until == NOW + HELD_FOR and "because" in passed.why
    else:
        assert passed == Open(left)


@pytest.mark.parametrize("otherwise", Otherwise)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (None, None),
        (500, '{"decision": "allow"}'),
        (302, '{"decision": "stop"}'),
        (200, None),
        (200, "yes"),
        (200, '{"decision": "perhaps"}'),
        (200, '{"decision": true}'),
        (200, '{"decision": "wait", "wait_s": -5}'),
        (200, '{"decision": "stop", "reason": "' + "x" * 301 + '"}'),
    ],
)
def test_no_clear_answer_is_the_default(status: int | None, body: str | None, otherwise: Otherwise) -> None:
    check = Check(US, US, "https://shop.example/check", 1000, otherwise, 1, NOW)
    found = checked(check, status, body, accounts=DUE.accounts, now=NOW)
    if otherwise is Otherwise.ALLOW:
        assert found == Open(DUE.accounts)
    else:
        assert isinstance(found, Held) and found.until == NOW + WAIT_DEFAULT


def test_a_clear_answer_counts_and_a_wait_has_an_end() -> None:
    check = Check(US, US, "https://shop.example/check", 1000, Otherwise.WAIT, 1, NOW)

    def said(body: str) -> object:
        return checked(check, 200, body, accounts=DUE.accounts, now=NOW)

    assert said('{"decision": "allow", "more": 1}') == Open(DUE.accounts)
    stopped = said('{"decision": "stop", "reason": "paid in cash"}')
    assert isinstance(stopped, Stopped) and "paid in cash" in stopped.why
    hidden = said(r'{"decision": "stop", "reason": "a\u0000b \u0034242424242424242"}')
    assert isinstance(hidden, Stopped) and "ab" in hidden.why, "a NUL cannot be stored"
    assert "4242424242424242" not in hidden.why
    for wait_s, span in (
        (90, timedelta(seconds=90)),
        (10**9, WAIT_MAX),
        (10**15, WAIT_MAX),
        (10**30, WAIT_MAX),
    ):
        held = said(f'{{"decision": "wait", "wait_s": {wait_s}}}')
        assert isinstance(held, Held) and held.until == NOW + span
