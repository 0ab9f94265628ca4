"""A topic, a consumer group of workers on it, and one store: in memory, driven by hand, one moment at a time.

Handlers are coroutines that stop at every moment of the store, so that any of them can be overtaken by another worker,
or end, between any two writes.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine, Generator, Sequence
from typing import Any, Final, cast

import msgspec

from hashtide.contract.messages import EmptyEntry, Post, encode
from hashtide.elasticsearch.values import Ref
from stream_jobs.agents.count import CountAgent, CountOptions
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.enriched import EnrichedPost
from stream_jobs.transport.batch import Batch
from stream_jobs.transport.consumer import IN_HAND
from tests.fakes.kafka import Graveyard, batch
from tests.fakes.labels import LABELS
from tests.fakes.store import FakeStore, Held, Step

TOPIC: Final = "bUaR0mNkS2mVoTj4v0Xyzw"
KEY: Final = b"0123456789abcdef0123456789abcdef"
CLOCK_MS: Final = 1_508_284_800_000  # 2017-10-18T00:00:00Z
ENDLESS: Final = 10_000
"""Moments within which every batch of a test must be done."""


class Pause:
    """Gives way to whoever drives the coroutine."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Hand:
    """What a worker has of one partition: what it is at and where in it, and the batches that wait.

    It is at a batch, or, without one, at calling windows final.
    """

    def __init__(self) -> None:
        self.waiting: deque[Batch] = deque()
        self.batch: Batch | None = None
        self.work: Coroutine[Any, Any, None] | None = None
        self.at: Step | None = None

    def __len__(self) -> int:
        return len(self.waiting) + (self.batch is not None)


class Documents(dict[Ref, Held]):
    """What the store holds, and each ledger entry as it was first made."""

    def __init__(self) -> None:
        super().__init__()
        self.entered: dict[Ref, dict[str, Any]] = {}

    def __setitem__(self, ref: Ref, held: Held) -> None:
        if ref.index.startswith("posts-") and ref not in self:
            self.entered[ref] = msgspec.json.decode(held.body)
        super().__setitem__(ref, held)


OTHERWISE: Final = {"en": "pt", "es": "it", "fr": "de"}


class Tagger:
    """An enricher that can be told to tag otherwise, as after a change of the campaigns or of the detector."""

    def __init__(self, otherwise: bool) -> None:
        self.otherwise = otherwise

    def enrich(self, post: Post, edited_at_ms: int | None = None) -> EnrichedPost:
        assert post.lang is not None and post.hashtags is not None
        return EnrichedPost(
            platform=post.platform,
            post_id=post.post_id,
            created_at_ms=post.created_at_ms,
            time_by=post.time_by,
            kind="reply",
            hashtags=(*post.hashtags, "otherwise") if self.otherwise else post.hashtags,
            campaigns=() if self.otherwise else ("metoo",),
            language=OTHERWISE[post.lang] if self.otherwise else post.lang,
            language_source="platform",
            language_confidence=1.0,
            region=None,
            region_source=None,
            region_confidence=0.0,
            author=post.author,
            edited_at_ms=edited_at_ms,
        )


class Worker:
    """One process: both agents, and what it has in hand. It is not told what it has lost."""

    def __init__(self, group: "Group", otherwise: bool = False) -> None:
        self._seen, self._log = group.seen, group.log
        self.tagger = Tagger(otherwise)
        self._enrich = EnrichAgent(cast(Any, self.tagger), topic_id=TOPIC, clock_ms=lambda: CLOCK_MS)
        self.store = FakeStore(group.documents, self._pause)
        self.store.refusal = lambda index, source: ""  # takes its time, and nothing here is refused
        self.buried = Graveyard()
        self.hands = [Hand() for _ in group.log]
        self._at: Step | None = None
        self._agent = CountAgent(
            self.store,
            self.buried,
            self._order,
            CountOptions(topic_id=TOPIC, key=KEY, cached_counts=group.cached_counts, grace_ms=0),
            labels=LABELS,
            clock_ms=lambda: CLOCK_MS,
        )

    async def _order(self, partition: int, orders: Sequence[EmptyEntry]) -> None:
        await self._pause(Step("order", 0, 1))
        self._log[partition] += map(encode, orders)
        self._seen["orders sent by workers"] += len(orders)
        await self._pause(Step("order", 1, 1))

    async def _pause(self, step: Step) -> None:
        self._at = step
        await Pause()

    def tend(self, partition: int, idle: bool) -> None:
        """Begin to call a partition's closed windows final, where nothing else is begun."""
        hand = self.hands[partition]
        if hand.work is None:
            hand.work = self._agent.finalise(partition, idle=idle)

    def go_on(self, partition: int, moments: int) -> tuple[bool, Batch | None]:
        """Go on with what a partition is at for so many moments; whether that ended it, and the batch if it was one."""
        hand = self.hands[partition]
        if hand.work is None:
            if not hand.waiting:
                return False, None
            hand.batch = hand.waiting.popleft()
            hand.work = self._agent.handle(self._enrich.enrich(hand.batch))
        try:
            for _ in range(moments):
                hand.work.send(None)
                hand.at = self._at
        except StopIteration:
            finished, hand.batch, hand.work, hand.at = hand.batch, None, None, None
            return True, finished
        assert moments < ENDLESS, "a batch without end"
        return False, None

    def let_go(self, partition: int) -> None:
        """Drop what is in hand of a partition, cancelling the handler wherever it is."""
        hand = self.hands[partition]
        hand.waiting.clear()
        if hand.work is not None and hand.at is None:
            hand.work.close()  # not begun
            hand.work = None
        if hand.work is not None and hand.at is not None:
            self._seen["bulks cut short"] += 0 < hand.at.done < hand.at.of
            self._seen["handlers cut short"] += 1
            try:
                hand.work.throw(asyncio.CancelledError)
            except asyncio.CancelledError:
                hand.batch = hand.work = hand.at = None
            else:
                raise AssertionError("the agent went on after it was cancelled")


class Group:
    """The topic's partitions with their offsets, and whose they are.

    `seen` counts what happened: a test with a group that never got into trouble has proved nothing.
    """

    def __init__(self, partitions: int, workers: int, cached_counts: int, seen: Counter[str]) -> None:
        self.cached_counts, self.seen = cached_counts, seen
        self.documents = Documents()
        self.searchable: dict[Ref, Held] = {}
        self.log: list[list[bytes]] = [[] for _ in range(partitions)]
        self.workers = [Worker(self) for _ in range(workers)]
        self.owner = [partition % workers for partition in range(partitions)]
        self._position = [0] * partitions  # the next offset that the owner fetches
        self._done = [0] * partitions  # what the owner has acknowledged
        self._committed = [0] * partitions
        self._generation = [1] * partitions  # the one in which the owner got it
        self._generations = 1

    def fetch(self, partition: int, most: int) -> bool:
        """The owner gets the next batch of a partition, if there is one and it has room."""
        first = self._position[partition]
        values = self.log[partition][first : first + most]
        hand = self.workers[self.owner[partition]].hands[partition]
        if not values or len(hand) >= IN_HAND:
            return False
        self._position[partition] += len(values)
        hand.waiting.append(batch("posts.raw", partition, first, values, self._generation[partition]))
        return True

    def go_on(self, worker: int, partition: int, moments: int = ENDLESS) -> bool:
        """A worker, one that has lost the partition too, goes on with what it is at; whether that has ended it."""
        ended, batch = self.workers[worker].go_on(partition, moments)
        if batch is None:
            return ended
        if self.owner[partition] == worker and self._generation[partition] == batch.generation:
            self._done[partition] = batch.records[-1].offset + 1
        else:
            self.seen["batches finished by a worker that had lost them"] += 1
        return True

    def refresh(self) -> None:
        """From now on searches see what is there now."""
        self.searchable = dict(self.documents)
        for worker in self.workers:
            worker.store.searchable = self.searchable

    def commit(self, partition: int) -> None:
        """Commit what is acknowledged. What is not committed is handed out again to the next owner."""
        self._committed[partition] = self._done[partition]

    def assign(self, partition: int, worker: int) -> None:
        """Give a partition to a worker. The owner before is not told; one that gets it back drops what it had."""
        self.workers[worker].let_go(partition)
        self.seen["messages handed out again"] += self._position[partition] - self._committed[partition]
        self.owner[partition] = worker
        self._generations += 1
        self._generation[partition] = self._generations
        self._position[partition] = self._done[partition] = self._committed[partition]

    def crash(self, worker: int, otherwise: bool = False) -> None:
        """A worker ends at once; a new process takes its place and its partitions. `otherwise`: its tags differ from
        those of the others."""
        for partition in range(len(self.log)):
            self.workers[worker].let_go(partition)
        assert self.workers[worker].buried.letters == []
        self.workers[worker] = Worker(self, otherwise)
        self.workers[worker].store.searchable = self.searchable
        for partition, owner in enumerate(self.owner):
            if owner == worker:
                self.assign(partition, worker)

    def handle_all(self) -> None:
        """Every owner handles its partitions to the end, orders that workers sent meanwhile included."""
        while sum(self._handle_all(partition, owner) for partition, owner in enumerate(self.owner)):
            pass  # every owner gets its turn in each round

    def _handle_all(self, partition: int, owner: int) -> bool:
        """Whether there was anything."""
        any_ = False
        while self.go_on(owner, partition) or self.fetch(partition, most=3):
            any_ = True
        return any_

    def wake_all(self) -> None:
        """Every worker finishes what it still has in hand, lost or not."""
        for number, worker in enumerate(self.workers):
            for partition in range(len(self.log)):
                while self.go_on(number, partition):
                    pass
            assert worker.buried.letters == []

    def close_all(self) -> None:
        """Silence closes every window."""
        self.refresh()
        for partition, owner in enumerate(self.owner):
            self.workers[owner].tend(partition, idle=True)
            self.go_on(owner, partition)
