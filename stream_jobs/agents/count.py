"""The count agent: counts each post once, however often it arrives.

An enriched batch of one partition of posts.raw goes through four steps: enter posts into the ledger, which tells new
posts from duplicates; add the new ones to their counts; carry out deletions, gaps and orders; bury what was refused for
good. Every step can be repeated after a crash:

- The first ledger entry of a post decides what it counts for. If the entry has the offset of the record itself, the
  record was entered before a crash: it is counted by the entry, even if enriching it again gives other tags. If the
  entry has another offset, the record is a duplicate.
- The version of a count document is the last offset that it includes, plus one. A post is added only if its offset is
  not below the version.
- An entry is emptied only after its post was counted, by the worker of the entry's partition (agents/empty.py). So the
  post of an empty entry needs no counting.
"""

from asyncio import Lock, timeout
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from copy import copy
from functools import partial
from typing import Any, Final, NamedTuple, cast

import msgspec

from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Canary, EmptyEntry, Gap, PostDelete, Recount
from hashtide.contract.names import HASHTAG_VOLUME, POSTS, POSTS_RAW, REPLY_VOLUME
from hashtide.contract.reasons import InvalidPost, Reason
from hashtide.elasticsearch.values import Found, Outcome
from hashtide.metrics import worker as metrics
from stream_jobs.agents.cache import Cache
from stream_jobs.agents.dead import Bury, RecordRef, letter
from stream_jobs.agents.empty import Emptier, SendOrder
from stream_jobs.agents.events import EnrichedBatch, Event, PostEvent, stretches
from stream_jobs.agents.publish import Publish, Published, published_deletion, published_edit, published_post
from stream_jobs.documents import counts, ledger, signs
from stream_jobs.documents.keys import CountKey, count_keys, ledger_keys
from stream_jobs.documents.ledger import Ledger
from stream_jobs.domain.windows import WINDOW_MS, Watermark, window_start_ms
from stream_jobs.enriched import Enriched, EnrichedPost, Position
from stream_jobs.labels import CampaignLabels
from stream_jobs.recount import tally
from stream_jobs.store.store import Store

FINALISED_AT_ONCE: Final = 5_000
CANARY_WAITS_S: Final = 2.0
COUNTS: Final = f"{REPLY_VOLUME}-*,{HASHTAG_VOLUME}-*"

DROPPED: Final = Outcome("dropped", "retention dropped its ledger meanwhile")


class CountOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the count agent."""

    topic_id: str
    """Kafka's UUID of posts.raw."""
    partitions: int = 1
    """Number of partitions of posts.raw at the start: they share the cache."""
    key: bytes
    """The ledger's key, 32 bytes."""
    cached_counts: int
    grace_ms: int

    def __repr__(self) -> str:
        return f"CountOptions(topic_id={self.topic_id!r})"


class Partition(NamedTuple):
    """State of one partition. The lock is held while its counts are written."""

    cache: Cache
    watermark: Watermark
    lock: Lock


class Entered(NamedTuple):
    """A post to count: its ledger entry has the offset of this record."""

    event: PostEvent
    keys: Sequence[CountKey]
    """The counts that it is added to, by the ledger entry."""
    entry: Callable[[], dict[str, Any]]
    """Returns the ledger entry, decoded."""


class CountAgent:
    """Counts the batches of all assigned partitions. Batches of one partition must come in order.

    `publish`: None if posts.enriched is not published.
    """

    def __init__(
        self,
        store: Store,
        bury: Bury,
        send_order: SendOrder,
        options: CountOptions,
        *,
        labels: CampaignLabels,
        clock_ms: Callable[[], int],
        publish: Publish | None = None,
    ) -> None:
        self._store, self._bury, self._options, self._publish = store, bury, options, publish
        self._labels, self._clock_ms = labels, clock_ms
        self._topic_id, self._grace_ms = options.topic_id, options.grace_ms
        self._ledger = Ledger(options.key, options.topic_id)
        self._emptier = Emptier(store, send_order, options.topic_id)
        self._partitions: defaultdict[int, Partition] = defaultdict(lambda: Partition(Cache(), Watermark(), Lock()))

    async def handle(self, batch: EnrichedBatch) -> None:
        """Count a batch; returns after every write is acknowledged.

        Waits while Kafka or the store is unavailable: both retry. Can be cancelled at any time, and repeated. Raises
        what they raise for good.
        """
        partition = self._partitions[batch.partition]
        async with partition.lock:
            await self._handle(batch, partition)

    async def finalise(self, number: int, *, idle: bool) -> None:
        """Mark counts of closed windows of a partition as final, at most FINALISED_AT_ONCE. Call it regularly.

        A window is closed when the watermark has passed its end plus the grace time. If the partition is `idle` (no
        records arrive, and none are left to read), the clock replaces the watermark, so that windows also close when
        no posts arrive.
        """
        partition = self._partitions[number]
        now_ms = self._clock_ms() if idle else partition.watermark.ms
        async with partition.lock:
            found = await self._store.find(
                COUNTS,
                counts.open_counts(self._topic_id, number),
                now_ms - self._grace_ms - WINDOW_MS,
                FINALISED_AT_ONCE,
            )
            await self._store.put([counts.finalised(document) for document in found])  # conflict: it has grown since
            if idle and found:
                partition.cache.clear()  # the cached ones still say provisional
        metrics.FINALISED.inc(len(found))

    async def _handle(self, batch: EnrichedBatch, state: Partition) -> None:
        state.cache.belongs_to(batch.generation)
        dead = list(batch.dead)
        watermark = copy(state.watermark)  # the partition's own advances only when the whole batch is done
        for stretch in stretches(batch.events):
            dead += await self._count(batch.partition, stretch, state.cache, watermark)
        if dead:
            await self._bury(dead)
        state.watermark.advance(watermark.ms)
        metrics.CACHED_COUNTS.labels(batch.partition).set(len(state.cache))

    async def _count(
        self, partition: int, events: Sequence[Event[Enriched]], cache: Cache, watermark: Watermark
    ) -> list[DeadLetter]:
        """Handle a stretch; returns dead letters for what was refused."""
        posts = cast(list[PostEvent], [event for event in events if event.message.__class__ is EnrichedPost])
        edits: list[Published] = []
        entered, dead = await self._enter(partition, posts, cache, edits)
        late = self._advance(watermark, posts)
        refused = await self._add(partition, cache, entered, late, watermark)
        dead += refused.values()
        if self._publish is not None:  # before deletions: after a crash, an empty entry could not be published
            counted = [each for each in entered if each.event.offset not in refused]
            await self._publish(partition, [published_post(e.event.message, e.entry()) for e in counted] + edits)
        others = [event for event in events if event.message.__class__ is not EnrichedPost]
        if others:
            dead += await self._others(partition, others, cache)
        if posts:
            newest_ms = max([event.message.created_at_ms for event in posts])
            metrics.NEWEST_EVENT.labels(partition).set(newest_ms / 1000)
        return dead

    async def _enter(
        self, partition: int, posts: Sequence[PostEvent], cache: Cache, edits: list[Published]
    ) -> tuple[list[Entered], list[DeadLetter]]:
        """Enter posts into the ledger; returns those to count, and dead letters for those that it refused.

        Adds edits of known posts to `edits`.
        """
        posts, moved = _without_moved_edits(posts)
        entries = [
            self._ledger.document(event.message, Position(self._topic_id, partition, event.offset)) for event in posts
        ]
        outcomes = await self._store.create(entries)
        entered, dead = [], []
        known: list[PostEvent] = []
        for event, entry, outcome in zip(posts, entries, outcomes, strict=True):
            if outcome.status == "done":
                entered.append(Entered(event, count_keys(event.message), partial(msgspec.json.decode, entry.body)))
            elif outcome.status == "conflict":
                known.append(event)
            else:
                dead.append(self._refused(partition, event, outcome))
        # Only posts that are new to the ledger: records handled again after a crash must not look like a spike.
        self._labels.count([each.event.message for each in entered], self._clock_ms())
        if known:
            dead += await self._meet(partition, known, entered, cache, edits)
            entered.sort(key=lambda each: each.event.offset)
        for event in moved:
            entries_of = await self._store.locate(f"{POSTS}-*", [self._ledger.id(event.message)])
            await self._note_edit(entries_of, event, edits)
        return entered, dead

    async def _meet(
        self,
        partition: int,
        known: Sequence[PostEvent],
        entered: list[Entered],
        cache: Cache,
        edits: list[Published],
    ) -> list[DeadLetter]:
        """Handle posts that the ledger already has: add those to count to `entered`, and record edits.

        Returns dead letters for posts whose index was dropped meanwhile.
        """
        dead: list[DeadLetter] = []
        found = await self._store.get([self._ledger.ref(event.message) for event in known])
        for event, entry in zip(known, found, strict=True):
            if entry is None:  # its index was dropped a moment ago: whether it is counted is unknown
                dead.append(self._refused(partition, event, DROPPED))
            elif ledger.ledger_position(entry.source) == Position(self._topic_id, partition, event.offset):
                if "deleted_at" in entry.source:
                    # It was counted before it was emptied. Where another worker did both, our counts are too old.
                    cache.clear()
                else:
                    entered.append(Entered(event, ledger_keys(entry.source), partial(_same, entry.source)))
            elif event.message.edited_at_ms is not None:
                await self._note_edit([entry], event, edits)
            else:
                metrics.DUPLICATES.inc()
        return dead

    def _advance(self, watermark: Watermark, posts: Sequence[PostEvent]) -> frozenset[int]:
        """Advance the watermark by the events of a stretch, in order of offset; returns the offsets of late posts."""
        late, now_ms = [], self._clock_ms()
        for event in posts:
            created_at_ms = event.message.created_at_ms
            if watermark.closes(window_start_ms(created_at_ms), self._grace_ms):
                late.append(event.offset)
                metrics.LATE.labels(event.message.origin).inc()
            watermark.advance(min(created_at_ms, now_ms))  # a post with a wrong time must not close every window
        return frozenset(late)

    async def _add(
        self,
        partition: int,
        cache: Cache,
        posts: Sequence[Entered],
        late: frozenset[int],
        watermark: Watermark,
    ) -> dict[int, DeadLetter]:
        """Add posts, in order of offset, to their counts; returns dead letters for what was refused, by offset."""
        events_of: defaultdict[CountKey, list[PostEvent]] = defaultdict(list)
        for event, keys, _ in posts:
            for key in keys:
                events_of[key].append(event)
        counted = Counter([(each.event.message.platform, each.event.message.origin) for each in posts])
        for (platform, origin), number in counted.items():
            metrics.COUNTED.labels(self._labels.platform(platform), origin).inc(number)
        await self._read(partition, cache, events_of)
        changed = {}
        for key, events in events_of.items():
            offsets = [event.offset for event in events]
            before = cache[key]
            closed = watermark.closes(key.window_ms, self._grace_ms)
            now = before.including(offsets, late=not late.isdisjoint(offsets), closed=closed)
            if now is not before:
                changed[key] = now
        outcomes = await self._store.put(
            [counts.count_document(key, self._topic_id, partition, now) for key, now in changed.items()]
        )
        refused: dict[int, DeadLetter] = {}
        corrected = 0
        for (key, now), outcome in zip(changed.items(), outcomes, strict=True):
            if outcome.status == "done":
                cache[key] = now
                corrected += now.status == "corrected"
            elif outcome.status == "conflict":
                # A worker that has lost the partition, without noticing, was faster: its version includes these posts.
                metrics.COUNT_CONFLICTS.inc()
                cache.drop(key)
            else:
                refused |= {event.offset: self._refused(partition, event, outcome) for event in events_of[key]}
        metrics.CORRECTED.inc(corrected)
        # If partitions were added since the start, all of them get a smaller share.
        cache.shrink(self._options.cached_counts // max(self._options.partitions, len(self._partitions)))
        return refused

    async def _read(self, partition: int, cache: Cache, needed: Iterable[CountKey]) -> None:
        """Read the counts that the store may have and the cache does not.

        After `newest` was read, a worker that has lost the partition may still write a count of a newer window. This is
        safe: it includes only uncommitted offsets, which are all counted here again, and the higher version wins.
        """
        if not cache.knows:
            values = counts.counts_of(self._topic_id, partition)
            cache.whole_after(await self._store.newest(COUNTS, values))
        keys = cache.unread(needed)
        found = await self._store.get([counts.count_ref(key, self._topic_id, partition) for key in keys])
        for key, document in zip(keys, found, strict=True):
            cache[key] = counts.count_of(document)

    async def _others(self, partition: int, events: Sequence[Event[Any]], cache: Cache) -> list[DeadLetter]:
        """Handle the events of a stretch that are not posts; returns dead letters for what was refused."""
        dead: list[DeadLetter] = []
        if deletions := [event for event in events if isinstance(event.message, PostDelete)]:
            await self._delete(partition, deletions)
            if self._publish is not None:
                await self._publish(partition, [published_deletion(event.message) for event in deletions])
        if gaps := [event for event in events if isinstance(event.message, Gap)]:
            dead += await self._keep_gaps(partition, gaps)
        if canaries := [event.message for event in events if isinstance(event.message, Canary)]:
            await self._keep_canaries(canaries)
        last = events[-1]  # an order can only be the last event of a stretch
        match last.message:
            case Recount(window_ms=window_ms):
                dead += await self._recount(partition, last, window_ms, cache)
            case EmptyEntry() as order:
                await self._emptier.carry_out(order, partition, last.offset)
        return dead

    async def _delete(self, partition: int, deletions: Sequence[Event[PostDelete]]) -> None:
        by_id = {self._ledger.id(event.message): event for event in deletions}
        found = await self._store.locate(f"{POSTS}-*", list(by_id))
        await self._emptier.empty(
            found,
            {id_: event.message.deleted_at_ms for id_, event in by_id.items()},
            {id_: Position(self._topic_id, partition, event.offset) for id_, event in by_id.items()},
        )
        metrics.DELETIONS.inc(len(by_id))

    async def _recount(self, partition: int, event: Event[Any], window_ms: int, cache: Cache) -> list[DeadLetter]:
        """Set the counts of a window in this partition to the sums of the ledger, as of this event.

        All earlier events are in both the ledger and the counts. Returns at most one dead letter.
        """
        before = Position(self._topic_id, partition, event.offset)
        start_ms = window_start_ms(window_ms)
        result = await tally(self._store, start_ms, start_ms + WINDOW_MS, before)
        outcomes = await self._store.put(result.mend(before))
        cache.clear()
        metrics.MENDED.inc(sum(outcome.status == "done" for outcome in outcomes))
        refused = [outcome for outcome in outcomes if outcome.status == "refused"]
        return [self._refused(partition, event, outcome) for outcome in refused[:1]]

    async def _note_edit(self, entries: Sequence[Found], event: PostEvent, edits: list[Published]) -> None:
        """Record an edit in the entries of its post. Without entries, only count it in the metric."""
        if not entries:
            metrics.UNKNOWN_EDITS.inc()
        else:
            edits.append(published_edit(event.message))  # also if it is already recorded: at least once
        for found in entries:
            entry: Found | None = found
            while entry is not None and (body := ledger.edited(entry.source, event.message)) is not None:
                (outcome,) = await self._store.amend([(entry, body)])
                if outcome.status != "conflict":
                    metrics.EDITS.inc(outcome.status == "done")
                    break
                (entry,) = await self._store.get([entry.ref])

    async def _keep_gaps(self, partition: int, gaps: Sequence[Event[Gap]]) -> list[DeadLetter]:
        """Write a document for each gap; returns dead letters for refused ones. An existing one was reported twice."""
        outcomes = await self._store.create([signs.gap_document(event.message) for event in gaps])
        pairs = zip(gaps, outcomes, strict=True)
        return [self._refused(partition, event, outcome) for event, outcome in pairs if outcome.status == "refused"]

    async def _keep_canaries(self, canaries: Sequence[Canary]) -> None:
        """Write a document for each canary, but give up after CANARY_WAITS_S: it will be reported as a lost canary.

        Posts must not wait because of a problem with the canary's own index.
        """
        with suppress(TimeoutError):
            async with timeout(CANARY_WAITS_S):
                await self._store.put([signs.canary_document(canary) for canary in canaries])

    def _refused(self, partition: int, event: Event[Any], outcome: Outcome) -> DeadLetter:
        reason: Reason = "older-than-retention" if outcome.status == "dropped" else "refused-by-elasticsearch"
        ref = RecordRef(POSTS_RAW, self._topic_id, partition, event.offset)
        return letter(ref, InvalidPost(reason, outcome.detail), self._clock_ms())


def _same(entry: dict[str, Any]) -> dict[str, Any]:
    return entry


def _without_moved_edits(posts: Sequence[PostEvent]) -> tuple[Sequence[PostEvent], Sequence[PostEvent]]:
    """Split off edits whose time the author can set: (posts to enter into the ledger, such edits).

    The time of such an edit can differ from that of its post, even by days: entering it could count the post twice.
    """
    moved = [e for e in posts if e.message.edited_at_ms is not None and e.message.time_by == "author"]
    return ([e for e in posts if e not in moved], moved) if moved else (posts, moved)
