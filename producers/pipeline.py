"""The way in, read from top to bottom: payload -> format -> door -> Kafka, and an account of what became of each."""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from producers import formats, metrics
from producers.contract import (
    MAX_PAYLOAD_BYTES,
    Control,
    DeadLetter,
    InvalidPost,
    Message,
    Origin,
    Post,
    PostDelete,
    PostEdit,
)
from producers.intake import accept
from producers.publisher import Publisher
from producers.sources.file import Line

Fate = Literal["posts", "edits", "deletes", "control", "dead"]


class Account(msgspec.Struct):
    """What became of the payloads: read = posts + edits + deletes + control + dead, and sent = the first three."""

    posts: int = 0
    edits: int = 0
    deletes: int = 0
    control: int = 0
    dead: int = 0

    def add(self, fate: Fate) -> None:
        setattr(self, fate, getattr(self, fate) + 1)

    @property
    def sent(self) -> int:
        return self.posts + self.edits + self.deletes

    @property
    def read(self) -> int:
        return self.sent + self.control + self.dead


class Pace:
    """Holds posts back so that their own time passes `speed` times as fast as ours. A late post waits for nothing."""

    def __init__(self, speed: float, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._speed, self._monotonic, self._sleep = speed, monotonic, sleep
        self._start: tuple[float, int] | None = None

    def wait_for(self, created_at_ms: int) -> None:
        """Block until the moment of `created_at_ms` has come, counted from the first post's."""
        if self._start is None:
            self._start = self._monotonic(), created_at_ms
        started, first_ms = self._start
        ahead_s = (created_at_ms - first_ms) / 1000 / self._speed - (self._monotonic() - started)
        if ahead_s > 0:
            self._sleep(ahead_s)


class Intake:
    """One run of one source. `take` sends a payload on; `account` says at any time what became of all so far."""

    def __init__(
        self,
        publisher: Publisher,
        *,
        format: str,
        origin: Origin,
        author_key: bytes,
        clock_ms: Callable[[], int],
        pace: Pace | None = None,
    ) -> None:
        self.account = Account()
        self._publisher, self._format, self._origin = publisher, format, origin
        self._author_key, self._clock_ms, self._pace = author_key, clock_ms, pace

    def take_all(self, payloads: Iterable[Line]) -> None:
        """Send every payload on, to `posts.raw` or with the reason to `posts.dead`.

        Blocks as long as `payloads` gives any, and while Kafka is behind. Raises PublishFailed, what reading raises.
        """
        for line in payloads:
            kind = line.source.partition(":")[0]
            for outcome in formats.parse(line.payload, self._format):
                fate = self._forward(line, kind, outcome)
                self.account.add(fate)
                metrics.PAYLOADS.labels(kind, fate).inc()

    def _forward(self, line: Line, kind: str, outcome: formats.Outcome) -> Fate:
        if isinstance(outcome, Control):
            return "control"
        now_ms = self._clock_ms()
        try:
            if isinstance(outcome, InvalidPost):
                raise outcome
            message = accept(outcome, now_ms=now_ms, author_key=self._author_key, origin=self._origin, source=kind)
        except InvalidPost as error:
            self._publisher.bury(dead_letter(line, error, now_ms))
            return "dead"
        if self._pace is not None and (post := post_of(message)) is not None:
            self._pace.wait_for(post.created_at_ms)
        self._publisher.publish(message)
        match message:
            case Post():
                return "posts"
            case PostEdit():
                return "edits"
            case PostDelete():
                return "deletes"


def post_of(message: Message) -> Post | None:
    """The post that a message carries, if it carries one."""
    match message:
        case Post():
            return message
        case PostEdit():
            return message.post
        case PostDelete():
            return None


def dead_letter(line: Line, error: InvalidPost, at_ms: int) -> DeadLetter:
    """What is kept of a payload that can't go on."""
    return DeadLetter(
        reason=error.reason,
        detail=error.detail,
        source=line.source,
        position=line.position,
        payload=line.payload[:MAX_PAYLOAD_BYTES],
        at_ms=at_ms,
    )
