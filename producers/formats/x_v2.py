"""X API v2: lines of the filtered stream, pages of the API, single tweets (flattened ones too), and compliance events.

Sources: "Filtered stream", "Data dictionary: Post", "Edit Posts", "Compliance data objects" and "Batch compliance" in
X's developer documentation. A stream line is `{"data": {...}, "includes": {...}, "matching_rules": [...]}`; a page is
the same with a list in `data`. `includes` holds authors, places and referenced tweets, each only if it was requested
and still exists. The archiving tool twarc flattens a page to tweets that contain these: `author`, the place in `geo`,
and each referenced tweet in its reference.

- A retweet's own text is cut after 140 characters: text, tags and language are the original's, if includes has it.
- For an edit, X sends a new tweet with the ids of all versions, oldest first: it becomes a PostEdit of the first one,
  whose id gives its time.
- A withheld tweet is a normal post: it was posted.
- `in_reply_to_user_id` alone, without `replied_to`, is a mention, not a reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hashtide.contract.messages import Control, Parsed, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from producers.formats import x
from producers.formats.payload import (
    ABSENT,
    Id,
    Outcome,
    Time,
    coordinates,
    decode,
    ident,
    is_absent,
    items,
    optional_id,
    optional_text,
    required_text,
    tags,
    time_ms,
)

_COMPLIANCE: Final = (
    "delete",
    "tweet_delete",
    "drop",
    "undrop",
    "withheld",
    "tweet_edit",
    "scrub_geo",
    "user_delete",
    "user_undelete",
    "user_withheld",
    "user_protect",
    "user_unprotect",
    "user_suspend",
    "user_unsuspend",
    "user_profile_modification",
)
_DELETES: Final = ("delete", "tweet_delete")


class _V2Hashtag(msgspec.Struct, frozen=True):
    tag: str | None = None


class _V2Entities(msgspec.Struct, frozen=True):
    hashtags: list[_V2Hashtag] | None = None


class _Geo(msgspec.Struct, frozen=True):
    place_id: str | None = None
    coordinates: Any = None
    country_code: str | None = None
    """The country of the place, if the tweet was flattened."""


class _V2User(msgspec.Struct, frozen=True):
    id: Id = None
    location: str | None = None


class _Note(msgspec.Struct, frozen=True):
    """The whole text of a tweet above 280 characters."""

    text: str | None = None
    entities: _V2Entities | None = None


class _V2Tweet(msgspec.Struct, frozen=True):
    id: Id = None
    text: str | None = None
    created_at: Time = None
    author_id: Id = None
    conversation_id: Id = None
    lang: str | None = None
    entities: _V2Entities | None = None
    note_tweet: _Note | None = None
    referenced_tweets: list[_V2Tweet] | None = None
    type: str | None = None
    """The kind of reference, in a referenced tweet."""
    author: _V2User | None = None
    """Present if the tweet was flattened."""
    geo: _Geo | None = None
    edit_history_tweet_ids: list[str | int] | None = None


class _V2Place(msgspec.Struct, frozen=True):
    id: Id = None
    country_code: str | None = None


class _Lists(msgspec.Struct, frozen=True):
    tweets: list[_V2Tweet] | None = None
    users: list[_V2User] | None = None
    places: list[_V2Place] | None = None


class _Includes(msgspec.Struct, frozen=True):
    tweets: Mapping[str, _V2Tweet]
    users: Mapping[str, _V2User]
    places: Mapping[str, _V2Place]


class _V2Line(msgspec.Struct, frozen=True):
    data: msgspec.Raw = ABSENT
    includes: msgspec.Raw = ABSENT
    errors: msgspec.Raw = ABSENT
    meta: msgspec.Raw = ABSENT
    title: str | None = None
    action: str | None = None


class _V2Event(msgspec.Struct, frozen=True):
    """An event of the compliance streams, under its name."""

    tweet: _V2Tweet | None = None
    event_at: Time = None


class _Redaction(msgspec.Struct, frozen=True):
    """A line of a batch compliance result."""

    action: str
    id: Id = None
    redacted_at: Time = None


_LINE: Final = msgspec.json.Decoder(_V2Line)
_TWEET: Final = msgspec.json.Decoder(_V2Tweet)
_LISTS: Final = msgspec.json.Decoder(_Lists)
_REDACTION: Final = msgspec.json.Decoder(_Redaction)
_EVENT: Final = msgspec.json.Decoder(_V2Event)
_EVENTS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOTHING: Final = _Includes({}, {}, {})
_MAX_PAGE: Final = 500  # X's maximum ("Full-archive search", max_results)


def parse(payload: bytes) -> list[Outcome]:
    """The outcomes of one line or page; each invalid tweet of a page is its own InvalidPost.

    Raises InvalidPost for a line that is invalid as a whole: not-json, wrong-type, no-id, no-time, no-text, too-large.
    """
    line = decode(_LINE, payload)
    if not is_absent(line.data):
        data, includes = bytes(line.data), _included(line.includes)
        if data.startswith(b"["):
            tweets = items(data)
            if includes is not _NOTHING and len(tweets) > _MAX_PAGE:  # each of them may retweet one long text
                raise InvalidPost("too-large", f"a page of {len(tweets)} tweets, of {_MAX_PAGE} allowed")
            return [_item(item, includes) for item in tweets] or [Control("empty-page")]
        return [_outcome(data, includes)]
    if not is_absent(line.errors) or line.title is not None:
        return [Control("disconnect" if b"operational-disconnect" in payload else "error")]
    if not is_absent(line.meta):
        return [Control("empty-page")]
    if line.action is not None:
        return [_batch_compliance(decode(_REDACTION, payload))]
    return [_outcome(payload, _NOTHING)]


def _item(data: msgspec.Raw, includes: _Includes) -> Outcome:
    try:
        return _outcome(data, includes)
    except InvalidPost as error:
        return error


def _outcome(data: bytes | msgspec.Raw, includes: _Includes) -> Parsed:
    tweet = decode(_TWEET, data)
    if tweet.id is None and tweet.text is None:
        events = decode(_EVENTS, data)
        for name in _COMPLIANCE:
            if name in events:
                return _compliance(name, events[name])
    return _message(tweet, includes)


def _message(tweet: _V2Tweet, includes: _Includes) -> Post | PostEdit:
    versions = tweet.edit_history_tweet_ids
    first = optional_id(versions[0], "edit_history_tweet_ids") if versions else None
    return x.as_version(_post(tweet, includes), first)


def _post(tweet: _V2Tweet, includes: _Includes) -> Post:
    post_id, created_at_ms = ident(tweet.id), time_ms(tweet.created_at)
    referenced = {each.type: each for each in tweet.referenced_tweets or ()}
    ids = {kind: optional_id(each.id, "referenced_tweets") for kind, each in referenced.items()}
    reposted = ids.get("retweeted")
    original = _original(referenced["retweeted"], includes) if reposted else None
    text, hashtags = _content(original or tweet)
    if reposted and not original:
        text, hashtags = x.without_cut_tag(x.without_retweet_prefix(text), hashtags)
    author = optional_id(tweet.author_id, "author_id")
    user = includes.users.get(author or "") or tweet.author or _V2User()
    geo = tweet.geo or _Geo()
    place = includes.places.get(geo.place_id or "")
    return Post(
        platform=x.PLATFORM,
        post_id=post_id,
        created_at_ms=created_at_ms,
        text=text,
        author=author,
        in_reply_to=ids.get("replied_to"),
        conversation=optional_id(tweet.conversation_id, "conversation_id"),
        quoted=ids.get("quoted"),
        reposted=reposted,
        hashtags=hashtags,
        lang=optional_text((original or tweet).lang),
        coordinates=coordinates(geo.coordinates),
        place_country=optional_text(place.country_code if place else geo.country_code),
        location=optional_text(user.location),
    )


def _original(reference: _V2Tweet, includes: _Includes) -> _V2Tweet | None:
    """The retweeted tweet, from includes, or from the reference itself if the line was flattened."""
    return includes.tweets.get(str(reference.id)) or (reference if reference.text is not None else None)


def _content(tweet: _V2Tweet) -> tuple[str, x.Tags]:
    """Text and tags, from the note if the tweet is long. No entities at all: they were not requested."""
    note = tweet.note_tweet
    text = note.text if note and note.text is not None else tweet.text
    entities = note.entities if note and note.entities else tweet.entities
    hashtags = tags(each.tag or "" for each in entities.hashtags or ()) if entities else None
    return x.plain(required_text(text)), hashtags


def _included(data: msgspec.Raw) -> _Includes:
    if is_absent(data):
        return _NOTHING
    lists = decode(_LISTS, data)
    return _Includes(
        {str(each.id): each for each in lists.tweets or ()},
        {str(each.id): each for each in lists.users or ()},
        {str(each.id): each for each in lists.places or ()},
    )


def _compliance(name: str, data: msgspec.Raw) -> PostDelete | Control:
    """An event of the compliance streams. `drop` and the user events can be reversed, so they delete nothing."""
    if name not in _DELETES:
        return Control(name)
    event = decode(_EVENT, data)
    return _deleted(event.tweet.id if event.tweet else None, event.event_at)


def _batch_compliance(event: _Redaction) -> PostDelete | Control:
    """A result of a batch job. `created_at` is the tweet's own time; `redacted_at` is missing if it is protected."""
    if event.action != "delete":
        return Control("scrub_geo" if event.action == "scrub_geo" else "compliance")
    return _deleted(event.id, event.redacted_at)


def _deleted(post_id: Id, deleted_at: Time) -> PostDelete:
    at_ms = None if deleted_at is None else time_ms(deleted_at, "the time of a deletion")
    return PostDelete(platform=x.PLATFORM, post_id=ident(post_id), deleted_at_ms=at_ms)
