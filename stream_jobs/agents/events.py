"""Messages of posts.enriched as the count agent handles them."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from stream_jobs.enriched import Enriched, EnrichedPost, Recount

M = TypeVar("M", bound=Enriched, covariant=True)


class Event(msgspec.Struct, Generic[M], frozen=True, gc=False):
    """A message of posts.enriched, where it lies, and its bytes."""

    offset: int
    message: M
    value: bytes


PostEvent = Event[EnrichedPost]


def stretches(events: Sequence[Event[Enriched]]) -> Iterator[Sequence[Event[Enriched]]]:
    """The events in parts, each but the last ending with an order to count again: what lies before it is done first,
    and what lies behind it after, wherever a batch begins and ends."""
    start = 0
    for i, event in enumerate(events):
        if isinstance(event.message, Recount):
            yield events[start : i + 1]
            start = i + 1
    yield events[start:]
