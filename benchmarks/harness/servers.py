"""Kafka and Elasticsearch for the benchmarks: a separate stack, with helpers to fill and read it."""

import contextlib
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from elasticsearch.helpers import scan
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from benchmarks.harness import job
from benchmarks.harness.machine import WORKER_CORE, other_cores, pin
from deploy.local.stack import Stack
from hashtide.elasticsearch import templates
from hashtide.elasticsearch.session import session
from hashtide.kafka import topics
from hashtide.kafka.topics import CONFIGS
from hashtide.settings import load
from stream_jobs.settings import StreamSettings

OURS = "reply-volume-*,hashtag-volume-*,posts-*,ingest-gaps*"
CONTEST = "contest"
"""The contestants' index is CONTEST-NAME."""

_INDEX: dict[str, Any] = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "1s"},
    "mappings": {
        "dynamic": "strict",
        "properties": {
            "@timestamp": {"type": "date"},
            "tag": {"type": "keyword"},
            "language": {"type": "keyword"},
            "region": {"type": "keyword"},
            "count": {"type": "long"},
        },
    },
}


class Servers:
    """Both servers, with an empty folder for the benchmark."""

    def __init__(self, kafka: str, elasticsearch: str, folder: Path, core: int | None = WORKER_CORE) -> None:
        self.kafka, self.elasticsearch, self.folder = kafka, elasticsearch, folder
        self.core = core
        """The core for the measured process; None: any."""

    def environment(self, **settings: str) -> dict[str, str]:
        """The environment for `hashtide` commands: addresses, a state folder, and HASHTIDE_* settings by short name."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HASHTIDE_")}
        named = {f"HASHTIDE_{name.upper()}": value for name, value in settings.items()}
        return {
            **inherited,
            "HASHTIDE_KAFKA": self.kafka,
            "HASHTIDE_ELASTICSEARCH": self.elasticsearch,
            "HASHTIDE_STATE_DIR": str(self.folder / "state"),
            **named,
        }

    def settings(self, **settings: str) -> StreamSettings:
        return load(StreamSettings, self.environment(**settings))

    def setup(self, **settings: str) -> None:
        """Does what `hashtide setup` does."""
        topics.setup(self.settings(**settings))
        templates.setup(self.elasticsearch)

    def fill(self, topic: str, partitions: int, messages: Iterable[tuple[bytes, bytes]]) -> None:
        """Create a topic with the configuration of posts.raw, and fill it with keys and values."""
        self._admin("create_topics", {topic: _topic(partitions, CONFIGS["posts.raw"])})
        producer: Any = KafkaProducer(
            bootstrap_servers=self.kafka, acks="all", compression_type="lz4", linger_ms=50, batch_size=256 * 1024
        )
        for key, value in messages:
            producer.send(topic, key=key, value=value)
        producer.flush()
        producer.close()

    def renew(self, topic: str, partitions: int) -> None:
        """Delete and recreate one of the product's topics: a new incarnation."""
        if topic in self._admin("list_topics"):
            self._admin("delete_topics", [topic])
            until(lambda: topic not in self._admin("list_topics"))
        self._admin("create_topics", {topic: _topic(partitions, CONFIGS[topic])})

    def wipe(self) -> None:
        """Delete all indices that were written."""
        with session(self.elasticsearch) as client:
            found = client.indices.get(index=f"{OURS},{CONTEST}-*", ignore_unavailable=True)
            if names := list(found.body):
                client.indices.delete(index=names)

    def index(self, name: str) -> None:
        """Create an index for a contestant's counts."""
        with session(self.elasticsearch) as client:
            client.indices.create(index=name, **_INDEX)

    def sum(self, pattern: str) -> int:
        """The sum of all counts in these indices."""
        with session(self.elasticsearch) as client:
            client.indices.refresh(index=pattern)
            answer = client.search(index=pattern, size=0, aggs={"posts": {"sum": {"field": "count"}}})
            return int(answer["aggregations"]["posts"]["value"])

    def counts(self, pattern: str) -> Counter[job.Key]:
        """All counts written by a contestant, ours or another."""
        counts: Counter[job.Key] = Counter()
        with session(self.elasticsearch) as client:
            client.indices.refresh(index=pattern)
            for hit in scan(client, index=pattern, size=5000):
                body = hit["_source"]
                tag = body["tag"] if "tag" in body else body["campaign"][0]
                counts[body["@timestamp"], tag, body["language"], body["region"]] += body["count"]
        return counts

    def _admin(self, call: str, *arguments: Any) -> Any:
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=self.kafka)) as admin:
            return getattr(admin, call)(*arguments)


@contextlib.contextmanager
def servers(*, any_core: bool = False) -> Iterator[Servers]:
    """Run both servers; they and this process stay off the worker's core, except with `any_core`. Removes everything at
    the end.

    They run like long-lived servers, with the optimising compiler that `deploy.local.stack.owned` turns off.
    """
    with tempfile.TemporaryDirectory(prefix="hashtide-bench-", ignore_cleanup_errors=True) as name:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that `finally` stops them
        stack = Stack(Path(name) / "stack", short_lived=False)
        try:
            stack.start()
            if not any_core:
                for pid in (os.getpid(), *filter(None, (server.pid for server in stack.servers))):
                    pin(pid, other_cores())
            core = None if any_core else WORKER_CORE
            yield Servers(stack.addresses.kafka, stack.addresses.elasticsearch, Path(name), core)
        finally:
            stack.stop()


def until(true: Callable[[], bool], timeout_s: float = 60.0, poll_s: float = 0.1) -> None:
    """Wait for a condition. Blocks. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"condition not met within {timeout_s:.0f} s")
        time.sleep(poll_s)


def _topic(partitions: int, configs: dict[str, str]) -> dict[str, Any]:
    return {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
