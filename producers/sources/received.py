"""What sources hand over: payloads, gaps, and marks of how far they have come."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from hashtide.contract.messages import Gap, Origin


class Mark(NamedTuple):
    """How far a source has come. It holds once everything that the source handed over before is in Kafka."""

    name: str
    """Of the source among all positions: `x`, `mastodon-example.social`."""
    key: str
    """Of a part of the source, where it has several that move on their own."""
    value: Any
    """What the source needs to go on from here: JSON."""


class Received(NamedTuple):
    """One payload and where it lies."""

    source: str
    """`file:NAME`, `x`, `mastodon:HOST`: the kind, and where it has several, which one."""
    position: str
    payload: bytes
    """Without its line end; one byte more than MAX_PAYLOAD_BYTES where it was longer than that, and was cut."""
    consumed: int = 0
    """Of a source with an end: bytes or lines read so far. With the total, the progress."""
    mark: Mark | None = None
    """How far the source has come with this payload."""
    origin: Origin | None = None
    """How its posts came, where that differs from the run's."""
    firehose: bool = False
    """Whether the platform sends everything here, so that only posts of a campaign go on."""


Item = Received | Gap | Mark
Items = Iterator[Item]
