"""What may be said of a processor account."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.payments.bank import capabilities
from tests.vault.house import START

from recoup.connectors.base import Credential
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.merchants.core import (
    AmountLimits,
    FeeModel,
    FeeRate,
    Fees,
    ProcessorAccount,
    check_base_url,
    check_credentials,
    check_limits,
    check_mode_of,
    check_modes_of,
)

CAN: Final = capabilities(three_d_secure=False)
OWN: Final = "https://plain.example"
ACCOUNT = ProcessorAccount(
    id=UUID(int=1),
    connector="plain",
    label="Plain",
    base_url=None,
    credentials={},
    countries=None,
    currencies=None,
    brands=None,
    fees=None,
    position=0,
    timeout_ms=None,
    enabled=True,
    metadata={},
    created_at=START,
    updated_at=START,
)


WANTED: Final = {
    "api_key": Credential("The key."),
    "webhook_secret": Credential("Signs webhooks.", required=False),
}


def refusal(call: object, *args: object, **named: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call(*args, **named)  # type: ignore[operator]
    return caught.value


def test_credentials_are_those_that_the_connector_asks_for() -> None:
    check_credentials({"api_key"}, WANTED)
    check_credentials({"api_key", "webhook_secret"}, WANTED)
    assert refusal(check_credentials, set(), WANTED).param == "credentials.api_key"
    assert refusal(check_credentials, {"api_key", "other"}, WANTED).code == "credential_unknown"


def test_a_key_of_the_other_mode_is_refused_and_not_repeated() -> None:
    keyed = {"api_key": Credential("The key.", test=("test_", "sandbox_"), live=("live_",))}
    for livemode, good, wrong in ((True, "live_1", "test_1"), (False, "test_1", "live_1")):
        check_modes_of({"api_key": Secret(good)}, keyed, livemode=livemode)
        check_modes_of({"api_key": Secret("of no known form")}, keyed, livemode=livemode)
        error = refusal(check_modes_of, {"api_key": Secret(wrong)}, keyed, livemode=livemode)
        assert (error.code, error.param) == ("credential_of_other_mode", "credentials.api_key")
        assert wrong not in error.message
    check_modes_of({"api_key": Secret("live_1")}, {"api_key": Credential("Any.")}, livemode=False)


def test_a_credential_pasted_in_place_of_its_name_is_not_repeated() -> None:
    error = refusal(check_credentials, {"api_key", "sk_live_very_secret"}, WANTED)
    assert "very_secret" not in f"{error.message} {error.param}"


@pytest.mark.parametrize(
    ("param", "account"),
    [
        ("countries", replace(ACCOUNT, countries=frozenset({"US", "UK"}))),
        ("currencies", replace(ACCOUNT, currencies=frozenset({"USD", "usd"}))),
        ("brands", replace(ACCOUNT, brands=frozenset({"amex"}))),
        ("country", replace(ACCOUNT, country="UK")),
        ("acquirer", replace(ACCOUNT, acquirer=" ")),
        ("acquirer", replace(ACCOUNT, acquirer="First\nBank")),
        ("fundings", replace(ACCOUNT, fundings=frozenset({"charge"}))),
        ("merchant_categories", replace(ACCOUNT, merchant_categories=frozenset({"5411", "54a1"}))),
        ("amount_limits", replace(ACCOUNT, amount_limits={"usd": AmountLimits(max=1)})),
        ("amount_limits.USD", replace(ACCOUNT, amount_limits={"USD": AmountLimits(min=2, max=1)})),
        ("three_d_secure", replace(ACCOUNT, three_d_secure=True)),
        ("fees.currency", replace(ACCOUNT, fees=Fees(currency="XXX"))),
        ("fees.interchange", replace(ACCOUNT, fees=Fees(interchange=()))),
        ("fees.scheme", replace(ACCOUNT, fees=Fees(scheme=(FeeRate(basis_points=1),)))),
        ("fees.rates[1].brands", replace(ACCOUNT, fees=Fees(rates=(FeeRate(), FeeRate(brands=("amex",)))))),
        ("fees.rates[0].fundings", replace(ACCOUNT, fees=Fees(rates=(FeeRate(fundings=("cash",)),)))),
        (
            "fees.interchange[0].issuer_countries",
            replace(
                ACCOUNT,
                fees=Fees(
                    model=FeeModel.INTERCHANGE_PLUS_PLUS, interchange=(FeeRate(issuer_countries=("UK",)),)
                ),
            ),
        ),
    ],
)
def test_limits_name_what_exists(param: str, account: ProcessorAccount) -> None:
    """A wrong word that was kept would be a payment that goes to nobody, or the wrong price, for ever."""
    assert refusal(check_limits, account, can=CAN).param == param


def test_limits_that_exist_are_taken() -> None:
    account = replace(
        ACCOUNT,
        countries=frozenset({"US"}),
        currencies=frozenset({"USD", "JPY"}),
        brands=frozenset({"visa"}),
        fees=Fees(basis_points=290, fixed=30, currency="EUR", rates=(FeeRate(brands=("visa",)),)),
        country="DE",
        fundings=frozenset({"debit", "prepaid"}),
        merchant_categories=frozenset({"5411", "0742"}),
        amount_limits={"USD": AmountLimits(min=100, max=100), "JPY": AmountLimits(min=1)},
        three_d_secure=False,
    )
    check_limits(account, can=CAN)
    check_limits(ACCOUNT, can=CAN)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000", "https://processor.example/v1", "https://[::1]:8443/x"]
)
def test_another_address_is_for_test_mode(url: str) -> None:
    check_base_url(url, livemode=False, own=OWN)
    assert refusal(check_base_url, url, livemode=True, own=OWN).code == "base_url_in_live_mode"


@pytest.mark.parametrize("livemode", [False, True])
def test_who_has_no_address_of_their_own_brings_one(livemode: bool) -> None:
    """Nothing may be sent to nowhere; and in live mode an address that we know is the only one."""
    refused = refusal(check_base_url, None, livemode=livemode, own=None)
    assert (refused.code, refused.param) == ("base_url_missing", "base_url")
    check_base_url("https://given.example", livemode=livemode, own=None)
    check_base_url(None, livemode=livemode, own=OWN)
    check_base_url(None, livemode=livemode, own=None, ours=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "processor.example",
        "ftp://processor.example",
        "file:///etc/passwd",
        "https://",
        "https://user:password@processor.example",
        "https://processor.example?key=1",
        "https://processor.example#x",
        "https://processor.example:99999",
        "https://processor.example:0",
        "https://[::1",
        "https://processor.example/a b",
        "https://processor.example/\r\nHost: x",
        "https://prøcessor.example",
        "https://processor.example/" + "a" * 500,
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    assert refusal(check_base_url, url, livemode=False, own=OWN).param == "base_url"


@given(st.text(max_size=60))
def test_no_text_breaks_the_check(url: str) -> None:
    try:
        check_base_url(url, livemode=False, own=OWN)
    except Refusal as refused:
        assert refused.code == "invalid_url"


def test_a_simulated_processor_takes_no_live_account() -> None:
    """What it approves moves no money, so a live payment must never reach it."""
    refused = refusal(check_mode_of, "alpha", test_mode_only=True, livemode=True)
    assert (refused.code, refused.param) == ("connector_in_test_mode_only", "connector")
    check_mode_of("alpha", test_mode_only=True, livemode=False)
    check_mode_of("real", test_mode_only=False, livemode=True)
