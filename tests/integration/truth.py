"""What the counts must be: a trivial reference, with a dictionary where the pipeline has a ledger."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from producers import formats
from producers.contract import InvalidPost, Origin, Post
from producers.intake import accept
from stream_jobs.domain.enrich import Enricher
from stream_jobs.sinks.documents import count_keys

KEY = b"k" * 32


def truth(payloads: Iterable[bytes], enricher: Enricher, *, now_ms: int, origin: Origin) -> Counter[tuple[Any, ...]]:
    """The count of every key over the distinct posts in native payloads; broken ones don't count."""
    posts: dict[str, Post] = {}
    for payload in payloads:
        for outcome in formats.parse(payload, "native"):
            try:
                if isinstance(outcome, Post):
                    post = accept(outcome, now_ms=now_ms, author_key=KEY, origin=origin, source="truth")
                    assert isinstance(post, Post)
                    posts.setdefault(f"{post.platform}:{post.post_id}", post)
            except InvalidPost:
                continue
    return Counter(tuple(key) for post in posts.values() for key in count_keys(enricher.enrich(post)))
