"""Bluesky's Jetstream: events of `/subscribe` (v1) and frames of `network.bsky.jetstream.subscribeEvents` (v2).

Sources: Jetstream's README and its lexicon `network.bsky.jetstream.subscribeEvents`; the lexicons
`app.bsky.feed.post`, `app.bsky.richtext.facet`, `app.bsky.embed.record` and `app.bsky.embed.recordWithMedia`. A v1
event is `{"did", "time_us", "kind", "commit"}`; a v2 frame wraps the same as
`{"$type": "message", "payload": {"$type": "...#commit", ...}}`, and the last frame may be `{"$type": "error", ...}`.

- A post's id is its at-uri, `at://DID/app.bsky.feed.post/RKEY`; the author is the DID.
- Tags come from the features of facets; a facet's `index`, in bytes of UTF-8, is not needed. A post without such a
  feature may still have a tag in its text: then `hashtags` is None.
- `createdAt` is set by the client, and the same on every host. `time_us` differs between hosts: one post would become
  two.
- A repost record has no text, and no payload holds its original: it cannot belong to a campaign. So reposts are counted
  as control, as likes and follows are. Deleting an account is one event, not one per post.
"""

import re
from typing import Any, Final

import msgspec

from hashtide.contract.bounds import EARLIEST_MS, LATEST_MS
from hashtide.contract.messages import Control, Parsed, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from producers.formats.payload import (
    ABSENT,
    Id,
    Outcome,
    Time,
    decode,
    dig,
    ident,
    is_absent,
    optional_id,
    optional_text,
    required_text,
    tags,
    time_ms,
)

PLATFORM: Final = "bluesky"

_POST: Final = "app.bsky.feed.post"
_OTHERS: Final = {
    "app.bsky.feed.like": "like",
    "app.bsky.feed.repost": "repost",
    "app.bsky.graph.follow": "follow",
    "app.bsky.graph.block": "block",
    "app.bsky.actor.profile": "profile",
}
_KINDS: Final = frozenset(("identity", "account", "sync", "info"))
_NOTICES: Final = {
    "ConsumerTooSlow": "too-slow",
    "CursorTooOld": "cursor-too-old",
    "OutdatedCursor": "cursor-too-old",
    "FutureCursor": "future-cursor",
}
"""Errors and infos that a source handles. OutdatedCursor and CursorTooOld mean the same, in different APIs."""

_TAG: Final = "app.bsky.richtext.facet#tag"


class _Ref(msgspec.Struct, frozen=True):
    uri: str | None = None


class _Reply(msgspec.Struct, frozen=True):
    parent: _Ref | None = None
    root: _Ref | None = None


class _Feature(msgspec.Struct, frozen=True):
    type: str | None = msgspec.field(default=None, name="$type")
    tag: str | None = None


class _Facet(msgspec.Struct, frozen=True):
    features: list[_Feature] | None = None


class _Record(msgspec.Struct, frozen=True):
    """app.bsky.feed.post"""

    text: str | None = None
    createdAt: Time = None
    langs: list[str] | None = None
    reply: _Reply | None = None
    embed: Any = None
    facets: list[_Facet] | None = None
    tags: list[str] | None = None


class _Commit(msgspec.Struct, frozen=True):
    operation: str | None = None
    collection: str | None = None
    rkey: str | None = None
    record: msgspec.Raw = ABSENT


class _JetstreamEvent(msgspec.Struct, frozen=True):
    """A v1 event, or a v2 frame."""

    did: str | None = None
    time_us: int | None = None
    kind: str | None = None
    commit: _Commit | None = None
    type: str | None = msgspec.field(default=None, name="$type")
    payload: msgspec.Raw = ABSENT
    error: str | None = None


class _CommitPayload(_Commit, frozen=True):
    """Payload of a v2 frame: the fields of the event and of the commit, side by side."""

    type: str | None = msgspec.field(default=None, name="$type")
    did: str | None = None
    time: Time = None
    name: str | None = None


_TID_DIGITS: Final = str.maketrans("234567abcdefghijklmnopqrstuvwxyz", "0123456789abcdefghijklmnopqrstuv")
_TID: Final = re.compile("[234567a-j][234567a-z]{12}")

_EVENT: Final = msgspec.json.Decoder(_JetstreamEvent)
_PAYLOAD: Final = msgspec.json.Decoder(_CommitPayload)
_RECORD: Final = msgspec.json.Decoder(_Record)


def parse(payload: bytes) -> list[Outcome]:
    """The outcome of one event or frame. Raises InvalidPost: not-json, not-a-post, wrong-type, no-id, no-time, no-text,
    too-large.
    """
    event = decode(_EVENT, payload)
    if event.error is not None:
        return [Control(_NOTICES.get(event.error, "error"))]
    if not is_absent(event.payload):
        return [_frame(decode(_PAYLOAD, event.payload))]
    if event.kind in _KINDS:
        return [Control(event.kind)]
    if event.commit is None:
        raise InvalidPost("not-a-post", "an unknown kind of event")
    at_ms = None
    if event.time_us is not None and event.commit.operation != "create":  # a created post has its own time
        at_ms = time_ms(event.time_us // 1000, "time_us")
    return [_committed(event.did, event.commit, at_ms)]


def _frame(frame: _CommitPayload) -> Parsed:
    kind = (frame.type or "").rpartition("#")[2]
    if kind == "info":
        return Control(_NOTICES.get(frame.name or "", "info"))
    if kind in _KINDS:
        return Control(kind)
    if kind != "commit":
        raise InvalidPost("not-a-post", "an unknown kind of frame")
    return _committed(frame.did, frame, None if frame.time is None else time_ms(frame.time, "time"))


def _committed(did: Id, commit: _Commit, at_ms: int | None) -> Parsed:
    if commit.collection != _POST:
        return Control(_OTHERS.get(commit.collection or "", "other-collection"))
    author = ident(did, "did")
    post_id = ident(f"at://{author}/{_POST}/{ident(commit.rkey, 'rkey')}", "uri")
    match commit.operation:
        case "delete":
            return PostDelete(platform=PLATFORM, post_id=post_id, deleted_at_ms=at_ms)
        case "create" | "update":
            post = _post(post_id, author, commit.rkey or "", commit.record)
            if commit.operation == "create":
                return post
            return PostEdit(post=post, edited_at_ms=post.created_at_ms if at_ms is None else at_ms)
    raise InvalidPost("not-a-post", "a commit that neither creates, updates nor deletes")


def tid_ms(rkey: str) -> int | None:
    """The time in a record key that is a TID, in milliseconds; None for any other key.

    A TID is 13 characters of base32 in sortable order: a 0 bit, 53 bits of microseconds since the epoch, 10 bits of a
    clock's id (AT Protocol, "Record Key", "TID"). It names the record, so an edit cannot move it; `createdAt` it can.
    """
    if not _TID.fullmatch(rkey):
        return None
    made_ms = (int(rkey.translate(_TID_DIGITS), 32) >> 10) // 1000
    return made_ms if EARLIEST_MS <= made_ms <= LATEST_MS else None


def _post(post_id: str, author: str, rkey: str, data: msgspec.Raw) -> Post:
    if is_absent(data):
        raise InvalidPost("no-text", "the commit has no record")
    record = decode(_RECORD, data)
    reply = record.reply or _Reply()
    created_at_ms = time_ms(record.createdAt, "createdAt")
    made_ms = tid_ms(rkey)
    return Post(
        platform=PLATFORM,
        post_id=post_id,
        created_at_ms=created_at_ms if made_ms is None else made_ms,
        time_by="author" if made_ms is None else "platform",
        text=required_text(record.text),
        author=author,
        in_reply_to=optional_id(reply.parent.uri, "reply.parent") if reply.parent else None,
        conversation=optional_id(reply.root.uri, "reply.root") if reply.root else None,
        quoted=_quoted(record.embed),
        hashtags=_hashtags(record),
        lang=optional_text(record.langs[0]) if record.langs else None,
        lang_by="author",
    )


def _hashtags(record: _Record) -> tuple[str, ...] | None:
    features = (feature for facet in record.facets or () for feature in facet.features or ())
    named = [feature.tag for feature in features if feature.type == _TAG and feature.tag]
    return tags(dict.fromkeys([*named, *(record.tags or ())])) or None


def _quoted(embed: Any) -> str | None:
    """The quoted post. Lists, feeds and starter packs are also embedded as records, but are not posts."""
    uri = dig(embed, "record", "uri") or dig(embed, "record", "record", "uri")
    return optional_id(uri, "embed") if isinstance(uri, str) and f"/{_POST}/" in uri else None
