"""Two steps for the batches of one partition: while one batch is handled, the next one is prepared."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from stream_jobs.health import Progress
from stream_jobs.transport.batch import Batch

T = TypeVar("T")

Prepare = Callable[[Batch], T]
"""The first step: a pure function of the batch. It blocks the event loop, so it must be fast."""
Handle = Callable[[T], Awaitable[None]]
"""The second step: takes the result of `Prepare`, and returns when all of the batch is written."""


class Chain(Generic[T]):
    """Prepares and handles the batches of one partition, in order.

    `finish(event, work)` runs the work of a batch, acknowledges the batch, and returns whether it was done. If it was
    not done, every later batch of the same generation is abandoned: count documents with later offsets would say that
    the missing batch is counted.
    """

    def __init__(
        self,
        prepare: Prepare[T],
        handle: Handle[T],
        finish: Callable[[Any, Callable[[], Awaitable[None]]], Awaitable[bool]],
        abandon: Callable[[Any], None],
        progress: Progress,
    ) -> None:
        self._prepare, self._handle, self._finish, self._abandon = prepare, handle, finish, abandon
        self._progress = progress
        self._handling: asyncio.Task[None] | None = None
        self._broken: int | None = None

    async def take(self, event: Any) -> None:
        """Prepare a batch, wait for the batch before it, and start to handle this one.

        Raises only CancelledError. An error of `prepare` goes to `finish`, after all earlier batches.
        """
        self._progress.taken()
        try:
            work = self._work(event.value)
            if self._handling is not None:
                await self._handling
        except BaseException:  # cancelled
            self._progress.ended()
            raise
        self._handling = asyncio.create_task(self._see_through(event, work))
        self._handling.add_done_callback(lambda _: self._progress.ended())

    async def close(self) -> None:
        """Cancel the batch that is being handled, and wait for its end. Nothing is acknowledged."""
        if self._handling is not None and self._handling.cancel():
            await asyncio.wait({self._handling})

    def _work(self, batch: Batch) -> Callable[[], Awaitable[None]]:
        try:
            prepared = self._prepare(batch)
        except Exception as error:  # raised again when it is this batch's turn: earlier batches come first
            failure = error

            async def fail() -> None:
                raise failure

            return fail
        return lambda: self._handle(prepared)

    async def _see_through(self, event: Any, work: Callable[[], Awaitable[None]]) -> None:
        generation = event.value.generation
        if generation == self._broken:
            self._abandon(event)
        elif not await self._finish(event, work):
            self._broken = generation
