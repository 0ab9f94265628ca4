"""A trial: one scenario on its way, what has happened in it, and what must be in the store in the end."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from msgspec.structs import astuple

from deploy.local.stack import Stack
from hashtide.clock import wall_clock_ms
from hashtide.contract.messages import Message, Origin, PostDelete, PostEdit, encode, key
from hashtide.contract.names import POSTS_RAW, REPLY_VOLUME
from hashtide.identity import load_keys
from hashtide.kafka import topics
from hashtide.settings import load
from producers.publisher import Publisher
from producers.settings import ProducerSettings
from stream_jobs.documents.keys import CountKey
from stream_jobs.documents.ledger import Ledger
from stream_jobs.domain.campaign import unhashed_id
from stream_jobs.domain.enrich import Enricher
from stream_jobs.loading import load_campaigns, load_enricher
from stream_jobs.settings import StreamSettings
from tests.chaos.posts import Sending, mixed, posts
from tests.fakes.unruly import Unruly
from tests.integration.pipeline import Pipeline
from tests.integration.truth import counted, truth

Counts = Counter[tuple[Any, ...]]

CHUNK: Final = 100
"""Messages that `load` sends at once."""


def through(proxy: Unruly) -> dict[str, str]:
    """Settings of a command that meets Elasticsearch through a proxy, which has no TLS."""
    return {"HASHTIDE_ELASTICSEARCH": proxy.url, "HASHTIDE_ELASTICSEARCH_FINGERPRINT": ""}


class Trial:
    """Posts go in by `send` and `load`; `end` waits until all is settled, and compares."""

    def __init__(self, pipeline: Pipeline, servers: Stack, seed: str) -> None:
        self.pipeline, self.servers, self.seed = pipeline, servers, seed
        self.draw = random.Random(seed)
        self.happened: Counter[str] = Counter()
        """What the scenario did, for people and for its own assertions."""
        self._started = time.monotonic()
        self._sent: list[Message] = []
        self._beside: Counts = Counter()
        self._load = mixed(posts(seed), random.Random(f"{seed}/load"), self.pipeline.settings.partitions)

    def send(self, messages: int) -> None:
        """Send so many messages of the endless mixture; back when Kafka has them."""
        self.publish(islice(self._load, messages))

    def publish(self, sendings: Iterable[Sending]) -> None:
        """Send messages, in order; back when Kafka has them."""
        with Publisher(load(ProducerSettings, self.pipeline.environment)) as publisher:
            for sending in sendings:
                self._publish(publisher, sending)

    @contextlib.contextmanager
    def load(self, per_s: int, of: Iterator[Sending] | None = None) -> Iterator[None]:
        """The endless mixture, or another, flows at this rate until the block is left; then Kafka has it."""
        stop, sendings = threading.Event(), of or self._load

        def flow() -> None:
            with Publisher(load(ProducerSettings, self.pipeline.environment)) as publisher:
                while not stop.wait(CHUNK / per_s):
                    for sending in islice(sendings, CHUNK):
                        self._publish(publisher, sending)

        with ThreadPoolExecutor(1) as pool:
            flowing = pool.submit(flow)
            try:
                yield
            finally:
                stop.set()
            flowing.result()

    def expect(self, payloads: Iterable[bytes], origin: Origin) -> None:
        """Expect the posts of native payloads, too, which come by another way; none of them is in the mixture."""
        self._beside += truth(payloads, self.enricher(), now_ms=wall_clock_ms(), origin=origin)

    def expect_keys(self, keys: Iterable[CountKey]) -> None:
        """Expect another post of each of these keys."""
        self._beside.update(map(astuple, keys))

    def end(self) -> None:
        """Wait until all is counted, and compare every count and the ledger with what must be there."""
        self.pipeline.settle()
        must = counted(self._sent, self.enricher()) + self._beside
        found = self.pipeline.sums()
        wrong = {name: (found[name], must[name]) for name in found | must if found[name] != must[name]}
        assert not wrong, (
            f"{len(wrong)} of {len(must)} counts are wrong (found, must): {dict(islice(wrong.items(), 20))}"
        )
        self._compare_ledger(sum(count for name, count in must.items() if name[0] == REPLY_VOLUME))
        self.happened["counts compared"] = len(must)

    def tell(self) -> str:
        """What happened, for people."""
        happened = ", ".join(f"{n:,} {what}" for what, n in self.happened.items())
        return f"{happened}; {time.monotonic() - self._started:.0f} s; seed {self.seed}"

    def _compare_ledger(self, posts: int) -> None:
        """One document a post; those of deleted posts are empty; those of edited ones have the last edit's time."""
        ledger = self.pipeline.ledger()
        assert len(ledger) == posts
        settings = self.pipeline.settings
        ids = Ledger(load_keys(settings).ledger, topics.check(settings)[POSTS_RAW].id)
        first, edited, deleted = dict[str, Message](), dict[str, int](), set[str]()
        for message in self._sent:
            post = message.post if isinstance(message, PostEdit) else message
            id_ = ids.id(PostDelete(platform=post.platform, post_id=post.post_id))
            if isinstance(message, PostDelete):
                deleted.add(id_)
            elif first.setdefault(id_, message) is not message and isinstance(message, PostEdit):
                edited[id_] = max(message.edited_at_ms, edited.get(id_, 0))
        for id_, message in first.items():
            entry = ledger[id_]
            if id_ in deleted:
                assert entry.keys() == {"@timestamp", "deleted_at", "ledger"}
            elif isinstance(message, PostEdit):  # it stands in for its post
                assert entry["edited_at"] == max(message.edited_at_ms, edited.get(id_, 0))
            else:
                assert entry.get("edited_at") == edited.get(id_)

    def _publish(self, publisher: Publisher, sending: Sending) -> None:
        message, partition = sending
        self._sent.append(message)
        publisher.send(POSTS_RAW, key(message), encode(message), partition)
        self.happened["messages"] += 1
        self.happened["copies"] += partition is not None
        self.happened["edits"] += isinstance(message, PostEdit) and partition is None
        self.happened["deletions"] += isinstance(message, PostDelete)

    def enricher(self) -> Enricher:
        """What the workers tag posts by."""
        return _enricher(self.pipeline.settings.campaigns)


@cache
def _enricher(campaigns: Path | None) -> Enricher:
    return load_enricher(load_campaigns(StreamSettings(campaigns=campaigns), unhashed_id))


def begin(environment: dict[str, str], folder: Path, servers: Stack, seed: str) -> Trial:
    """A trial on the real stack, emptied, with small batches, so that a failure meets many of them."""
    pipeline = Pipeline(environment | {"HASHTIDE_FETCH_BYTES": "16384"}, folder)
    pipeline.empty()
    return Trial(pipeline, servers, seed)
