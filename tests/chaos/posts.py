"""Posts for a trial: a made-up campaign without end, and what platforms do to it: copies, edits, deletions."""

import itertools
import random
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from hashtide.clock import wall_clock_ms
from hashtide.contract.messages import Message, Origin, Post, PostDelete, PostEdit
from producers.synthetic import campaign
from tests.integration.truth import accepted

START_MS: Final = 1_508_112_000_000  # 2017-10-16T00:00:00Z
HOUR_MS: Final = 3_600_000
POSTS_AN_HOUR: Final = 2_000  # some 30 a minute: count documents that many batches write

COPIES, EDITS, DELETIONS, UNSEEN = 0.05, 0.02, 0.01, 0.01
"""How many there are to a post. Unseen: of a post, only an edit comes."""


class Sending(NamedTuple):
    """A message on its way to posts.raw. `partition`: None for that of its key."""

    message: Message
    partition: int | None = None


def posts(seed: str, origin: Origin = "synthetic", start_ms: int = START_MS, hours: int = 1) -> Iterator[Post]:
    """Posts of one campaign of `hours` after the other, without end and all distinct, late ones among them."""
    for number in itertools.count():
        drawn, begin_ms = random.Random(f"{seed}/{number}").getrandbits(32), start_ms + number * hours * HOUR_MS
        payloads = campaign.payloads(POSTS_AN_HOUR, drawn, begin_ms, hours, duplicate_every=0)
        yield from accepted(payloads, now_ms=wall_clock_ms(), origin=origin)


def mixed(originals: Iterable[Post], draw: random.Random, partitions: int) -> Iterator[Sending]:
    """Posts in their order, and copies, edits and deletions of any that came before.

    A copy may lie in any partition, as if a source had called its post by another name: a worker may meet it that does
    not have the original. Edits and deletions lie in the partition of their post, behind it.
    """
    sent: list[Post | PostEdit] = []
    for post in originals:
        first = edited(post, draw) if draw.random() < UNSEEN else post
        sent.append(first)
        yield Sending(first)
        if draw.random() < COPIES:
            yield Sending(draw.choice(sent), draw.randrange(partitions))
        if draw.random() < EDITS:
            yield Sending(edited(_post(draw.choice(sent)), draw))
        if draw.random() < DELETIONS:
            gone = _post(draw.choice(sent))
            at_ms = gone.created_at_ms + draw.randrange(HOUR_MS)
            yield Sending(PostDelete(platform=gone.platform, post_id=gone.post_id, deleted_at_ms=at_ms))


def _post(message: Post | PostEdit) -> Post:
    return message.post if isinstance(message, PostEdit) else message


def edited(post: Post, draw: random.Random) -> PostEdit:
    """A later version that would count elsewhere, if it counted."""
    changed = msgspec.structs.replace(post, text=f"{post.text} #WeToo #Edited", place_country="NZ", hashtags=None)
    return PostEdit(post=changed, edited_at_ms=post.created_at_ms + draw.randrange(1, HOUR_MS))
