"""Random histories of a group of workers, and what must hold at the end of each, whatever happened on the way."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
from hypothesis import given, note, settings
from hypothesis import strategies as st

from stream_jobs.documents.ledger import Ledger
from stream_jobs.enriched import DeletedPost, EnrichedPost, Position, Recount, encode
from stream_jobs.store.emptying import empty_authors, empty_posts
from tests.fakes.group import KEY, TOPIC, Group
from tests.fakes.store import FakeStore

PARTITIONS: Final = 2
WORKERS: Final = 3
WINDOWS_MS: Final = (1_508_111_940_000, 1_508_112_000_000)  # the last of 15 October 2017, the first of the 16th
TAGS: Final = ((), ("metoo",), ("yotambien", "metoo"), ("yotambien",))
DELETED_AT_MS: Final = 1_508_200_000_000
AUTHOR: Final = "5d41402abc4b2a76b9719d911017c592"

Counts = Counter[tuple[str, int, str]]
"""Family, window, and language or hashtag."""


class Version(NamedTuple):
    """A post as it was sent once: what it counts as, if it is this copy that the ledger took."""

    post_id: str
    window_ms: int
    language: str
    tags: tuple[str, ...]
    edited_at_ms: int | None = None


class History:
    """What was sent, and the group that counts it."""

    def __init__(self, cached_counts: int) -> None:
        self.group = Group(PARTITIONS, WORKERS, cached_counts, SEEN)
        self.posts: list[Version] = []
        self.raw: list[tuple[Version, Position]] = []  # what lies in posts.raw, and where
        self.sent: dict[tuple[int, int], Version] = {}  # by partition and offset
        self.deletes = self.damaged = False
        self.deleted: set[str] = set()  # deleted behind a copy of themselves, in its partition, or emptied from outside
        self._ledger = Ledger(KEY, TOPIC)

    # Every move takes a number from 0 to 255, and makes of it what it needs.

    def publish(self, n: int) -> None:
        post = Version(str(len(self.posts)), WINDOWS_MS[n >> 1 & 1], ("en", "es")[n >> 2 & 1], TAGS[n >> 3 & 3])
        self.posts.append(post)
        self._send(n % PARTITIONS, post)

    def repeat(self, n: int) -> None:
        """A duplicate, in any partition: sources may differ in how they call a post."""
        if self.posts:
            self._send(n % PARTITIONS, self.posts[-1 - (n >> 1) % len(self.posts)])

    def resend(self, n: int) -> None:
        """What the enrich step sends again after a crash: a post or an edit, from where it lies in posts.raw."""
        if self.raw:
            version, raw = self.raw[-1 - n % len(self.raw)]
            self._enriched(version, raw)

    def edit(self, n: int) -> None:
        if self.posts:
            post = self.posts[-1 - (n >> 4) % len(self.posts)]
            edited_at_ms = post.window_ms + 1 + (n >> 1 & 1)
            edit = post._replace(language="fr", tags=TAGS[n >> 2 & 3], edited_at_ms=edited_at_ms)
            self._send(n % PARTITIONS, edit)

    def delete(self, n: int) -> None:
        if self.posts and not self.damaged:
            self.deletes = True
            SEEN["deletions"] += 1
            partition, post_id = n % PARTITIONS, self.posts[-1 - (n >> 1) % len(self.posts)].post_id
            deletion = DeletedPost(platform="x", post_id=post_id, deleted_at_ms=DELETED_AT_MS)
            self.group.log[partition].append(encode(deletion))
            if any(at[0] == partition and version.post_id == post_id for at, version in self.sent.items()):
                self.deleted.add(post_id)

    def forget(self, n: int) -> None:
        """Somebody empties what the ledger has of a post, or of the author of all: from outside, and at once."""
        if not self.posts or self.damaged:
            return
        self.deletes = True
        store = FakeStore(self.group.documents)
        if n & 1:
            whose = [post.post_id for post in self.posts]
            done = asyncio.run(empty_authors(store, [AUTHOR], DELETED_AT_MS))
        else:
            whose = [self.posts[-1 - (n >> 1) % len(self.posts)].post_id]
            ids = [self._ledger.id(DeletedPost(platform="x", post_id=post_id)) for post_id in whose]
            done = asyncio.run(empty_posts(store, dict.fromkeys(ids, DELETED_AT_MS)))
        SEEN["documents emptied from outside"] += done.emptied
        there = {ref.id for ref in self.group.documents if ref.index.startswith("posts-")}
        self.deleted |= {
            post_id for post_id in whose if self._ledger.id(DeletedPost(platform="x", post_id=post_id)) in there
        }

    def damage(self, n: int) -> None:
        """Someone loses a count document, or writes a wrong number into one. In histories without deletions alone: what
        a post that is empty had counted for, nobody can tell."""
        counts = [ref for ref in self.group.documents if not ref.index.startswith("posts-")]
        if not counts or self.deletes:
            return
        self.damaged = True
        ref = counts[(n >> 1) % len(counts)]
        if n & 1:
            del self.group.documents[ref]
        else:
            held = self.group.documents[ref]
            source = msgspec.json.decode(held.body)
            self.group.documents[ref] = held._replace(body=msgspec.json.encode(source | {"count": source["count"] + 3}))

    def recount(self, n: int) -> None:
        self.group.log[n % PARTITIONS].append(encode(Recount(window_ms=WINDOWS_MS[n >> 1 & 1])))

    def recount_all(self) -> None:
        for n in range(PARTITIONS * len(WINDOWS_MS)):
            self.recount(n)

    def fetch(self, n: int) -> None:
        self.group.fetch(n % PARTITIONS, most=1 + (n >> 1 & 3))

    def step(self, n: int) -> None:
        self.group.go_on((n >> 1) % WORKERS, n % PARTITIONS, moments=1 + (n >> 4))

    def finish(self, n: int) -> None:
        self.group.go_on((n >> 1) % WORKERS, n % PARTITIONS)

    def commit(self, n: int) -> None:
        self.group.commit(n % PARTITIONS)

    def crash(self, n: int) -> None:
        self.group.crash(n % WORKERS)

    def move(self, n: int) -> None:
        """The owner sleeps through this, and goes on with what it has in hand."""
        self.group.assign(n % PARTITIONS, (n >> 1) % WORKERS)

    def let_go(self, n: int) -> None:
        """A rebalance: the owner drops what it has in hand."""
        partition = n % PARTITIONS
        self.group.workers[self.group.owner[partition]].let_go(partition)
        self.group.assign(partition, (n >> 1) % WORKERS)

    def tend(self, n: int) -> None:
        """Whoever has a partition, or thinks so, begins to call its closed windows final."""
        self.group.workers[(n >> 1) % WORKERS].tend(n % PARTITIONS, idle=n >= 128)

    def refresh(self, _: int) -> None:
        self.group.refresh()

    def reorder(self, n: int) -> None:
        """From now on, Elasticsearch writes the documents of a worker's bulks in the order it likes."""
        store = self.group.workers[n % WORKERS].store
        store.order = range if n & 4 else lambda of: range(of - 1, -1, -1)

    def _send(self, partition: int, version: Version) -> None:
        raw = Position("raw", partition, len(self.raw))
        self.raw.append((version, raw))
        self._enriched(version, raw)

    def _enriched(self, version: Version, raw: Position) -> None:
        log = self.group.log[raw.partition]
        self.sent[raw.partition, len(log)] = version
        post = EnrichedPost(
            platform="x",
            post_id=version.post_id,
            created_at_ms=version.window_ms + 59_999,
            kind="reply",
            hashtags=version.tags,
            campaigns=("metoo",),
            language=version.language,
            language_source="platform",
            language_confidence=1.0,
            region=None,
            region_source=None,
            region_confidence=0.0,
            author=AUTHOR,
            edited_at_ms=version.edited_at_ms,
            raw=raw,
        )
        log.append(encode(post))

    # What must hold.

    def check(self) -> None:
        """Every post counts once, as the copy that the ledger took; edits and deletions have reached the ledger."""
        counted: Counts = Counter()
        self.statuses: Counter[str] = Counter()
        entries: dict[str, dict[str, Any]] = {}
        for ref, held in self.group.documents.items():
            source = msgspec.json.decode(held.body)
            if ref.index.startswith("posts-"):
                at = source["ledger"]["at"]
                post_id = self.sent[at["partition"], at["offset"]].post_id
                assert post_id not in entries, "two ledger documents for one post"
                entries[post_id] = source
            else:
                family, by = ref.index[:-11], source.get("hashtag") or source["language"]
                counted[family, source["@timestamp"], by] += source["count"]
                self.statuses[source["status"]] += 1
                assert (source["revision"] > 0) == (source["status"] == "corrected")
        assert entries.keys() == {post.post_id for post in self.posts}

        truth: Counts = Counter()
        for source in entries.values():
            at = source["ledger"]["at"]
            taken = self.sent[at["partition"], at["offset"]]
            truth["reply-volume", taken.window_ms, taken.language] += 1
            truth.update(("hashtag-volume", taken.window_ms, tag) for tag in taken.tags)
        assert counted == truth
        assert sum(n for (family, *_), n in counted.items() if family == "reply-volume") == len(self.posts)

        for post_id in self.deleted:
            assert entries[post_id].keys() == {"@timestamp", "deleted_at", "ledger"}
        for post_id, source in entries.items():
            edits = [sent.edited_at_ms for sent in self.sent.values() if sent.post_id == post_id]
            if "deleted_at" not in source:
                assert source.get("edited_at") == max((edit for edit in edits if edit), default=None)


SEEN: Counter[str] = Counter()
"""What went wrong in all histories together."""

MOVES: Final = (
    *[History.publish] * 4,
    *[History.repeat] * 2,
    *[History.resend] * 2,
    History.edit,
    History.delete,
    History.forget,
    *[History.fetch] * 6,
    *[History.step] * 6,
    *[History.finish] * 4,
    *[History.commit] * 2,
    *[History.move] * 2,
    History.crash,
    History.let_go,
    *[History.tend] * 3,
    History.refresh,
    History.reorder,
    History.recount,
    History.damage,
)


def play(history: bytes, tell: Callable[[str], None]) -> None:
    """Play moves of two bytes each, the first of all being the size of the caches; then settle, and check."""
    it = iter(history)
    happened = History(cached_counts=next(it, 0) % 4)
    for move, n in zip(it, it, strict=False):
        chosen = MOVES[move % len(MOVES)]
        tell(f"{chosen.__name__}({n})")
        chosen(happened, n)
    if happened.damaged:
        SEEN["damaged counts"] += 1
        happened.recount_all()
    happened.group.handle_all()
    happened.check()
    happened.group.wake_all()  # whoever slept until now changes nothing
    happened.check()
    happened.group.close_all()
    happened.check()
    assert happened.statuses["provisional"] == 0
    SEEN["corrected counts"] += happened.statuses["corrected"]
    SEEN["final counts"] += happened.statuses["final"]


@settings(max_examples=2000, deadline=None)
@given(st.binary(min_size=61, max_size=241))
def test_whatever_happens_every_post_counts_once(history: bytes) -> None:
    play(history, note)


def test_the_histories_had_everything_go_wrong_that_can() -> None:
    """Without this, a group that is never in trouble would let the test above pass."""
    SEEN.clear()
    dice = random.Random(2017)
    for _ in range(200):
        play(dice.randbytes(241), tell=lambda _: None)
    assert SEEN["messages handed out again"] > 500
    assert SEEN["batches finished by a worker that had lost them"] > 100
    assert SEEN["handlers cut short"] > 30
    assert SEEN["bulks cut short"] > 5
    assert SEEN["final counts"] > 100
    assert SEEN["corrected counts"] > 100
    assert SEEN["damaged counts"] > 10
    assert SEEN["deletions"] > 100
    assert SEEN["documents emptied from outside"] > 100
