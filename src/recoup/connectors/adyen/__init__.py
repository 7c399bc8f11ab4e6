"""Adyen: Checkout API, JSON, version 71; what becomes of changes comes by webhook.

`answers` reads what Adyen answers, `webhooks` what it tells unasked; `asking` builds what is asked.

* Keys: our key is the `reference` and the `Idempotency-Key`. A key that Adyen already works on or has worked on is
  refused with error 704; that is no proof of anything, so it is `Unknown`.
* Amounts are minor units with Adyen's own decimals: two for CLP and ISK, none for CVE and IDR.
* Capture: `captureDelayHours` 0 or `additionalData.manualCapture`, instead of the merchant account's own setting.
  Adyen's webhooks do not say which was asked, so `metadata.capture` carries it there and back. What goes to manual
  review is approved and not captured. Several captures of one payment exist only where Adyen enabled them; elsewhere
  what the first one leaves is let go, so none are offered.
* 3-D Secure: always by redirect (`nativeThreeDS` disabled). A step that needs Adyen's own page parts can never be
  finished by us, and without that nothing is authorised, so it is a decline.
* The result of an authentication made elsewhere goes along as `mpiData`, and nobody is redirected.
* `/payments/details` goes on with the one payment that its `redirectResult` names, and makes none; sent again under the
  same key, Adyen repeats its first answer, for seven days at least ("API idempotency" in its documentation, read
  2026-11-22), or refuses with 704. So a completion whose answer got lost can be repeated.
* Captures, cancellations and refunds are only taken in (`received`); what became of them comes by webhook.
* There is no way to ask what became of a payment: a question is `Unknown`, and webhooks tell. Nor can one be withdrawn:
  cancelling by our reference (`/cancels`) is answered `received` too, whether or not there is such a payment, and one
  that is still on its way would be authorised after it.
* Webhooks: set up the standard webhook with an HMAC key, answered with `[accepted]`; those about tokens may come to the
  same address if they are given the same key. Standard ones bear no signed time, so a repetition is known by its name.
* Disputes: see `disputing` for what can be handed in. Webhooks tell how they go on, and of no fee.

Not verified: whether `/payments/details` always repeats `merchantReference` (an answer without it, and with another
`pspReference` than the charge's, is not believed); whether the `merchantReference` of a webhook about a change is the
change's own or the payment's; whether `metadata` comes back in every webhook; whether `captureDelayHours` 0 captures
where the account's own setting is manual.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from recoup.connectors.adyen.answers import (
    CURRENCIES,
    NAME,
    Amount,
    Asked,
    Payment,
    amount_of,
    change_refused,
    payment_answer,
    read,
    received,
    refused_at_the_door,
    why_no_amount,
)
from recoup.connectors.adyen.asking import charge_body, shopper, verification_body
from recoup.connectors.adyen.disputing import Disputing
from recoup.connectors.adyen.webhooks import TokenEvent, hmac_of, item_notice, items_of, token_notice
from recoup.connectors.base import (
    Account,
    Addresses,
    Authentic,
    Capabilities,
    Change,
    Charge,
    Completion,
    Credential,
    Defaults,
    Delivery,
    Exchange,
    Forged,
    HttpRequest,
    Idempotency,
    Notice,
    Question,
    Source,
    Token,
    Verification,
    decoded,
)
from recoup.connectors.base.disputes import ALL_VERBS
from recoup.connectors.base.webhooks import body_digest, same
from recoup.outcomes.core import Evidence, FollowUp, FollowUpEvidence, Outcome, Unknown, Unprocessed


class Adyen(Disputing, Defaults):
    """The connector."""

    name: Final = NAME
    webhook_reply = "[accepted]"
    credentials: Final = {
        "api_key": Credential(
            "The API key of a credential that may use Checkout, raw card data if cards are, and disputes if they are."
        ),
        "merchant_account": Credential("The name of the merchant account.", secret=False),
        "live_prefix": Credential(
            "Live only: the prefix of your live URLs, such as 1797a841fbb37ca7-AcmeBV.",
            required=False,
            secret=False,
        ),
        "hmac_key": Credential("The HMAC key of the webhook, in hexadecimal.", required=False),
    }
    addresses: Final = Addresses(
        test="https://checkout-test.adyen.com/v71",
        live="https://{live_prefix}-checkout-live.adyenpayments.com/checkout/v71",
    )
    capabilities: Final = Capabilities(
        currencies=CURRENCIES,
        countries=None,
        brands=frozenset(
            {
                *("visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "maestro", "elo"),
                *("cartes_bancaires", "eftpos_au", "interac", "unknown"),
            }
        ),
        manual_capture=True,
        multiple_captures=False,
        partial_refunds=True,
        stored_credentials=True,
        lookup=False,
        withdraw=False,
        processor_tokens=True,
        gives_tokens=True,
        network_transaction_ids=True,
        three_d_secure=True,
        takes_authentication=True,
        resumable_completion=True,
        verification=True,
        webhooks=True,
        idempotency=Idempotency.KEY,
        disputes=ALL_VERBS,
    )

    def charge(self, account: Account, charge: Charge) -> Exchange[Outcome]:
        """Take or hold money: one request."""
        amount = amount_of(charge.amount)
        why_not = _why_not_sent(charge.source, charge.customer_key, amount, charge.amount.currency)
        if amount is None or why_not is not None:
            return Unprocessed(f"not sent: {why_not}")
        response = yield _post(account, "payments", key=charge.key, body=charge_body(account, charge, amount))
        asked = Asked(
            charge.key,
            amount,
            charge.capture,
            charge.source.brand,
            charge.today,
            shopper(charge, otherwise=charge.payment_key),
        )
        return refused_at_the_door(response, asked) or payment_answer(response, asked)

    def complete(self, account: Account, completion: Completion) -> Exchange[Evidence]:
        """Hand over what the customer brought back; Adyen authorises then."""
        amount = amount_of(completion.amount)
        brought = completion.returned.get("redirectResult")
        if not brought or amount is None:
            return Unknown("the customer brought no redirectResult back")
        body = {"details": {"redirectResult": brought}}
        response = yield _post(account, "payments/details", key=f"{completion.key}-details", body=body)
        answer = read(response, Payment)
        names_neither = answer is not None and answer.merchant_reference is None
        if answer is not None and names_neither and answer.psp_reference != completion.reference:
            return Unknown("the answer does not say which payment it is about")
        asked = Asked(completion.key, amount, completion.capture, completion.brand, completion.today)
        return payment_answer(response, asked)

    def verify(self, account: Account, verification: Verification) -> Exchange[Outcome]:
        """A zero-value authorisation."""
        amount = Amount(0, verification.currency)
        customer = verification.customer_key
        why_not = _why_not_sent(verification.source, customer, amount, verification.currency)
        if why_not is not None:
            return Unprocessed(f"not sent: {why_not}")
        body = verification_body(account, verification, amount)
        response = yield _post(account, "payments", key=verification.key, body=body)
        asked = Asked(
            verification.key,
            amount,
            capture=False,
            brand=verification.source.brand,
            today=verification.today,
            customer=shopper(verification, otherwise=verification.key),
        )
        return refused_at_the_door(response, asked) or payment_answer(response, asked)

    def capture(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Take some or all of what is held."""
        return self._change(account, change, "captures", of_an_amount=True)

    def cancel(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Let go of all that is not captured."""
        return self._change(account, change, "cancels", of_an_amount=False)

    def refund(self, account: Account, change: Change) -> Exchange[FollowUp]:
        """Give back some or all of what was taken."""
        return self._change(account, change, "refunds", of_an_amount=True)

    def _change(
        self, account: Account, change: Change, what: str, *, of_an_amount: bool
    ) -> Exchange[FollowUp]:
        amount = amount_of(change.amount)
        if amount is None:
            return Unprocessed(f"not sent: {why_no_amount(change.amount.currency)}")
        body: dict[str, object] = {
            "merchantAccount": account.credential("merchant_account"),
            "reference": change.key,
        }
        if of_an_amount:
            body["amount"] = amount
        path = f"payments/{quote(change.charge_reference, safe='')}/{what}"
        response = yield _post(account, path, key=change.key, body=body)
        return change_refused(response) or received(response, change, amount)

    def lookup(self, account: Account, question: Question) -> Exchange[Evidence]:
        """Adyen cannot be asked."""
        yield from ()
        return Unknown("Adyen cannot be asked what became of a payment: its webhooks tell")

    def lookup_change(self, account: Account, question: Question) -> Exchange[FollowUpEvidence]:
        """Adyen cannot be asked."""
        yield from ()
        return Unknown("Adyen cannot be asked what became of a change: its webhooks tell")

    def authenticate(self, account: Account, delivery: Delivery) -> Exchange[Authentic | Forged]:
        """Every item bears its own HMAC; a delivery about tokens has one over the whole body, in a header."""
        yield from ()
        try:
            key = bytes.fromhex(account.credential("hmac_key"))
        except ValueError:
            key = b""
        if not key:
            return Forged("the account has no HMAC key in hexadecimal")
        if _is_genuine(key, delivery):
            return Authentic(body_digest(delivery))
        return Forged("the HMAC is not that of our key")

    def notices(self, account: Account, delivery: Delivery) -> tuple[Notice, ...]:
        """What the items say that are about this merchant account."""
        ours = account.credential("merchant_account")
        signed_whole = "hmacsignature" in delivery.headers
        token = decoded(delivery.body, TokenEvent) if signed_whole else None
        if token is not None:
            return (token_notice(token),) if token.data.merchant_account == ours else ()
        return tuple(item_notice(each) for each in items_of(delivery) if each.merchant_account_code == ours)


ADYEN: Final = Adyen()
CONNECTORS: Final = (ADYEN,)


def _why_not_sent(source: Source, customer: str | None, amount: Amount | None, currency: str) -> str | None:
    if amount is None or currency not in CURRENCIES:
        return why_no_amount(currency)
    if isinstance(source, Token) and not (source.customer or customer):
        return "a saved method at Adyen needs the shopper reference under which it was saved"
    return None


def _post(account: Account, path: str, *, key: str, body: Mapping[str, object]) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=f"{account.base_url}/{path}",
        headers={"Content-Type": "application/json", "Idempotency-Key": key},
        secret_headers={"X-API-Key": account.credential("api_key")},
        body=msgspec.json.encode(body),
    )


def _is_genuine(key: bytes, delivery: Delivery) -> bool:
    """Whether the header, or else each item (and there are some), bears the HMAC of what it covers."""
    header = delivery.headers.get("hmacsignature")
    if header is not None:
        return same(hmac_of(key, delivery.body), header)
    given = [
        (hmac_of(key, each.signed_text().encode()), each.said("hmacSignature")) for each in items_of(delivery)
    ]
    return bool(given) and all(same(expected, signature or "") for expected, signature in given)
