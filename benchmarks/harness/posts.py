"""Made-up input streams: the product's campaign of 48 hours, in the formats that the benchmarks need."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import msgspec

from benchmarks.harness import job
from hashtide.contract.messages import Post
from hashtide.contract.reasons import InvalidPost
from hashtide.identity import Keys, Pseudonyms
from producers import formats
from producers.synthetic import campaign
from producers.validation import validate_and_pseudonymise

SEED: Final = 7
HOURS: Final = 48
KEY: Final = b"a key for benchmarks, no secret."
NAMES: Final = Pseudonyms(Keys(KEY))

BROKEN: Final = b"x:broken"
"""The key of a payload that is not a post."""

_HOUR_MS: Final = 3_600_000
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


class Truth(msgspec.Struct, frozen=True):
    """The correct result of a stream."""

    messages: int
    counted: int
    """The sum of all counts."""
    counts: int
    """The number of counts."""
    digest: str


def start_ms() -> int:
    """Start of the campaign. It ends at the last full hour, because brokers drop old records of some contestants."""
    return (int(time.time() * 1000) // _HOUR_MS - HOURS) * _HOUR_MS


def lines(posts: int, seed: int = SEED) -> Iterator[bytes]:
    """The campaign's lines in the native format, including disorder, duplicates, late posts and broken lines."""
    return campaign.payloads(posts, seed, start_ms(), HOURS)


def contract_posts(posts: int, seed: int = SEED) -> Iterator[Post]:
    """The campaign as the enrich agent reads it: the posts in `lines` that pass validation, pseudonymised."""
    now_ms = int(time.time() * 1000)
    for line in lines(posts, seed):
        for outcome in formats.parse(line, "native"):
            try:
                if isinstance(outcome, Post):
                    post = validate_and_pseudonymise(
                        outcome, now_ms=now_ms, names=NAMES, origin="synthetic", source="campaign"
                    )
                    assert isinstance(post, Post)
                    yield post
            except InvalidPost:
                continue


def x_payloads(posts: int, seed: int = SEED) -> Iterator[tuple[bytes, bytes]]:
    """The campaign in X API v2's format: key (platform:id) and payload of about 900 bytes. Broken lines stay broken."""
    for line, native in _natives(posts, seed):
        yield (BROKEN, line) if native is None else _x_v2(native)


def hashtag_payloads(posts: int) -> Iterator[tuple[bytes, bytes]]:
    """`posts` payloads that have a hashtag, or are broken, as from a hashtag rule.

    Half of the campaign's replies have no hashtag, because they answer the root: systems would have nothing to count.
    Three of ten have no language, as on platforms without languages.
    """

    def tagged() -> Iterator[tuple[bytes, bytes]]:
        for line, native in _natives(posts * 5 // 2, SEED):
            if native is None:
                yield BROKEN, line
            elif "#" in native["text"]:
                if int(native["id"]) % 10 < 3:
                    native.pop("lang", None)
                yield _x_v2(native)

    return islice(tagged(), posts)


def _natives(posts: int, seed: int) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Each line with its decoded content; None for a broken line."""
    for line in lines(posts, seed):
        try:
            native = _decode(line)
            yield line, native if native.keys() >= {"id", "text", "author_id", "created_at"} else None
        except (msgspec.MsgspecError, UnicodeDecodeError, AttributeError):
            yield line, None


def truth(payloads: Iterable[bytes]) -> Truth:
    """The correct result of the contest's job."""
    counts: Counter[job.Key] = Counter()
    messages = 0
    for payload in payloads:
        messages += 1
        counts.update(job.keys(payload))
    return Truth(messages, sum(counts.values()), len(counts), digest(counts))


def digest(counts: Mapping[job.Key, int]) -> str:
    """A hash of the counts, independent of their order."""
    rows = sorted([*key, count] for key, count in counts.items())
    return hashlib.sha256(_encode(rows)).hexdigest()


def _x_v2(native: dict[str, Any]) -> tuple[bytes, bytes]:
    """Key and payload."""
    post_id, author, text = native["id"], native["author_id"], native["text"]
    made = int(post_id)
    answered, language = native.get("in_reply_to"), native.get("lang")
    data = {
        "id": post_id,
        "text": text,
        "created_at": native["created_at"],
        "author_id": author,
        "edit_history_tweet_ids": [post_id],
        "conversation_id": native.get("conversation_id", post_id),
        "reply_settings": "everyone",
        "possibly_sensitive": False,
        "public_metrics": {
            "retweet_count": made % 7,
            "reply_count": made % 5,
            "like_count": made % 97,
            "quote_count": made % 3,
        },
        "referenced_tweets": [{"type": "replied_to", "id": answered}] if answered else [],
        "entities": {"hashtags": [{"start": 0, "end": len(tag), "tag": tag} for tag in text.split() if tag[:1] == "#"]},
    } | ({"lang": language} if language else {})
    user = {
        "id": author,
        "name": f"Somebody {author}",
        "username": f"somebody{author}",
        "created_at": "2012-03-04T05:06:07.000Z",
        "location": native.get("location", ""),
    }
    document = {
        "data": data,
        "includes": {"users": [user]},
        "matching_rules": [{"id": "17000000001", "tag": "metoo"}],
    }
    return f"x:{post_id}".encode(), _encode(document)
