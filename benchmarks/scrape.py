"""Duration of a scrape of /metrics with the maximum number of series: `python -m benchmarks.scrape`."""

import json
import statistics
import time
from typing import Final, get_args
from urllib.request import Request, urlopen

import click
from prometheus_client import REGISTRY

from hashtide.clock import wall_clock_ms
from hashtide.contract.messages import Origin
from hashtide.contract.names import POSTS_RAW
from hashtide.metrics import worker as metrics
from stream_jobs import canary, health
from stream_jobs.enriched import EnrichedPost
from stream_jobs.health import Checks, Progress
from stream_jobs.labels import FRESH_MS, CampaignLabels
from stream_jobs.settings import StreamSettings

REQUEST_HEADERS: Final = {
    "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
    "Accept-Encoding": "gzip",
}
"""Prometheus' request headers."""
OPERATIONS: Final = ("create", "put", "amend", "get", "locate", "refresh", "find", "newest", "scan")


def fill(campaigns: int, partitions: int) -> None:
    """Fill a worker's metrics with every possible series, as after a long run."""
    names = [f"campaign-{number}" for number in range(campaigns)]
    settings = StreamSettings()
    labels = CampaignLabels.of(settings, names)
    metrics.begin()
    labels.begin()
    canary.register()
    posts = [
        EnrichedPost(
            platform="any",
            post_id="1",
            created_at_ms=wall_clock_ms(),
            kind=kind,
            campaigns=(*names, "of-another-file"),
            language=language,
            language_source="platform",
            language_confidence=1.0,
            region=region,
            region_source="place",
            region_confidence=1.0,
        )
        for kind in ("original", "reply", "quote", "repost")
        for language in [*settings.metric_languages.split(","), "und", "other"]
        for region in [*settings.metric_regions.split(","), None, "other"]
    ]
    labels.count(posts, wall_clock_ms() + FRESH_MS // 2)
    for platform in ("x", "mastodon", "bluesky", "other"):
        for origin in get_args(Origin):
            metrics.COUNTED.labels(platform, origin).inc()
    metrics.BATCHES.labels(POSTS_RAW).observe(1)
    metrics.BATCH_SECONDS.labels(POSTS_RAW).observe(1)
    for partition in range(partitions):
        metrics.LAG.labels(POSTS_RAW, partition).set(1)
        metrics.LAG_SECONDS.labels(POSTS_RAW, partition).set(1)
        metrics.CACHED_COUNTS.labels(partition).set(1)
        metrics.NEWEST_EVENT.labels(partition).set(1)
    for operation in OPERATIONS:
        metrics.BULK_SECONDS.labels(operation).observe(1)
    for against in ("kafka", "elasticsearch"):
        metrics.CLOCK_SKEW.labels(against).set(0)


@click.command()
@click.option("--campaigns", default=10, show_default=True)
@click.option("--partitions", default=12, show_default=True)
@click.option("--scrapes", default=100, show_default=True)
def main(campaigns: int, partitions: int, scrapes: int) -> None:
    """Print the samples, bytes and milliseconds of a scrape as JSON."""
    fill(campaigns, partitions)
    port = health.serve("127.0.0.1", 0, Checks(Progress(), lambda: True))
    took_ms, body, processor_s = [], b"", time.process_time()
    for _ in range(scrapes):
        started = time.perf_counter()
        with urlopen(Request(f"http://127.0.0.1:{port}/metrics", headers=REQUEST_HEADERS)) as answer:
            body = answer.read()
        took_ms.append((time.perf_counter() - started) * 1000)
    samples = sum(len(family.samples) for family in REGISTRY.collect())
    found: dict[str, float] = {"campaigns": campaigns, "samples": samples, "bytes_packed": len(body)}
    if took_ms:
        processor_ms = (time.process_time() - processor_s) * 1000 / scrapes
        slowest = sorted(took_ms)[int(len(took_ms) * 0.99)]
        found |= {"median_ms": round(statistics.median(took_ms), 1), "p99_ms": round(slowest, 1)}
        found["processor_ms"] = round(processor_ms, 1)  # of both ends, independent of other processes
    click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
