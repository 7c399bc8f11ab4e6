"""Payer authentication at CyberSource: what a payment says of the customer's browser, and how it goes on afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recoup.connectors.base import Account, Browser, Charge
from recoup.connectors.cybersource import requests
from recoup.connectors.cybersource.requests import Asked
from recoup.connectors.cybersource.wire import Answer
from recoup.outcomes.core import ActionRequired

ENROLLED: Final = "payer_authentication"
"""The credential that says whether the account has the service: without it, a payment that asks for it is refused."""
_ON: Final = "on"
_TRANSACTION: Final = "authenticationTransactionId"


def known_browser(account: Account, charge: Charge) -> Browser | None:
    """The browser of a customer who is to be authenticated; None where nobody is."""
    browser = charge.challengeable
    if browser is None or not browser.user_agent:
        return None
    return browser if account.credential(ENROLLED) == _ON else None


def payment(account: Account, charge: Charge) -> Asked:
    """Take or hold money; where the customer can be challenged, authenticate them first, in the same request."""
    asked, browser = requests.payment(charge), known_browser(account, charge)
    if browser is None:
        return asked
    _acting(asked, "CONSUMER_AUTHENTICATION")
    asked["consumerAuthenticationInformation"] = {
        "deviceChannel": "BROWSER",
        "returnUrl": charge.callback_url,
    }
    asked["deviceInformation"] = _device(browser)
    return asked


def completion(charge: Charge, kept: Mapping[str, str]) -> Asked | None:
    """The same payment, once the customer was challenged; None where nobody knows of which challenge."""
    transaction = kept.get(_TRANSACTION)
    if transaction is None:
        return None
    asked = requests.payment(charge)
    _acting(asked, "VALIDATE_CONSUMER_AUTHENTICATION")
    asked["consumerAuthenticationInformation"] = {_TRANSACTION: transaction}
    return asked


def challenge(answer: Answer) -> ActionRequired | None:
    """Where the customer is challenged; None where the answer does not say all of it."""
    said = answer.consumer_authentication_information
    if not (said.step_up_url.startswith("https://") and said.access_token):
        return None
    if not said.authentication_transaction_id:
        return None
    return ActionRequired(
        answer.id,
        said.step_up_url,
        form={"JWT": said.access_token},
        kept={_TRANSACTION: said.authentication_transaction_id},
    )


def _acting(asked: Asked, action: str) -> None:
    processing = asked["processingInformation"]
    processing["actionList"] = [action, *processing.get("actionList", ())]


def _device(browser: Browser) -> Asked:
    """What is known of the browser; that it runs scripts is sure, since the challenge is on a page that does."""
    java = {True: "Y", False: "N", None: None}[browser.java_enabled]
    said: Mapping[str, object] = {
        "ipAddress": browser.ip,
        "userAgentBrowserValue": browser.user_agent,
        "httpAcceptContent": browser.accept,
        "httpBrowserLanguage": browser.language,
        "httpBrowserJavaScriptEnabled": "Y",
        "httpBrowserJavaEnabled": java,
        "httpBrowserColorDepth": browser.color_depth,
        "httpBrowserScreenWidth": browser.screen_width,
        "httpBrowserScreenHeight": browser.screen_height,
        "httpBrowserTimeDifference": browser.time_zone_offset,
    }
    return {name: str(value) for name, value in said.items() if value is not None}
