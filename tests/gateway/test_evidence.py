"""Evidence in a dispute: more requests and more time than any other exchange, and the same safety."""

from __future__ import annotations

import asyncio

from tests.connectors.disputing import a_submission, an_acceptance
from tests.gateway.processors import ACCOUNT, HASTY_S, Peer, Plain, Processor, account, closed_port, reply

from recoup.connectors.base import AcceptDispute, Account, Exchange, SubmitEvidence
from recoup.gateway import Gateway
from recoup.gateway.verbs import EVIDENCE_REQUESTS_MAX
from recoup.outcomes.core import Done, FollowUp, Unknown, Unprocessed


class _Pieces(Plain):
    """Hands in so many pieces, one by one."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self._pieces = pieces

    def submit_evidence(self, account: Account, asked: SubmitEvidence) -> Exchange[FollowUp]:
        for _ in range(self._pieces - 1):
            yield from self._post(account, "pieces")
        return (yield from self._follow_up(account, f"disputes/{asked.dispute_reference}/submit"))

    def accept_dispute(self, account: Account, asked: AcceptDispute) -> Exchange[FollowUp]:
        return (yield from self._follow_up(account, f"disputes/{asked.dispute_reference}/accept"))


async def submit(gateway: Gateway, connector: Plain, url: str) -> FollowUp:
    said = await gateway.submit_evidence(connector, account(url), a_submission(), account_id=ACCOUNT)
    return said.outcome


async def test_all_pieces_are_handed_in(gateway: Gateway) -> None:
    async with Processor() as processor:
        assert isinstance(await submit(gateway, _Pieces(20), processor.url), Done)
        assert len(processor.requests) == 20


async def test_even_evidence_has_an_end(gateway: Gateway) -> None:
    async with Processor() as processor:
        assert isinstance(await submit(gateway, _Pieces(1000), processor.url), Unknown)
        assert len(processor.requests) == EVIDENCE_REQUESTS_MAX


async def test_what_never_left_may_be_asked_for_again(gateway: Gateway) -> None:
    assert isinstance(await submit(gateway, _Pieces(2), closed_port()), Unprocessed)


async def test_a_processor_that_falls_silent_leaves_it_unknown(gateway: Gateway) -> None:
    """It may have taken everything: only news of the dispute tells."""

    async def hangs_up(peer: Peer) -> None:
        await peer.request()

    async with Processor(hangs_up) as processor:
        assert isinstance(await submit(gateway, _Pieces(1), processor.url), Unknown)
        said = await gateway.accept_dispute(
            _Pieces(1), account(processor.url), an_acceptance(), account_id=ACCOUNT
        )
        assert isinstance(said.outcome, Unknown)


async def test_who_cannot_is_asked_nothing(gateway: Gateway) -> None:
    async with Processor() as processor:
        assert isinstance(await submit(gateway, Plain(), processor.url), Unprocessed)
        assert not processor.requests


async def test_evidence_may_take_longer_than_a_charge(hasty: Gateway) -> None:
    """Documents are long; one slow upload must not leave a submission in doubt."""

    async def slow(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(HASTY_S / 2)
            await peer.say(reply())

    async with Processor(slow) as processor:
        assert isinstance(await submit(hasty, _Pieces(3), processor.url), Done)
