"""What every connector's webhooks must keep: a forgery is refused, and a genuine one says what its file says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.conformance import NOW, Case, Webhooks, drive
from tests.connectors.every import DELIVERED, every_webhook, first_of_each
from tests.connectors.recorded import Recorded, said_of

from recoup.connectors.base import Authentic, Delivery, Forged, HttpResponse
from recoup.kit.secret import Secret

TOO_LONG_AGO = timedelta(minutes=5, seconds=1)
OTHER_KEYS = ("d2hzZWNfb3RoZXI=", "6f746865722d6b65792d6f662d73616d652d6b696e64")
"""Keys in the forms that processors give them: base64, hexadecimal."""


def verdict(case: Case, webhooks: Webhooks, delivery: Delivery) -> Authentic | Forged:
    replies = webhooks.replies or [HttpResponse(500, {}, b"nobody was to be asked")]
    meant = drive(case.connector.authenticate(case.account, delivery), replies).meant
    assert isinstance(meant, Authentic | Forged)
    return meant


def test_every_processor_that_sends_webhooks_has_some_recorded() -> None:
    assert DELIVERED and all(DELIVERED.values())


@every_webhook
def test_a_genuine_delivery_says_what_its_file_says(case: Case, webhooks: Webhooks, one: Recorded) -> None:
    delivery = webhooks.sign(case.account, one.body, NOW)
    assert isinstance(verdict(case, webhooks, delivery), Authentic)
    notices = case.connector.notices(case.account, delivery)
    assert len(notices) == len(one.notices)
    for notice, expected in zip(notices, one.notices, strict=True):
        assert notice.event_id
        wrong = {
            path: said_of(notice, path)
            for path, value in expected.items()
            if path != "type" and said_of(notice, path) != value
        }
        assert not wrong
        assert type(notice.meaning).__name__ == expected.get("type", type(notice.meaning).__name__)


@every_webhook
def test_the_same_delivery_twice_has_one_name(case: Case, webhooks: Webhooks, one: Recorded) -> None:
    """By which the second is known to be the first again."""
    once, again = (webhooks.sign(case.account, one.body, NOW) for _ in range(2))
    assert verdict(case, webhooks, once) == verdict(case, webhooks, again)
    assert case.connector.notices(case.account, once) == case.connector.notices(case.account, again)


@every_webhook
def test_one_byte_changed_is_a_forgery(case: Case, webhooks: Webhooks, one: Recorded) -> None:
    delivery = webhooks.sign(case.account, one.body, NOW)
    if webhooks.tampered is not None:
        bodies = list(webhooks.tampered(delivery.body))
    else:
        places = range(0, len(delivery.body), max(1, len(delivery.body) // 40))
        bodies = [_flipped(delivery.body, place) for place in places]
    assert bodies
    for body in bodies:
        assert isinstance(verdict(case, webhooks, replace(delivery, body=body)), Forged)


@every_webhook
def test_a_wrong_key_is_a_forgery(case: Case, webhooks: Webhooks, one: Recorded) -> None:
    for key in OTHER_KEYS:
        stolen = {**case.account.credentials, **dict.fromkeys(webhooks.secrets, Secret(key))}
        delivery = webhooks.sign(replace(case.account, credentials=stolen), one.body, NOW)
        assert isinstance(verdict(case, webhooks, delivery), Forged)


@every_webhook
def test_without_a_secret_of_ours_nothing_is_authentic(case: Case, webhooks: Webhooks, one: Recorded) -> None:
    """An account that never told us its secret must not take an empty one for a key."""
    delivery = webhooks.sign(case.account, one.body, NOW)
    bare = {name: it for name, it in case.account.credentials.items() if name not in webhooks.secrets}
    for credentials in (bare, {**bare, **dict.fromkeys(webhooks.secrets, Secret(""))}):
        other = replace(case, account=replace(case.account, credentials=credentials))
        assert isinstance(verdict(other, webhooks, delivery), Forged)


@every_webhook
def test_an_old_timestamp_is_a_forgery(case: Case, webhooks: Webhooks, one: Recorded) -> None:
    delivery = webhooks.sign(case.account, one.body, NOW)
    for late in (TOO_LONG_AGO, -TOO_LONG_AGO):
        replayed = replace(delivery, received_at=delivery.received_at + late)
        assert isinstance(verdict(case, webhooks, replayed), Forged) is webhooks.stamped


@first_of_each
def test_no_signature_is_a_forgery(case: Case, webhooks: Webhooks, one: Recorded) -> None:
    delivery = webhooks.sign(case.account, one.body, NOW)
    assert isinstance(verdict(case, webhooks, replace(delivery, headers={}, body=b"{}")), Forged)
    if webhooks.tampered is None:
        assert isinstance(verdict(case, webhooks, replace(delivery, headers={})), Forged)


@first_of_each
@given(body=st.binary(max_size=200), text=st.text(max_size=80))
def test_nonsense_is_survived(case: Case, webhooks: Webhooks, one: Recorded, body: bytes, text: str) -> None:
    signed = webhooks.sign(case.account, one.body, NOW)
    garbled = replace(signed, body=body, headers=dict.fromkeys(signed.headers, text))
    assert isinstance(verdict(case, webhooks, garbled), Forged)
    assert isinstance(case.connector.notices(case.account, garbled), tuple)
    assert isinstance(case.connector.notices(case.account, webhooks.sign(case.account, body, NOW)), tuple)


def _flipped(body: bytes, place: int) -> bytes:
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
