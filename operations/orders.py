"""Send orders to the workers, through the partitions of posts.raw."""

from collections.abc import Iterable
from typing import Any, Final

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from hashtide.contract.messages import ORDER_KEY, Order, encode
from hashtide.contract.names import POSTS_RAW
from hashtide.errors import HashtideError
from hashtide.kafka.clients import connect
from hashtide.settings import Common

SENT_S: Final = 60.0
"""How long to wait for the acknowledgement of an order, in seconds."""


class OrdersNotSent(HashtideError):
    """Kafka did not accept orders. The message states the reason."""


def send_orders(settings: Common, orders: Iterable[tuple[int, Order]]) -> dict[TopicPartition, int]:
    """Send orders, each to its partition. Returns, for each of these partitions, the offset after its last order.

    Blocks until Kafka has acknowledged all orders. Raises OrdersNotSent, KafkaUnreachable: some orders may have been
    sent. Orders are idempotent, so send all of them again.
    """
    producer: Any = connect(KafkaProducer, settings, acks="all", enable_idempotence=True)
    try:
        sent = [
            producer.send(POSTS_RAW, key=ORDER_KEY, value=encode(order), partition=partition)
            for partition, order in orders
        ]
        records = [future.get(timeout=SENT_S) for future in sent]
    except KafkaError as error:
        raise OrdersNotSent(f"Kafka did not accept orders to the workers: {error!r}") from error
    finally:
        producer.close()
    ends: dict[TopicPartition, int] = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        ends[partition] = max(ends.get(partition, 0), record.offset + 1)
    return ends
