"""The contract: what producers send and jobs read. Both sides import this module and nothing else of each other.

Messages travel as JSON in the values of `posts.raw`, keyed by `platform:post_id`, so that a post's edits, its deletion
and its duplicates land in the post's own partition, in order.
"""

import hashlib
import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from producers.versions import refuse_newer

POSTS_RAW: Final = "posts.raw"
POSTS_DEAD: Final = "posts.dead"

EARLIEST_MS: Final = 1_136_073_600_000  # 2006-01-01T00:00:00Z: no platform of ours had posts before
LATEST_MS: Final = 253_402_300_799_999  # the end of 9999: a later day is none that an index can be named by
FUTURE_TOLERANCE_MS: Final = 5 * 60 * 1000  # clocks of platforms and ours may differ by this much
MAX_PAYLOAD_BYTES: Final = 1 << 20  # a line above this is refused unread
MAX_ID_CHARS: Final = 512
MAX_TEXT_CHARS: Final = 128 * 1024  # far above any platform's limit
MAX_PARTS: Final = 10_000  # posts of one payload; a line of 1 MiB holds some 3,000 that are any

Origin = Literal["live", "backfill", "replay", "synthetic"]
"""How a post came: as it happened, caught up after a gap, read again from a file, or made up."""

Reason = Literal[
    "not-json",
    "not-a-post",
    "no-id",
    "no-time",
    "no-text",
    "in-the-future",
    "before-2006",
    "too-old",
    "too-large",
    "wrong-type",
    "unsupported-format",
    "private",
    "undecodable",
    "refused-by-elasticsearch",
    "older-than-retention",
]
"""Why a payload or message became a dead letter. A closed set: it is a metric label."""


Id = Annotated[str, Meta(max_length=MAX_ID_CHARS)]
"""What something is called, by its platform or here. Bounded where messages are read, too: Kafka has limits of its own,
and a message that is larger behind the enrich step than before it would stop that for good."""
Platform = Annotated[str, Meta(max_length=32)]


class InvalidPost(ValueError):
    """A payload or message that can't become a post. `detail` is for people and quotes no post."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


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
    """The platform's author id when a format made it; its keyed hash once `intake.accept` has let it pass."""
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


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What could not go on, with all that is needed to look at it and to send it again."""

    type: Literal["letter"] = "letter"
    """Left out; one of a newer schema has it, and a number in it (producers/versions.py)."""
    reason: Reason
    detail: str
    source: str
    """Where it was met: `file:NAME`, `campaign`, `posts.raw`, `posts.enriched`."""
    position: str
    """Where in the source: a line number, or `partition:offset`."""
    payload: bytes
    """The raw bytes (base64 in the JSON), cut to MAX_PAYLOAD_BYTES; none where they were not to be kept."""
    at_ms: int
    size: int | None = None
    """How many bytes there were, where they were not kept."""
    digest: str | None = None
    """BLAKE2b of 8 bytes over them, in hex, where they were not kept."""

    @property
    def kept(self) -> bool:
        """Whether the bytes are here, as many as there were room for."""
        return self.size is None


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Sent] = msgspec.json.Decoder(Sent)
_dead_decoder = msgspec.json.Decoder(DeadLetter)


def key(message: Sent) -> bytes:
    """The Kafka key, `platform:post_id`: the same for a post, its edits and its deletion. A gap's is its source."""
    if isinstance(message, Canary):
        return CANARY_KEY
    if isinstance(message, Gap):
        return f"gap:{message.source}".encode()
    post = message.post if isinstance(message, PostEdit) else message
    return f"{post.platform}:{post.post_id}".encode()


def dead_letter_key(letter: DeadLetter) -> bytes:
    """Where it came from and what it was, so that reading a source again makes no second dead letter."""
    return f"{letter.source}|{letter.position}|{letter.digest or _payload_digest(letter.payload)}".encode()


def without_payload(letter: DeadLetter) -> DeadLetter:
    """The letter without the bytes that could not go on; its key is the same, so it takes that one's place."""
    if not letter.payload:
        return letter
    digest = _payload_digest(letter.payload)
    return msgspec.structs.replace(letter, payload=b"", size=len(letter.payload), digest=digest)


def _payload_digest(payload: bytes) -> str:
    return hashlib.blake2b(payload, digest_size=8).hexdigest()


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


def decode_dead_letter(value: bytes) -> DeadLetter:
    """The dead letter in the bytes of a Kafka value. Raises msgspec.MsgspecError."""
    return _dead_decoder.decode(value)
