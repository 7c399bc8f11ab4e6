"""The answers a processor can give, as values.

Four answers matter, and most software keeps only two of them apart:

* `Approved`: the money is held or taken.
* `Declined`: somebody with a say said no, and said why.
* `Unprocessed`: it certainly never happened, so another processor may be asked.
* `Unknown`: it left, and no trusted answer came back. Nothing may be tried until evidence settles it.

Two more say that the answer is still to come: `ActionRequired` (the customer must authenticate) and `Pending` (the
processor took it and will tell later). What a *question* about an attempt can answer is `Evidence`, a narrower type: a
question that failed can never read as "never processed".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from recoup.kit.secret import Secret
from recoup.outcomes.codes.words import Advice, Category, Hardness, Signal


@dataclass(frozen=True, slots=True)
class Decline:
    """A refusal, understood: raw codes as they came, and what they mean.

    `code` is the standard code (Stripe's word where it has one). `rule` names the network rule that the decline
    triggers (see `recoup.budgets`), such as `visa_category_1`, or None. `source` says where the meaning comes from.
    `recognised` is False where no table knew the raw code: such a decline is `other`, is counted, and never fails over.
    `decided_by` and `advice_by` name the signal that gave the code and the advice, None where none did. `text` and
    `raw` are what else the processor wrote, without card numbers.
    """

    code: str
    category: Category
    hardness: Hardness
    message: str
    advice: Advice
    processor_code: str | None = None
    network_code: str | None = None
    network_advice_code: str | None = None
    rule: str | None = None
    source: str = ""
    recognised: bool = True
    decided_by: Signal | None = None
    advice_by: Signal | None = None
    text: str | None = None
    raw: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checks:
    """What the issuer said of the security code and the address: `pass`, `fail`, `unavailable` or None (not asked)."""

    cvc: str | None = None
    postal_code: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Approved:
    """The money is held, or taken where the request asked for that.

    `reference` is the processor's own name for it; `captured` says whether it was taken in the same step;
    `network_transaction_id` is what later merchant-initiated payments must carry. `token` is the processor's own name
    for the saved card or account, where it was asked to remember it, and `token_customer` its name for whose it is.
    """

    reference: str
    captured: bool = False
    network_transaction_id: str | None = None
    checks: Checks = Checks()
    token: Secret | None = None
    token_customer: str | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """Somebody with a say said no."""

    decline: Decline
    reference: str | None = None
    checks: Checks = Checks()


@dataclass(frozen=True, slots=True)
class Unprocessed:
    """It certainly never happened: it never left, or it was refused at the processor's door."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It left, and no trusted answer came back; `why` says what was seen instead."""

    why: str


class ScriptKind(StrEnum):
    """What a script must do in the customer's browser, where no form and no redirection does it."""

    DEVICE_DATA = "device_data"
    """Post the form to `url` in a hidden frame, and bring back the `SessionId` that the frame tells us."""

    FRAMED_CHALLENGE = "framed_challenge"
    """Post the form to `url` in a frame that the customer sees, and come back when they say that they are done, or when
    the frame has gone on to the host `ends_at`; nothing is brought back."""

    SQUARE_VERIFICATION = "square_verification"
    """Load Square's own script from `url`, and bring back the `verification_token` that it makes."""

    NMI_PAYER = "nmi_payer"
    """Load NMI's own script from `url`, and bring back what it says of the authentication, in its words."""

    @property
    def is_theirs(self) -> bool:
        """Whether `url` is the address of a script that the processor publishes."""
        return self not in (ScriptKind.DEVICE_DATA, ScriptKind.FRAMED_CHALLENGE)


@dataclass(frozen=True, slots=True)
class Script:
    """A task for a script in the customer's browser.

    `parameters` are seen by the customer: no secret of a merchant. What a processor calls the customer's own saved card
    may be there; it is worth nothing without the account's credentials. `origins` are the hosts, beside that of `url`,
    from which a script of the processor's loads more and with which it speaks, as a content security policy names them.
    """

    kind: ScriptKind
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionRequired:
    """The customer must do something at `url` before the issuer decides.

    With `form` their browser must post it there, and with `script` run one: then the customer is sent to a page of
    ours that does it. `kept` is what the connector needs to go on with; the customer never sees it.
    """

    reference: str
    url: str
    form: Mapping[str, str] | None = field(default=None, repr=False)
    script: Script | None = None
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def needs_a_page(self) -> bool:
        """Whether a plain link does not do."""
        return self.form is not None or self.script is not None


@dataclass(frozen=True, slots=True)
class Pending:
    """The processor took it and will say later; asking again tells."""

    reference: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The processor promises that it did nothing under our key and never will: proof that nothing happened.

    Only an explicit act can return it (see `Connector.withdraw`), never a question: "not found" proves nothing, since
    what we sent may still be on its way.
    """

    why: str = "the processor confirmed that nothing happened under this key and nothing will"


Outcome = Approved | Declined | Unprocessed | Unknown | ActionRequired | Pending
"""What an attempt to move money came back with."""

Evidence = Approved | Declined | Unknown | ActionRequired | Pending
"""What a question about an attempt can answer."""


@dataclass(frozen=True, slots=True)
class Done:
    """A capture, cancellation or refund that the processor carried out."""

    reference: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A capture, cancellation or refund that the processor will not carry out, in its own code and our words."""

    code: str
    message: str


FollowUp = Done | Refused | Unprocessed | Unknown | Pending
"""What a capture, cancellation or refund came back with."""

FollowUpEvidence = Done | Refused | Unknown | Pending
"""What a question about a capture, cancellation or refund can answer."""
