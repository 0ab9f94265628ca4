"""Items of a source: payloads, gaps, and marks of its position."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from hashtide.contract.messages import Gap, Origin


class Mark(NamedTuple):
    """The position of a source. Valid once everything that the source returned before is in Kafka."""

    name: str
    """The source, unique among all positions: `x`, `mastodon-example.social`."""
    key: str
    """The part of the source, if it has several parts with their own positions."""
    value: Any
    """What the source needs to resume here: JSON."""


class Received(NamedTuple):
    """One payload and its position."""

    source: str
    """`file:NAME`, `x`, `mastodon:HOST`: the kind and, if there are several, which one."""
    position: str
    payload: bytes
    """Without its line end. A longer one is cut to MAX_PAYLOAD_BYTES and one byte."""
    consumed: int = 0
    """For a source with an end: bytes or lines read so far, to show the progress."""
    mark: Mark | None = None
    """Position of the source after this payload."""
    origin: Origin | None = None
    """Origin of its posts, if it differs from the run's."""
    firehose: bool = False
    """Whether the stream carries everything, so that only posts of a campaign are published."""


Item = Received | Gap | Mark
Items = Iterator[Item]
