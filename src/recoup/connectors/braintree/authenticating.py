"""3-D Secure at Braintree: what the issuer is told of the customer, the challenge, and what came of it.

`performThreeDSecureLookup` asks the issuer, with what the browser says of itself. It uses up the method that it is
given and gives another, for one charge, that carries the result: that one is charged, also of a saved card, so no
charge that goes on can happen twice. Where a challenge is wanted, our page shows it in a frame. The bank's answer goes
from the browser to Braintree (`termUrl`), which writes it on the method and sends the frame to a page of its own:
nothing comes back to us, so the method is read once the customer is back.

An issuer that said no is a decline, and nothing is charged. Where it said nothing, or could not be asked, Braintree is
asked for the charge and decides: by default it takes none that went through this and failed.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from recoup.connectors.base import Account, Browser, Card, Charge, Completion, Exchange, Source
from recoup.connectors.braintree import asked, meant, wire
from recoup.outcomes.core import (
    ActionRequired,
    Declined,
    Evidence,
    Outcome,
    Script,
    ScriptKind,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.classify import declined

ENROLLED: Final = "three_d_secure"
"""The credential that says whether the account has the service: without it, a lookup is refused."""
METHOD: Final = "paymentMethodId"
INITIATOR: Final = "paymentInitiator"
STORED: Final = "stored"
ENDS_AT: Final = "ends_at"
"""Which host the bank's answer goes to, as the page is told."""
_ON: Final = "on"
_WAITS: Final = "CHALLENGE_REQUIRED"
_SAID_NO: Final = frozenset(
    {
        *("AUTHENTICATE_FAILED", "AUTHENTICATE_FRICTIONLESS_FAILED", "AUTHENTICATE_REJECTED"),
        "AUTHENTICATE_SIGNATURE_VERIFICATION_FAILED",
    }
)
_REJECTED: Final = "THREE_D_SECURE"
"""Braintree's own code where it takes no charge for want of an authentication."""
_SAVED_CARD: Final = b"paymentmethod_cc_"
"""How the name of a saved card begins, in base64; other saved methods are no cards."""
_FIELDS: Final = ("acsUrl", "pareq", "md", "termUrl", "version")


def known_browser(account: Account, charge: Charge) -> Browser | None:
    """The browser of a customer who is to be authenticated; None where nobody is.

    A method for one use was made in a page of the shop's, where the customer could be authenticated already.
    """
    browser = charge.challengeable
    if browser is None or not browser.user_agent or not browser.accept or not _is_ours(charge.source):
        return None
    return browser if account.credential(ENROLLED) == _ON else None


def looked_up(
    account: Account, charge: Charge, browser: Browser, *, method: str, merchant_account: str
) -> Exchange[str | Outcome]:
    """Ask the issuer: the method to charge, or why nothing is charged now. Nothing here moves money."""
    input_ = asked.lookup(charge, browser, method=method, account=merchant_account)
    response = yield asked.request(account, wire.LOOKUP, input=input_)
    if error := wire.refused(response):
        return meant.not_charged(error, brand=charge.source.brand, today=charge.today)
    payload = wire.payload(response, "performThreeDSecureLookup")
    upgraded = payload.payment_method if payload and payload.client_mutation_id == charge.key else None
    status = upgraded.authentication() if upgraded else None
    if payload is None or upgraded is None or status is None:
        return Unprocessed(f"not charged: the issuer could not be asked, HTTP {response.status}")
    if status in _SAID_NO:
        return _said_no(status, brand=charge.source.brand, today=charge.today)
    if status != _WAITS:
        return upgraded.id
    shown = _shown(charge.key, payload.three_d_secure_lookup_data, _kept(charge, upgraded.id))
    return shown or _said_no(status, brand=charge.source.brand, today=charge.today)


def came_of(account: Account, completion: Completion, *, method: str) -> Exchange[Evidence | None]:
    """Read what the bank answered; None where the charge goes on. Until it did, the customer is awaited."""
    response = yield asked.request(account, wire.METHOD_BY_ID, id=method)
    found = wire.read(wire.answered(response, "node"), wire.Method)
    status = found.authentication() if isinstance(found, wire.Method) and found.id == method else None
    if status in _SAID_NO:
        return _said_no(status, brand=completion.brand, today=completion.today)
    if wire.is_gone(
        response
    ):  # it keeps for some hours; nothing was charged with it, else nobody would be awaited
        return _said_no("expired", brand=completion.brand, today=completion.today)
    return again(completion) if status is None or status == _WAITS else None


def again(completion: Completion) -> ActionRequired | Unknown:
    """The same page once more: nothing was charged, and the customer is awaited as before."""
    challenge = wire.read(dict(completion.kept), wire.Challenge)
    known = {name: value for name, value in completion.kept.items() if name not in _FIELDS}
    return _shown(completion.reference, challenge, known) or Unknown("nobody knows of which challenge")


def input_of(completion: Completion, *, method: str, merchant_account: str) -> asked.Body:
    """The charge that goes on."""
    kept = completion.kept
    return asked.completion(
        completion,
        method=method,
        account=merchant_account,
        initiator=kept.get(INITIATOR),
        keep=STORED in kept,
    )


def _kept(charge: Charge, method: str) -> dict[str, str]:
    """What the charge goes on with, beside the challenge."""
    stored = _ON if asked.is_stored(charge) else None
    known = {METHOD: method, INITIATOR: asked.initiator(charge), STORED: stored}
    return {name: value for name, value in known.items() if value is not None}


def _shown(
    reference: str, challenge: wire.Challenge | None, kept: Mapping[str, str]
) -> ActionRequired | None:
    """The page that shows the challenge; None where not all of it is told.

    The form has the names of both protocols: a bank of today reads `creq` alone.
    """
    if challenge is None or not (challenge.pareq and challenge.md and challenge.term_url):
        return None
    if not _is_address(challenge.acs_url) or not _is_address(challenge.term_url):
        return None
    form = {"PaReq": challenge.pareq, "MD": challenge.md, "TermUrl": challenge.term_url}
    if (challenge.version or "").startswith("2"):
        form["creq"] = challenge.pareq
    values = (challenge.acs_url, challenge.pareq, challenge.md, challenge.term_url, challenge.version)
    told = {name: value for name, value in zip(_FIELDS, values, strict=True) if value}
    ends_at = urlsplit(challenge.term_url)
    script = Script(ScriptKind.FRAMED_CHALLENGE, {ENDS_AT: f"{ends_at.scheme}://{ends_at.netloc}"})
    return ActionRequired(reference, told["acsUrl"], form, script, {**told, **kept})


def _is_address(url: str | None) -> bool:
    return url is not None and url.startswith("https://") and url.isascii() and url.isprintable()


def _is_ours(source: Source) -> bool:
    """Whether it is a card, of our vault or saved at Braintree."""
    if isinstance(source, Card):
        return True
    name = source.value.reveal()
    try:
        return b64decode(name + "=" * (-len(name) % 4)).startswith(_SAVED_CARD)
    except ValueError:
        return False


def _said_no(status: str | None, *, brand: str, today: date) -> Declined:
    return declined("braintree", _REJECTED, on=today, brand=brand, raw={"authentication": status or ""})
