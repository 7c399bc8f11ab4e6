"""What Braintree is asked in GraphQL, and the shapes of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from recoup.connectors.base import HttpResponse
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money, parse_major

FOUND_MAX: Final = 20

UNDONE: Final = frozenset(
    {
        *("AUTHENTICATION", "AUTHORIZATION", "NOT_FOUND", "NOT_IMPLEMENTED", "RESOURCE_LIMIT"),
        *("UNSUPPORTED_CLIENT", "VALIDATION"),
    }
)
"""Classes of errors that come instead of the deed; INTERNAL and SERVICE_AVAILABILITY may come after it."""

MAYBE_DONE: Final = frozenset({"91564", "93107", "91507", "91504", "91512", "915282", "915233", "915234"})
"""Said of a token or charge that was used before: by somebody else, or by this very request on its first way."""

_ANSWERED: Final = (
    "legacyCode message cvvResponse avsPostalCodeResponse avsStreetAddressResponse additionalInformation"
)
_WHY: Final = f"processorResponse {{ {_ANSWERED} }} networkResponse {{ code message }}"
_ADVISED: Final = f"{_WHY} merchantAdviceCodeResponse {{ code message }}"
_TRANSACTION: Final = f"""
  id orderId status partiallyAuthorized amount {{ value currencyCode }}
  initialRequestedAuthorizationAmount {{ value currencyCode }}
  paymentMethod {{ id customer {{ id }} }}
  paymentMethodSnapshot {{ ... on CreditCardTransactionDetails {{ networkTransactionId }} }}
  statusHistory {{
    status
    ... on AuthorizedEvent {{ {_WHY} }}
    ... on ProcessorDeclinedEvent {{ declineType {_ADVISED} }}
    ... on GatewayRejectedEvent {{ {_ADVISED} gatewayRejectionReason duplicateOf {{ id orderId }} }}
    ... on FailedEvent {{ {_ADVISED} }}
    ... on SettlementDeclinedEvent {{ processorResponse {{ legacyCode message }} }}
  }}
"""
_REFUND: Final = "id orderId status amount { value currencyCode }"
_VERIFIED: Final = f"verification {{ id status gatewayRejectionReason {_WHY} }}"
_FOUND: Final = f"(input: $input, first: {FOUND_MAX}) {{ pageInfo {{ hasNextPage }} edges {{ node"


def _mutation(name: str, input_: str, answer: str) -> str:
    return f"mutation Recoup($input: {input_}!) {{ {name}(input: $input) {{ clientMutationId {answer} }} }}"


CHARGES: Final = {
    (card, capture): (
        f"{verb}{what}",
        _mutation(f"{verb}{what}", f"{verb.capitalize()}{what}Input", f"transaction {{{_TRANSACTION}}}"),
    )
    for card, what in ((True, "CreditCard"), (False, "PaymentMethod"))
    for capture, verb in ((True, "charge"), (False, "authorize"))
}
"""The mutation that charges and its name, by whether it is known to be a card and whether money is taken at once."""

TOKENIZE: Final = _mutation("tokenizeCreditCard", "TokenizeCreditCardInput", "paymentMethod { id }")
VAULT: Final = _mutation(
    "vaultCreditCard", "VaultCreditCardInput", f"paymentMethod {{ id customer {{ id }} }} {_VERIFIED}"
)
VERIFY: Final = _mutation("verifyCreditCard", "VerifyCreditCardInput", _VERIFIED)
FORGET: Final = _mutation("deletePaymentMethodFromVault", "DeletePaymentMethodFromVaultInput", "")
CAPTURE: Final = _mutation("captureTransaction", "CaptureTransactionInput", f"transaction {{{_TRANSACTION}}}")
REVERSE: Final = _mutation(
    "reverseTransaction",
    "ReverseTransactionInput",
    f"reversal {{ __typename ... on Transaction {{{_TRANSACTION}}} ... on Refund {{ {_REFUND} }} }}",
)
REFUND: Final = _mutation("refundTransaction", "RefundTransactionInput", f"refund {{ {_REFUND} }}")
_AUTHENTICATION: Final = (
    "id details { ... on CreditCardDetails { threeDSecure { authentication { authenticationStatus } } } }"
)
LOOKUP: Final = _mutation(
    "performThreeDSecureLookup",
    "PerformThreeDSecureLookupInput",
    f"threeDSecureLookupData {{ acsUrl version pareq md termUrl }} paymentMethod {{ {_AUTHENTICATION} }}",
)
METHOD_BY_ID: Final = (
    f"query Recoup($id: ID!) {{ node(id: $id) {{ ... on PaymentMethod {{ {_AUTHENTICATION} }} }} }}"
)
CHARGE_BY_ID: Final = (
    f"query Recoup($id: ID!) {{ node(id: $id) {{ ... on Transaction {{{_TRANSACTION}}} }} }}"
)
CHARGE_BY_KEY: Final = (
    "query Recoup($input: TransactionSearchInput!) "
    f"{{ search {{ transactions{_FOUND} {{{_TRANSACTION}}} }} }} }} }}"
)
REFUND_BY_KEY: Final = (
    f"query Recoup($input: RefundSearchInput!) {{ search {{ refunds{_FOUND} {{ {_REFUND} }} }} }} }} }}"
)

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+\Z")]
Code = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+\Z")]


class _Shape(Struct, frozen=True, rename="camel", kw_only=True):
    """Braintree writes names in camel case."""


class Amount(_Shape, frozen=True):
    """Major units as text."""

    value: str
    currency_code: str

    def money(self) -> Money | None:
        """As money, where it is any."""
        return parse_major(self.value, self.currency_code) if self.currency_code in DECIMALS else None


class Processor(_Shape, frozen=True):
    """What the processor said, and what the issuer said of security code and address."""

    legacy_code: Code | None = None
    message: str | None = None
    cvv_response: str | None = None
    avs_postal_code_response: str | None = None
    avs_street_address_response: str | None = None
    additional_information: str | None = None


class Coded(_Shape, frozen=True):
    """A code with its words: the network's response, or the merchant advice code."""

    code: Code | None = None
    message: str | None = None


class Original(_Shape, frozen=True):
    """The charge that a duplicate is one of."""

    id: Name
    order_id: str | None = None


class Event(_Shape, frozen=True):
    """A status that a transaction passed through, and why."""

    status: str | None = None
    decline_type: str | None = None
    processor_response: Processor | None = None
    network_response: Coded | None = None
    merchant_advice_code_response: Coded | None = None
    gateway_rejection_reason: Code | None = None
    duplicate_of: Original | None = None


class Owner(_Shape, frozen=True):
    """The customer of a saved method."""

    id: Name


class _Authentication(_Shape, frozen=True):
    authentication_status: Code | None = None


class _Authenticated(_Shape, frozen=True):
    authentication: _Authentication | None = None


class _Details(_Shape, frozen=True):
    three_d_secure: _Authenticated | None = None


class Method(_Shape, frozen=True):
    """A payment method, saved or for one use."""

    id: Name
    customer: Owner | None = None
    details: _Details | None = None

    def authentication(self) -> str | None:
        """How far the authentication of its customer went; None where it says nothing of one."""
        secure = self.details.three_d_secure if self.details else None
        return secure.authentication.authentication_status if secure and secure.authentication else None


class Challenge(_Shape, frozen=True):
    """Where the issuer wants to see the customer. There without an address too, where it does not."""

    acs_url: str | None = None
    pareq: str | None = None
    md: str | None = None
    term_url: str | None = None
    version: str | None = None

    def __repr__(self) -> str:
        """Without what opens the challenge."""
        return "Challenge(…)"


class Snapshot(_Shape, frozen=True):
    """The card as it was charged."""

    network_transaction_id: Name | None = None


class Transaction(_Shape, frozen=True):
    """A charge."""

    id: Name
    status: str
    amount: Amount
    order_id: str | None = None
    partially_authorized: bool | None = None
    initial_requested_authorization_amount: Amount | None = None
    payment_method: Method | None = None
    payment_method_snapshot: Snapshot | None = None
    status_history: tuple[Event, ...] | None = None

    def asked(self) -> Money | None:
        """For what it was asked: a capture of less lowers `amount`."""
        return (self.initial_requested_authorization_amount or self.amount).money()

    def event(self) -> Event:
        """How it came to its status; the newest event is the first."""
        return next((one for one in self.status_history or () if one.status == self.status), Event())


class Refund(_Shape, frozen=True):
    """Money on its way back."""

    id: Name
    status: str
    amount: Amount
    order_id: str | None = None


class Verified(_Shape, frozen=True):
    """What came of checking a card."""

    id: Name
    status: str
    gateway_rejection_reason: Code | None = None
    processor_response: Processor | None = None
    network_response: Coded | None = None


Found = TypeVar("Found", Transaction, Refund)


class Payload(_Shape, frozen=True):
    """The answer of a mutation. A reversal is read by its kind."""

    client_mutation_id: str | None = None
    transaction: Transaction | None = None
    refund: Refund | None = None
    reversal: dict[str, Any] | None = None
    payment_method: Method | None = None
    verification: Verified | None = None
    three_d_secure_lookup_data: Challenge | None = None


class _Edge(_Shape, frozen=True):
    node: dict[str, Any]


class _Page(_Shape, frozen=True):
    has_next_page: bool


class Connection(_Shape, frozen=True):
    """What a search found."""

    page_info: _Page
    edges: tuple[_Edge, ...]


class _Extensions(_Shape, frozen=True):
    error_class: str
    legacy_code: Code | None = None


class Error(_Shape, frozen=True):
    """Why something was not done."""

    message: str
    extensions: _Extensions
    path: tuple[str | int, ...] | None = None

    @property
    def code(self) -> str:
        """Its number where it has one, else its class."""
        return self.extensions.legacy_code or self.extensions.error_class

    def is_undone(self) -> bool:
        """Whether it says that the whole mutation was not carried out."""
        return (
            len(self.path or ()) <= 1
            and self.extensions.error_class in UNDONE
            and self.extensions.legacy_code not in MAYBE_DONE
        )


class _Failure(_Shape, frozen=True):
    errors: Annotated[tuple[Error, ...], Meta(min_length=1)]
    data: dict[str, Any] | None = None


def read(value: object, type_: type[Any]) -> Any:
    """A value of this type, or None where it has another shape."""
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return None


def listed(response: HttpResponse, name: str, type_: type[Found], *, key: str) -> tuple[Found, ...]:
    """What a search found that carries our key; nothing, where it found more than it showed."""
    found = read(answered(response, "search", name), Connection)
    if not isinstance(found, Connection) or found.page_info.has_next_page:
        return ()
    nodes = (read(edge.node, type_) for edge in found.edges)
    return tuple(node for node in nodes if isinstance(node, type_) and node.order_id == key)


def answered(response: HttpResponse, *path: str) -> object:
    """What stands in the data under a path, or None."""
    body = response.json() if response.status == 200 else None
    value: object = body.get("data") if isinstance(body, Mapping) else None
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def payload(response: HttpResponse, name: str) -> Payload | None:
    """The answer of a mutation."""
    found = read(answered(response, name), Payload)
    return found if isinstance(found, Payload) else None


def is_gone(response: HttpResponse) -> bool:
    """Whether Braintree says that what was asked for by its id is not there."""
    failure = read(response.json(), _Failure)
    if not isinstance(failure, _Failure) or (failure.data or {}).get("node") is not None:
        return False
    return all(one.path == ("node",) and one.extensions.error_class == "NOT_FOUND" for one in failure.errors)


def refused(response: HttpResponse) -> Error | None:
    """The error by which Braintree itself says that nothing was done; no status alone is one."""
    failure = read(response.json(), _Failure)
    if not isinstance(failure, _Failure) or any(one is not None for one in (failure.data or {}).values()):
        return None
    return failure.errors[0] if all(one.is_undone() for one in failure.errors) else None
