"""Mastodon and compatible servers: statuses of the REST API, and events of the streaming API (server-sent events,
WebSocket).

Sources: "Status", "Quote" and "Streaming timelines" in Mastodon's documentation; "Server-sent events" in the HTML
standard. A payload is a status, a WebSocket message (`{"stream": [...], "event": "update", "payload": "..."}`), a whole
server-sent event, or one line of a transcript of them.

- A post's id is the status's `uri`, its ActivityPub id: the same on every instance that shows the post. `id` is local
  to the instance. `in_reply_to_id` and the bare id of a `delete` event are local ids, too, and the payload does not
  give their uri. So a source keeps a bounded mapping per instance and passes it as `uris`: statuses write
  `local id -> uri` into it; replies, quotes and deletions read from it. An id that is not in it stays local: the post
  still counts as a reply, and a deletion finds nothing.
- Only public and unlisted posts are accepted; the others are refused as `private`.
- A status with `edited_at` is an edit, whatever its source; the post that it replaces has the same uri and time.
- A reblog's text, tags and language are the original's. The author chose the language; it was not detected.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import msgspec

from hashtide.contract.messages import Control, Parsed, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from producers.formats.html_text import plain_text
from producers.formats.payload import (
    Id,
    Outcome,
    Time,
    decode,
    dig,
    ident,
    optional_id,
    optional_text,
    require_utf8,
    required_text,
    tags,
    time_ms,
)

PLATFORM: Final = "mastodon"

_PUBLIC: Final = frozenset(("public", "unlisted"))
_CONTROLS: Final = frozenset(
    (
        "notification",
        "filters_changed",
        "conversation",
        "announcement",
        "announcement.reaction",
        "announcement.delete",
        "encrypted_message",
        "notifications_merged",
    )
)
_NO_URIS: Final[Mapping[str, str]] = {}


class _Account(msgspec.Struct, frozen=True):
    uri: str | None = None
    url: str | None = None


class _Tag(msgspec.Struct, frozen=True):
    name: str | None = None


class _Status(msgspec.Struct, frozen=True):
    id: Id = None
    uri: str | None = None
    created_at: Time = None
    edited_at: Time = None
    content: str | None = None
    spoiler_text: str | None = None
    visibility: str | None = None
    language: str | None = None
    account: _Account | None = None
    tags: list[_Tag] | None = None
    in_reply_to_id: Id = None
    reblog: _Status | None = None
    quote: Any = None


class _MastodonLine(_Status, frozen=True):
    """A status, a message around one, or the top-level keys of conversations, notifications and errors."""

    event: str | None = None
    payload: str | None = None
    last_status: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    type: str | None = None
    error: str | None = None


_LINE: Final = msgspec.json.Decoder(_MastodonLine)


def parse(payload: bytes, uris: MutableMapping[str, str] | None = None) -> list[Outcome]:
    """The outcome of one payload. `uris` is the mapping of local ids described above; None: keep no mapping.

    Raises InvalidPost: not-json, wrong-type, no-id, no-time, no-text, too-large, private.
    """
    if payload.startswith(b"{"):
        return [_line(payload, uris)]
    name, data = _server_sent(payload)
    if data is None:
        return [Control("keep-alive" if name is None else "event-name")]
    return [event(name, data, uris)]


def _server_sent(block: bytes) -> tuple[str | None, str | None]:
    """(event, data) from the lines of one event. A transcript's heartbeats, `:)` and `:thump`, are comments."""
    require_utf8(block)
    name, data = None, []
    for line in block.splitlines():
        field, _, value = line.decode().partition(":")
        if field == "event":
            name = value.strip()
        elif field == "data":
            data.append(value.removeprefix(" "))
        elif field not in ("", "id", "retry"):
            raise InvalidPost("not-json", "neither JSON nor a line of server-sent events")
    return name, "\n".join(data) if data else None


def event(name: str | None, data: str, uris: MutableMapping[str, str] | None = None) -> Parsed:
    """The outcome of one event of the streaming API; `name` is None if a transcript was read line by line.

    Raises InvalidPost as `parse` does.
    """
    if name in _CONTROLS:
        return Control(name)
    local_id = data.strip()
    if name == "delete" or (name is None and local_id.isalnum() and not local_id.isalpha()):
        return PostDelete(platform=PLATFORM, post_id=_uri(ident(local_id), uris))
    if name in (None, "update", "status.update"):
        outcome = _line(data.encode(), uris)
        if name == "status.update" and isinstance(outcome, Post):
            # Also sent for new link previews, without an edit time: that is not a second post, either.
            return PostEdit(post=outcome, edited_at_ms=outcome.created_at_ms)
        return outcome
    return Control("other-event")


def _line(data: bytes, uris: MutableMapping[str, str] | None) -> Parsed:
    line = decode(_LINE, data)
    if line.event is not None:
        return event(line.event, line.payload or "", uris)
    if line.content is None:
        if line.last_status is not msgspec.UNSET:
            return Control("conversation")
        if line.error is not None:
            return Control("error")
        if line.type is not None:
            return Control("notification")
    return _message(line, uris)


def _message(status: _Status, uris: MutableMapping[str, str] | None) -> Post | PostEdit:
    for each in (status, status.reblog):
        if each is not None and each.visibility not in _PUBLIC:
            raise InvalidPost("private", "neither public nor unlisted")
    post = _post(status, uris)
    if status.edited_at is None:
        return post
    return PostEdit(post=post, edited_at_ms=time_ms(status.edited_at, "edited_at"))


def _post(status: _Status, uris: MutableMapping[str, str] | None) -> Post:
    post_id = ident(status.uri, "uri")
    original = status.reblog or status
    reposted = ident(status.reblog.uri, "reblog.uri") if status.reblog else None
    if uris is not None:
        for local_id, uri in ((status.id, post_id), (original.id, reposted or post_id)):
            if local_id is not None:
                uris[str(local_id)] = uri
    account = status.account or _Account()
    in_reply_to = optional_id(status.in_reply_to_id, "in_reply_to_id")
    return Post(
        platform=PLATFORM,
        post_id=post_id,
        created_at_ms=time_ms(status.created_at),
        text=_text(original),
        author=optional_id(account.uri or account.url, "account.uri"),
        in_reply_to=_uri(in_reply_to, uris) if in_reply_to else None,
        quoted=None if status.reblog else _quoted(status.quote, uris),
        reposted=reposted,
        hashtags=None if original.tags is None else tags(tag.name or "" for tag in original.tags),
        lang=optional_text(original.language),
        lang_by="author",
    )


def _text(status: _Status) -> str:
    text = plain_text(required_text(status.content, "content"))
    warning = optional_text(status.spoiler_text)
    return f"{warning}\n\n{text}".rstrip() if warning else text


def _quoted(quote: Any, uris: Mapping[str, str] | None) -> str | None:
    """The quoted post's uri. A quote holds the post or its local id, or (Akkoma) is the post itself."""
    uri = dig(quote, "quoted_status", "uri") or dig(quote, "uri")
    if isinstance(uri, str):
        return optional_id(uri, "quote")
    local_id = dig(quote, "quoted_status_id")
    found = optional_id(local_id, "quote") if isinstance(local_id, str) else None
    return _uri(found, uris) if found else None


def _uri(local_id: str, uris: Mapping[str, str] | None) -> str:
    return (_NO_URIS if uris is None else uris).get(local_id, local_id)
