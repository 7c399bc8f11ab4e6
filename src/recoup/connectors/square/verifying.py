"""3-D Secure at Square: the script that verifies a buyer, and the charge that goes on with its token.

`verifyBuyer` of the Web Payments SDK is given the card, the amount and who pays, and gives a verification token for
these. Square has deprecated it in favour of a `tokenize` that gives a new source to charge. That one is left alone:
which card is charged would then be the browser's word, and here it stays ours.

A charge that goes on is a second payment at Square: under the key of the first, Square would refuse it as another
request, or show the first decline again. It goes under a key made of the first, which no other request can have, and
with the same `reference_id`, by which both are found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from recoup.connectors.base import Account, Charge, Completion, HttpResponse, Notice, Question, Token
from recoup.connectors.base.scripted import When, when
from recoup.connectors.square.reading import CardObject, Payment, at_the_door, refusal_of
from recoup.kit.secret import Secret
from recoup.outcomes.core import ActionRequired, Approved, Declined, Evidence, Outcome, Script, ScriptKind
from recoup.outcomes.core.classify import declined

REQUIRED: Final = "CARD_DECLINED_VERIFICATION_REQUIRED"
"""Square's code for a decline because the buyer must be verified."""
BROUGHT: Final = "verification_token"
"""What the page brings back, and the field in which Square takes it."""
_SECOND: Final = "3ds"
_DECLINED: Final = "declined"
_CARD: Final = "card"
_CUSTOMER: Final = "customer"
_ISSUERS: Final = "https://*.cardinalcommerce.com"


def mode(account: Account, charge: Charge, *, on_file: bool) -> When | None:
    """When this customer is sent to Square's script; None where nobody is.

    A token of one use may be spent by a charge that was declined, so it is verified before that or not at all.
    """
    said = when(account, charge)
    can = bool(account.credential("application_id") and account.credential("location_id"))
    return said if can and (on_file or said is When.ALWAYS) else None


def first(account: Account, charge: Charge, token: Token, *, kept: CardObject | None) -> ActionRequired:
    """Verify the buyer before anything is charged."""
    return _asks(account, charge, token, reference=charge.key, kept=_kept(kept))


def second(
    account: Account, charge: Charge, token: Token, said: Outcome, *, kept: CardObject | None
) -> ActionRequired | None:
    """Verify the buyer, because Square declined for want of that; None where it said something else."""
    if not isinstance(said, Declined) or said.decline.processor_code != REQUIRED:
        return None
    return _asks(account, charge, token, reference=f"{charge.key}-{_DECLINED}", kept=_kept(kept))


def again(account: Account, charge: Charge, token: Token, completion: Completion) -> ActionRequired:
    """The same once more, for a customer who has not been there."""
    return _asks(account, charge, token, reference=completion.reference, kept=dict(completion.kept))


def body_of(charge: Mapping[str, object], completion: Completion, token: str) -> Mapping[str, object]:
    """The charge that goes on."""
    return {**charge, "idempotency_key": f"{completion.key}-{_SECOND}", BROUGHT: token}


def source_of(charge: Charge, completion: Completion) -> Token | None:
    """What is charged: the card that was put on file for this charge, else what the charge named."""
    if _CARD in completion.kept:
        return Token(
            Secret(completion.kept[_CARD]), completion.kept.get(_CUSTOMER), brand=charge.source.brand
        )
    return charge.source if isinstance(charge.source, Token) else None


def with_token(said: Evidence, completion: Completion) -> Evidence:
    """An approval with the card that was put on file for it."""
    if not isinstance(said, Approved) or _CARD not in completion.kept:
        return said
    return replace(said, token=Secret(completion.kept[_CARD]), token_customer=completion.kept.get(_CUSTOMER))


def unverified(completion: Completion, why: str) -> Declined:
    """The buyer was not verified, and nothing was charged."""
    return declined(
        "square",
        REQUIRED,
        on=completion.today,
        brand=completion.brand,
        raw={"authentication": why},
    )


def token_refused(response: HttpResponse) -> str | None:
    """Square's code where it refused the request at the door because of the verification token in it, else None."""
    refusal = refusal_of(response)
    if refusal is None or refusal.payment is not None:
        return None
    error = refusal.errors[0]
    return error.code if error.field == BROUGHT and at_the_door(response, error) else None


def waited(question: Question) -> bool:
    """Whether the charge was last known to wait for its customer, or to go on after them."""
    return question.reference in (question.key, f"{question.key}-{_DECLINED}")


def payments_of(found: Sequence[Payment], question: Question) -> list[Payment]:
    """Those of a charge's payments, the newest first, that say what became of it.

    Where the first was declined for want of a verification, it is not among them: what followed says it.
    """
    first_was_declined = question.reference == f"{question.key}-{_DECLINED}"
    wanting = [one for one in found if _is_wanting(one)] if first_was_declined else []
    return [one for one in found if one.id != wanting[-1].id] if wanting else list(found)


def without_first(notice: Notice) -> Notice:
    """A notice that says nothing where it may be about the decline after which a charge waits for its customer."""
    said = notice.meaning
    is_wanting = isinstance(said, Declined) and said.decline.processor_code == REQUIRED
    return replace(notice, meaning=None) if is_wanting else notice


def _is_wanting(payment: Payment) -> bool:
    return payment.status == "FAILED" and any(one.code == REQUIRED for one in payment.card_details.errors)


def _kept(card: CardObject | None) -> dict[str, str]:
    known = {} if card is None else {_CARD: card.id, _CUSTOMER: card.customer_id}
    return {name: value for name, value in known.items() if value is not None}


def _asks(
    account: Account, charge: Charge, token: Token, *, reference: str, kept: Mapping[str, str]
) -> ActionRequired:
    source = kept.get(_CARD) or token.value.reveal()
    script = Script(ScriptKind.SQUARE_VERIFICATION, _parameters(account, charge, source), _origins(account))
    host = "web.squarecdn.com" if account.livemode else "sandbox.web.squarecdn.com"
    return ActionRequired(reference, f"https://{host}/v1/square.js", script=script, kept=kept)


def _origins(account: Account) -> tuple[str, ...]:
    domain = "squareup.com" if account.livemode else "squareupsandbox.com"
    services = (f"https://{name}.{domain}" for name in ("pci-connect", "connect", "api"))
    return ("https://*.squarecdn.com", *services, _ISSUERS)


def _parameters(account: Account, charge: Charge, source: str) -> dict[str, str]:
    """What the script is told; the billing contact is flat, by the names that Square has for it."""
    billing, amount = charge.billing, charge.amount
    given, _, family = (billing.name or "").rpartition(" ")
    known = {
        "application_id": account.credential("application_id"),
        "location_id": account.credential("location_id"),
        "source_id": source,
        "amount": f"{amount.major():f}",
        "currency": amount.currency,
        "givenName": given or None,
        "familyName": family or None,
        "email": billing.email,
        "phone": billing.phone,
        "line1": billing.line1,
        "line2": billing.line2,
        "city": billing.city,
        "state": billing.state,
        "postalCode": billing.postal_code,
        "countryCode": billing.country,
    }
    return {name: value for name, value in known.items() if value is not None}
