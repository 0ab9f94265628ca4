"""Disk space per post in Kafka and Elasticsearch: `python -m benchmarks.disk`. For docs/retention.md.

Measures bytes, so a busy machine does not matter. A campaign runs through the whole pipeline on separate servers. Then
the log segments of each topic are measured as files, and each index family by Elasticsearch's statistics: after refresh
and flush, and after a merge into one segment. In the long run an index is between the two. Without replicas.
posts.enriched is switched on here; it is off by default.
"""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from benchmarks.harness.servers import Servers, until
from deploy.local.kafka import DATA
from deploy.local.stack import Stack, owned
from hashtide.contract.names import HASHTAG_VOLUME, POSTS, POSTS_DEAD, POSTS_ENRICHED, POSTS_RAW, REPLY_VOLUME
from hashtide.elasticsearch.session import session
from hashtide.kafka.offsets import Offsets

TOPICS: Final = (POSTS_RAW, POSTS_ENRICHED, POSTS_DEAD)
PUBLISHED: Final = {"publish_enriched": "true"}
FAMILIES: Final = (POSTS, REPLY_VOLUME, HASHTAG_VOLUME)
SETTLE_S: Final = 600.0
STATISTICS_S: Final = 11.0
"""Elasticsearch caches sizes for 10 s (indices.store.stats_refresh_interval)."""

CAMPAIGNS: Final = (
    ("60,000 posts over 48 h, sent at once", "2026-09-01", ("--posts=60000", "--hours=48")),
    ("60,000 posts over 1 h, sent at once", "2026-10-01", ("--posts=60000", "--hours=1")),
    ("600 posts over 1 h, sent within a minute", "2026-11-01", ("--posts=600", "--hours=1", "--speed=60")),
)
"""Name, first day, and options of `produce campaign`."""


@click.command()
def main() -> None:
    """Measure and print the figures."""
    with tempfile.TemporaryDirectory(prefix="hashtide-disk-") as name, owned(Path(name) / "stack") as stack:
        them = Servers(stack.addresses.kafka, stack.addresses.elasticsearch, Path(name))
        them.setup(**PUBLISHED)
        with _worker(them):
            for what, day, how in CAMPAIGNS:
                _measure(them, stack, what, day, how)


def _measure(them: Servers, stack: Stack, what: str, day: str, how: tuple[str, ...]) -> None:
    before, records = _logs(stack), _ends(them)
    _hashtide(them, "produce", "campaign", "--seed=1", f"--start={day}", *how)
    with Offsets(them.settings()) as offsets:
        until(lambda: offsets.behind(POSTS_RAW) == 0, SETTLE_S, 0.5)
    click.echo(f"\n{what}")
    for topic, size in _logs(stack).items():
        number = _ends(them)[topic] - records[topic]
        each = f"{(size - before[topic]) / number:7.1f} per record" if number else ""
        click.echo(f"  {topic:<16} {number:>8,} records {size - before[topic]:>12,} bytes   {each}")
    month = day[:7].replace("-", ".")
    patterns = {family: f"{family}-{month}*" for family in FAMILIES}
    with session(them.elasticsearch) as client:
        for pattern in patterns.values():
            client.indices.refresh(index=pattern)
            client.indices.flush(index=pattern)
        posts = int(client.count(index=patterns[POSTS])["count"])
        for family, pattern in patterns.items():
            _, loose = _size(client, pattern)
            client.options(request_timeout=300).indices.forcemerge(index=pattern, max_num_segments=1)
            client.indices.flush(index=pattern)
            documents, merged = _size(client, pattern)
            click.echo(
                f"  {family:<16} {documents:>8,} documents {loose:>11,} bytes, merged {merged:>11,}   "
                f"{loose / posts:6.1f} and {merged / posts:6.1f} per post, {merged / documents:6.1f} per document"
            )
        click.echo(f"  posts in the ledger: {posts:,}")


def _size(client: Any, pattern: str) -> tuple[int, int]:
    """Documents and bytes of the primary shards. Waits for the cache to expire."""
    time.sleep(STATISTICS_S)
    total = client.indices.stats(index=pattern, metric=["docs", "store"])["_all"]["primaries"]
    return total["docs"]["count"], total["store"]["size_in_bytes"]


def _logs(stack: Stack) -> dict[str, int]:
    """Topic -> bytes in its log segments. Kafka's other files are preallocated and sparse."""
    folder = stack.kafka.home / DATA
    return {topic: sum(file.stat().st_size for file in folder.glob(f"{topic}-*/*.log")) for topic in TOPICS}


def _ends(them: Servers) -> dict[str, int]:
    with Offsets(them.settings()) as offsets:
        return {topic: sum(offsets.ends(topic).values()) for topic in TOPICS}


def _hashtide(them: Servers, *words: str) -> None:
    command = [sys.executable, "-m", "operations.cli", *words]
    subprocess.run(command, env=them.environment(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def _worker(them: Servers) -> Iterator[None]:
    command = [sys.executable, "-m", "operations.cli", "worker", "--metrics-port=0"]
    with (them.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, env=them.environment(**PUBLISHED), stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


if __name__ == "__main__":
    main()
