"""3-D Secure by Worldpay itself: what a payment says of the customer's browser, and each step that may follow.

The first step looks at the browser (device data), the second is the issuer's challenge; either may be left out. Each
is told with the address at which the payment goes on after it, of which we keep the path alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from recoup.connectors.base import Account, Browser, Charge
from recoup.connectors.worldpay.replies import Link, Name, Payment
from recoup.outcomes.core import ActionRequired, Script, ScriptKind

ENROLLED: Final = "three_d_secure"
"""The credential that says whether the entity has the service: without it, a payment that asks for it is refused."""
_ON: Final = "on"
_DEVICE_DATA: Final = "supply3dsDeviceData"
_CHALLENGE: Final = "complete3dsChallenge"
_SESSION: Final = "SessionId"
_SESSION_LENGTH_MAX: Final = 200

Address = Annotated[str, Meta(max_length=2048, pattern=r"^https://[!-~]+\Z")]
Jwt = Annotated[str, Meta(max_length=20_000, pattern=r"^[!-~]+\Z")]


class _DeviceData(Struct, frozen=True):
    jwt: Jwt
    url: Address
    bin: Name

    def __repr__(self) -> str:
        return "_DeviceData(…)"


class _Challenge(Struct, frozen=True):
    url: Address
    jwt: Jwt

    def __repr__(self) -> str:
        return "_Challenge(…)"


class _Actions(Struct, frozen=True):
    device_data: Link | None = field(name=_DEVICE_DATA, default=None)
    challenge: Link | None = field(name=_CHALLENGE, default=None)


class Step(Payment, frozen=True, rename="camel", kw_only=True):
    """An answer by which the payment waits for the customer's browser."""

    device_data_collection: _DeviceData | None = None
    challenge: _Challenge | None = None
    actions: _Actions = field(name="_actions", default=_Actions())

    def asks(self) -> ActionRequired | None:
        """What is asked of the customer; None where nothing is, or where not all of it is told."""
        match self.outcome:
            case "3dsDeviceDataRequired" if self.device_data_collection is not None:
                said, path = self.device_data_collection, _path(self.actions.device_data)
                if path is None:
                    return None
                form = {"Bin": said.bin, "JWT": said.jwt}
                script = Script(ScriptKind.DEVICE_DATA)
                kept = {_DEVICE_DATA: path}
                return ActionRequired(self.transaction_reference, said.url, form, script, kept)
            case "3dsChallenged" if self.challenge is not None:
                path = _path(self.actions.challenge)
                if path is None:
                    return None
                form, kept = {"JWT": self.challenge.jwt}, {_CHALLENGE: path}
                return ActionRequired(self.transaction_reference, self.challenge.url, form, kept=kept)
            case _:
                return None


def known_browser(account: Account, charge: Charge) -> Browser | None:
    """The browser of a customer who is to be authenticated; None where nobody is."""
    browser = charge.challengeable
    if browser is None or not browser.user_agent or not browser.accept:
        return None
    return browser if account.credential(ENROLLED) == _ON else None


def wish(browser: Browser, *, callback_url: str | None) -> dict[str, object]:
    """The part of an instruction by which the customer is authenticated."""
    depth, zone = browser.color_depth, browser.time_zone_offset
    said: dict[str, object] = {
        "acceptHeader": browser.accept,
        "userAgentHeader": browser.user_agent,
        "browserLanguage": browser.language,
        "browserScreenHeight": browser.screen_height,
        "browserScreenWidth": browser.screen_width,
        "browserJavaEnabled": browser.java_enabled,
        "browserColorDepth": None if depth is None else str(depth),
        "timeZone": None if zone is None else str(zone),
        "browserJavascriptEnabled": True,
        "channel": "browser",
    }
    return {
        "type": "integrated",
        "mode": "always",
        "challenge": {"returnUrl": callback_url},
        "deviceData": {name: value for name, value in said.items() if value is not None},
    }


def next_step(
    kept: Mapping[str, str], returned: Mapping[str, str]
) -> tuple[str, Mapping[str, str] | None] | None:
    """Where a payment goes on, and with which words; None where no step of it is known.

    Where the look at the browser came to nothing the payment goes on without one: a challenge is then likelier.
    """
    if _CHALLENGE in kept:
        return kept[_CHALLENGE], None
    if _DEVICE_DATA not in kept:
        return None
    session = returned.get(_SESSION, "")[:_SESSION_LENGTH_MAX]
    return kept[_DEVICE_DATA], {"collectionReference": session} if session else {}


def _path(link: Link | None) -> str | None:
    """Where a step is taken. Only the path is: we speak to the account's address and no other."""
    path = "" if link is None else urlsplit(link.href).path
    return path if path.startswith("/api/payments/") and ".." not in path else None
