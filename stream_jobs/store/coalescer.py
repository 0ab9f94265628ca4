"""Bulks that wait for Elasticsearch travel together: what a group commit is to a database's log.

A request to Elasticsearch costs it milliseconds, however few documents are in it. With a trickle of posts, each
partition of a worker would send small bulks of its own, which keep each other waiting. So, while one bulk of an
operation is on its way, the next ones gather, and go as one. With nothing on its way, a bulk goes at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

Line = tuple[bytes, bytes]
"""One document of a bulk: action and source."""

Send = Callable[[Sequence[Line]], Awaitable[Sequence[Any]]]
"""Sends a bulk; an answer for each of its lines."""


class _WaitingBulk(NamedTuple):
    lines: Sequence[Line]
    size: int
    answer: "asyncio.Future[Sequence[Any]]"


class BulkCoalescer:
    """Joins the bulks of one operation, up to `most_bytes` and `most_lines`; one larger than that goes alone.

    Where `send` raises `too_large` of bulks that it joined, each of them is sent by itself.
    """

    def __init__(self, send: Send, most_bytes: int, most_lines: int, too_large: type[Exception]) -> None:
        self._send, self._most_bytes, self._most_lines, self._too_large = send, most_bytes, most_lines, too_large
        self._waiting: deque[_WaitingBulk] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def __call__(self, lines: Sequence[Line], size: int) -> Sequence[Any]:
        """The answers to these lines, of `size` bytes at most.

        What sending raises is raised to everyone whose lines were in it. Cancelled while it waits, it takes its lines
        back; while they are on their way, they stay in.
        """
        waiting = _WaitingBulk(lines, size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._run())
        return await waiting.answer

    async def close(self) -> None:
        """Give up what is on its way and what waits: whoever waits for it is cancelled."""
        if self._sending is not None and not self._sending.done():
            self._sending.cancel()
            await asyncio.wait({self._sending})
        for waiting in self._waiting:
            waiting.answer.cancel()

    async def _run(self) -> None:
        while taken := self._take():
            try:
                await self._do(taken)
            finally:  # cancelled: so is whoever has no answer yet
                for waiting in taken:
                    waiting.answer.cancel()

    async def _do(self, taken: Sequence[_WaitingBulk]) -> None:
        try:
            answers = await self._send([line for waiting in taken for line in waiting.lines])
        except Exception as error:
            if isinstance(error, self._too_large) and len(taken) > 1:
                for waiting in taken:
                    await self._do([waiting])
                return
            for waiting in taken:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        start = 0
        for waiting in taken:
            if not waiting.answer.done():
                waiting.answer.set_result(answers[start : start + len(waiting.lines)])
            start += len(waiting.lines)

    def _take(self) -> list[_WaitingBulk]:
        """Those that go next, in the order in which they came."""
        taken: list[_WaitingBulk] = []
        size = count = 0
        while self._waiting:
            following = self._waiting[0]
            if not following.answer.cancelled():
                size += following.size
                count += len(following.lines)
                if taken and (size > self._most_bytes or count > self._most_lines):
                    break
                taken.append(following)
            self._waiting.popleft()
        return taken
