"""Sends posts to Kafka in one way, in a separate process: `python -m benchmarks.harness.send WAY FILE BROKERS`.

FILE has one contract message per line and is read in advance. Prints the time from the first send to the last
acknowledgement as a JSON line on stdout. Needs only msgspec and the Kafka client of its way.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hashtide.contract.messages import Sent, decode, encode, key
from hashtide.contract.names import POSTS_RAW

LINGER_MS, BATCH_BYTES = 50, 256 * 1024  # the product's defaults

Send = Callable[[Sequence[Sent]], None]


def publisher(brokers: str) -> Send:
    """The product's publisher: serialises, sends, and checks every acknowledgement."""
    from producers.publisher import Publisher
    from producers.settings import ProducerSettings

    def send(messages: Sequence[Sent]) -> None:
        with Publisher(ProducerSettings(kafka=brokers)) as kafka:
            kafka.publish(messages[0])
            kafka.flush()

            def all_of_them() -> None:
                for message in messages:
                    kafka.publish(message)

            timed(all_of_them, kafka.flush)

    return send


def kafka_python(brokers: str) -> Send:
    """kafka-python alone, with encoded bytes."""
    from kafka import KafkaProducer

    def send(messages: Sequence[Sent]) -> None:
        records = [(key(message), encode(message)) for message in messages]
        producer: Any = KafkaProducer(
            bootstrap_servers=brokers,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=LINGER_MS,
            batch_size=BATCH_BYTES,
        )
        producer.send(POSTS_RAW, value=records[0][1], key=records[0][0]).get(timeout=30)

        def all_of_them() -> None:
            for name, value in records:
                producer.send(POSTS_RAW, value=value, key=name)

        timed(all_of_them, producer.flush)
        producer.close()

    return send


def confluent(brokers: str) -> Send:
    """confluent-kafka (librdkafka) alone, with encoded bytes."""
    from confluent_kafka import Producer  # type: ignore[import-not-found]

    def send(messages: Sequence[Sent]) -> None:
        records = [(key(message), encode(message)) for message in messages]
        producer = Producer(
            {
                "bootstrap.servers": brokers,
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": LINGER_MS,
                "batch.size": BATCH_BYTES,
                "queue.buffering.max.messages": len(records) + 1,
            }
        )
        producer.produce(POSTS_RAW, records[0][1], records[0][0])
        producer.flush()

        def all_of_them() -> None:
            for number, (name, value) in enumerate(records):
                producer.produce(POSTS_RAW, value, name)
                if number % 256 == 0:
                    producer.poll(0)

        timed(all_of_them, producer.flush)

    return send


def timed(send: Callable[[], object], flush: Callable[[], object]) -> None:
    """Send, wait for all acknowledgements, and print the time taken."""
    started, cpu = time.perf_counter(), time.process_time()
    send()
    flush()
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu_s": time.process_time() - cpu}), flush=True)


WAYS: dict[str, Callable[[str], Send]] = {
    "publisher": publisher,
    "kafka-python": kafka_python,
    "confluent": confluent,
}

if __name__ == "__main__":
    way, file, brokers = sys.argv[1:]
    WAYS[way](brokers)([decode(line) for line in Path(file).read_bytes().splitlines()])
