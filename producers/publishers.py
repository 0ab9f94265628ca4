"""Several publishers, each a process of its own: for files, where one process is the limit.

The way in stays one process, and deals out what is ready to be sent. All messages of a key go to the same publisher, so
they keep their order.
"""

import multiprocessing
import signal
import time
import zlib
from multiprocessing.connection import Connection
from typing import Final, Self

import msgspec
from prometheus_client import REGISTRY

from hashtide import logs
from hashtide.contract.dead_letters import DeadLetter, dead_letter_key, without_payload
from hashtide.contract.messages import Sent, encode, key
from hashtide.contract.names import POSTS_DEAD, POSTS_RAW
from hashtide.errors import HashtideError
from hashtide.metrics import producer as metrics
from producers.publisher import Publisher, PublishFailed
from producers.settings import ProducerSettings

DEALT_AT_ONCE: Final = 200
REPORT_S: Final = 1.0
FLUSH: Final = b""

TopicRecord = tuple[str, bytes, bytes]
"""Topic, key, value."""


class PublisherReport(msgspec.Struct, frozen=True):
    """What a publisher's process says: now and then, after a flush, and when it fails."""

    acknowledged: dict[str, int]
    """By topic, since it started."""
    flushed: bool = False
    failure: str | None = None


_records: Final = msgspec.msgpack.Decoder(list[TopicRecord])
_report: Final = msgspec.msgpack.Decoder(PublisherReport)
_encode: Final = msgspec.msgpack.Encoder().encode


class Publishers:
    """As `Publisher` is used, and with what it promises, but in so many processes. `publish` and `bury` block while a
    publisher is behind. A publisher that fails, or dies, shows in the next call, or in `flush`: PublishFailed."""

    def __init__(self, settings: ProducerSettings, jobs: int) -> None:
        self._keeps_payloads = settings.dead_letter_payloads
        self._members = [_Member(settings, number) for number in range(jobs)]
        metrics.UNACKNOWLEDGED.set_function(lambda: sum(each.unacknowledged for each in self._members))

    def publish(self, message: Sent) -> None:
        self._deal((POSTS_RAW, key(message), encode(message)))

    def bury(self, letter: DeadLetter) -> None:
        letter = letter if self._keeps_payloads else without_payload(letter)
        self._deal((POSTS_DEAD, dead_letter_key(letter), encode(letter)))

    def flush(self) -> None:
        for member in self._members:
            member.begin_flush()
        for member in self._members:
            member.end_flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            for member in self._members:
                member.end()

    def _deal(self, record: TopicRecord) -> None:
        self._members[zlib.crc32(record[1]) % len(self._members)].take(record)


class _Member:
    """A publisher's process, from outside."""

    def __init__(self, settings: ProducerSettings, number: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would take the parent's sockets and threads along
        self._line, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, settings), name=f"hashtide-publisher-{number}", daemon=True
        )
        self._process.start()
        theirs.close()
        self._dealt: list[TopicRecord] = []
        self._sent = 0
        self._acknowledged: dict[str, int] = {}

    @property
    def unacknowledged(self) -> int:
        return self._sent - sum(self._acknowledged.values())

    def take(self, record: TopicRecord) -> None:
        self._dealt.append(record)
        self._sent += 1
        if len(self._dealt) >= DEALT_AT_ONCE:
            self._hand_over()

    def begin_flush(self) -> None:
        self._hand_over()
        self._send(FLUSH)

    def end_flush(self) -> None:
        while not self._hear().flushed:
            pass

    def end(self) -> None:
        """Without a flush before, what is in its hands may be sent or not."""
        self._line.close()
        self._process.join(timeout=5)
        self._process.kill()
        self._process.join()

    def _hand_over(self) -> None:
        while self._line.poll():
            self._hear()
        if self._dealt:
            self._send(_encode(self._dealt))
            self._dealt.clear()

    def _send(self, data: bytes) -> None:
        try:
            self._line.send_bytes(data)
        except OSError:
            self._hear()  # why
            raise PublishFailed("a publisher's process ended") from None

    def _hear(self) -> PublisherReport:
        try:
            report = _report.decode(self._line.recv_bytes())
        except (EOFError, OSError):
            raise PublishFailed("a publisher's process ended without a word") from None
        if report.failure is not None:
            raise PublishFailed(report.failure)
        for topic, acknowledged in report.acknowledged.items():
            metrics.PUBLISHED.labels(topic).inc(acknowledged - self._acknowledged.get(topic, 0))
        self._acknowledged = report.acknowledged
        return report


def _serve(line: Connection, settings: ProducerSettings) -> None:
    """The process: publishes what comes, until the line is closed. A signal is for the parent, which then closes it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    logs.setup(settings)
    try:
        with Publisher(settings) as publisher:
            _publish(line, publisher)
    except HashtideError as error:
        line.send_bytes(_encode(PublisherReport({}, failure=str(error))))


def _publish(line: Connection, publisher: Publisher) -> None:
    reported_at = time.monotonic()
    while True:
        try:
            data = line.recv_bytes()
        except EOFError:
            return
        if data == FLUSH:
            publisher.flush()
            line.send_bytes(_encode(PublisherReport(_acknowledged(), flushed=True)))
            continue
        for topic, key_, value in _records.decode(data):
            publisher.send(topic, key_, value)
        if time.monotonic() - reported_at >= REPORT_S:
            reported_at = time.monotonic()
            line.send_bytes(_encode(PublisherReport(_acknowledged())))


def _acknowledged() -> dict[str, int]:
    counts = {
        topic: REGISTRY.get_sample_value("hashtide_published_messages_total", {"topic": topic})
        for topic in (POSTS_RAW, POSTS_DEAD)
    }
    return {topic: int(count or 0) for topic, count in counts.items()}
