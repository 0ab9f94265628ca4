"""Random histories of a group of workers, and what must hold at the end of each, whatever happened on the way."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

import msgspec
from hypothesis import given, note, settings
from hypothesis import strategies as st

from hashtide.contract.messages import EmptyEntry, Post, PostDelete, PostEdit, Recount, encode
from stream_jobs.documents.ledger import Ledger
from stream_jobs.domain.windows import window_start_ms
from tests.fakes.group import KEY, TOPIC, Group

PARTITIONS: Final = 2
WORKERS: Final = 3
WINDOWS_MS: Final = (1_508_111_940_000, 1_508_112_000_000, 1_508_112_060_000)
"""The last minute of 15 October 2017, and the first two of the 16th."""
TAGS: Final = ((), ("metoo",), ("yotambien", "metoo"), ("yotambien",))
DELETED_AT_MS: Final = 1_508_200_000_000
AUTHOR: Final = "5d41402abc4b2a76b9719d911017c592"

Counts = Counter[tuple[str, int, str]]
"""Family, window, and language or hashtag."""


class Version(NamedTuple):
    """A post as it was sent once."""

    post_id: str
    window_ms: int
    language: str
    tags: tuple[str, ...]
    edited_at_ms: int | None = None
    time_by: Literal["platform", "author"] = "platform"


class History:
    """What was sent, and the group that counts it."""

    def __init__(self, cached_counts: int) -> None:
        self.group = Group(PARTITIONS, WORKERS, cached_counts, SEEN)
        self.posts: list[Version] = []
        self.sent: dict[tuple[int, int], Version] = {}  # by partition and offset
        self.deletes = self.damaged = False
        self.deleted: set[str] = set()  # deleted behind a copy of themselves, in its partition, or forgotten
        self._ledger = Ledger(KEY, TOPIC)

    # Every move takes a number from 0 to 255, and makes of it what it needs.

    def publish(self, n: int) -> None:
        post = Version(
            str(len(self.posts)), WINDOWS_MS[(n >> 5) % len(WINDOWS_MS)], ("en", "es")[n >> 2 & 1], TAGS[n >> 3 & 3]
        )
        self.posts.append(post)
        self._send(n % PARTITIONS, post)

    def repeat(self, n: int) -> None:
        """A duplicate, in any partition: sources may differ in how they call a post. Its time may be another one of the
        same day."""
        if self.posts:
            copy = self.posts[-1 - (n >> 2) % len(self.posts)]
            if n & 2 and copy.window_ms != WINDOWS_MS[0]:
                copy = copy._replace(window_ms=WINDOWS_MS[1] + WINDOWS_MS[2] - copy.window_ms)
                SEEN["copies with another time"] += 1
            self._send(n % PARTITIONS, copy)

    def edit(self, n: int) -> None:
        """The author or the platform says how a post reads now; where the author sets its time, of any day."""
        if self.posts:
            post = self.posts[-1 - (n >> 5) % len(self.posts)]
            edited_at_ms = post.window_ms + 1 + (n >> 1 & 1)
            edit = post._replace(language="fr", tags=TAGS[n >> 2 & 3], edited_at_ms=edited_at_ms)
            if n & 16:
                SEEN["edits whose time their author set"] += 1
                edit = edit._replace(time_by="author", window_ms=WINDOWS_MS[n % len(WINDOWS_MS)])
            self._send(n % PARTITIONS, edit)

    def delete(self, n: int) -> None:
        if self.posts and not self.damaged:
            self.deletes = True
            SEEN["deletions"] += 1
            partition, post_id = n % PARTITIONS, self.posts[-1 - (n >> 1) % len(self.posts)].post_id
            deletion = PostDelete(platform="x", post_id=post_id, deleted_at_ms=DELETED_AT_MS)
            self.group.log[partition].append(encode(deletion))
            if self._entered_there(post_id, partition, len(self.group.log[partition])):
                self.deleted.add(post_id)

    def forget(self, n: int) -> None:
        """The workers are ordered to empty what the ledger has now of a post, or of the author of all."""
        if not self.posts or self.damaged:
            return
        self.deletes = True
        whose = self.posts if n & 1 else [self.posts[-1 - (n >> 1) % len(self.posts)]]
        ids = {self._ledger.id(PostDelete(platform="x", post_id=post.post_id)): post.post_id for post in whose}
        for ref, held in self.group.documents.items():
            if ref.index.startswith("posts-") and ref.id in ids:
                at = msgspec.json.decode(held.body)["ledger"]
                order = EmptyEntry(index=ref.index, id=ref.id, deleted_at_ms=DELETED_AT_MS)
                self.group.log[at["partition"]].append(encode(order))
                self.deleted.add(ids[ref.id])
                SEEN["orders to empty"] += 1

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
        self.group.log[n % PARTITIONS].append(encode(Recount(window_ms=WINDOWS_MS[(n >> 1) % len(WINDOWS_MS)])))

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
        """The process that takes its place may tag otherwise: other campaigns, another detector."""
        self.group.crash(n % WORKERS, otherwise=n >= 128)

    def reload(self, n: int) -> None:
        """A worker tags otherwise from its next batch on."""
        tagger = self.group.workers[n % WORKERS].tagger
        tagger.otherwise = not tagger.otherwise

    def move(self, n: int) -> None:
        """The owner sleeps through this, and goes on with what it has in hand."""
        self.group.assign(n % PARTITIONS, (n >> 1) % WORKERS)

    def let_go(self, n: int) -> None:
        """A rebalance: the owner drops what it has in hand."""
        partition = n % PARTITIONS
        self.group.workers[self.group.owner[partition]].let_go(partition)
        self.group.assign(partition, (n >> 1) % WORKERS)

    def tend(self, n: int) -> None:
        """A worker that has a partition, or thinks so, starts to mark its closed windows final."""
        self.group.workers[(n >> 1) % WORKERS].tend(n % PARTITIONS, idle=n >= 128)

    def refresh(self, _: int) -> None:
        self.group.refresh()

    def reorder(self, n: int) -> None:
        """From now on, Elasticsearch writes the documents of a worker's bulks in the order it likes."""
        store = self.group.workers[n % WORKERS].store
        store.order = range if n & 4 else lambda of: range(of - 1, -1, -1)

    def _send(self, partition: int, version: Version) -> None:
        log = self.group.log[partition]
        self.sent[partition, len(log)] = version
        post = Post(
            platform="x",
            post_id=version.post_id,
            created_at_ms=version.window_ms + 59_999,
            time_by=version.time_by,
            text="",
            lang=version.language,
            hashtags=version.tags,
            author=AUTHOR,
        )
        edited = version.edited_at_ms
        log.append(encode(post if edited is None else PostEdit(post=post, edited_at_ms=edited)))

    def _entered_there(self, post_id: str, partition: int, before: int) -> bool:
        """Whether a record before this offset of the partition makes sure that the ledger has the post."""
        return any(
            at[0] == partition
            and at[1] < before
            and version.post_id == post_id
            and (version.edited_at_ms is None or version.time_by == "platform")
            for at, version in self.sent.items()
        )

    # What must hold.

    def check(self) -> None:
        """Every post counts once, as its first ledger entry says; edits and deletions have reached the ledger."""
        counted: Counts = Counter()
        self.statuses: Counter[str] = Counter()
        entries: dict[str, dict[str, Any]] = {}
        truth: Counts = Counter()
        for ref, held in self.group.documents.items():
            source = msgspec.json.decode(held.body)
            if ref.index.startswith("posts-"):
                at, first = source["ledger"], self.group.documents.entered[ref]
                post_id = self.sent[at["partition"], at["offset"]].post_id
                assert post_id not in entries, "two ledger documents for one post"
                assert (first["ledger"], first["@timestamp"]) == (at, source["@timestamp"])
                entries[post_id] = source
                window_ms = window_start_ms(first["@timestamp"])
                truth["reply-volume", window_ms, first["language"]] += 1
                truth.update(("hashtag-volume", window_ms, tag) for tag in first["hashtag"])
                SEEN["posts tagged otherwise"] += first["campaign"] == []
            else:
                family, by = ref.index[:-11], source.get("hashtag") or source["language"]
                counted[family, source["@timestamp"], by] += source["count"]
                self.statuses[source["status"]] += 1
                assert (source["revision"] > 0) == (source["status"] == "corrected")
        assert entries.keys() == {post.post_id for post in self.posts}
        assert counted == truth
        assert sum(n for (family, *_), n in counted.items() if family == "reply-volume") == len(self.posts)

        for post_id in self.deleted:
            assert entries[post_id].keys() == {"@timestamp", "deleted_at", "ledger"}
        for post_id, source in entries.items():
            if "deleted_at" not in source:
                self._check_edits(post_id, source.get("edited_at"))

    def _check_edits(self, post_id: str, edited_at: int | None) -> None:
        """The newest edit is noted; one whose time its author set, where its post was surely known before it."""
        of_post = {at: each for at, each in self.sent.items() if each.post_id == post_id and each.edited_at_ms}
        sure = [
            each.edited_at_ms
            for (partition, offset), each in of_post.items()
            if each.time_by == "platform" or self._entered_there(post_id, partition, offset)
        ]
        assert edited_at in {None, *(each.edited_at_ms for each in of_post.values())}
        assert (edited_at or 0) >= max((each or 0 for each in sure), default=0)


SEEN: Counter[str] = Counter()
"""What went wrong in all histories together."""

MOVES: Final = (
    *[History.publish] * 4,
    *[History.repeat] * 2,
    *[History.edit] * 2,
    History.delete,
    History.forget,
    *[History.fetch] * 6,
    *[History.step] * 6,
    *[History.finish] * 4,
    *[History.commit] * 2,
    *[History.move] * 2,
    *[History.crash] * 2,
    *[History.reload] * 2,
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
        happened.group.wake_all()  # a worker that has read a damaged count may write it again, and must do so before
        happened.recount_all()
    happened.group.handle_all()
    happened.check()
    happened.group.wake_all()  # who slept until now changes nothing
    happened.group.handle_all()  # but for orders that it sends again
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
    assert SEEN["orders to empty"] > 100
    assert SEEN["orders sent by workers"] > 20
    assert SEEN["posts tagged otherwise"] > 200
    assert SEEN["copies with another time"] > 50
    assert SEEN["edits whose time their author set"] > 50
