"""Bulks are joined while another one is in flight; each sender gets the results of its own lines."""

import asyncio
from collections.abc import Sequence

import pytest

from stream_jobs.store.coalescer import BulkCoalescer, Line


def lines(*sources: str) -> list[Line]:
    return [(b"{}", source.encode()) for source in sources]


async def asked(together: BulkCoalescer, bulk: list[Line]) -> Sequence[str]:
    return await together(bulk, sum(len(action) + len(source) + 2 for action, source in bulk))


class Server:
    """Answers each line with its source in capitals, when the test says so; records the bulks."""

    def __init__(self) -> None:
        self.bulks: list[str] = []
        self.error: Exception | None = None
        self._go_on = asyncio.Semaphore(0)

    async def send(self, bulk: Sequence[Line]) -> list[str]:
        self.bulks.append(" ".join(source.decode() for _, source in bulk))
        await self._go_on.acquire()
        if self.error is not None:
            raise self.error
        return [source.decode().upper() for _, source in bulk]

    def answer(self, bulks: int = 1) -> None:
        for _ in range(bulks):
            self._go_on.release()


async def settled() -> None:
    """Wait until no task can run further."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def together(server: Server) -> BulkCoalescer:
    return BulkCoalescer(server.send, most_bytes=60, most_lines=4, too_large=OverflowError)


async def test_sends_first_bulk_at_once_and_joins_those_that_wait(server: Server, together: BulkCoalescer) -> None:
    senders = []
    for bulk in (lines("a", "b"), lines("c"), lines("d", "e")):
        senders.append(asyncio.ensure_future(asked(together, bulk)))
        await settled()
    assert server.bulks == ["a b"]
    server.answer()
    await settled()
    assert server.bulks == ["a b", "c d e"]
    server.answer()
    assert await asyncio.gather(*senders) == [["A", "B"], ["C"], ["D", "E"]]


@pytest.mark.parametrize(
    ("waiting", "bulks"),
    [
        ([lines("b", "c", "d"), lines("e"), lines("f")], ["a", "b c d e", "f"]),  # at most four lines
        (
            [lines("b" * 20), lines("c" * 20), lines("d" * 10)],
            ["a", f"{'b' * 20} {'c' * 20}", "d" * 10],
        ),  # at most 60 bytes
        ([lines("b" * 99), lines("c")], ["a", "b" * 99, "c"]),  # a larger one is sent alone
        ([lines("b", "c", "d", "e", "f"), lines("g")], ["a", "b c d e f", "g"]),
    ],
)
async def test_joins_bulks_up_to_a_size(
    server: Server, together: BulkCoalescer, waiting: list[list[Line]], bulks: list[str]
) -> None:
    senders = [asyncio.ensure_future(asked(together, lines("a")))]
    await settled()
    senders += [asyncio.ensure_future(asked(together, bulk)) for bulk in waiting]
    server.answer(len(bulks))
    await asyncio.gather(*senders)
    assert server.bulks == bulks


async def test_error_goes_to_all_senders_of_the_bulk_only(server: Server, together: BulkCoalescer) -> None:
    first = asyncio.ensure_future(asked(together, lines("a")))
    await settled()
    both = [asyncio.ensure_future(asked(together, lines(source))) for source in "bc"]
    server.answer()
    assert await first == ["A"]
    server.error = OSError("away")
    server.answer()
    assert [str(error) for error in await asyncio.gather(*both, return_exceptions=True)] == ["away", "away"]
    server.error = None
    server.answer()
    assert await asked(together, lines("d")) == ["D"]


async def test_cancelled_waiting_sender_withdraws_its_lines(server: Server, together: BulkCoalescer) -> None:
    first = asyncio.ensure_future(asked(together, lines("a")))
    await settled()
    gone, stays = (asyncio.ensure_future(asked(together, lines(source))) for source in "bc")
    await settled()
    gone.cancel()
    server.answer(2)
    assert [await first, await stays] == [["A"], ["C"]]
    assert server.bulks == ["a", "c"]


async def test_cancellation_in_flight_keeps_results_of_other_senders(server: Server, together: BulkCoalescer) -> None:
    first = asyncio.ensure_future(asked(together, lines("a")))
    await settled()
    gone, stays = (asyncio.ensure_future(asked(together, lines(source))) for source in "bc")
    server.answer()
    await settled()
    gone.cancel()
    server.answer()
    assert [await first, await stays] == [["A"], ["C"]]
    assert server.bulks == ["a", "b c"]


async def test_sends_bulks_separately_if_joined_one_is_too_large(server: Server, together: BulkCoalescer) -> None:
    first = asyncio.ensure_future(asked(together, lines("a")))
    await settled()
    both = [asyncio.ensure_future(asked(together, lines(source))) for source in "bc"]
    server.answer()
    await settled()
    server.error = OverflowError()
    server.answer()
    await settled()
    server.error = None
    server.answer(2)
    assert [await answer for answer in (first, *both)] == [["A"], ["B"], ["C"]]
    assert server.bulks == ["a", "b c", "b", "c"]


async def test_error_for_single_bulk_that_is_too_large(server: Server, together: BulkCoalescer) -> None:
    server.error = OverflowError()
    server.answer()
    with pytest.raises(OverflowError):
        await asked(together, lines("a"))
    assert server.bulks == ["a"]


async def test_close_cancels_waiting_senders(server: Server, together: BulkCoalescer) -> None:
    senders = [asyncio.ensure_future(asked(together, lines("a")))]
    await settled()
    senders.append(asyncio.ensure_future(asked(together, lines("b"))))
    await settled()
    await together.close()
    results = await asyncio.gather(*senders, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError, asyncio.CancelledError]
    assert server.bulks == ["a"]
