"""The messages of `posts.raw`: what producers send and workers read.

Values are JSON. The key is `platform:post_id`, so that a post's edits, deletion and duplicates land in the partition of
the post, in order.
"""

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from hashtide.contract.bounds import EARLIEST_MS, LATEST_MS, MAX_ID_CHARS
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.reasons import InvalidPost
from hashtide.contract.versions import refuse_newer

Origin = Literal["live", "backfill", "replay", "synthetic"]
"""How a post arrived: live, caught up after a gap, read from a file, or made up."""


Id = Annotated[str, Meta(max_length=MAX_ID_CHARS)]
"""An id, the platform's or ours. Decoding checks the limit, too: a message that outgrows Kafka's size limit on its
way would stop its worker for good."""
Platform = Annotated[str, Meta(max_length=32)]


class Post(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="type", tag="post"):
    """One post, as its platform sent it. Ids are always strings, and unique only within `platform`."""

    platform: Platform
    """Short name of the platform: x, mastodon, bluesky, or the name that a file gives."""
    post_id: Id
    created_at_ms: int
    """When it was posted, in milliseconds since the epoch, UTC."""
    time_by: Literal["platform", "author"] = "platform"
    """Who set `created_at_ms`. A time that the author can change with an edit does not date the original post."""
    text: str
    """The whole plain text; of a repost, the original's."""
    author: Id | None = None
    """The platform's author id after parsing; its keyed hash after `producers.validation`."""
    in_reply_to: Id | None = None
    """The post that this one replies to. A mention alone is not a reply."""
    conversation: Id | None = None
    """The first post of the thread, if the platform names it."""
    quoted: Id | None = None
    reposted: Id | None = None
    hashtags: tuple[str, ...] | None = None
    """The platform's own list, as written, without '#'. None: the platform gave no list, search the text."""
    lang: str | None = None
    """A language tag as the platform wrote it, unchecked."""
    lang_by: Literal["platform", "author"] = "platform"
    """Who set `lang`: the platform's detector, or the author's own label (Mastodon, Bluesky)."""
    coordinates: tuple[float, float] | None = None
    """(longitude, latitude) in degrees: GeoJSON's order (RFC 7946, 3.1.1)."""
    place_country: str | None = None
    """ISO 3166-1 alpha-2 of the place the platform attached, unchecked."""
    location: str | None = None
    """The location in the author's profile: free text."""
    origin: Origin = "live"
    source: str = ""
    """The source that sent it, for people: `file`, `campaign`, `x`."""


class PostEdit(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="edit"):
    """A new version of a post. It replaces the post and changes no count.

    `post` is the whole new version with the id and time of the first one, so that an edit can stand in for a post that
    was never seen.
    """

    post: Post
    edited_at_ms: int


class PostDelete(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="type", tag="delete"
):
    """The platform reports a post as deleted: its documents are emptied. Counts stay, because it was posted."""

    platform: Platform
    post_id: Id
    deleted_at_ms: int | None = None


Message = Post | PostEdit | PostDelete


class Gap(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="gap"):
    """A time in which a source may have missed posts. It follows the same path as a post, and becomes a document."""

    source: Id
    """The source and, if it has several hosts, the host: `mastodon:example.social`."""
    from_ms: int
    to_ms: int
    reason: Literal["disconnected", "stalled", "limited", "cursor-too-old", "too-slow", "truncated"]
    estimated_posts: int | None = None
    """How many posts are missing, if the platform says so."""


class Canary(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="canary"):
    """A probe. It follows the same path as a post, is not counted, and becomes a document that a search must find."""

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
    sent_at_ms: Annotated[int, Meta(ge=0, le=LATEST_MS)]


CANARY_KEY: Final = b"canary"
"""The Kafka key of every canary. No post has it: the key of a post contains a colon."""


class Recount(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="recount/2"):
    """An order to the worker: count a window again from the ledger, for the partition that the order is in."""

    window_ms: Annotated[int, Meta(ge=EARLIEST_MS, le=LATEST_MS)]


class EmptyEntry(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="type", tag="empty/2"
):
    """An order to the worker: empty a ledger entry. It is sent to the partition that the entry was made in, so that it
    never overtakes the count of its post."""

    index: Annotated[str, Meta(pattern=r"^posts-[0-9]{4}\.[0-9]{2}\.[0-9]{2}\Z")]
    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    """Of the ledger document."""
    deleted_at_ms: int | None = None


Order = Recount | EmptyEntry
"""Instructions to the worker of a partition, handled in their place among the posts."""

ORDER_KEY: Final = b"order"
"""The Kafka key of every order. No post has it: the key of a post contains a colon."""

Sent = Message | Gap | Canary | Order
"""Every message of `posts.raw`."""


class Control(msgspec.Struct, frozen=True):
    """A payload that is neither a post nor an error: keep-alives, limits, warnings. Counted, never published."""

    name: str
    """The kind, one of a fixed set per format: `keep-alive`, `limit`, `disconnect`."""
    estimated_loss: int = 0
    """Posts that the platform says it held back, if it says so."""


Parsed = Message | Control


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Sent] = msgspec.json.Decoder(Sent)


def key(message: Sent) -> bytes:
    """The Kafka key, `platform:post_id`: the same for a post, its edits and its deletion. A gap's is its source."""
    if isinstance(message, Canary):
        return CANARY_KEY
    if isinstance(message, Order):
        return ORDER_KEY
    if isinstance(message, Gap):
        return f"gap:{message.source}".encode()
    post = message.post if isinstance(message, PostEdit) else message
    return f"{post.platform}:{post.post_id}".encode()


def encode(message: Sent | DeadLetter) -> bytes:
    """The message as JSON bytes. Raises nothing if its strings are valid Unicode."""
    return _encoder.encode(message)


def decode(value: bytes) -> Sent:
    """Decode a Kafka value. Raises InvalidPost("undecodable"), NewerMessage."""
    try:
        return _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        refuse_newer(value)
        raise InvalidPost("undecodable", problem(error)) from None


def problem(error: Exception) -> str:
    """The decoder's error without the value that it quotes, which may be anything."""
    return re.sub("value '.*'", "value", str(error), flags=re.DOTALL)
