"""Publishes to Kafka: idempotent, acknowledged by all in-sync replicas, compressed, with bounded memory."""

import functools
import threading
import time
from typing import Final, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.producer.future import RecordMetadata

from hashtide import outages
from hashtide.contract.bounds import MAX_MESSAGE_BYTES
from hashtide.contract.dead_letters import DeadLetter, dead_letter_key, without_payload
from hashtide.contract.messages import Sent, encode, key
from hashtide.contract.names import POSTS_DEAD, POSTS_RAW
from hashtide.errors import HashtideError
from hashtide.kafka.clients import REFUSED_S, connect, refusal
from hashtide.metrics import producer as metrics
from producers.settings import ProducerSettings

DELIVERY_TIMEOUT_MS = 5 * 60 * 1000  # a broker restarts in seconds; a longer outage needs an operator
CHECK_EVERY_S: Final = 1.0
SILENCE_S: Final = 5.0
"""If Kafka acknowledges nothing for this long while messages wait, it is logged."""


class PublishFailed(HashtideError):
    """Kafka did not acknowledge a message in time. Nothing was sent after that was noticed."""


class Publisher:
    """Sends to `posts.raw` and `posts.dead`. A context manager: leaving it flushes and closes.

    `publish`, `bury` and `send` block while `buffer_posts` messages are unacknowledged. Only the Kafka client retries,
    for DELIVERY_TIMEOUT_MS. It reports a failed delivery in its callback: the next call, or `flush`, then raises
    PublishFailed.
    """

    def __init__(self, settings: ProducerSettings) -> None:
        self._producer = connect(
            KafkaProducer,
            settings,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=settings.linger_ms,
            batch_size=settings.batch_bytes,
            max_request_size=MAX_MESSAGE_BYTES,
            delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
            max_block_ms=DELIVERY_TIMEOUT_MS,  # a send that needs metadata first waits as long as others
            allow_auto_create_topics=False,
        )
        self._keeps_payloads = settings.dead_letter_payloads
        self._slots = threading.BoundedSemaphore(settings.buffer_posts)
        self._failure: BaseException | None = None
        self._sent = self._done = 0  # only the client's thread writes `_done`
        self._acknowledged = functools.cache(metrics.PUBLISHED.labels)
        for topic in (POSTS_RAW, POSTS_DEAD):  # these counters begin at 0
            self._acknowledged(topic)
        metrics.UNACKNOWLEDGED.set_function(lambda: self._sent - self._done)
        self._settings = settings
        self._closed = threading.Event()

    def publish(self, message: Sent) -> None:
        """Send a message, keyed by its post (a gap: by its source). Raises PublishFailed."""
        self.send(POSTS_RAW, key(message), encode(message))

    def bury(self, letter: DeadLetter) -> None:
        """Send a dead letter, keyed by its origin; without its payload if payloads are not kept.

        Raises PublishFailed.
        """
        letter = letter if self._keeps_payloads else without_payload(letter)
        self.send(POSTS_DEAD, dead_letter_key(letter), encode(letter))

    def send(self, topic: str, key_: bytes | None, value: bytes | None, partition: int | None = None) -> None:
        """Send any record; without `partition`, to the partition of its key. No value: delete the record of that key.

        Raises PublishFailed.
        """
        self._check()
        self._slots.acquire()
        self._sent += 1
        try:
            future = self._producer.send(topic, key=key_, value=value, partition=partition)
        except KafkaError as error:
            self._on_failure(topic, error)
            raise PublishFailed(f"Kafka does not accept messages for {topic}: {error!r}") from error
        future.add_callback(self._on_acknowledged)
        future.add_errback(self._on_failure, topic)

    def flush(self) -> None:
        """Block until Kafka has acknowledged everything sent. Raises PublishFailed."""
        try:
            self._producer.flush(timeout=DELIVERY_TIMEOUT_MS / 1000)
        except KafkaError as error:
            raise PublishFailed(f"Kafka did not acknowledge everything: {error!r}") from error
        self._check()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="publisher-watch", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._closed.set()
            self._producer.close(timeout=5 if kind else None)

    def _watch(self) -> None:
        """Report when Kafka stops acknowledging, and when it acknowledges again: the client does not report it."""
        outage, done, progressed = outages.of("Kafka"), 0, time.monotonic()
        while not self._closed.wait(CHECK_EVERY_S):
            waiting = self._sent - self._done
            if done != self._done or not waiting:
                outage.worked(self)
                done, progressed = self._done, time.monotonic()
            elif time.monotonic() - progressed >= SILENCE_S:
                refused = refusal(self._settings)
                silent = f"Kafka at {self._settings.kafka} acknowledges nothing"
                outage.failed(self, f"{refused or silent}, {waiting:,} messages wait")
                if refused:
                    self._closed.wait(REFUSED_S)

    def _on_acknowledged(self, record: RecordMetadata) -> None:
        """Called by the client's thread for every message; hot, so the metric's child is cached."""
        self._done += 1
        self._acknowledged(record.topic).inc()
        self._slots.release()

    def _on_failure(self, topic: str, error: BaseException) -> None:
        self._done += 1
        self._failure = error
        metrics.PUBLISH_FAILURES.labels(topic).inc()
        self._slots.release()

    def _check(self) -> None:
        if self._failure is not None:
            raise PublishFailed(f"Kafka did not acknowledge a message: {self._failure!r}") from self._failure
