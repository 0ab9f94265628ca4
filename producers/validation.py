"""Validation and pseudonymisation before publishing: checks times, hashes ids, and sets origin and source."""

from typing import Final

import msgspec

from hashtide.contract.bounds import EARLIEST_MS, FUTURE_TOLERANCE_MS
from hashtide.contract.messages import Message, Origin, Post, PostDelete, PostEdit
from hashtide.contract.reasons import InvalidPost
from hashtide.identity import ADDRESS, Pseudonyms

_IDS: Final = ("post_id", "in_reply_to", "conversation", "quoted", "reposted")


def validate_and_pseudonymise(
    message: Message, *, now_ms: int, names: Pseudonyms, origin: Origin, source: str
) -> Message:
    """The message as it may be published.

    Authors become keyed hashes, and so do post ids that contain an author. Sets origin and source. Raises InvalidPost
    for a post with an impossible time: more than FUTURE_TOLERANCE_MS ahead of `now_ms`, or before EARLIEST_MS.
    """
    if isinstance(message, PostDelete):
        return msgspec.structs.replace(message, post_id=names.post(message.platform, message.post_id))
    if isinstance(message, PostEdit):
        post = validate_and_pseudonymise(message.post, now_ms=now_ms, names=names, origin=origin, source=source)
        assert isinstance(post, Post)
        return msgspec.structs.replace(message, post=post)
    if message.created_at_ms > now_ms + FUTURE_TOLERANCE_MS:
        raise InvalidPost("in-the-future", "created_at is more than 5 minutes ahead of this machine's clock")
    if message.created_at_ms < EARLIEST_MS:
        raise InvalidPost("before-2006", "created_at is before 2006")
    author = None if message.author is None else names.author(message.platform, message.author)
    # One check for all ids: on most platforms none is an address, and this is all that it costs.
    ids = f"{message.post_id} {message.in_reply_to} {message.conversation} {message.quoted} {message.reposted}"
    hashed = _hashed_addresses(message, names) if ADDRESS in ids else {}
    return msgspec.structs.replace(message, author=author, origin=origin, source=source, **hashed)


def _hashed_addresses(post: Post, names: Pseudonyms) -> dict[str, str]:
    """Keyed hashes of the ids in a post that are addresses, by field."""
    ids = (post.post_id, post.in_reply_to, post.conversation, post.quoted, post.reposted)
    pairs = zip(_IDS, ids, strict=True)
    return {name: names.post(post.platform, id_) for name, id_ in pairs if id_ is not None and ADDRESS in id_}
