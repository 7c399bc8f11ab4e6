"""What became of cards, what is asked about them, and the batches, as the API shows them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.updater.core.files import Format
from recoup.updater.core.inquiries import Answer, Batch, Inquiry, Reason
from recoup.updater.flow.batches import Taken
from recoup.vault.core.renewals import Teller, Update, UpdateKind


class KnownCardObject(Struct, kw_only=True, frozen=True):
    """What may be shown of a card."""

    brand: str
    last4: str | None
    exp_month: int | None
    exp_year: int | None


class CardUpdateObject(Struct, kw_only=True, frozen=True):
    """One change of a payment method's card."""

    id: str
    object: Literal["card_update"] = "card_update"
    payment_method: str
    kind: Annotated[
        UpdateKind,
        Meta(
            description="`number` and `expiry`: the card is another, or its expiry. `token`: the processor renewed "
            "what its token stands for and did not say how, or gave another token. `token_removed`: a processor no "
            "longer has it. `closed`: its account is closed."
        ),
    ]
    told_by: Annotated[Teller, Meta(description="A processor, an account updater, or you.")]
    processor_account: str | None
    batch: str | None
    before: KnownCardObject
    after: KnownCardObject
    told_at: Annotated[str, Meta(description="When it happened, as far as it was told.")]
    created_at: str


class UpdateInquiryObject(Struct, kw_only=True, frozen=True):
    """What is or was asked of a card."""

    object: Literal["update_inquiry"] = "update_inquiry"
    payment_method: str
    reason: Reason
    wanted_at: str
    asked_at: Annotated[str | None, Meta(description="null: it waits for the next batch.")]
    batch: str | None
    answered_at: str | None
    answer: Answer | None


class UpdateBatchObject(Struct, kw_only=True, frozen=True):
    """Questions that left in one file."""

    id: str
    object: Literal["update_batch"] = "update_batch"
    format: Format
    cards: int
    answered: int
    created_at: str
    answered_at: Annotated[str | None, Meta(description="When the last answer came.")]


class SealedBatchObject(UpdateBatchObject, kw_only=True, frozen=True):
    """A batch with its file, sealed under the operator's key."""

    file: Annotated[
        str, Meta(description="The file as JWE in compact form (RFC 7516); `recoup updater open` opens it.")
    ]


class LeftOutObject(Struct, kw_only=True, frozen=True):
    """A line that could not count."""

    line: int
    why: str


class TakenAnswersObject(Struct, kw_only=True, frozen=True):
    """What came of a file of answers."""

    object: Literal["update_answers"] = "update_answers"
    batch: UpdateBatchObject
    changed: Annotated[int, Meta(description="How many cards changed.")]
    left_out: Annotated[
        list[LeftOutObject], Meta(description="The first hundred lines that could not count.")
    ]


LEFT_OUT_MAX: Final = 100


def update_object(update: Update) -> CardUpdateObject:
    """One change."""
    told = update.told
    return CardUpdateObject(
        id=render(Kind.CARD_UPDATE, update.id),
        payment_method=render(Kind.PAYMENT_METHOD, update.method_id),
        kind=update.kind,
        told_by=told.by,
        processor_account=None
        if told.account_id is None
        else render(Kind.PROCESSOR_ACCOUNT, told.account_id),
        batch=None if told.batch_id is None else render(Kind.UPDATE_BATCH, told.batch_id),
        before=KnownCardObject(**update.before),
        after=KnownCardObject(**update.after),
        told_at=rfc3339(told.at),
        created_at=rfc3339(update.created_at),
    )


def inquiry_object(inquiry: Inquiry) -> UpdateInquiryObject:
    """What is asked of a card."""
    asked_at, answered_at = inquiry.asked_at, inquiry.answered_at
    return UpdateInquiryObject(
        payment_method=render(Kind.PAYMENT_METHOD, inquiry.method_id),
        reason=inquiry.reason,
        wanted_at=rfc3339(inquiry.wanted_at),
        asked_at=None if asked_at is None else rfc3339(asked_at),
        batch=None if inquiry.batch_id is None else render(Kind.UPDATE_BATCH, inquiry.batch_id),
        answered_at=None if answered_at is None else rfc3339(answered_at),
        answer=inquiry.answer,
    )


def batch_object(batch: Batch) -> UpdateBatchObject:
    """A batch."""
    return UpdateBatchObject(
        id=render(Kind.UPDATE_BATCH, batch.id),
        format=Format(batch.format),
        cards=batch.cards,
        answered=batch.answered,
        created_at=rfc3339(batch.created_at),
        answered_at=None if batch.answered_at is None else rfc3339(batch.answered_at),
    )


def sealed_object(batch: Batch, file: str) -> SealedBatchObject:
    """A batch with its file."""
    shown = batch_object(batch)
    return SealedBatchObject(
        id=shown.id,
        format=shown.format,
        cards=shown.cards,
        answered=shown.answered,
        created_at=shown.created_at,
        answered_at=shown.answered_at,
        file=file,
    )


def taken_object(taken: Taken) -> TakenAnswersObject:
    """What came of a file of answers."""
    left_out = [LeftOutObject(line=line, why=why) for line, why in taken.left_out[:LEFT_OUT_MAX]]
    return TakenAnswersObject(batch=batch_object(taken.batch), changed=taken.changed, left_out=left_out)
