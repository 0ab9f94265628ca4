"""Several publishers, each in its own process: for files, where one process is the bottleneck.

Intake stays in one process, and distributes encoded messages. All messages of a key go to the same publisher, so they
keep their order.
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

BATCH_RECORDS: Final = 200
REPORT_S: Final = 1.0
FLUSH: Final = b""

TopicRecord = tuple[str, bytes, bytes]
"""Topic, key, value."""


class PublisherReport(msgspec.Struct, frozen=True):
    """Sent by a publisher's process every REPORT_S, after a flush, and when it fails."""

    acknowledged: dict[str, int]
    """By topic, since it started."""
    flushed: bool = False
    failure: str | None = None


_records: Final = msgspec.msgpack.Decoder(list[TopicRecord])
_report: Final = msgspec.msgpack.Decoder(PublisherReport)
_encode: Final = msgspec.msgpack.Encoder().encode


class Publishers:
    """Like `Publisher`, with the same guarantees, in `jobs` processes. `publish` and `bury` block while a publisher is
    behind. If a publisher fails or dies, the next call, or `flush`, raises PublishFailed."""

    def __init__(self, settings: ProducerSettings, jobs: int) -> None:
        self._keeps_payloads = settings.dead_letter_payloads
        self._members = [_Member(settings, number) for number in range(jobs)]
        metrics.UNACKNOWLEDGED.set_function(lambda: sum(each.unacknowledged for each in self._members))

    def publish(self, message: Sent) -> None:
        self._distribute((POSTS_RAW, key(message), encode(message)))

    def bury(self, letter: DeadLetter) -> None:
        letter = letter if self._keeps_payloads else without_payload(letter)
        self._distribute((POSTS_DEAD, dead_letter_key(letter), encode(letter)))

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

    def _distribute(self, record: TopicRecord) -> None:
        self._members[zlib.crc32(record[1]) % len(self._members)].take(record)


class _Member:
    """A publisher's process, as the parent sees it."""

    def __init__(self, settings: ProducerSettings, number: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the parent's sockets and threads
        self._pipe, child_end = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(child_end, settings), name=f"hashtide-publisher-{number}", daemon=True
        )
        self._process.start()
        child_end.close()
        self._batch: list[TopicRecord] = []
        self._sent = 0
        self._acknowledged: dict[str, int] = {}

    @property
    def unacknowledged(self) -> int:
        return self._sent - sum(self._acknowledged.values())

    def take(self, record: TopicRecord) -> None:
        self._batch.append(record)
        self._sent += 1
        if len(self._batch) >= BATCH_RECORDS:
            self._send_batch()

    def begin_flush(self) -> None:
        self._send_batch()
        self._send(FLUSH)

    def end_flush(self) -> None:
        while not self._receive_report().flushed:
            pass

    def end(self) -> None:
        """End the process. Without a flush before, messages that it holds may be lost."""
        self._pipe.close()
        self._process.join(timeout=5)
        self._process.kill()
        self._process.join()

    def _send_batch(self) -> None:
        while self._pipe.poll():
            self._receive_report()
        if self._batch:
            self._send(_encode(self._batch))
            self._batch.clear()

    def _send(self, data: bytes) -> None:
        try:
            self._pipe.send_bytes(data)
        except OSError:
            self._receive_report()  # raises its failure
            raise PublishFailed("a publisher's process ended") from None

    def _receive_report(self) -> PublisherReport:
        try:
            report = _report.decode(self._pipe.recv_bytes())
        except (EOFError, OSError):
            raise PublishFailed("a publisher's process ended without giving a reason") from None
        if report.failure is not None:
            raise PublishFailed(report.failure)
        for topic, acknowledged in report.acknowledged.items():
            metrics.PUBLISHED.labels(topic).inc(acknowledged - self._acknowledged.get(topic, 0))
        self._acknowledged = report.acknowledged
        return report


def _serve(pipe: Connection, settings: ProducerSettings) -> None:
    """The process: publishes records until the pipe closes. Ignores signals: the parent handles them and closes it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    logs.setup(settings)
    try:
        with Publisher(settings) as publisher:
            _publish(pipe, publisher)
    except HashtideError as error:
        pipe.send_bytes(_encode(PublisherReport({}, failure=str(error))))


def _publish(pipe: Connection, publisher: Publisher) -> None:
    reported_at = time.monotonic()
    while True:
        try:
            data = pipe.recv_bytes()
        except EOFError:
            return
        if data == FLUSH:
            publisher.flush()
            pipe.send_bytes(_encode(PublisherReport(_acknowledged(), flushed=True)))
            continue
        for topic, key_, value in _records.decode(data):
            publisher.send(topic, key_, value)
        if time.monotonic() - reported_at >= REPORT_S:
            reported_at = time.monotonic()
            pipe.send_bytes(_encode(PublisherReport(_acknowledged())))


def _acknowledged() -> dict[str, int]:
    counts = {
        topic: REGISTRY.get_sample_value("hashtide_published_messages_total", {"topic": topic})
        for topic in (POSTS_RAW, POSTS_DEAD)
    }
    return {topic: int(count or 0) for topic, count in counts.items()}
