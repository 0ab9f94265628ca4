"""The count agent: each post once, whatever comes twice.

A batch of one partition of posts.enriched goes through four steps, top to bottom: decode; the ledger says which posts
are new; the counts take them in; what was refused for good, or is older than the ledger, is buried. An order to count a
window again sets its counts to what the ledger says. Every step may be done again after a crash: the ledger holds each
post's offset, and a count document's version is the last offset it includes, plus one.
"""

from asyncio import Lock, timeout
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from copy import copy
from typing import Any, Final, NamedTuple, cast

import msgspec

from hashtide.contract.bounds import EARLIEST_MS, LATEST_MS
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.messages import Canary, Gap
from hashtide.contract.names import HASHTAG_VOLUME, POSTS_ENRICHED, REPLY_VOLUME
from hashtide.contract.reasons import InvalidPost, Reason
from hashtide.contract.versions import NewerMessage
from hashtide.elasticsearch.values import Found, Outcome
from hashtide.metrics import worker as metrics
from stream_jobs.agents.cache import Cache
from stream_jobs.agents.dead import Bury, RecordRef, letter
from stream_jobs.agents.events import Event, PostEvent, stretches
from stream_jobs.documents import counts, keys, ledger, signs
from stream_jobs.documents.keys import CountKey
from stream_jobs.documents.ledger import Ledger
from stream_jobs.domain.windows import WINDOW_MS, Watermark, window_start_ms
from stream_jobs.enriched import DeletedPost, Enriched, EnrichedPost, Position, Recount, decode
from stream_jobs.labels import CampaignLabels
from stream_jobs.recount import tally
from stream_jobs.store.emptying import empty_posts
from stream_jobs.store.store import Store
from stream_jobs.transport.batch import Batch

FINALISED_AT_ONCE = 5_000
CANARY_WAITS_S = 2.0


DROPPED: Final = Outcome("dropped", "retention dropped its ledger meanwhile")


class Partition(NamedTuple):
    """What a worker knows of one partition. The lock is held while its counts are written."""

    cache: Cache
    watermark: Watermark
    lock: Lock


class CountOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker counts by."""

    topic_id: str
    """Kafka's UUID of posts.enriched."""
    partitions: int = 1
    """How many posts.enriched had at the start: the cache is shared between them."""
    key: bytes
    """The ledger's key, 32 bytes."""
    cached_counts: int
    grace_ms: int

    def __repr__(self) -> str:
        return f"CountOptions(topic_id={self.topic_id!r})"


class CountAgent:
    """Counts the batches of all partitions that this worker has; batches of one partition come in order."""

    def __init__(
        self,
        store: Store,
        bury: Bury,
        options: CountOptions,
        *,
        labels: CampaignLabels,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store, self._bury, self._options = store, bury, options
        self._labels, self._clock_ms = labels, clock_ms
        self._topic_id, self._grace_ms = options.topic_id, options.grace_ms
        self._ledger = Ledger(options.key, options.topic_id)
        self._partitions: defaultdict[int, Partition] = defaultdict(lambda: Partition(Cache(), Watermark(), Lock()))

    async def handle(self, batch: Batch) -> None:
        """Count a batch; back when the store has all of it. What the store raises comes through. Raises NewerMessage,
        and then nothing of it was counted."""
        partition = self._partitions[batch.partition]
        async with partition.lock:
            await self._handle(batch, partition)

    async def finalise(self, number: int, *, idle: bool) -> None:
        """Call the closed windows of a partition final: now and then, beside the batches, for silence closes them, too.

        A window is closed when the watermark has passed its end plus the grace time; when the partition is `idle`
        (nothing comes, and nothing is left to read), when the clock has.
        """
        partition = self._partitions[number]
        now_ms = self._clock_ms() if idle else partition.watermark.ms
        async with partition.lock:
            found = await self._store.find(
                f"{REPLY_VOLUME}-*,{HASHTAG_VOLUME}-*",
                counts.open_counts(self._topic_id, number),
                now_ms - self._grace_ms - WINDOW_MS,
                FINALISED_AT_ONCE,
            )
            await self._store.put([counts.finalised(document) for document in found])  # conflict: it has grown since
            if idle and found:
                partition.cache.clear()  # it says provisional of these
        metrics.FINALISED.inc(len(found))

    async def _handle(self, batch: Batch, state: Partition) -> None:
        state.cache.belongs_to(batch.generation)
        events, dead = self._decode(batch)
        watermark = copy(state.watermark)  # the partition's own moves on with the batch, when that is done
        for stretch in stretches(events):
            dead += await self._count(batch.partition, stretch, state.cache, watermark)
        if dead:
            await self._bury(dead)
        state.watermark.advance(watermark.ms)
        metrics.CACHED_COUNTS.labels(batch.partition).set(len(state.cache))

    async def _count(
        self, partition: int, events: Sequence[Event[Enriched]], cache: Cache, watermark: Watermark
    ) -> list[DeadLetter]:
        """Do all of a stretch; dead letters for what was refused."""
        posts = cast(list[PostEvent], [event for event in events if event.message.__class__ is EnrichedPost])
        new, dead = await self._enter(partition, posts)
        late = self._advance(watermark, posts)
        dead += await self._add(partition, cache, new, late, watermark)
        others = [event for event in events if not isinstance(event.message, EnrichedPost)]
        await self._delete([event.message for event in others if isinstance(event.message, DeletedPost)])
        dead += await self._keep_gaps(partition, [event for event in others if isinstance(event.message, Gap)])
        if canaries := [event.message for event in others if isinstance(event.message, Canary)]:
            await self._keep_canaries(canaries)
        if events and isinstance(events[-1].message, Recount):
            dead += await self._recount(partition, events[-1], events[-1].message.window_ms, cache)
        if posts:
            newest_ms = max([event.message.created_at_ms for event in posts])
            metrics.NEWEST_EVENT.labels(partition).set(newest_ms / 1000)
        return dead

    def _decode(self, batch: Batch) -> tuple[list[Event[Enriched]], list[DeadLetter]]:
        events, dead = [], []
        for record in batch.records:
            value = record.value or b""
            try:
                message = decode(value)
                if message.__class__ is EnrichedPost and not EARLIEST_MS <= message.created_at_ms <= LATEST_MS:
                    raise InvalidPost("undecodable", "created_at_ms is not in the years 2006 to 9999")
                events.append(Event(record.offset, message, value))
            except NewerMessage as error:
                raise error.at(POSTS_ENRICHED, batch.partition, record.offset) from None
            except InvalidPost as error:
                dead.append(self._letter(batch.partition, record.offset, value, error))
        return events, dead

    async def _enter(self, partition: int, posts: Sequence[PostEvent]) -> tuple[list[PostEvent], list[DeadLetter]]:
        """Enter posts into the ledger: those to count, and dead letters for those it refused.

        One that is there already with this very offset is our own, from before a crash: count on, the versions of the
        counts decide. With another offset it is a duplicate.
        """
        entries = [
            self._ledger.document(event.message, Position(self._topic_id, partition, event.offset)) for event in posts
        ]
        outcomes = await self._store.create(entries)
        count, dead, known = [], [], []
        for event, outcome in zip(posts, outcomes, strict=True):
            if outcome.status == "done":
                count.append(event)
            elif outcome.status == "conflict":
                known.append(event)
            else:
                dead.append(self._refused(partition, event, outcome))
        # Here alone, where the ledger did not know them: what is handled again after a crash must look like no spike.
        self._labels.count([event.message for event in count], self._clock_ms())
        found = await self._store.get([self._ledger.ref(event.message) for event in known])
        edits = []
        for event, entry in zip(known, found, strict=True):
            post = event.message
            if entry is None:  # dropped a moment ago, with its index: whether it is counted, nobody knows any more
                dead.append(self._refused(partition, event, DROPPED))
                continue
            at = ledger.ledger_position(entry.source, "at")
            if at == Position(self._topic_id, partition, event.offset):
                count.append(event)
            elif post.raw is not None and ledger.ledger_position(entry.source, "raw") == post.raw:
                metrics.DUPLICATES.labels("re-send").inc()
            elif post.edited_at_ms is not None:
                edits.append(post)
            else:
                metrics.DUPLICATES.labels("source").inc()
        for post in edits:
            await self._note_edit(post)
        count.sort(key=lambda event: event.offset)
        return count, dead

    def _advance(self, watermark: Watermark, posts: Sequence[PostEvent]) -> frozenset[int]:
        """See the events of a batch, in the order of their offsets; the offsets of those that came late."""
        late, now_ms = [], self._clock_ms()
        for event in posts:
            created_at_ms = event.message.created_at_ms
            if watermark.closes(window_start_ms(created_at_ms), self._grace_ms):
                late.append(event.offset)
                metrics.LATE.labels(event.message.origin).inc()
            watermark.advance(min(created_at_ms, now_ms))  # a clock that is wrong must not close every window
        return frozenset(late)

    async def _add(
        self,
        partition: int,
        cache: Cache,
        posts: Sequence[PostEvent],
        late: frozenset[int],
        watermark: Watermark,
    ) -> list[DeadLetter]:
        """Add posts, in the order of their offsets, to the counts they belong to; dead letters for what was refused."""
        events_of: defaultdict[CountKey, list[PostEvent]] = defaultdict(list)
        for event in posts:
            for key in keys.count_keys(event.message):
                events_of[key].append(event)
        counted = Counter([(event.message.platform, event.message.origin) for event in posts])
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
                # Another worker, which does not know yet that it is out, was ahead: its version includes all of ours.
                metrics.COUNT_CONFLICTS.inc()
                cache.drop(key)
            else:
                refused |= {event.offset: self._refused(partition, event, outcome) for event in events_of[key]}
        metrics.CORRECTED.inc(corrected)
        # `partitions` is how many there were at the start. When some were added since, all get a smaller share.
        cache.shrink(self._options.cached_counts // max(self._options.partitions, len(self._partitions)))
        return list(refused.values())

    async def _read(self, partition: int, cache: Cache, needed: Iterable[CountKey]) -> None:
        """Read the counts that the store may have and the cache has not.

        A worker that is out may write one of a new window after the look at the newest: it holds only offsets that are
        not committed, which are all counted here again, and the higher version stands.
        """
        if not cache.knows:
            values = counts.counts_of(self._topic_id, partition)
            cache.whole_after(await self._store.newest(f"{REPLY_VOLUME}-*,{HASHTAG_VOLUME}-*", values))
        keys = cache.unread(needed)
        found = await self._store.get([counts.count_ref(key, self._topic_id, partition) for key in keys])
        for key, document in zip(keys, found, strict=True):
            cache[key] = counts.count_of(document)

    async def _recount(self, partition: int, event: Event[Any], window_ms: int, cache: Cache) -> list[DeadLetter]:
        """Set the counts of a window to what the ledger says, as of this event: all before it is in both of them."""
        before = Position(self._topic_id, partition, event.offset)
        start_ms = window_start_ms(window_ms)
        result = await tally(self._store, start_ms, start_ms + WINDOW_MS, before)
        outcomes = await self._store.put(result.mend(before))
        cache.clear()
        metrics.MENDED.inc(sum(outcome.status == "done" for outcome in outcomes))
        refused = [outcome for outcome in outcomes if outcome.status == "refused"]
        return [self._refused(partition, event, outcome) for outcome in refused[:1]]

    async def _note_edit(self, post: EnrichedPost) -> None:
        while True:
            (entry,) = await self._store.get([self._ledger.ref(post)])
            body = None if entry is None else ledger.edited(entry.source, post)
            if entry is None or body is None:
                return
            if await self._amended(entry, body):
                metrics.EDITS.inc()
                return

    async def _delete(self, deletions: Sequence[DeletedPost]) -> None:
        if deletions:
            deleted = {self._ledger.id(deletion): deletion.deleted_at_ms for deletion in deletions}
            await empty_posts(self._store, deleted)
            metrics.DELETIONS.inc(len(deleted))

    async def _keep_gaps(self, partition: int, gaps: Sequence[Event[Any]]) -> list[DeadLetter]:
        """Keep a document of each gap; one that is there already was told twice."""
        entries = [signs.gap_document(event.message) for event in gaps if isinstance(event.message, Gap)]
        outcomes = await self._store.create(entries)
        pairs = zip(gaps, outcomes, strict=True)
        return [self._refused(partition, event, outcome) for event, outcome in pairs if outcome.status == "refused"]

    async def _keep_canaries(self, canaries: Sequence[Canary]) -> None:
        """Have a document of each, or go on without: what is refused, or can't be written soon, is missed soon enough.

        Posts must not wait because something is wrong with the canary's own index.
        """
        with suppress(TimeoutError):
            async with timeout(CANARY_WAITS_S):
                await self._store.put([signs.canary_document(canary) for canary in canaries])

    async def _amended(self, entry: Found, body: bytes) -> bool:
        (outcome,) = await self._store.amend([(entry, body)])
        return outcome.status != "conflict"

    def _refused(self, partition: int, event: Event[Any], outcome: Outcome) -> DeadLetter:
        reason: Reason = "older-than-retention" if outcome.status == "dropped" else "refused-by-elasticsearch"
        return self._letter(partition, event.offset, event.value, InvalidPost(reason, outcome.detail))

    def _letter(self, partition: int, offset: int, value: bytes, error: InvalidPost) -> DeadLetter:
        return letter(RecordRef(POSTS_ENRICHED, self._topic_id, partition, offset), value, error, self._clock_ms())
