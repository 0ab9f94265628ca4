"""The messages of `posts.raw`: what producers send and workers read.

Messages travel as JSON in the values of `posts.raw`, keyed by `platform:post_id`, so that a post's edits, its deletion
and its duplicates land in the post's own partition, in order.
"""

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from hashtide.contract.bounds import LATEST_MS, MAX_ID_CHARS
from hashtide.contract.dead_letters import DeadLetter
from hashtide.contract.reasons import InvalidPost
from hashtide.contract.versions import refuse_newer

Origin = Literal["live", "backfill", "replay", "synthetic"]
"""How a post came: as it happened, caught up after a gap, read again from a file, or made up."""


Id = Annotated[str, Meta(max_length=MAX_ID_CHARS)]
"""What something is called, by its platform or here. Bounded where messages are read, too: Kafka has limits of its own,
and a message that is larger behind the enrich step than before it would stop that for good."""
Platform = Annotated[str, Meta(max_length=32)]


class Post(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="type", tag="post"):
    """One post, as its platform told it. Ids are strings, always, and belong to `platform`."""

    platform: Platform
    """Short name of the platform: x, mastodon, bluesky, or what a file says."""
    post_id: Id
    created_at_ms: int
    """When it was posted, in milliseconds since the epoch, UTC."""
    text: str
    """Plain text, whole: of a repost, the original's."""
    author: Id | None = None
    """The platform's author id when a format made it; its keyed hash after `producers.validation` accepted it."""
    in_reply_to: Id | None = None
    """The post this one answers. A mention alone is no reply."""
    conversation: Id | None = None
    """The first post of the thread, where the platform names it."""
    quoted: Id | None = None
    reposted: Id | None = None
    hashtags: tuple[str, ...] | None = None
    """The platform's own list, as written, without '#'. None: the platform gave none, look in the text."""
    lang: str | None = None
    """A language tag as the platform wrote it, unchecked."""
    lang_by: Literal["platform", "author"] = "platform"
    """Who set `lang`: the platform's detector, or the author's own label (Mastodon, Bluesky)."""
    coordinates: tuple[float, float] | None = None
    """(longitude, latitude) in degrees: GeoJSON's order (RFC 7946, 3.1.1)."""
    place_country: str | None = None
    """ISO 3166-1 alpha-2 of the place the platform attached, unchecked."""
    location: str | None = None
    """What the author's profile says of where they are: free text."""
    origin: Origin = "live"
    source: str = ""
    """Which source sent it, for people: `file`, `campaign`, `x`."""


class PostEdit(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="edit"):
    """A new version of a post. It replaces; it is not a second post, and moves no count.

    `post` is the whole new version under the first version's id and time, so that an edit whose post was never seen
    can stand in for it.
    """

    post: Post
    edited_at_ms: int


class PostDelete(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="type", tag="delete"
):
    """The platform says that a post is gone: its documents are emptied. Counts stay: it was posted."""

    platform: Platform
    post_id: Id
    deleted_at_ms: int | None = None


Message = Post | PostEdit | PostDelete


class Gap(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="gap"):
    """A time in which a source may have missed posts. It goes the way of a post, and becomes a document."""

    source: Id
    """Which source and, where it has several, which of its hosts: `mastodon:example.social`."""
    from_ms: int
    to_ms: int
    reason: Literal["disconnected", "stalled", "limited", "cursor-too-old", "too-slow", "truncated"]
    estimated_posts: int | None = None
    """How many posts are missing, where the platform says so."""


class Canary(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="canary"):
    """A sign of life. It goes the way of a post, is counted nowhere, and becomes a document that a search must find."""

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
    sent_at_ms: Annotated[int, Meta(ge=0, le=LATEST_MS)]


CANARY_KEY: Final = b"canary"
"""The Kafka key of every canary. No post has it: theirs have a colon."""

Sent = Message | Gap | Canary
"""What travels in `posts.raw`."""


class Control(msgspec.Struct, frozen=True):
    """A payload that is no post and nothing wrong either: keep-alives, limits, warnings. Counted, never sent on."""

    name: str
    """What kind, from a set bounded by the format: `keep-alive`, `limit`, `disconnect`."""
    estimated_loss: int = 0
    """Posts that the platform says it held back, where it says so."""


Parsed = Message | Control


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Sent] = msgspec.json.Decoder(Sent)


def key(message: Sent) -> bytes:
    """The Kafka key, `platform:post_id`: the same for a post, its edits and its deletion. A gap's is its source."""
    if isinstance(message, Canary):
        return CANARY_KEY
    if isinstance(message, Gap):
        return f"gap:{message.source}".encode()
    post = message.post if isinstance(message, PostEdit) else message
    return f"{post.platform}:{post.post_id}".encode()


def encode(message: Sent | DeadLetter) -> bytes:
    """JSON bytes of a message. Raises nothing for values whose strings are valid Unicode."""
    return _encoder.encode(message)


def decode(value: bytes) -> Sent:
    """The message in the bytes of a Kafka value. Raises InvalidPost("undecodable"), NewerMessage."""
    try:
        return _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        refuse_newer(value)
        raise InvalidPost("undecodable", problem(error)) from None


def problem(error: Exception) -> str:
    """What a decoder has against a payload, without the value that it quotes: it may be anything."""
    return re.sub("value '.*'", "value", str(error), flags=re.DOTALL)
