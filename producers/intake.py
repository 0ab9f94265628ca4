"""The one door: what a format made is checked against the clock, loses its author's id, and is stamped."""

import msgspec

from producers.contract import (
    EARLIEST_MS,
    FUTURE_TOLERANCE_MS,
    InvalidPost,
    Message,
    Origin,
    Post,
    PostDelete,
    PostEdit,
)
from producers.identity import hash_author


def accept(message: Message, *, now_ms: int, author_key: bytes, origin: Origin, source: str) -> Message:
    """The message as it may be published.

    A post's author becomes a keyed hash; origin and source are set. Raises InvalidPost for a post whose time can't be:
    more than FUTURE_TOLERANCE_MS ahead of `now_ms`, or before EARLIEST_MS.
    """
    if isinstance(message, PostDelete):
        return message
    if isinstance(message, PostEdit):
        post = accept(message.post, now_ms=now_ms, author_key=author_key, origin=origin, source=source)
        assert isinstance(post, Post)
        return msgspec.structs.replace(message, post=post)
    if message.created_at_ms > now_ms + FUTURE_TOLERANCE_MS:
        raise InvalidPost("in-the-future", "created_at is more than 5 minutes ahead of this machine's clock")
    if message.created_at_ms < EARLIEST_MS:
        raise InvalidPost("before-2006", "created_at is before 2006")
    author = None if message.author is None else hash_author(author_key, message.platform, message.author)
    return msgspec.structs.replace(message, author=author, origin=origin, source=source)
