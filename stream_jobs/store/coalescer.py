"""Merges bulks that wait for Elasticsearch, like a database's group commit.

A request costs Elasticsearch milliseconds, even with few documents. With few posts, each partition of a worker would
send its own small bulks, and they would delay each other. So, while one bulk of an operation is in flight, the next
ones are collected and sent as one. With none in flight, a bulk is sent at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

Line = tuple[bytes, bytes]
"""One document of a bulk: action line and source line."""

Send = Callable[[Sequence[Line]], Awaitable[Sequence[Any]]]
"""Sends a bulk; returns one result per line."""


class _WaitingBulk(NamedTuple):
    lines: Sequence[Line]
    size: int
    answer: "asyncio.Future[Sequence[Any]]"


class BulkCoalescer:
    """Merges bulks of one operation, up to `most_bytes` and `most_lines`. A larger bulk is sent alone.

    If `send` raises `too_large` for merged bulks, each of them is sent separately.
    """

    def __init__(self, send: Send, most_bytes: int, most_lines: int, too_large: type[Exception]) -> None:
        self._send, self._most_bytes, self._most_lines, self._too_large = send, most_bytes, most_lines, too_large
        self._waiting: deque[_WaitingBulk] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def __call__(self, lines: Sequence[Line], size: int) -> Sequence[Any]:
        """The results of these lines, in order. `size`: their size in bytes, at most.

        Raises what `send` raises, in every caller whose lines were in that request. A call cancelled before its lines
        are sent withdraws them; lines in flight cannot be withdrawn.
        """
        waiting = _WaitingBulk(lines, size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._run())
        return await waiting.answer

    async def close(self) -> None:
        """Abandon the bulks in flight and waiting: their callers are cancelled."""
        if self._sending is not None and not self._sending.done():
            self._sending.cancel()
            await asyncio.wait({self._sending})
        for waiting in self._waiting:
            waiting.answer.cancel()

    async def _run(self) -> None:
        while taken := self._take():
            try:
                await self._do(taken)
            finally:  # on cancellation, cancel the callers that have no result yet
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
        """The bulks to send next, in order of arrival."""
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
