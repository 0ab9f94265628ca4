"""Detects the format of a payload by its first bytes and the keys of its JSON object."""

from typing import Final

import msgspec

from hashtide.contract.reasons import InvalidPost
from producers.formats import x_v1
from producers.formats.payload import decode

_ANYTHING: Final = msgspec.json.Decoder(msgspec.Raw)
_KEYS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])

_SERVER_SENT: Final = (b":", b"data:", b"event:", b"id:", b"retry:")
_POSTS: Final = (
    ("native", frozenset(("platform",))),
    ("jetstream", frozenset(("did", "$type"))),
    ("mastodon", frozenset(("visibility", "spoiler_text", "reblog", "last_status"))),
    ("x-v1", x_v1.TWEET_KEYS),
    (
        "x-v2",
        frozenset(("edit_history_tweet_ids", "referenced_tweets", "public_metrics", "reply_settings", "entities")),
    ),
)
"""Keys that only posts of one format have, in the order of the search: one key is enough."""

_OTHERS: Final = (
    ("mastodon", frozenset(("payload",))),
    ("x-v2", frozenset(("data", "includes", "meta", "action"))),
    ("x-v1", frozenset((*x_v1.CONTROLS, *x_v1.ACTIVITY_STREAMS, "statuses"))),
    ("x-v2", frozenset(("errors", "error", "title"))),
)
"""The same for envelopes, pages and control messages, which have no top-level text."""

_NATIVE: Final = frozenset(("id", "text", "created_at"))
_ENOUGH: Final = 2  # so that a native line without one of the three gets an error that names it


def require_object(data: bytes) -> None:
    """Raises InvalidPost: not-json, or not-a-post for JSON that is not an object."""
    if not data.startswith(b"{"):
        decode(_ANYTHING, data)
        raise InvalidPost("not-a-post", "JSON, but not an object")


def of(data: bytes) -> str:
    """The name of the format. Raises InvalidPost: not-json, not-a-post."""
    if data.startswith(_SERVER_SENT):
        return "mastodon"
    require_object(data)
    keys = decode(_KEYS, data).keys()
    for name, marks in _POSTS if "text" in keys else _POSTS + _OTHERS:
        if not marks.isdisjoint(keys):
            return name
    if len(_NATIVE & keys) >= _ENOUGH:
        return "native"
    raise InvalidPost("not-a-post", "a JSON object of an unknown shape")
