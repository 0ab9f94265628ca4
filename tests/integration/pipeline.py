"""A pipeline on the real stack, driven as a user drives it: by `hashtide` commands, each a process of its own."""

import contextlib
import json
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan
from kafka.admin import KafkaAdminClient
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.server import Server
from hashtide.contract.dead_letters import DeadLetter, decode_dead_letter
from hashtide.contract.names import HASHTAG_VOLUME, POSTS_RAW, REPLY_VOLUME
from hashtide.elasticsearch import templates
from hashtide.elasticsearch.client import connection
from hashtide.elasticsearch.session import session
from hashtide.kafka import topics
from hashtide.kafka.clients import connect
from hashtide.kafka.offsets import Offsets
from hashtide.kafka.topics import CONFIGS
from hashtide.settings import load
from stream_jobs.settings import StreamSettings

ROOT = Path(__file__).parents[2]
PATTERN = "reply-volume-*,hashtag-volume-*,posts-*,ingest-gaps,hashtide-canary*"

POLL_S = 0.1
WITHIN_S = 300.0
"""For what takes seconds as a rule: a wait that is over returns at once, and a busy machine is no failure."""
ENDS_S = 120.0
"""The same, for a process that was asked to end."""


@contextlib.contextmanager
def away(server: Server) -> Iterator[None]:
    """Nobody listens at its address any more; at the end it runs again."""
    server.kill()
    try:
        yield
    finally:
        server.start()
        server.wait()


class Scraped:
    """A process's /metrics, read again each time."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"

    def text(self) -> bytes:
        """As it is answered; nothing while the process starts."""
        with contextlib.suppress(OSError), urlopen(self._url, timeout=30) as answer:
            content: bytes = answer.read()
            return content
        return b""

    def samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Every sample of this name, with its labels."""
        families = text_string_to_metric_families(self.text().decode())
        return [(each.labels, each.value) for family in families for each in family.samples if each.name == name]

    def value(self, name: str, **labels: str) -> float | None:
        """A sample; None where there is none."""
        return next((value for given, value in self.samples(name) if given == labels), None)

    def retries(self, *reasons: str) -> float:
        """How many requests to Elasticsearch were tried again, for any of these reasons; none named: for whichever."""
        samples = self.samples("hashtide_elasticsearch_retries_total")
        return sum(value for labels, value in samples if not reasons or labels["reason"] in reasons)


class Pipeline:
    """Starts with empty topics and indices. `environment` may be added to before a command is started."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment | {"HASHTIDE_GROUP": f"test-{uuid.uuid4().hex[:8]}"}
        self.folder = folder
        self._workers = 0

    @property
    def settings(self) -> StreamSettings:
        return load(StreamSettings, self.environment)

    def elasticsearch(self) -> AbstractContextManager[Elasticsearch]:
        """A client, as commands make theirs."""
        return session(connection(self.settings))

    def remove_topics(self) -> None:
        """Remove all topics; back when they are gone."""
        admin: Any = connect(KafkaAdminClient, self.settings)
        there = sorted(set(admin.list_topics()) & set(CONFIGS))
        if there:
            admin.delete_topics(there)
        self.until(lambda: not set(admin.list_topics()) & set(CONFIGS))
        admin.close()

    def empty(self) -> None:
        """Remove all topics and indices, and make what `hashtide setup` makes: the topics begin another life.

        By the same functions, without a process of its own: it is done for every test.
        """
        self.remove_topics()
        with self.elasticsearch() as client:
            if indices := list(client.indices.get(index=PATTERN, ignore_unavailable=True).body):
                client.indices.delete(index=indices)
        topics.setup(self.settings)
        templates.setup(connection(self.settings))

    def hashtide(self, *words: str, stdin: bytes = b"", status: int = 0) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end; it must end with `status`."""
        done = subprocess.run(
            [sys.executable, "-m", "operations.cli", *words],
            env=self.environment,
            input=stdin,
            capture_output=True,
            timeout=300,
        )
        assert done.returncode == status, f"{words} ended with {done.returncode}:\n{done.stderr.decode()}"
        return done

    def json(self, *words: str, stdin: bytes = b"") -> Any:
        """What a command prints on stdout, as JSON."""
        return json.loads(self.hashtide(*words, stdin=stdin).stdout)

    @contextlib.contextmanager
    def worker(self, metrics_port: str = "0", **given: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A worker. Leaving ends it by SIGTERM, which must go well, unless it has ended already."""
        with self.process("worker", f"--metrics-port={metrics_port}", **given) as process:
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=ENDS_S) == 0, self.log()

    @contextlib.contextmanager
    def process(self, *words: str, module: str = "operations.cli", **given: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A command that runs on, with environment variables of its own. Leaving kills it."""
        self._workers += 1
        with (self.folder / f"process-{self._workers:03}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *words], env=self.environment | given, stdout=log, stderr=log, cwd=ROOT
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def log(self) -> str:
        """The logs of all processes so far: what to read when a test fails."""
        return "\n".join(f"--- {path.name}\n{path.read_text()}" for path in sorted(self.folder.glob("process-*.log")))

    def until(self, true: Callable[[], bool], timeout_s: float = WITHIN_S) -> None:
        """Wait for something to become true."""
        deadline = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < deadline, f"did not come about:\n{self.log()}"
            time.sleep(POLL_S)

    def until_more(self, number: Callable[[], float], than: float) -> None:
        """Wait until a number has grown."""
        self.until(lambda: number() > than)

    def reach(self, counted: int) -> None:
        """Wait until the workers have counted, and committed, so many messages."""
        with Offsets(self.settings) as offsets:
            self.until(lambda: sum(offsets.committed(POSTS_RAW).values()) >= counted)

    def advance(self, by: int) -> None:
        """Wait until the workers have counted, and committed, so many messages more."""
        self.reach(self.counted() + by)

    def counted(self) -> int:
        """How many messages the workers have counted, and committed."""
        with Offsets(self.settings) as offsets:
            return sum(offsets.committed(POSTS_RAW).values())

    def stand_still(self, tries: Callable[[], float], more: int = 5) -> None:
        """Wait until so many tries more have failed while the workers committed nothing."""
        counted, since = self.counted(), tries()

        def stands() -> bool:
            nonlocal counted, since
            if (now := self.counted()) != counted:
                counted, since = now, tries()
            return tries() - since >= more

        self.until(stands)

    def length(self, topic: str) -> int:
        """How many records a topic was ever given."""
        with Offsets(self.settings) as offsets:
            return sum(offsets.ends(topic).values())

    def workers(self) -> int:
        """How many workers share the partitions."""
        with Offsets(self.settings) as offsets:
            return offsets.members()

    def assemble(self, workers: int) -> None:
        """Wait until so many workers share the partitions."""
        self.until(lambda: self.workers() == workers)

    def says(self, *texts: str) -> int:
        """How often the logs have any of these."""
        return sum(map(self.log().count, texts))

    def settle(self, messages: int = 0) -> None:
        """Wait until posts.raw holds so many messages, and the workers have committed all that it holds."""
        with Offsets(self.settings) as offsets:
            self.until(lambda: sum(offsets.ends(POSTS_RAW).values()) >= messages)
            # That includes orders: a worker sends them before it commits the batch that they come from.
            self.until(lambda: offsets.behind(POSTS_RAW) == 0)

    def dead_letters(self) -> dict[bytes, DeadLetter]:
        """The dead letters by key."""
        with Offsets(self.settings) as offsets:
            return {record.key: decode_dead_letter(record.value) for record in offsets.records("posts.dead")}

    def documents(self, pattern: str) -> list[dict[str, Any]]:
        """Every document of an index pattern."""
        with self.elasticsearch() as client:
            client.indices.refresh(index=pattern)
            return [hit["_source"] for hit in scan(client, index=pattern, size=5000)]

    def ledger(self) -> dict[str, dict[str, Any]]:
        """Every document of the ledger, by id."""
        with self.elasticsearch() as client:
            client.indices.refresh(index="posts-*")
            return {hit["_id"]: hit["_source"] for hit in scan(client, index="posts-*", size=5000)}

    def versions(self) -> dict[tuple[str, str], tuple[int, int | None]]:
        """For every document of the counts and the ledger its version, and its count if it has one."""
        with self.elasticsearch() as client:
            client.indices.refresh(index=PATTERN, ignore_unavailable=True)
            query = {"version": True, "_source": ["count"]}
            hits = scan(client, index=PATTERN, size=5000, query=query, ignore_unavailable=True)
            return {(hit["_index"], hit["_id"]): (hit["_version"], hit["_source"].get("count")) for hit in hits}

    def sums(self) -> Counter[tuple[Any, ...]]:
        """Every count that Elasticsearch holds, summed over partitions, by index family, window and dimensions."""
        found: Counter[tuple[Any, ...]] = Counter()
        for family in (REPLY_VOLUME, HASHTAG_VOLUME):
            for source in self.documents(f"{family}-*"):
                count = source.pop("count")
                del source["kafka"], source["status"], source["revision"]
                found[(family, *(tuple(v) if isinstance(v, list) else v for v in source.values()))] += count
        return found
