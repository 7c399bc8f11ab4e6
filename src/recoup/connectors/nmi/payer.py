"""Payer authentication at NMI: the script that authenticates a card in the customer vault, and what it brings.

NMI's script is told a card by its number, by a token of another script, or by its id in the customer vault. The first
would put a card number into a page, the second is made while the customer types; so a card is authenticated by its id
alone. One that is to be remembered is put into the vault for that, before it is charged, and is then charged from
there, without its security code. One that is not is charged as it is: the vault has no entry for one use.

Nothing is asked for under our order id before the customer is back, so the one sale with it is what became of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from recoup.connectors.base import Account, Card, Charge, Completion, HttpResponse, Token
from recoup.connectors.base.scripted import When, brought, when
from recoup.connectors.nmi import answers
from recoup.kit.secret import Secret
from recoup.outcomes.core import ActionRequired, Approved, Declined, Outcome, Script, ScriptKind
from recoup.outcomes.core.classify import declined

KEY: Final = "checkout_key"
"""The credential that the script is told: a public one."""
VAULT_ID: Final = "customer_vault_id"
_SCRIPT: Final = "/js/v1/Gateway.js"
_ORIGINS: Final = (
    "https://secure.nmi.com",
    "https://secure.networkmerchants.com",
    "https://*.cardinalcommerce.com",
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{1,80}={0,2}", re.ASCII)
_FIELDS: Final[Mapping[str, tuple[str, re.Pattern[str]]]] = {
    "cavv": ("cavv", _BASE64),
    "xid": ("xid", _BASE64),
    "eci": ("eci", re.compile(r"[0-9]{1,2}", re.ASCII)),
    "cardHolderAuth": ("cardholder_auth", re.compile("verified|attempted", re.ASCII)),
    "threeDsVersion": ("three_ds_version", re.compile(r"[0-9]{1,2}(\.[0-9]{1,3}){1,3}", re.ASCII)),
    "directoryServerId": ("directory_server_id", re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)),
}
"""What the script tells, by its words and by those of a sale, and how each looks."""
_NEEDED: Final = frozenset({"cavv", "cardholder_auth"})


def is_wanted(account: Account, charge: Charge) -> bool:
    """Whether this customer is authenticated before they are charged."""
    vaulted = not isinstance(charge.source, Card) or charge.remember
    return vaulted and bool(account.credential(KEY)) and when(account, charge) is When.ALWAYS


def saved(response: HttpResponse) -> str | None:
    """The id of a card that was put into the vault; None where it was not."""
    said = answers.read(response)
    vaulted = said is not None and said["response"] == "1" and said["response_code"] == "100"
    return (said.get(VAULT_ID) or None) if said is not None and vaulted else None


def asks(account: Account, charge: Charge, vault_id: str) -> ActionRequired:
    """Authenticate the customer of this card for this amount."""
    script = Script(ScriptKind.NMI_PAYER, _parameters(account, charge, vault_id), _ORIGINS)
    return ActionRequired(
        charge.key, f"{account.base_url}{_SCRIPT}", script=script, kept={VAULT_ID: vault_id}
    )


def came_back(completion: Completion) -> bool:
    """Whether the page brought a result at all, whatever it is worth."""
    return any(name in completion.returned for name in _FIELDS)


def result(completion: Completion) -> dict[str, str]:
    """What the page brought, in the words of a sale; nothing where that is no whole result.

    Whether it is true is for the issuer to say, who made the cryptogram and knows for which card and amount.
    """
    found = {
        name: value
        for theirs, (name, looks) in _FIELDS.items()
        if looks.fullmatch(value := brought(completion, theirs))
    }
    return found if found.keys() >= _NEEDED else {}


def charge_of(charge: Charge, completion: Completion) -> Charge:
    """The charge of the very card that was authenticated."""
    return replace(
        charge,
        source=Token(Secret(completion.kept[VAULT_ID]), brand=charge.source.brand),
        authentication=None,
    )


def with_token(said: Outcome, charge: Charge) -> Outcome:
    """An approval with the card that was put into the vault for it."""
    source = charge.source
    if not isinstance(said, Approved) or not charge.remember or not isinstance(source, Token):
        return said
    return replace(said, token=source.value)


def unauthenticated(completion: Completion, why: str) -> Declined:
    """The customer did not authenticate, and nothing was charged."""
    return declined(
        answers.NAME,
        answers.UNAUTHENTICATED,
        on=completion.today,
        brand=completion.brand,
        raw={"authentication": why},
    )


def _parameters(account: Account, charge: Charge, vault_id: str) -> dict[str, str]:
    """What the script is told, by its own names but for the key; it counts amounts in the smallest unit."""
    billing = charge.billing
    first, _, last = (billing.name or "").rpartition(" ")
    known = {
        KEY: account.credential(KEY),
        "customerVaultId": vault_id,
        "currency": charge.amount.currency,
        "amount": str(charge.amount.minor),
        "firstName": first or None,
        "lastName": last or None,
        "email": billing.email,
        "phone": billing.phone,
        "address1": billing.line1,
        "city": billing.city,
        "state": billing.state,
        "postalCode": billing.postal_code,
        "country": billing.country,
    }
    return {name: value for name, value in known.items() if value is not None}
