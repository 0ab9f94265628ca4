"""The way in, read from top to bottom: payload -> format -> door -> Kafka, and an account of what became of each."""

from collections.abc import Callable, Iterable
from typing import Final, Literal, Protocol

import msgspec

from producers import metrics
from producers.contract import (
    EARLIEST_MS,
    MAX_PAYLOAD_BYTES,
    Control,
    DeadLetter,
    Gap,
    InvalidPost,
    Message,
    Origin,
    Post,
    PostDelete,
    PostEdit,
    Sent,
)
from producers.formats import Outcome
from producers.identity import Pseudonyms
from producers.intake import accept
from producers.losses import Losses
from producers.sources.received import Received

DAY_MS: Final = 86_400_000

Fate = Literal["posts", "edits", "deletes", "control", "filtered", "dead"]

Parse = Callable[[Received], Iterable[Outcome]]


class Kafka(Protocol):
    """What the way in needs of a publisher. `publisher.Publisher` says when these block and what they raise."""

    def publish(self, message: Sent) -> None: ...

    def bury(self, letter: DeadLetter) -> None: ...


class Account(msgspec.Struct):
    """What became of the payloads: read = posts + edits + deletes + control + filtered + dead; sent = the first three.

    Gaps are told beside: they are no payloads.
    """

    posts: int = 0
    edits: int = 0
    deletes: int = 0
    control: int = 0
    filtered: int = 0
    dead: int = 0
    gaps: int = 0

    def add(self, fate: Fate) -> None:
        setattr(self, fate, getattr(self, fate) + 1)

    @property
    def sent(self) -> int:
        return self.posts + self.edits + self.deletes

    @property
    def read(self) -> int:
        return self.sent + self.control + self.filtered + self.dead


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
    """One run of sources. `take` sends an item on; `account` says at any time what became of all so far.

    `parse` says what is in a payload. `matches` says of a post from a firehose whether any campaign has it: the others
    are filtered. Deletions go on whatever was deleted: after a restart nobody knows here what was sent on before.
    """

    def __init__(
        self,
        kafka: Kafka,
        parse: Parse,
        account: Account,
        *,
        origin: Origin,
        names: Pseudonyms,
        clock_ms: Callable[[], int],
        matches: Callable[[Post], bool] = lambda post: True,
        pace: Pace | None = None,
        max_age_ms: int | None = None,
    ) -> None:
        """`max_age_ms`: how old posts may be; older ones are `too-old`. None: any age."""
        self.account = account
        self._kafka, self._parse, self._origin, self._matches = kafka, parse, origin, matches
        self._names, self._clock_ms, self._pace = names, clock_ms, pace
        self._losses, self._max_age_ms = Losses(), max_age_ms

    def take(self, item: Received | Gap) -> None:
        """Send an item on, to `posts.raw` or with the reason to `posts.dead`.

        Blocks while Kafka is behind, and for the pace. Raises PublishFailed.
        """
        if isinstance(item, Gap):
            self._tell(item)
            return
        kind, buried = item.source.partition(":")[0], False
        for outcome in self._parse(item):
            fate, error = self._forward(item, kind, outcome)
            if error is not None and not buried:  # the letter has all of the payload: one is enough for all its parts
                self._kafka.bury(dead_letter(item, error, self._clock_ms()))
                buried = True
            self.account.add(fate)
            metrics.PAYLOADS.labels(kind, fate).inc()

    def _forward(self, item: Received, kind: str, outcome: Outcome) -> tuple[Fate, InvalidPost | None]:
        """What becomes of a part of a payload, and of a dead one why."""
        now_ms = self._clock_ms()
        if isinstance(outcome, Control):
            if outcome.estimated_loss and (gap := self._losses.told(item.source, outcome.estimated_loss, now_ms)):
                self._tell(gap)
            return "control", None
        if item.firehose and isinstance(outcome, Post | PostEdit) and not self._matches(_post(outcome)):
            return "filtered", None
        try:
            if isinstance(outcome, InvalidPost):
                raise outcome
            origin = item.origin or self._origin
            self._require_age(outcome, now_ms)
            message = accept(outcome, now_ms=now_ms, names=self._names, origin=origin, source=kind)
        except InvalidPost as error:
            return "dead", error
        if not isinstance(message, PostDelete):
            self._losses.saw(item.source, _post(message).created_at_ms)
            if self._pace is not None:
                self._pace.wait_for(_post(message).created_at_ms)
        self._kafka.publish(message)
        match message:
            case Post():
                return "posts", None
            case PostEdit():
                return "edits", None
            case PostDelete():
                return "deletes", None

    def _require_age(self, message: Message, now_ms: int) -> None:
        if self._max_age_ms is None or isinstance(message, PostDelete):
            return
        if EARLIEST_MS <= _post(message).created_at_ms < now_ms - self._max_age_ms:
            raise InvalidPost("too-old", f"created_at is more than {self._max_age_ms // DAY_MS} days back")

    def _tell(self, gap: Gap) -> None:
        self._kafka.publish(gap)
        self.account.gaps += 1
        kind = gap.source.partition(":")[0]
        metrics.GAPS.labels(kind, gap.reason).inc()
        metrics.GAP_SECONDS.labels(kind, gap.reason).inc((gap.to_ms - gap.from_ms) / 1000)


def _post(message: Post | PostEdit) -> Post:
    return message.post if isinstance(message, PostEdit) else message


def dead_letter(item: Received, error: InvalidPost, at_ms: int) -> DeadLetter:
    """What is kept of a payload that can't go on: all of it; of one that is not public, nothing."""
    return DeadLetter(
        reason=error.reason,
        detail=error.detail,
        source=item.source,
        position=item.position,
        payload=b"" if error.reason == "private" else item.payload[:MAX_PAYLOAD_BYTES],
        at_ms=at_ms,
    )
