"""What connectors share whose processor authenticates customers by a script of its own, on a page of ours.

When the customer is sent there is the account's word (credential `three_d_secure`), because a processor refuses the
wish of an account that has not got the service:

* `always`: every customer who can be, before anything is asked of the processor;
* `when_asked`: where the processor declined a charge because the customer must authenticate. A decline took nothing,
  so the charge then waits, and is asked for a second time with what the script brought;
* anything else: nobody.

What comes back through the browser is not believed. It is handed to the processor, with the amount and the card that
we know ourselves. A page that came to nothing brings `error`: the charge ends as declined, without asking anybody,
since nothing is under way. A customer who brought neither has not been there: the charge waits on.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from recoup.connectors.base.asks import Account, Charge, Completion, Initiator
from recoup.connectors.base.contract import Credential

WISH: Final = "three_d_secure"
"""The credential by which an account says when customers are sent to the page."""
ERROR: Final = "error"
"""What the page brings back where no authentication came of it, and one of `_ERRORS` with it."""
_ERRORS: Final = frozenset({"script", "timeout", "failed"})
_BROUGHT_MAX: Final = 4096


class When(StrEnum):
    """When customers are sent to the page."""

    ALWAYS = "always"
    WHEN_ASKED = "when_asked"


def credential(*whens: When) -> Credential:
    """The credential, where a connector can do these."""
    words = " or ".join(f"`{one}`" for one in whens)
    return Credential(
        f"{words}: when customers are sent to a page that authenticates them. Nobody is, without.",
        required=False,
        secret=False,
    )


def when(account: Account, charge: Charge) -> When | None:
    """When this customer is sent to the page; None where they cannot be, or have authenticated elsewhere."""
    here = charge.initiator is Initiator.CUSTOMER and charge.callback_url is not None
    return wish(account) if here and charge.authentication is None else None


def wish(account: Account) -> When | None:
    """What the account says."""
    said = account.credential(WISH)
    return When(said) if said in set(When) else None


def brought(completion: Completion, name: str) -> str:
    """What the page brought back by that name; nothing where that is no word that a processor can have made."""
    said = completion.returned.get(name, "")
    return said if len(said) <= _BROUGHT_MAX and said.isascii() and said.isprintable() else ""


def failure(completion: Completion) -> str | None:
    """Why the page came to nothing, in a word of ours; None where it says no such thing."""
    said = completion.returned.get(ERROR)
    return said if said is None or said in _ERRORS else "failed"
