"""A post with its tags: the enrich agent makes it from a record of posts.raw, and the count agent counts it.

Values that are created in large numbers have gc=False: they cannot be part of a reference cycle, so the garbage
collector can skip them. Measured, this halves the cost of enriching a post.
"""

from typing import Literal

import msgspec

from hashtide.contract.messages import Canary, EmptyEntry, Gap, Origin, PostDelete, Recount

Kind = Literal["original", "reply", "quote", "repost"]

Why = Literal["tag", "counter-tag", "root-reply", "quote-of-root", "repost-of-root", "phrase"]
"""Why a post belongs to a campaign. A closed set."""


class Position(msgspec.Struct, frozen=True, gc=False):
    """Position of a record in one incarnation of posts.raw."""

    topic: str
    """Kafka's UUID of the topic, not its name."""
    partition: int
    offset: int


class EnrichedPost(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A post with its tags, and without its text, unless texts are stored."""

    platform: str
    post_id: str
    created_at_ms: int
    """When it was posted, in milliseconds since the epoch, UTC."""
    time_by: Literal["platform", "author"] = "platform"
    """Who set `created_at_ms`. A time set by the author can change with an edit."""
    kind: Kind
    in_reply_to: str | None = None
    answers_root: bool = False
    hashtags: tuple[str, ...] = ()
    """Distinct, in counting form, without '#'."""
    campaigns: tuple[str, ...] = ()
    """Names of its campaigns, sorted."""
    why: dict[str, tuple[Why, ...]] = {}
    """For each of its campaigns, all reasons."""
    language: str
    language_source: str
    language_confidence: float
    language_claimed: str | None = None
    """The author's own label, if the detector overruled it."""
    region: str | None
    region_source: str | None
    region_confidence: float
    author: str | None = None
    """Keyed hash of the author's id."""
    origin: Origin = "live"
    edited_at_ms: int | None = None
    """Set when this is a later version of the post."""
    text: str | None = None
    """Set only if texts are stored (HASHTIDE_STORE_TEXT)."""


Enriched = EnrichedPost | PostDelete | Gap | Canary | Recount | EmptyEntry
"""What the count agent handles: posts with their tags, and every other message as it is in posts.raw."""
