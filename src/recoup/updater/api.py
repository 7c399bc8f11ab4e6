"""Card updates over HTTP: the history of a card, asking about it, and batches out and in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup.http.routes import Call, Idempotency, ListObject, ListQuery, Problem, Route
from recoup.kit.ids import Kind
from recoup.kit.refusals import conflict
from recoup.kit.secret import Secret
from recoup.updater.core.files import Format, Header
from recoup.updater.flow import Asking, Batches, Recipient
from recoup.updater.objects import (
    CardUpdateObject,
    SealedBatchObject,
    TakenAnswersObject,
    UpdateBatchObject,
    UpdateInquiryObject,
    batch_object,
    inquiry_object,
    sealed_object,
    taken_object,
    update_object,
)
from recoup.vault.flow import Renewing

CARDS_AT_ONCE_MAX: Final = 1000
"""The most cards of a batch over HTTP, whose file is kept with the idempotency key, sealed; `recoup updater export`
makes larger ones."""
_METHOD: Final = "/v1/payment_methods/{payment_method}"
_PATH: Final = "/v1/updater/batches"
_ONE: Final = f"{_PATH}/{{update_batch}}"
_TAG: Final = "card updates"


class CardUpdateList(ListObject[CardUpdateObject], frozen=True):
    """A page of changes."""


class UpdateBatchList(ListObject[UpdateBatchObject], frozen=True):
    """A page of batches."""


class CreateUpdateBatch(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A batch of what is to be asked about."""

    format: Format
    requester: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_.-]{1,30}\Z",
            description="What your acquirer calls you, for a format that says so.",
        ),
    ] = "recoup"
    number: Annotated[
        str, Meta(pattern=r"^[0-9]{1,30}\Z", description="Your number of the file, for such a format.")
    ] = "1"
    email: Annotated[
        str,
        Meta(pattern=r"^[!-+\--~]{0,100}\Z", description="Where such a format has news of the file sent."),
    ] = ""


class TakeAnswers(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A file of answers."""

    file: Annotated[Secret, Meta(description="The text of the file, as the acquirer gave it.")]


class UpdaterApi:
    """The routes. `recipient` is who may read the files of batches; None where the operator chose nobody."""

    def __init__(
        self,
        renewing: Renewing,
        asking: Asking,
        batches: Batches,
        *,
        recipient: Callable[[], Recipient | None],
    ) -> None:
        self._renewing = renewing
        self._asking = asking
        self._batches = batches
        self._recipient = recipient

    def routes(self) -> list[Route]:
        """All routes."""
        return [*self._of_methods(), *self._of_batches()]

    def _of_methods(self) -> list[Route]:
        return [
            Route(
                "GET",
                f"{_METHOD}/updates",
                self.updates,
                query=ListQuery,
                answer=CardUpdateList,
                summary="List what became of a card",
                description="What changed, when, and who told: a processor, an account updater, or you.",
                tag=_TAG,
            ),
            Route(
                "POST",
                f"{_METHOD}/inquire",
                self.inquire,
                answer=UpdateInquiryObject,
                summary="Ask an account updater about a card",
                description="In test mode the simulated updater answers within moments; else the card goes with the "
                "next batch. Cards of open recoveries and cards that expire soon are asked about by themselves.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    Problem("no_account_updater", 409, "No account updater knows such a payment method."),
                    Problem("payment_method_closed", 409, "The account behind it is closed."),
                    "payment_method_detached",
                ),
            ),
        ]

    def _of_batches(self) -> list[Route]:
        return [
            Route(
                "POST",
                _PATH,
                self.create,
                body=CreateUpdateBatch,
                answer=SealedBatchObject,
                status=201,
                summary="Make a batch of cards to ask about",
                description=f"Up to {CARDS_AT_ONCE_MAX} cards, those that wait longest, in one file for your acquirer. "
                "It is sealed under the key of `RECOUP_UPDATER_KEY_FILE`: card numbers leave in no other way.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    Problem("updater_key_missing", 409, "The operator chose no key to seal files under."),
                    Problem("nothing_to_ask", 409, "No card waits to be asked about."),
                ),
                examples={"for Visa Account Updater": {"format": "visa_vau"}},
            ),
            Route(
                "GET",
                _PATH,
                self.page,
                query=ListQuery,
                answer=UpdateBatchList,
                summary="List batches",
                tag=_TAG,
            ),
            Route("GET", _ONE, self.read, answer=UpdateBatchObject, summary="Read a batch", tag=_TAG),
            Route(
                "POST",
                f"{_ONE}/answers",
                self.take,
                body=TakeAnswers,
                answer=TakenAnswersObject,
                summary="Take the answers to a batch",
                description="One of several files, or the same again, does no harm: a question is answered once. Cards "
                "change, their history is kept, and every open recovery of a changed card is planned anew at once.",
                tag=_TAG,
                errors=(Problem("unreadable_answers", 400, "A line cannot be read; nothing was taken."),),
            ),
        ]

    async def updates(self, call: Call[None, ListQuery]) -> CardUpdateList:
        """`GET /v1/payment_methods/{payment_method}/updates`."""
        page = call.query.page(Kind.CARD_UPDATE)
        found = await self._renewing.history(
            call.merchant.id,
            call.path_id("payment_method", Kind.PAYMENT_METHOD),
            after=page.after,
            before=page.before,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        url = f"/v1/payment_methods/{call.path['payment_method']}/updates"
        return CardUpdateList(data=[update_object(one) for one in shown], has_more=has_more, url=url)

    async def inquire(self, call: Call[None, None]) -> UpdateInquiryObject:
        """`POST /v1/payment_methods/{payment_method}/inquire`."""
        method_id = call.path_id("payment_method", Kind.PAYMENT_METHOD)
        asked = await self._asking.request(call.transaction(), call.merchant, method_id, now=call.now)
        return inquiry_object(asked)

    async def create(self, call: Call[CreateUpdateBatch, None]) -> SealedBatchObject:
        """`POST /v1/updater/batches`."""
        recipient, body = self._recipient(), call.body
        if recipient is None:
            raise conflict(
                "updater_key_missing",
                "Files of card numbers are sealed for whom the operator chose: set RECOUP_UPDATER_KEY_FILE.",
            )
        await self._batches.select(call.merchant, now=call.now, limit=CARDS_AT_ONCE_MAX)
        header = Header(requester=body.requester, batch=body.number, email=body.email, on=call.now.date())
        made = await self._batches.make(
            call.transaction(), call.merchant, body.format, header, now=call.now, limit=CARDS_AT_ONCE_MAX
        )
        if made is None:
            raise conflict("nothing_to_ask", "No card of this network waits to be asked about.")
        batch, text = made
        return sealed_object(batch, recipient.sealed(text))

    async def page(self, call: Call[None, ListQuery]) -> UpdateBatchList:
        """`GET /v1/updater/batches`."""
        page = call.query.page(Kind.UPDATE_BATCH)
        found = await self._batches.page(
            call.merchant, after=page.after, before=page.before, limit=page.fetch
        )
        shown, has_more = page.cut(found)
        return UpdateBatchList(data=[batch_object(one) for one in shown], has_more=has_more, url=_PATH)

    async def read(self, call: Call[None, None]) -> UpdateBatchObject:
        """`GET /v1/updater/batches/{update_batch}`."""
        return batch_object(
            await self._batches.get(call.merchant, call.path_id("update_batch", Kind.UPDATE_BATCH))
        )

    async def take(self, call: Call[TakeAnswers, None]) -> TakenAnswersObject:
        """`POST /v1/updater/batches/{update_batch}/answers`."""
        batch_id = call.path_id("update_batch", Kind.UPDATE_BATCH)
        return taken_object(await self._batches.take(call.merchant, batch_id, call.body.file, now=call.now))
