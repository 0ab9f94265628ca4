"""Send orders: a fake producer stands in for Kafka."""

from typing import Any, NamedTuple

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError

from hashtide.contract.messages import EmptyEntry, Order, Recount
from hashtide.settings import Common
from operations import orders
from operations.orders import OrdersNotSent, send_orders

EMPTY = EmptyEntry(index="posts-2017.10.15", id="00c0ffee00c0ffee00c0ffee00c0ffee", deleted_at_ms=7)


class Metadata(NamedTuple):
    """What Kafka answers: where the record is."""

    topic: str
    partition: int
    offset: int


class Future:
    """The acknowledgement of one record."""

    def __init__(self, metadata: Metadata, error: Exception | None) -> None:
        self._metadata, self._error = metadata, error

    def get(self, timeout: float) -> Metadata:
        if self._error is not None:
            raise self._error
        return self._metadata


class Producer:
    """Every partition has 10 records at first. `error`: what waiting for an acknowledgement raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[tuple[str, int, bytes, bytes]] = []
        self.closed = False
        self._error = error

    def send(self, topic: str, *, key: bytes, value: bytes, partition: int) -> Future:
        offset = 10 + sum(each[1] == partition for each in self.sent)
        self.sent.append((topic, partition, key, value))
        return Future(Metadata(topic, partition, offset), self._error)

    def close(self) -> None:
        self.closed = True


def connected(monkeypatch: pytest.MonkeyPatch, producer: Producer) -> dict[str, Any]:
    """Use this producer; the options that it is created with."""
    options: dict[str, Any] = {}

    def connect(make: object, settings: Common, **given: Any) -> Producer:
        options.update(given)
        return producer

    monkeypatch.setattr(orders, "connect", connect)
    return options


def test_orders_go_to_their_partitions_and_the_offset_after_the_last_order_of_each_is_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    producer = Producer()
    options = connected(monkeypatch, producer)
    given: list[tuple[int, Order]] = [(0, Recount(window_ms=1_508_097_600_000)), (3, EMPTY), (0, EMPTY)]
    assert send_orders(Common(), given) == {TopicPartition("posts.raw", 0): 12, TopicPartition("posts.raw", 3): 11}
    empty = b'{"type":"empty/2","index":"posts-2017.10.15","id":"00c0ffee00c0ffee00c0ffee00c0ffee","deleted_at_ms":7}'
    assert producer.sent == [
        ("posts.raw", 0, b"order", b'{"type":"recount/2","window_ms":1508097600000}'),
        ("posts.raw", 3, b"order", empty),
        ("posts.raw", 0, b"order", empty),
    ]
    assert options == {"acks": "all", "enable_idempotence": True}
    assert producer.closed


def test_an_order_that_kafka_does_not_acknowledge_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = Producer(KafkaTimeoutError("after 60 s"))
    connected(monkeypatch, producer)
    with pytest.raises(
        OrdersNotSent, match=r"Kafka did not accept orders to the workers: KafkaTimeoutError.*after 60 s"
    ):
        send_orders(Common(), [(0, EMPTY)])
    assert producer.closed


def test_no_orders_are_no_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    connected(monkeypatch, Producer())
    assert send_orders(Common(), []) == {}
