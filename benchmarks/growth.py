"""How cost grows with workers, backlog, campaigns and hashtags: `python -m benchmarks.growth`.

Workers (one per partition) and the backlog of posts are measured on real workers. Campaigns, and hashtags in a window,
are measured on the agents alone, in CPU time, with a stand-in for Elasticsearch on another core. The microseconds per
post should stay flat; docs/growth.svg shows all four.
"""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click
import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.harness import posts as streams
from benchmarks.harness import standin, table
from benchmarks.harness.machine import ROOT
from benchmarks.harness.servers import Servers, servers
from benchmarks.harness.table import Row
from benchmarks.product import drain, produce_campaign
from benchmarks.steps import BULK_BYTES, TOPIC_ID, Clock, batches, count_agent, parts
from hashtide.clock import wall_clock_ms
from hashtide.contract.messages import encode
from hashtide.contract.names import POSTS_DEAD, POSTS_RAW
from stream_jobs.agents.enrich import EnrichAgent
from stream_jobs.agents.events import EnrichedBatch, Event
from stream_jobs.domain.campaign import Campaign, Campaigns
from stream_jobs.enriched import EnrichedPost
from stream_jobs.loading import load_enricher, packaged_campaigns
from stream_jobs.store.elasticsearch import Elasticsearch

PART: Final = "growth"
PLOT: Final = ROOT / "docs" / "growth.svg"
HOW: Final = "Ratios: to the first row of each kind. Workers share their cores with Kafka and Elasticsearch."
WORKERS: Final = (1, 2, 4)
CAMPAIGNS: Final = (1, 10, 100)
HASHTAGS: Final = (10, 100, 1_000, 10_000)
BACKLOG: Final = (0.05, 0.2, 1.0)
WINDOW_MS: Final = 1_508_097_600_000  # 2017-10-15T20:00:00Z

Figures = dict[float, list[float]]
"""Size -> the figure of each round."""


def measure(posts: int, rounds: int) -> tuple[list[Row], Mapping[str, Figures]]:
    """Measure all four; returns rows, and figures by kind. Blocks for a long time."""
    kinds: dict[str, Figures] = {}
    with servers(any_core=True) as them:
        kinds["workers: posts/s"] = _rounds(WORKERS, rounds, partial(_of_workers, them, posts))
        kinds["posts waiting: us of processor a post"] = _rounds(
            [int(posts * share) for share in BACKLOG], rounds, partial(_of_backlog, them)
        )
    kinds["campaigns: us in the enrich agent"] = _rounds(CAMPAIGNS, rounds, partial(_of_campaigns, posts // 10))
    kinds["hashtags in a window: us in the count agent"] = _rounds(HASHTAGS, rounds, partial(_of_hashtags, posts // 10))
    rows = []
    for kind, figures in kinds.items():
        what, unit = kind.split(": ")
        base = Row(PART, what, unit, next(iter(figures.values()))).median
        rows += [Row(PART, f"{what}: {grown:,}", unit, values, base) for grown, values in figures.items()]
    return rows, kinds


def plot(kinds: Mapping[str, Figures], path: Path) -> None:
    """Draw the medians of each kind over the size, with axes from 0."""
    mpl.rcParams["svg.hashsalt"] = PART  # deterministic output
    figure = Figure(figsize=(10, 6), layout="constrained")
    for axes, (kind, figures) in zip(figure.subplots(2, 2).flat, kinds.items(), strict=True):
        what, unit = kind.split(": ")
        medians = [Row(PART, what, unit, values).median for values in figures.values()]
        axes.plot(range(len(figures)), medians, marker="o")
        axes.set_xticks(range(len(figures)), [f"{grown:,}" for grown in figures])
        axes.set_ylim(bottom=0, top=max(medians) * 1.2)
        axes.set_xlabel(what)
        axes.set_ylabel(unit)
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


def _rounds(sizes: Sequence[int], rounds: int, run: Callable[[int], float]) -> Figures:
    figures: Figures = defaultdict(list)
    for _ in range(rounds):
        for size in sizes:
            figures[size].append(run(size))
    return figures


def _fill(them: Servers, partitions: int, posts: int) -> None:
    them.setup(partitions=str(partitions))
    for topic in (POSTS_RAW, POSTS_DEAD):
        them.renew(topic, partitions)
    produce_campaign(them, posts)


def _of_workers(them: Servers, posts: int, workers: int) -> float:
    """Posts per second with this number of workers, each with one partition."""
    _fill(them, workers, posts)
    cores = [number % (os.cpu_count() or 1) for number in range(workers)]
    return posts / drain(them, cores=cores).seconds


def _of_backlog(them: Servers, posts: int) -> float:
    """CPU time per post, in microseconds, of one worker with a backlog of this many posts."""
    _fill(them, 4, posts)
    return drain(them).cpu_s / posts * 1e6


def _of_campaigns(posts: int, count: int) -> float:
    """CPU time per post in the enrich agent, in microseconds, with `count` campaigns: ours, and others that match some
    posts."""
    campaigns = (*packaged_campaigns(), *map(_campaign, range(count - 1)))
    agent = EnrichAgent(load_enricher(Campaigns(campaigns)), topic_id=TOPIC_ID, clock_ms=wall_clock_ms)
    values = [encode(post) for post in streams.contract_posts(posts)]
    clock = Clock(len(values))
    for _ in range(2):  # the first run fills the caches; the second is measured
        clock.batches("enrich", agent.enrich, batches(values))
    return clock.us["enrich"]


def _campaign(number: int) -> Campaign:
    tags = tuple(f"other{number}tag{each}" for each in range(20))
    phrases = tuple(f"word{number} phrase{each}" for each in range(5))
    return Campaign(name=f"other-{number}", tags=(*tags, "believewomen"), phrases=phrases, phrases_anywhere=True)


def _of_hashtags(posts: int, count: int) -> float:
    """CPU time per post in the count agent and its client, in microseconds, with `count` hashtags in a window."""
    draw = random.Random(streams.SEED)
    events = [Event(number, _tagged(number, f"tag{draw.randrange(count)}")) for number in range(posts)]
    made = [EnrichedBatch(0, 1, part, ()) for part in parts(events)]
    clock = Clock(posts)

    async def run(url: str) -> None:
        async with Elasticsearch(url, BULK_BYTES) as store:
            for _ in range(2):  # the first run warms up
                await clock.awaited("count", count_agent(store).handle, made)

    with standin.running() as url:
        asyncio.run(run(url))
    return clock.us["count"]


def _tagged(number: int, hashtag: str) -> EnrichedPost:
    return EnrichedPost(
        platform="x",
        post_id=str(number),
        created_at_ms=WINDOW_MS,
        kind="reply",
        hashtags=("metoo", hashtag),
        campaigns=("metoo",),
        language="en",
        language_source="platform",
        language_confidence=1.0,
        region=None,
        region_source=None,
        region_confidence=0.0,
    )


@click.command()
@click.option("--posts", default=100_000, show_default=True, help="Number of posts in a run on real workers.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--write", is_flag=True, help="Write the result to docs/performance.md, and the plot to docs/growth.svg.")
def main(posts: int, rounds: int, write: bool) -> None:
    """Measure how cost grows with workers, backlog, campaigns and hashtags."""
    rows, kinds = measure(posts, rounds)
    table.show(rows)
    if write:
        table.write(PART, rows, HOW)
        plot(kinds, PLOT)


if __name__ == "__main__":
    main()
