"""A token is read in the one spelling that we gave it."""

from __future__ import annotations

from datetime import UTC, datetime
from string import ascii_letters, digits
from uuid import UUID

from recoup.kit.secret import Secret
from recoup.messages.links import Links, Named, Opens
from recoup.payments.flow.hosting import Addresses

MERCHANT = UUID(int=7 << 90)
OBJECT = UUID(int=9 << 90)
UNTIL = datetime(2026, 12, 1, 12, tzinfo=UTC)
ALPHABET = f"{ascii_letters}{digits}-_"


def test_a_link_is_read_in_one_spelling() -> None:
    """The last character has bits to spare: a decoder would take several of them for the same token."""
    links = Links(Secret("s" * 40), lambda: "https://pay.example")
    token = links.pay(MERCHANT, OBJECT, until=UNTIL).rpartition("/")[2]
    taken = [last for last in ALPHABET if links.named_by(token[:-1] + last, Opens.PAY) is not None]
    assert taken == [token[-1]]
    assert links.named_by(token, Opens.PAY) == Named(MERCHANT, OBJECT, UNTIL)
    for other in (token + "=", token[:9] + "\n" + token[10:], token[:9] + "!" + token[9:], token.swapcase()):
        assert links.named_by(other, Opens.PAY) is None


def test_the_address_of_a_page_is_read_in_one_spelling() -> None:
    """As above, for those who are sent to their bank."""
    addresses = Addresses(Secret("s" * 40), lambda: "https://pay.example")
    token = addresses.page(MERCHANT, OBJECT).rpartition("/")[2]
    taken = [last for last in ALPHABET if addresses.named_by(token[:-1] + last) is not None]
    assert taken == [token[-1]]
    assert addresses.named_by(token) == (MERCHANT, OBJECT)
