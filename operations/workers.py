"""Waiting for the workers: until they have handled what Kafka held at some moment."""

import logging
import time
from collections.abc import Mapping
from typing import Final

from kafka import TopicPartition

from hashtide.kafka.offsets import Offsets
from operations.terminal import ProgressCallback

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.5


def wait_until_handled(
    offsets: Offsets,
    topic: str,
    ends: Mapping[TopicPartition, int],
    *,
    patience_s: float,
    show: ProgressCallback = lambda done, total: None,
) -> int:
    """How many records of a topic before `ends` are not handled: 0, or what is left when the workers stand still.

    Blocks while they move on, and for `patience_s` after they last did. Raises KafkaUnreachable.
    """
    left = total = least = offsets.behind(topic, ends)
    moved = time.monotonic()
    while left:
        show(total - left, total)
        if left < least:
            least, moved = left, time.monotonic()
        elif time.monotonic() - moved > patience_s:
            return left
        log.info("waiting for the workers: %s records of %s to go", f"{left:,}", topic)
        time.sleep(LOOK_EVERY_S)
        left = offsets.behind(topic, ends)
    return 0
