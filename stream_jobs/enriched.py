"""The messages in `posts.enriched`: what the enrich agent writes and the count agent reads.

Values have gc=False wherever many are made: they can't be part of a cycle, and with them the garbage collector has
nothing to go through. Measured, that is half of what enriching a post costs.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hashtide.contract.bounds import EARLIEST_MS, LATEST_MS
from hashtide.contract.messages import Canary, Gap, Id, Origin, Platform, problem
from hashtide.contract.reasons import InvalidPost
from hashtide.contract.versions import refuse_newer

Why = Literal["tag", "counter-tag", "root-reply", "quote-of-root", "repost-of-root", "phrase"]
"""Why a post belongs to a campaign. A closed set: it is a label."""

Kind = Literal["original", "reply", "quote", "repost"]


class Position(msgspec.Struct, frozen=True, gc=False):
    """A record's place in one life of a topic."""

    topic: str
    """Kafka's UUID of the topic, not its name."""
    partition: int
    offset: int


class EnrichedPost(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="type", tag="post"
):
    """A post with its tags, and no more of its text, unless texts are to be stored."""

    platform: Platform
    post_id: Id
    created_at_ms: int
    kind: Kind
    in_reply_to: Id | None = None
    answers_root: bool = False
    hashtags: tuple[str, ...] = ()
    """Distinct, in counting form."""
    campaigns: tuple[str, ...] = ()
    """Names of the campaigns that it belongs to, sorted."""
    why: dict[str, tuple[Why, ...]] = {}
    """For each of its campaigns every reason for which it belongs there."""
    language: str
    language_source: str
    language_confidence: float
    language_claimed: str | None = None
    """The author's own label, where the detector overruled it."""
    region: str | None
    region_source: str | None
    region_confidence: float
    author: str | None = None
    """Keyed hash."""
    origin: Origin = "live"
    edited_at_ms: int | None = None
    """Set when this is a later version of the post."""
    raw: Position | None = None
    """Where in posts.raw it came from: a second message from there is the enrich agent's own re-send."""
    text: str | None = None
    """Where texts are stored (HASHTIDE_STORE_TEXT), for the ledger."""


class DeletedPost(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="delete"):
    """A deletion on its way to the post's documents."""

    platform: Platform
    post_id: Id
    deleted_at_ms: int | None = None
    raw: Position | None = None


class Recount(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="recount"):
    """An order to the count agent: count a window again from the ledger, for the partition that this lies in."""

    window_ms: Annotated[int, Meta(ge=EARLIEST_MS, le=LATEST_MS)]


Enriched = EnrichedPost | DeletedPost | Gap | Canary | Recount

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Enriched] = msgspec.json.Decoder(Enriched)


def encode(message: Enriched) -> bytes:
    """JSON bytes of a message."""
    return _encoder.encode(message)


def decode(value: bytes) -> Enriched:
    """The message in the bytes of a Kafka value. Raises InvalidPost("undecodable"), NewerMessage."""
    try:
        return _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        refuse_newer(value)
        raise InvalidPost("undecodable", problem(error)) from None
