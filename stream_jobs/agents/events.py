"""What the enrich agent passes to the count agent."""

from collections.abc import Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import EmptyEntry, Recount
from stream_jobs.enriched import Enriched, EnrichedPost

M = TypeVar("M", bound=Enriched, covariant=True)


class Event(msgspec.Struct, Generic[M], frozen=True, gc=False):
    """A record of posts.raw: its offset and its decoded message."""

    offset: int
    message: M


PostEvent = Event[EnrichedPost]


class EnrichedBatch(NamedTuple):
    """An enriched batch of one partition: events in order of offset, and dead letters for all other records."""

    partition: int
    generation: int
    events: Sequence[Event[Enriched]]
    dead: Sequence[DeadLetter]


def stretches(events: Sequence[Event[Enriched]]) -> Iterator[Sequence[Event[Enriched]]]:
    """The events, split after each order. The last part may be empty.

    So all events before an order are handled before it, and all later ones after it, whatever the batches are.
    """
    start = 0
    for i, event in enumerate(events):
        if isinstance(event.message, Recount | EmptyEntry):
            yield events[start : i + 1]
            start = i + 1
    yield events[start:]
