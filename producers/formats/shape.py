"""Which format a payload is in, told from the keys of the JSON object alone."""

from typing import Final

import msgspec

from producers.contract import InvalidPost
from producers.formats.payload import decode

_ANYTHING: Final = msgspec.json.Decoder(msgspec.Raw)
_KEYS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])

_OF_X_V2: Final = frozenset(
    ("edit_history_tweet_ids", "edit_controls", "referenced_tweets", "public_metrics", "reply_settings", "note_tweet")
)
_OF_NATIVE: Final = frozenset(("id", "text", "created_at"))


def of(data: bytes) -> str:
    """The name of the format. Raises InvalidPost: not-json, not-a-post."""
    if not data.startswith(b"{"):
        decode(_ANYTHING, data)
        raise InvalidPost("not-a-post", "JSON, but no object")
    keys = decode(_KEYS, data).keys()
    if keys & {"data", "errors", "includes"}:
        return "x-v2"
    if "action" in keys and "id" in keys and "text" not in keys:
        return "x-v2"
    if "platform" in keys:
        return "native"
    if keys & _OF_X_V2 and "text" in keys:
        return "x-v2"
    if len(keys & _OF_NATIVE) >= 2:
        return "native"
    raise InvalidPost("not-a-post", "a JSON object of no shape that we know")
