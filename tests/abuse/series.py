"""In a process of its own, so that its registry has nothing of other tests: 20,000 hostile posts, and the series before
and after, as JSON: metric to number of series; and the labels that came from posts."""

import asyncio
import json
import sys
from collections import Counter
from typing import Any, Final

import msgspec
from prometheus_client import REGISTRY

from hashtide.metrics import worker as metrics
from stream_jobs.enriched import EnrichedPost
from tests.abuse.pipeline import NOW_MS, Way
from tests.fakes.labels import LABELS
from tests.unit.stream_jobs.agents import counting

POSTS: Final = 10_000
NAMES: Final = ("metoo\n", 'a"} 1\n', "{}", "\\", "\x00", "\u202e", "le", "a" * 500)
KINDS: Final = ("original", "reply", "quote", "repost")


def series() -> dict[str, int]:
    """Number of series of each metric in /metrics."""
    return dict(Counter(sample.name for family in REGISTRY.collect() for sample in family.samples))


def payload(number: int) -> bytes:
    """What a platform may send: no two have anything in common."""
    hostile = {
        "id": str(number),
        "text": f"me too #written{number}",
        "created_at": NOW_MS,
        "platform": f"p{number}",
        "lang": f"{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}{chr(97 + number // 676 % 26)}",
        "place_country": f"{chr(65 + number % 26)}{chr(65 + number // 26 % 26)}",
        "location": f"Town {number}",
        "hashtags": [f"listed{number}", "LightALantern"],
        "author_id": f"a{number}",
    }
    return json.dumps(hostile if number % 10 else hostile | {"created_at": f"never {number}"}).encode()


def enriched(number: int) -> EnrichedPost:
    """A post with tags that no detector gives, and campaigns that no file names."""
    name = f"{NAMES[number % len(NAMES)]}{number}"
    post: EnrichedPost = msgspec.structs.replace(
        counting.POST,
        post_id=f"e{number}",
        created_at_ms=NOW_MS,
        origin="live",
        kind=KINDS[number % 4],
        platform=f"q{number}",
        language=name,
        region=name,
        hashtags=(name,),
        campaigns=(name, "metoo"),
    )
    return post


async def main() -> dict[str, Any]:
    counting.NOW_MS = NOW_MS
    metrics.begin()
    LABELS.begin()
    way = Way()
    await way.take(payload(1), b"no json", payload(10))
    await way.count(*map(enriched, range(4)))
    before = series()
    for first in range(0, POSTS, 500):
        way = Way()
        await way.take(*map(payload, range(first, first + 500)))
        await way.count(*map(enriched, range(first, first + 500)))
    labels = [sample.labels for family in REGISTRY.collect() for sample in family.samples]
    of_posts = {name: sorted({each[name] for each in labels if name in each}) for name in ("campaign", "platform")}
    return {"before": before, "after": series(), "labels": of_posts}


if __name__ == "__main__":
    json.dump(asyncio.run(main()), sys.stdout)
