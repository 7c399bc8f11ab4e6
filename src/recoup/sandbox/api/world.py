"""The simulated world over Recoup's own API: its counts, its people, and faults on demand. Test mode only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from recoup.http.routes import Call, Idempotency, Problem, Route
from recoup.kit.ids import Kind
from recoup.kit.refusals import conflict, invalid, not_found
from recoup.sandbox.fault_objects import CreateFault, DeletedFault, FaultList, FaultObject, fault_object
from recoup.sandbox.objects import (
    AcquirerLinkObject,
    ChangeCard,
    StartWorld,
    WorldCardList,
    WorldCardObject,
    WorldCardQuery,
    WorldChangeList,
    WorldChangeQuery,
    WorldChargeList,
    WorldChargeQuery,
    WorldLimitsObject,
    WorldObject,
    card_index,
    card_object,
    change_object,
    charge_object,
    world_object,
)
from recoup.sandbox.store.models import Model
from recoup.sandbox.worlds.flow import Worlds

_TAG: Final = "test mode"
_WORLD: Final = "/v1/test/world"
_CARDS: Final = f"{_WORLD}/cards"
_CHARGES: Final = f"{_WORLD}/charges"
_CHANGES: Final = f"{_WORLD}/changes"
_FAULTS: Final = "/v1/test/faults"
_LIMITS: Final = f"{_WORLD}/limits"
_LINK: Final = f"{_WORLD}/acquirer_link"
MODEL_YEARS: Final = range(2000, 2101)
"""What holidays and pay days are known for."""
_NO_LINK: Final = Problem("no_acquirer_link", 409, "This server runs no simulated processors.")
_TERMINAL: Final = {"acquirer_id": "100001", "terminal_id": "SANDBOX1", "merchant_id": "SANDBOX"}
_NO_WORLD: Final = Problem("no_sandbox_world", 409, "This merchant has no simulated world.")


class SandboxApi:
    """The routes of the simulated world."""

    def __init__(self, worlds: Worlds, *, link_port: Callable[[], int | None] = lambda: None) -> None:
        self._worlds = worlds
        self._link_port = link_port

    def routes(self) -> list[Route]:
        """All routes."""
        return [*self._world_routes(), *self._change_routes(), *self._card_routes(), *self._fault_routes()]

    def _world_routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                _WORLD,
                self.read,
                answer=WorldObject,
                summary="Read the simulated world",
                description="What its processors were asked, what they charged, and what they charged twice.",
                tag=_TAG,
                test_mode_only=True,
                errors=(_NO_WORLD,),
            ),
            Route(
                "POST",
                _WORLD,
                self.restart,
                body=StartWorld,
                answer=WorldObject,
                summary="Start a new simulated world",
                description=(
                    "People, balances, faults and counts begin anew from the seed; the time stays. What was charged"
                    " before is still found by its processor."
                ),
                tag=_TAG,
                test_mode_only=True,
                idempotency=Idempotency.TRANSACTION,
                errors=(_NO_WORLD,),
                examples={"a world": {"seed": 7}},
            ),
            Route(
                "GET",
                _LINK,
                self.acquirer_link,
                answer=AcquirerLinkObject,
                summary="Read how to reach the simulated processors by an acquirer link",
                description="The credentials of an account at `iso8583`, as `POST /v1/processor_accounts` takes them.",
                tag=_TAG,
                test_mode_only=True,
                errors=(_NO_WORLD, _NO_LINK),
            ),
            Route(
                "GET",
                _CHARGES,
                self.charges,
                query=WorldChargeQuery,
                answer=WorldChargeList,
                summary="List what the simulated processors charged",
                description="`order` is the payment, `key` the attempt: compare with what Recoup says.",
                tag=_TAG,
                test_mode_only=True,
                errors=(_NO_WORLD,),
            ),
        ]

    def _change_routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                _LIMITS,
                self.limits,
                answer=WorldLimitsObject,
                summary="Count the tries that the card networks had forbidden",
                description="The simulated network's own count, which knows nothing of Recoup's budgets.",
                tag=_TAG,
                test_mode_only=True,
                errors=(_NO_WORLD,),
            ),
            Route(
                "GET",
                _CHANGES,
                self.changes,
                query=WorldChangeQuery,
                answer=WorldChangeList,
                summary="List what the simulated processors captured, let go of and refunded",
                description="`key` is the capture, cancellation or refund, `charge_key` the attempt.",
                tag=_TAG,
                test_mode_only=True,
                errors=(_NO_WORLD,),
            ),
        ]

    def _card_routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                _CARDS,
                self.cards,
                query=WorldCardQuery,
                answer=WorldCardList,
                summary="List the simulated people's cards",
                description="Cards to pay with: money is there after payday and runs out before the next.",
                tag=_TAG,
                test_mode_only=True,
                errors=(_NO_WORLD,),
            ),
            Route(
                "GET",
                f"{_CARDS}/{{card}}",
                self.card,
                answer=WorldCardObject,
                summary="Read a simulated person's card",
                tag=_TAG,
                test_mode_only=True,
                errors=(_NO_WORLD,),
            ),
            Route(
                "POST",
                f"{_CARDS}/{{card}}",
                self.change_card,
                body=ChangeCard,
                answer=WorldCardObject,
                summary="Change a simulated person's card or account",
                description="Set the balance or the next payday; lose, steal, expire, close or reissue the card.",
                tag=_TAG,
                test_mode_only=True,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    _NO_WORLD,
                    Problem("never_paid", 409, "Nobody pays into this account."),
                    Problem("payday_not_ahead", 400, "The date is not after today, or too far ahead."),
                    Problem("too_many_numbers", 409, "The card was reissued too often."),
                ),
                examples={"no money left": {"balance": 0}, "a lost card": {"state": "lost"}},
            ),
        ]

    def _fault_routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                _FAULTS,
                self.add_fault,
                body=CreateFault,
                answer=FaultObject,
                status=201,
                summary="Let something go wrong",
                description="The oldest fault that fits a request happens to it, as often as `times` says.",
                tag=_TAG,
                test_mode_only=True,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    _NO_WORLD,
                    Problem("fault_limit", 409, "Too many faults wait."),
                    Problem("fault_does_not_fit", 400, "This kind cannot happen to that."),
                    Problem("fault_has_no_delay", 400, "This kind happens at once."),
                    Problem("fault_has_no_code", 400, "This kind says no such code."),
                    Problem("delay_too_long", 400, "The delay is too long for this kind."),
                    Problem(
                        "only_charges_have_cards", 400, "Only charges can be chosen by card or reference."
                    ),
                    Problem("fault_over", 400, "The fault would be over already."),
                ),
                examples={
                    "a charge that happens and is not answered": {
                        "processor": "alpha",
                        "kind": "timeout_after_success",
                    },
                    "a decline of your choice": {
                        "kind": "decline",
                        "decline_code": "insufficient_funds",
                        "network_code": "51",
                        "advice_code": "25",
                    },
                },
            ),
            Route(
                "GET",
                _FAULTS,
                self.faults,
                answer=FaultList,
                summary="List the faults that wait",
                tag=_TAG,
                test_mode_only=True,
                errors=(_NO_WORLD,),
            ),
            Route(
                "DELETE",
                f"{_FAULTS}/{{fault}}",
                self.remove_fault,
                answer=DeletedFault,
                summary="Take a fault away",
                tag=_TAG,
                test_mode_only=True,
            ),
        ]

    async def read(self, call: Call[None, None]) -> WorldObject:
        """`GET /v1/test/world`."""
        return world_object(await self._worlds.summary(None, call.merchant.id))

    async def restart(self, call: Call[StartWorld, None]) -> WorldObject:
        """`POST /v1/test/world`."""
        connection = call.transaction()
        wanted = call.body.model
        if wanted is not None and wanted.starts_on.year not in MODEL_YEARS:
            message = f"`model.starts_on` must be in {MODEL_YEARS[0]} to {MODEL_YEARS[-1]}."
            raise invalid("year_out_of_range", message, param="model.starts_on")
        model = None if wanted is None else Model(wanted.cases, wanted.starts_on)
        await self._worlds.restart(connection, call.merchant.id, seed=call.body.seed, model=model)
        return world_object(await self._worlds.summary(connection, call.merchant.id))

    async def limits(self, call: Call[None, None]) -> WorldLimitsObject:
        """`GET /v1/test/world/limits`."""
        broken = await self._worlds.broken_limits(call.merchant.id)
        return WorldLimitsObject(tries=broken.tries, broken=dict(sorted(broken.by_rule.items())))

    async def acquirer_link(self, call: Call[None, None]) -> AcquirerLinkObject:
        """`GET /v1/test/world/acquirer_link`."""
        key, port = await self._worlds.link_key(call.merchant.id), self._link_port()
        if port is None:
            raise conflict(
                _NO_LINK.code, "This server runs no simulated processors: start it with the sandbox."
            )
        place = {"transport": "tcp", "host": "127.0.0.1", "port": str(port)}
        return AcquirerLinkObject(credentials={**place, **_TERMINAL, "sign_on_key": key.reveal()})

    async def charges(self, call: Call[None, WorldChargeQuery]) -> WorldChargeList:
        """`GET /v1/test/world/charges`."""
        query = call.query
        lines = await self._worlds.charges(
            call.merchant.id, order=query.order, after=query.starting_after, limit=query.limit + 1
        )
        shown = [charge_object(line) for line in lines[: query.limit]]
        return WorldChargeList(data=shown, has_more=len(lines) > query.limit, url=_CHARGES)

    async def changes(self, call: Call[None, WorldChangeQuery]) -> WorldChangeList:
        """`GET /v1/test/world/changes`."""
        query = call.query
        lines = await self._worlds.changes(
            call.merchant.id, charge=query.charge_key, after=query.starting_after, limit=query.limit + 1
        )
        shown = [change_object(line) for line in lines[: query.limit]]
        return WorldChangeList(data=shown, has_more=len(lines) > query.limit, url=_CHANGES)

    async def cards(self, call: Call[None, WorldCardQuery]) -> WorldCardList:
        """`GET /v1/test/world/cards`."""
        query, after = call.query, -1
        if query.starting_after is not None:
            found = card_index(query.starting_after)
            if found is None:
                raise invalid(
                    "invalid_cursor",
                    "`starting_after` must be the id of a card, such as `card_42`.",
                    param="starting_after",
                )
            after = found
        holders = await self._worlds.holders(
            call.merchant.id, query.wanted(), after=after, limit=query.limit + 1
        )
        shown = [card_object(holder, number=holder.number.reveal()) for holder in holders[: query.limit]]
        return WorldCardList(data=shown, has_more=len(holders) > query.limit, url=_CARDS)

    async def card(self, call: Call[None, None]) -> WorldCardObject:
        """`GET /v1/test/world/cards/{card}`."""
        holder = await self._worlds.holder(call.merchant.id, _index(call.path["card"]))
        return card_object(holder, number=holder.number.reveal())

    async def change_card(self, call: Call[ChangeCard, None]) -> WorldCardObject:
        """`POST /v1/test/world/cards/{card}`. The answer is kept to be given again, so the number is left out."""
        holder = await self._worlds.change_card(
            call.transaction(), call.merchant.id, _index(call.path["card"]), call.body.change()
        )
        return card_object(holder, number=None)

    async def add_fault(self, call: Call[CreateFault, None]) -> FaultObject:
        """`POST /v1/test/faults`."""
        fault = await self._worlds.add_fault(call.transaction(), call.merchant.id, call.body.fault)
        return fault_object(fault)

    async def faults(self, call: Call[None, None]) -> FaultList:
        """`GET /v1/test/faults`."""
        waiting = await self._worlds.faults(call.merchant.id)
        return FaultList(data=[fault_object(fault) for fault in waiting], has_more=False, url=_FAULTS)

    async def remove_fault(self, call: Call[None, None]) -> DeletedFault:
        """`DELETE /v1/test/faults/{fault}`."""
        shown = call.path["fault"]
        await self._worlds.remove_fault(call.merchant.id, call.path_id("fault", Kind.FAULT), shown=shown)
        return DeletedFault(id=shown)


def _index(text: str) -> int:
    index = card_index(text)
    if index is None:
        raise not_found("card", text[:64], hint="GET /v1/test/world/cards lists them.")
    return index
