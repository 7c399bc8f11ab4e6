"""Which accounts can do a payment: every reason against each, or none.

What is not known is no reason: a card of unknown funding, an issuer whose country nobody knows and a payment that does
not say its category pass, because only the processor can tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from uuid import UUID

from recoup.connectors.base import Capabilities
from recoup.kit.money import Money
from recoup.routing.core.facts import UNKNOWN_BRAND, UNKNOWN_FUNDING, Facts, RoutableAccount


def obstacles(
    facts: Facts, account: RoutableAccount, can: Capabilities, *, requested: Collection[UUID] | None = None
) -> tuple[str, ...]:
    """Every reason why an account may not be asked, in words; empty where it may.

    `requested` are the accounts that the caller wants asked, None where the merchant's own choice holds. That an
    account is being drained is no obstacle: it is asked last.
    """
    return tuple(_all(facts, account, can, requested))


def charged_by_token(facts: Facts, account: RoutableAccount, can: Capabilities) -> bool:
    """Whether the account is asked with what its processor keeps, and not with the card."""
    return can.processor_tokens and account.id in facts.saved_at


def _all(
    facts: Facts, account: RoutableAccount, can: Capabilities, requested: Collection[UUID] | None
) -> Iterator[str]:
    if not account.enabled:
        yield "it is disabled"
    if requested is not None and account.id not in requested:
        yield "the caller asked for other accounts"
    by_token = charged_by_token(facts, account, can)
    if not by_token and not facts.card_in_vault:
        yield "no saved method at this account, and no card in the vault"
    elif not by_token and not can.cards:
        yield "it takes no cards from the vault, and there is no saved method at this account"
    else:
        yield from _against_the_card(facts, account, can, by_token=by_token)
    yield from _against_the_sale(facts, account, can)
    yield from _authentication(facts, account, can)
    yield from _credential(facts, can, by_token=by_token)


def _against_the_card(
    facts: Facts, account: RoutableAccount, can: Capabilities, *, by_token: bool
) -> Iterator[str]:
    nameless = by_token and facts.brand == UNKNOWN_BRAND  # its own processor knows what it keeps
    if not nameless and not (_takes(can.brands, facts.brand) and _takes(account.brands, facts.brand)):
        yield f"it does not take {facts.brand} cards"
    if facts.funding != UNKNOWN_FUNDING and not _takes(account.fundings, facts.funding):
        yield f"it does not take {facts.funding} cards"
    country = facts.issuer_country
    if country is not None and not (_takes(can.countries, country) and _takes(account.countries, country)):
        yield f"it does not take cards issued in {country}"


def _against_the_sale(facts: Facts, account: RoutableAccount, can: Capabilities) -> Iterator[str]:
    if not (_takes(can.currencies, facts.currency) and _takes(account.currencies, facts.currency)):
        yield f"it does not take {facts.currency}"
    yield from _amount(facts, account)
    category = facts.merchant_category
    if category is not None and not _takes(account.merchant_categories, category):
        yield f"it does not take payments of merchant category {category}"
    if not facts.charges and not can.verification:
        yield "it cannot check a card without charging it"
    if facts.capture == "manual" and not can.manual_capture:
        yield "it cannot hold money for a later capture"


def _amount(facts: Facts, account: RoutableAccount) -> Iterator[str]:
    limits = account.amount_limits
    limit = None if limits is None or not facts.charges else limits.get(facts.currency)
    if limit is None:
        return
    if facts.amount < limit.min:
        yield f"it takes no less than {Money(limit.min, facts.currency)}"
    if limit.max is not None and facts.amount > limit.max:
        yield f"it takes no more than {Money(limit.max, facts.currency)}"


def _authentication(facts: Facts, account: RoutableAccount, can: Capabilities) -> Iterator[str]:
    if facts.authenticated and not can.takes_authentication:
        yield "it does not take a 3-D Secure result that was made elsewhere"
    challenges = can.three_d_secure if account.three_d_secure is None else account.three_d_secure
    if facts.needs_challenge and not facts.authenticated and not challenges:
        yield "it cannot have the customer authenticated"


def _credential(facts: Facts, can: Capabilities, *, by_token: bool) -> Iterator[str]:
    if facts.initiator != "merchant":
        return
    if not can.stored_credentials:
        yield "it cannot charge stored cards without the customer"
    elif not by_token and facts.network_transaction_id and not can.network_transaction_ids:
        yield "it cannot name the customer's first payment to the network, and keeps no method of its own"


def _takes(limit: frozenset[str] | None, value: str) -> bool:
    return limit is None or value in limit
