"""Ending a run by a signal: SIGTERM, SIGHUP, or Ctrl-C."""

import contextlib
import signal
import time
from collections.abc import Generator, Iterator
from types import FrameType
from typing import Self, TypeVar

Item = TypeVar("Item")


class Interrupted(KeyboardInterrupt):
    """A signal came while the run was waiting."""


class Interrupts:
    """SIGTERM, SIGINT and SIGHUP end a run between two items, never inside one. A second signal ends it at once.

    A context manager, for the main thread. While the run waits, for the next item or in `sleep`, a signal raises
    Interrupted there; otherwise it is noted, and `pull` ends after the current item.
    """

    def __init__(self) -> None:
        self.asked = False
        self._waiting = False

    def __enter__(self) -> Self:
        numbers = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
            numbers.append(signal.SIGHUP)
        self._before = {number: signal.signal(number, self._signalled) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def pull(self, items: Generator[Item, None, None]) -> Iterator[Item]:
        """Yield the items until a signal comes. Closes `items` at the end."""
        with contextlib.closing(items):
            while not self.asked:
                with self._interruptible():
                    try:
                        item = next(items)
                    except StopIteration:
                        return
                yield item

    def sleep(self, seconds: float) -> None:
        """Block. Raises Interrupted on a signal."""
        with self._interruptible():
            time.sleep(seconds)

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        self._waiting = True
        try:
            if self.asked:
                raise Interrupted
            yield
        finally:
            self._waiting = False

    def _signalled(self, signum: int, frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        if self._waiting:
            raise Interrupted
        if again:
            raise KeyboardInterrupt


@contextlib.contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt, as Ctrl-C does, so that everything started is stopped and removed."""

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
