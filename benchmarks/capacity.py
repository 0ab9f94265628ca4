"""Number of count documents by post rate and number of partitions: `python -m benchmarks.capacity`.

There is one count document per minute, set of dimensions and partition, so it is enough to count keys: no server is
needed, and the figures are the same on every machine. The posts are one hour of the product's made-up campaign.
docs/capacity.md explains how to apply the figures to a more, or less, varied stream.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import click
from kafka.partitioner.default import murmur2

from benchmarks.harness.posts import NAMES, start_ms
from hashtide.clock import wall_clock_ms
from hashtide.contract import messages
from hashtide.contract.messages import Post
from hashtide.contract.names import REPLY_VOLUME
from hashtide.contract.reasons import InvalidPost
from producers import formats
from producers.synthetic import campaign
from producers.validation import validate_and_pseudonymise
from stream_jobs.documents.keys import CountKey, count_keys
from stream_jobs.domain.campaign import Campaigns
from stream_jobs.loading import load_enricher, packaged_campaigns

HOUR_S: Final = 3600
SEED: Final = 1


def keyed(posts: int, seed: int) -> Iterator[tuple[int, list[CountKey]]]:
    """For each post of one hour: the hash that decides its partition, and its count keys."""
    enricher, now_ms, seen = load_enricher(Campaigns(packaged_campaigns())), wall_clock_ms(), set[str]()
    for line in campaign.payloads(posts, seed, start_ms(), 1):
        for outcome in formats.parse(line, "native"):
            try:
                assert isinstance(outcome, Post | InvalidPost)
                if isinstance(outcome, InvalidPost):
                    continue
                post = validate_and_pseudonymise(
                    outcome, now_ms=now_ms, names=NAMES, origin="synthetic", source="campaign"
                )
            except InvalidPost:
                continue
            assert isinstance(post, Post)
            if post.post_id not in seen:
                seen.add(post.post_id)
                yield murmur2(messages.key(post)) & 0x7FFFFFFF, count_keys(enricher.enrich(post))


def documents(posts: int, partitions: Sequence[int], seed: int = SEED) -> list[tuple[int, int, int]]:
    """For each number of partitions: posts counted, documents in reply-volume, documents in hashtag-volume."""
    found: dict[int, set[tuple[int, CountKey]]] = {number: set() for number in partitions}
    counted = 0
    for hashed, keys in keyed(posts, seed):
        counted += 1
        for number, in_partitions in found.items():
            in_partitions.update((hashed % number, key) for key in keys)
    tables = [Counter(key.family for _, key in in_partitions) for in_partitions in found.values()]
    return [(counted, table[REPLY_VOLUME], table.total() - table[REPLY_VOLUME]) for table in tables]


@click.command()
@click.option("--rate", "rates", multiple=True, type=float, default=(1, 10, 100), show_default=True, help="Posts/s.")
@click.option("--partitions", multiple=True, type=int, default=(1, 4, 12, 48), show_default=True)
def main(rates: Sequence[float], partitions: Sequence[int]) -> None:
    """Print a Markdown table: documents per 1,000 posts."""
    print("| posts/s | partitions | `reply-volume` | `hashtag-volume` |\n| ---: | ---: | ---: | ---: |")
    for rate in rates:
        for number, (posts, replies, tags) in zip(partitions, documents(round(rate * HOUR_S), partitions), strict=True):
            print(
                f"| {rate:,.0f} | {number} | {replies / posts * 1000:,.0f} | {tags / posts * 1000:,.0f} |", flush=True
            )


if __name__ == "__main__":
    main()
