"""The language of the sandbox's processors: one, in JSON, for `/alpha`, `/bravo` and `/charlie`.

`Authorization: Bearer sbx_…` names the world. Amounts are whole minor units beside an ISO 4217 code; times are the
world's.

    POST /alpha/charges                      take or hold money; `Idempotency-Key` required
    POST /alpha/verifications                ask whether a card is good; `Idempotency-Key` required
    POST /alpha/charges/{id}/captures        {amount}; take some or all of what is held; `Idempotency-Key` required
    POST /alpha/charges/{id}/cancellations   {}; let go of what is held; `Idempotency-Key` required
    POST /alpha/charges/{id}/refunds         {amount}; give back; `Idempotency-Key` required
    GET  /alpha/operations/{key}             what became of whatever was sent with that key
    GET  /alpha/disputes?since=&after=       disputes that moved since, by their names, up to 50; `next` leads to more
    GET  /alpha/disputes/{id}                where one dispute stands
    POST /alpha/disputes/{id}/evidence       {fields, files}; answer a dispute, once; `Idempotency-Key` required
    POST /alpha/disputes/{id}/acceptance     {}; give the disputed money up; `Idempotency-Key` required
    POST /alpha/operations/{key}/withdraw    where nothing came with that key, burn it for ever; where a charge
                                             waits for its customer, end it as declined; then the same
    GET  /alpha/authentications/{token}      the page on which a customer authenticates (HTML, no key needed)
    POST /alpha/authentications/{token}      {"result": "approve" | "fail"}, by form or JSON

Where a charge in `requires_action` has an `authentication_form`, the customer's browser posts that to its
`authentication_url`, which is no page otherwise; when they are done it posts a form to the charge's `callback_url`.

Both take `card`, or a `token` that the processor gave before, and with `remember` give a `token` where they approve.
A charge takes the `authentication` of its customer that was made elsewhere; its issuer then asks for none.

**200** is an answer: a charge in state `approved`, `declined`, `pending` or `requires_action`; a change
(capture, cancellation, refund) in state `done`, `refused`, `pending` or `failed`; an answer to a dispute in state
`done` or `refused`; a verification in state `approved`,
`declined` or, where it brings a `return_url`, `requires_action`; a withdrawal. A decline carries the
processor's code, the network's response code, and on Mastercard a merchant advice code where one fits.

**Anything else** is an error `{"error": {"code", "message"}, "processed": false}`. Where it says `"processed": false`,
and only there, nothing was done and nothing will be done for this request: 400 not understood, 401 no such world,
404 `no_such_path`, 405 wrong method, 409 `withdrawn` (the key was burnt), 413 too large, 422 `not_supported` (this
processor does not take this currency, brand or country), `no_such_charge` and `no_such_token`, 429 and 503 refused at
the door. Without it: 404 `not_found`, 409 `key_reused` (the key came before with another request: nothing is known of
this one), 429 and 503 for a key that came before, and 503 where the issuer has decided and nobody could write it down.

**Webhooks.** Where a world tells what happens (`POST /v1/test/webhooks` of Recoup's API), each piece of news is posted
to `/v1/inbound/{account}`: `{"id", "type", "occurred_at", "data"}`, where `data` is the charge, capture, cancellation
or refund as the answers above have it, or a dispute, and `type` its kind and state: `charge.approved`, `refund.failed`,
`dispute.opened`. Disputes are told wherever there are some, and get lost as other news do. The header
`Sandbox-Signature: t=1764000000,v1=…` has the second at which it is sent, and in hexadecimal the HMAC-SHA256 of that
number, a full stop and the body, under the SHA-256 of the world's API key. What is not answered with 2xx comes again,
ever later, for three days; the same news has the same `id`.

**Once.** The same key with the same request, to the byte, gives the first answer again and does nothing; with another
request 409 `key_reused`. An operation, once asked for, is found by its key for ever.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

KEY_LENGTH_MAX = 255
BODY_BYTES_MAX = 1 << 18

Amount = Annotated[int, Meta(gt=0, le=10**12)]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
Text = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*\Z")]


class CardData(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A card as it is sent."""

    number: Annotated[str, Meta(pattern=r"^[0-9]{12,19}\Z")]
    exp_month: Annotated[int, Meta(ge=1, le=12)]
    exp_year: Annotated[int, Meta(ge=2000, le=2099)]
    cvc: Annotated[str, Meta(pattern=r"^[0-9]{3,4}\Z")] | None = None
    holder: Text | None = None

    def __repr__(self) -> str:
        return "CardData(***)"


Token = Annotated[str, Meta(max_length=200, pattern=r"^[!-~]+\Z")]


class AuthenticationData(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a 3-D Secure authentication came to that was made elsewhere; its proof is 20 bytes in base64."""

    version: Annotated[str, Meta(pattern=r"^2\.[0-9]\.[0-9]\Z")]
    status: Literal["Y", "A"]
    eci: Literal["01", "02", "05", "06"]
    cryptogram: Annotated[str, Meta(pattern=r"^[0-9A-Za-z+/]{27}=\Z")]
    ds_transaction_id: Annotated[str, Meta(pattern=r"^[0-9a-fA-F-]{36}\Z")]

    def __repr__(self) -> str:
        return "AuthenticationData(***)"


class ChargeRequest(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What `POST /charges` takes. `order` is the merchant's payment: the same for every charge that is tried for it."""

    order: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00]*\Z")]
    amount: Amount
    currency: Currency
    card: CardData | None = None
    token: Token | None = None
    remember: bool = False
    capture: bool
    initiator: Literal["customer", "merchant"]
    network_transaction_id: Text | None = None
    merchant_reference: Text | None = None
    return_url: Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*\Z")] | None = None
    callback_url: Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*\Z")] | None = None
    country: Text | None = None
    postal_code: Text | None = None
    authentication: AuthenticationData | None = None

    def __repr__(self) -> str:
        return "ChargeRequest(***)"


class VerificationRequest(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What `POST /verifications` takes."""

    currency: Currency
    card: CardData | None = None
    token: Token | None = None
    remember: bool = False
    return_url: Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*\Z")] | None = None
    postal_code: Text | None = None

    def __repr__(self) -> str:
        return "VerificationRequest(***)"


class ChangeRequest(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What captures and refunds take."""

    amount: Amount


class CancellationRequest(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What cancellations take: nothing."""


class EvidenceFileData(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A document that is handed in: what it is, and the SHA-256 of its content, which nobody here reads."""

    name: Text
    media_type: Text
    purpose: Text
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]

    def __repr__(self) -> str:
        return "EvidenceFileData(***)"


class EvidenceRequest(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What answers to disputes take: what is said, by field, and the documents."""

    fields: Annotated[
        dict[Text, Annotated[str, Meta(max_length=100_000, pattern=r"^[^\x00]*\Z")]], Meta(max_length=50)
    ] = {}
    files: Annotated[list[EvidenceFileData], Meta(max_length=50)] = []

    def __repr__(self) -> str:
        return "EvidenceRequest(***)"


class AcceptanceRequest(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What acceptances of disputes take: nothing."""


FORM_FIELD = "challenge"
"""What the form that opens an issuer's page says: the page's own token."""


class AuthenticationRequest(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What the customer did."""

    result: Literal["approve", "fail"]


class DeclineObject(Struct, frozen=True, kw_only=True):
    """Why not."""

    code: str
    network_code: str
    advice_code: str | None


class ChecksObject(Struct, frozen=True, kw_only=True):
    """What the issuer said of security code and address: `pass`, `fail`, `unavailable`, or null where not asked."""

    cvc: str | None
    postal_code: str | None
    address: str | None


class ChargeObject(Struct, frozen=True, kw_only=True):
    """A charge."""

    object: Literal["charge"] = "charge"
    id: str
    key: str
    order: str
    processor: str
    state: str
    amount: int
    currency: str
    capture: bool
    captured: int
    released: int
    refunded: int
    fee: int
    checks: ChecksObject
    created_at: str
    decline: DeclineObject | None = None
    network_transaction_id: str | None = None
    authentication_url: str | None = None
    authentication_form: dict[str, str] | None = None
    token: str | None = None


class VerificationObject(Struct, frozen=True, kw_only=True):
    """What an issuer says of a card."""

    object: Literal["verification"] = "verification"
    id: str
    key: str
    processor: str
    state: str
    currency: str
    checks: ChecksObject
    created_at: str
    decline: DeclineObject | None = None
    network_transaction_id: str | None = None
    authentication_url: str | None = None
    token: str | None = None


class ChangeObject(Struct, frozen=True, kw_only=True):
    """A capture, cancellation or refund. `code` and `message` say why it was refused or has failed."""

    object: Literal["capture", "cancellation", "refund"]
    id: str
    key: str
    charge: str
    processor: str
    state: str
    amount: int
    currency: str
    created_at: str
    code: str | None = None
    message: str | None = None


class DisputeObject(Struct, frozen=True, kw_only=True):
    """A dispute as it is told. `key` is that of its charge; `withdrawn`: the money is out of the merchant's hands."""

    object: Literal["dispute"] = "dispute"
    id: str
    key: str
    charge: str
    order: str
    processor: str
    kind: str
    state: str
    reason: str
    network: str
    amount: int
    currency: str
    fee: int
    withdrawn: bool
    evidence_due_at: str | None
    created_at: str
    alert: str | None = None
    program: str | None = None


class DisputeFound(Struct, frozen=True, kw_only=True):
    """A dispute as whoever asks sees it; it stands so since `since`."""

    object: Literal["dispute_found"] = "dispute_found"
    since: str
    dispute: DisputeObject


class DisputesFound(Struct, frozen=True, kw_only=True):
    """Some disputes by their names. `next` leads to more."""

    object: Literal["disputes"] = "disputes"
    data: list[DisputeFound]
    next: str | None


class DisputeAnswerObject(Struct, frozen=True, kw_only=True):
    """Whether an answer to a dispute was taken. `code` and `message` say why not."""

    object: Literal["dispute_answer"] = "dispute_answer"
    key: str
    dispute: str
    processor: str
    state: Literal["done", "refused"]
    created_at: str
    code: str | None = None
    message: str | None = None


class NewsObject(Struct, frozen=True, kw_only=True):
    """What a processor tells unasked. `data` is as it stood when it happened."""

    id: str
    type: str
    occurred_at: str
    data: ChargeObject | ChangeObject | DisputeObject


SavedCardState: TypeAlias = Literal["updated", "closed"]


class SavedCardObject(Struct, frozen=True, kw_only=True):
    """A card that a processor remembers, as its issuer has it now; `token` stands for it as before."""

    object: Literal["card"] = "card"
    id: str
    processor: str
    state: SavedCardState
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    token: str | None = None


class SavedNewsObject(Struct, frozen=True, kw_only=True):
    """What a processor tells of a card that it remembers."""

    id: str
    type: str
    occurred_at: str
    data: SavedCardObject


class WithdrawalObject(Struct, frozen=True, kw_only=True):
    """A key that stands for nothing and never will."""

    object: Literal["withdrawal"] = "withdrawal"
    key: str
    processor: str
    state: Literal["withdrawn"] = "withdrawn"
    created_at: str


class ErrorObject(Struct, frozen=True, kw_only=True):
    """What went wrong."""

    code: str
    message: str


class ErrorAnswer(Struct, frozen=True, kw_only=True):
    """A request that gets no answer."""

    error: ErrorObject
    processed: Literal[False] | UnsetType = UNSET
