"""Intake: payload -> format -> validation -> Kafka, and an account of every payload."""

from collections.abc import Callable, Iterable
from typing import Literal, Protocol

import msgspec

from hashtide.contract.bounds import EARLIEST_MS, MAX_PAYLOAD_BYTES
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Control, Gap, Message, Origin, Post, PostDelete, PostEdit, Sent
from hashtide.contract.reasons import InvalidPost
from hashtide.identity import Pseudonyms
from hashtide.metrics import producer as metrics
from hashtide.times import DAY_MS
from producers.formats import Outcome
from producers.losses import Losses
from producers.sources.received import Received
from producers.validation import validate_and_pseudonymise

Disposition = Literal["posts", "edits", "deletes", "control", "filtered", "dead"]

Parse = Callable[[Received], Iterable[Outcome]]


class MessagePublisher(Protocol):
    """What intake needs of a publisher. `publisher.Publisher` says when these block and what they raise."""

    def publish(self, message: Sent) -> None: ...

    def bury(self, letter: DeadLetter) -> None: ...


class IntakeAccount(msgspec.Struct):
    """What became of the payloads: read = posts + edits + deletes + control + filtered + dead; sent = the first three.

    Gaps are counted separately: they are not payloads.
    """

    posts: int = 0
    edits: int = 0
    deletes: int = 0
    control: int = 0
    filtered: int = 0
    dead: int = 0
    gaps: int = 0

    def add(self, disposition: Disposition) -> None:
        setattr(self, disposition, getattr(self, disposition) + 1)

    @property
    def sent(self) -> int:
        return self.posts + self.edits + self.deletes

    @property
    def read(self) -> int:
        return self.sent + self.control + self.filtered + self.dead


class Pace:
    """Delays posts so that their own time passes `speed` times as fast as ours. A late post does not wait."""

    def __init__(self, speed: float, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._speed, self._monotonic, self._sleep = speed, monotonic, sleep
        self._start: tuple[float, int] | None = None

    def wait_for(self, created_at_ms: int) -> None:
        """Block until `created_at_ms` is due, counted from the first post."""
        if self._start is None:
            self._start = self._monotonic(), created_at_ms
        started, first_ms = self._start
        ahead_s = (created_at_ms - first_ms) / 1000 / self._speed - (self._monotonic() - started)
        if ahead_s > 0:
            self._sleep(ahead_s)


class IntakeRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a run accepts, and the origin it gives to posts."""

    origin: Origin
    names: Pseudonyms
    clock_ms: Callable[[], int]
    matches: Callable[[Post], bool] = lambda post: True
    """Whether a post from a firehose belongs to any campaign. Other posts are filtered."""
    max_age_days: int | None = None
    """Maximum age of posts, days; older ones are `too-old`. None: any age."""


class Intake:
    """One run of sources. `accept` publishes an item; `account` says at any time what became of all items so far.

    `parse` reads a payload. Deletions are always published: after a restart it is unknown which posts were sent before.
    """

    def __init__(
        self,
        kafka: MessagePublisher,
        parse: Parse,
        account: IntakeAccount,
        rules: IntakeRules,
        pace: Pace | None = None,
    ) -> None:
        self.account = account
        self._kafka, self._parse, self._rules, self._pace = kafka, parse, rules, pace
        self._losses = Losses()

    def accept(self, item: Received | Gap) -> None:
        """Publish an item to `posts.raw`, or to `posts.dead` with the reason.

        Blocks while Kafka is behind, and for the pace. Raises PublishFailed.
        """
        if isinstance(item, Gap):
            self._publish_gap(item)
            return
        kind, buried = item.source.partition(":")[0], False
        for outcome in self._parse(item):
            disposition, error = self._forward(item, kind, outcome)
            if error is not None and not buried:  # one letter holds the whole payload: enough for all its parts
                self._kafka.bury(dead_letter(item, error, self._rules.clock_ms()))
                buried = True
            self.account.add(disposition)
            metrics.PAYLOADS.labels(kind, disposition).inc()

    def _forward(self, item: Received, kind: str, outcome: Outcome) -> tuple[Disposition, InvalidPost | None]:
        """What became of a part of a payload; if it is dead, also why."""
        now_ms = self._rules.clock_ms()
        if isinstance(outcome, Control):
            if outcome.estimated_loss and (gap := self._losses.gap_for(item.source, outcome.estimated_loss, now_ms)):
                self._publish_gap(gap)
            return "control", None
        if item.firehose and isinstance(outcome, Post | PostEdit) and not self._rules.matches(_post(outcome)):
            return "filtered", None
        try:
            if isinstance(outcome, InvalidPost):
                raise outcome
            origin = item.origin or self._rules.origin
            self._require_age(outcome, now_ms)
            message = validate_and_pseudonymise(
                outcome, now_ms=now_ms, names=self._rules.names, origin=origin, source=kind
            )
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
        days = self._rules.max_age_days
        if days is None or isinstance(message, PostDelete):
            return
        if EARLIEST_MS <= _post(message).created_at_ms < now_ms - days * DAY_MS:
            raise InvalidPost("too-old", f"created_at is more than {days} days ago")

    def _publish_gap(self, gap: Gap) -> None:
        self._kafka.publish(gap)
        self.account.gaps += 1
        kind = gap.source.partition(":")[0]
        metrics.GAPS.labels(kind, gap.reason).inc()
        metrics.GAP_SECONDS.labels(kind, gap.reason).inc((gap.to_ms - gap.from_ms) / 1000)


def _post(message: Post | PostEdit) -> Post:
    return message.post if isinstance(message, PostEdit) else message


def dead_letter(item: Received, error: InvalidPost, at_ms: int) -> DeadLetter:
    """The dead letter of an invalid payload. It holds the payload, except one that is not public."""
    return DeadLetter(
        reason=error.reason,
        detail=error.detail,
        source=item.source,
        position=item.position,
        payload=b"" if error.reason == "private" else item.payload[:MAX_PAYLOAD_BYTES],
        at_ms=at_ms,
    )
