"""X API v1.1: tweets of the streaming and REST APIs, search pages, and the stream's control messages.

Sources: "Tweet object", "Tweet updates" (extended tweets), "Edit Tweets" and "Streaming message types" in X's developer
documentation.

- The whole text of a long tweet is in `extended_tweet.full_text` (streaming) or in the top-level `full_text` (REST in
  extended mode). Without both, the tweet is `truncated`, and `text` is all there is.
- `display_text_range` is the part of the text that X shows; it excludes mentions and the tweet's own links.
- A retweet's text, tags and language are those of `retweeted_status`. The `quoted_status_id` of a retweet of a quote
  is the original's, and is ignored: API v2 does not give it, and both copies must be equal.
- `in_reply_to_user_id` alone is a mention, not a reply. The thread's root is not given: `conversation` stays empty.
- Many archives passed `id` through floating point (…700 for …696): `id_str` takes precedence.
- Gnip's Activity Streams, the older enterprise form, are refused with a named reason.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hashtide.contract.messages import Control, Parsed, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from producers.formats import x
from producers.formats.payload import (
    Id,
    Outcome,
    Time,
    coordinates,
    decode,
    ident,
    items,
    optional_id,
    optional_text,
    required_text,
    tags,
    time_ms,
)

TWEET_KEYS: Final = frozenset(
    (
        "id_str",
        "truncated",
        "full_text",
        "extended_tweet",
        "retweeted_status",
        "in_reply_to_status_id",
        "favorite_count",
    )
)
"""Top-level keys that only tweets of this version have."""

ACTIVITY_STREAMS: Final = frozenset(("objectType", "verb", "postedTime"))
CONTROLS: Final = (
    "limit",
    "delete",
    "scrub_geo",
    "status_withheld",
    "user_withheld",
    "warning",
    "disconnect",
    "friends",
    "friends_str",
    "event",
    "direct_message",
    "control",
    "user_update",
    "user_delete",
    "user_undelete",
    "user_protect",
    "user_unprotect",
    "user_suspend",
    "user_unsuspend",
)


class _V1Hashtag(msgspec.Struct, frozen=True):
    text: str | None = None


class _V1Entities(msgspec.Struct, frozen=True):
    hashtags: list[_V1Hashtag] | None = None


class _Extended(msgspec.Struct, frozen=True):
    full_text: str | None = None
    display_text_range: list[int] | None = None
    entities: _V1Entities | None = None


class _V1User(msgspec.Struct, frozen=True):
    id_str: Id = None
    id: Id = None
    location: str | None = None


class _V1Place(msgspec.Struct, frozen=True):
    country_code: str | None = None


class _Named(msgspec.Struct, frozen=True):
    """Another tweet; only its id matters."""

    id_str: Id = None
    id: Id = None


class _EditHistory(msgspec.Struct, frozen=True):
    """The first version, as the enterprise streams name it."""

    initial_tweet_id: Id = None


class _EditControl(msgspec.Struct, frozen=True):
    """The first version, as the REST API names it; only later versions have `edit`."""

    edit: _EditHistory | None = None


class _V1Tweet(msgspec.Struct, frozen=True):
    id_str: Id = None
    id: Id = None
    created_at: Time = None
    text: str | None = None
    full_text: str | None = None
    truncated: bool | None = None
    display_text_range: list[int] | None = None
    entities: _V1Entities | None = None
    extended_tweet: _Extended | None = None
    lang: str | None = None
    user: _V1User | None = None
    in_reply_to_status_id_str: Id = None
    in_reply_to_status_id: Id = None
    quoted_status_id_str: Id = None
    quoted_status_id: Id = None
    retweeted_status: _V1Tweet | None = None
    coordinates: Any = None
    place: _V1Place | None = None
    edit_history: _EditHistory | None = None
    ext_edit_control: _EditControl | None = None


class _Limit(msgspec.Struct, frozen=True):
    track: int = 0


class _Deletion(msgspec.Struct, frozen=True):
    status: _Named | None = None
    timestamp_ms: Time = None


_MAX_LOST: Final = 10**12  # more posts than exist; a larger number does not fit into a document
_TWEET: Final = msgspec.json.Decoder(_V1Tweet)
_LIMIT: Final = msgspec.json.Decoder(_Limit)
_DELETION: Final = msgspec.json.Decoder(_Deletion)
_KEYS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def parse(payload: bytes) -> list[Outcome]:
    """The outcomes of one line or search page; each invalid tweet of a page is its own InvalidPost.

    Raises InvalidPost for a line that is invalid as a whole: not-json, wrong-type, no-id, no-time, no-text, too-large,
    unsupported-format.
    """
    tweet = decode(_TWEET, payload)
    if tweet.created_at is not None:
        return [_message(tweet)]
    keys = decode(_KEYS, payload)
    if "statuses" in keys:
        return [_item(item) for item in items(keys["statuses"])] or [Control("empty-page")]
    return [_control(keys) or _message(tweet)]


def _item(data: msgspec.Raw) -> Outcome:
    try:
        return _message(decode(_TWEET, data))
    except InvalidPost as error:
        return error


def _control(keys: dict[str, msgspec.Raw]) -> Parsed | None:
    if ACTIVITY_STREAMS & keys.keys():
        raise InvalidPost("unsupported-format", "Gnip Activity Streams; export the data in X's own format")
    if "delete" in keys:
        return _deleted(decode(_DELETION, keys["delete"]))
    if "limit" in keys:
        # X counts from the start of the connection: intake takes the difference between two notices.
        return Control("limit", estimated_loss=min(max(0, decode(_LIMIT, keys["limit"]).track), _MAX_LOST))
    if "errors" in keys or "error" in keys:
        return Control("error")
    return next((Control(name) for name in CONTROLS if name in keys), None)


def _deleted(deletion: _Deletion) -> Parsed:
    if deletion.status is None:
        return Control("delete")  # of something other than a tweet, such as a favourite
    return PostDelete(
        platform=x.PLATFORM,
        post_id=ident(deletion.status.id_str or deletion.status.id),
        deleted_at_ms=None if deletion.timestamp_ms is None else time_ms(deletion.timestamp_ms, "timestamp_ms"),
    )


def _message(tweet: _V1Tweet) -> Post | PostEdit:
    edited = (tweet.ext_edit_control and tweet.ext_edit_control.edit) or tweet.edit_history
    return x.as_version(_post(tweet), optional_id(edited.initial_tweet_id, "initial_tweet_id") if edited else None)


def _post(tweet: _V1Tweet) -> Post:
    post_id, created_at_ms = ident(tweet.id_str or tweet.id), time_ms(tweet.created_at)
    original = tweet.retweeted_status
    text, hashtags = _content(original or tweet)
    user = tweet.user or _V1User()
    return Post(
        platform=x.PLATFORM,
        post_id=post_id,
        created_at_ms=created_at_ms,
        text=text,
        author=optional_id(user.id_str or user.id, "user.id"),
        in_reply_to=optional_id(
            tweet.in_reply_to_status_id_str or tweet.in_reply_to_status_id, "in_reply_to_status_id"
        ),
        quoted=None
        if original
        else optional_id(tweet.quoted_status_id_str or tweet.quoted_status_id, "quoted_status_id"),
        reposted=ident(original.id_str or original.id, "retweeted_status.id") if original else None,
        hashtags=hashtags,
        lang=optional_text((original or tweet).lang),
        coordinates=coordinates(tweet.coordinates),
        place_country=optional_text(tweet.place.country_code) if tweet.place else None,
        location=optional_text(user.location),
    )


def _content(tweet: _V1Tweet) -> tuple[str, x.Tags]:
    """Text and tags, from the extended tweet if there is one."""
    extended = tweet.extended_tweet
    if extended is not None and extended.full_text is not None:
        whole, display_range = extended.full_text, extended.display_text_range
    else:
        whole = required_text(tweet.text if tweet.full_text is None else tweet.full_text)
        display_range = tweet.display_text_range
    entities = (extended.entities if extended else None) or tweet.entities
    hashtags = tags(each.text or "" for each in entities.hashtags or ()) if entities else None
    text = x.plain(x.shown(whole, display_range))
    if tweet.truncated and whole is tweet.text:
        return x.without_cut_tag(text, hashtags)
    return text, hashtags
