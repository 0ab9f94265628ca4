"""Wait until the workers have handled the records that Kafka had at some moment."""

import logging
import time
from collections.abc import Mapping
from typing import Final

from kafka import TopicPartition

from hashtide.kafka.offsets import Offsets
from operations.terminal import ProgressCallback

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.5
"""Time between two looks at the committed offsets, in seconds."""


def wait_until_handled(
    offsets: Offsets,
    topic: str,
    ends: Mapping[TopicPartition, int],
    *,
    patience_s: float,
    show: ProgressCallback = lambda done, total: None,
) -> int:
    """Wait until the workers have handled all records of a topic before the offsets `ends`. Calls `show` with the
    number of records handled and the total.

    Returns 0, or the number of records left if the workers made no progress for `patience_s` seconds. Blocks as long as
    they make progress. Raises KafkaUnreachable.
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
