"""What the counts must be: a trivial reference, with a dictionary where the pipeline has a ledger."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import astuple

from hashtide.contract.messages import Message, Origin, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from hashtide.identity import Keys, Pseudonyms
from producers import formats
from producers.validation import validate_and_pseudonymise
from stream_jobs.documents.keys import count_keys
from stream_jobs.domain.enrich import Enricher

KEY = b"k" * 32
NAMES = Pseudonyms(Keys(KEY))


def truth(payloads: Iterable[bytes], enricher: Enricher, *, now_ms: int, origin: Origin) -> Counter[tuple[Any, ...]]:
    """The count of every key over the distinct posts in native payloads; broken ones don't count."""
    return counted(accepted(payloads, now_ms=now_ms, origin=origin), enricher)


def accepted(payloads: Iterable[bytes], *, now_ms: int, origin: Origin) -> Iterator[Post]:
    """The posts in native payloads, as they are let in; not the broken ones."""
    for payload in payloads:
        for outcome in formats.parse(payload, "native"):
            try:
                if isinstance(outcome, Post):
                    post = validate_and_pseudonymise(outcome, now_ms=now_ms, names=NAMES, origin=origin, source="truth")
                    assert isinstance(post, Post)
                    yield post
            except InvalidPost:
                continue


def counted(messages: Iterable[Message], enricher: Enricher) -> Counter[tuple[Any, ...]]:
    """The count of every key, once for each post in messages: as its first version says, which may be an edit."""
    posts: dict[tuple[str, str], Post] = {}
    for message in messages:
        if not isinstance(message, PostDelete):
            post = message.post if isinstance(message, PostEdit) else message
            posts.setdefault((post.platform, post.post_id), post)
    return Counter(astuple(key) for post in posts.values() for key in count_keys(enricher.enrich(post)))
