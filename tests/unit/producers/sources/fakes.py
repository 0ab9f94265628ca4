"""Fakes for Kafka, the clock and sleep."""

from collections.abc import Callable

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Post, Sent
from producers.wanted import Terms, Wanted

AUGUST_MS = 1_785_585_600_000  # 2026-08-01T12:00:00Z


class Clock:
    """A clock that advances only in `sleep`; `slept` has every wait."""

    def __init__(self, now_ms: int = AUGUST_MS) -> None:
        self.now_ms = now_ms
        self.slept: list[float] = []

    def __call__(self) -> int:
        return self.now_ms

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_ms += round(seconds * 1000)

    def monotonic(self) -> float:
        return self.now_ms / 1000


class Collecting:
    """Stores published messages and dead letters in order."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.dead: list[DeadLetter] = []
        self.flushed = 0

    def publish(self, message: Sent) -> None:
        self.sent.append(message)

    def bury(self, letter: DeadLetter) -> None:
        self.dead.append(letter)

    def flush(self) -> None:
        self.flushed += 1


def wanted(*, tags: tuple[str, ...] = ("OpenTheHarbour",), matches: Callable[[Post], bool] | None = None) -> Wanted:
    """One campaign, `harbour`, with these tags."""
    return Wanted((Terms("harbour", tags, (), ()),), matches or (lambda post: "harbour" in post.text.lower()))
