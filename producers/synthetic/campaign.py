"""A made-up campaign in the native format, like #MeToo of October 2017: seeded, pure, and known to the line.

The same arguments give the same bytes on every supported Python: only Random.random() is drawn from, whose sequence the
standard library promises to keep, and nothing hangs on a hash, a clock or the C library's mathematics.
"""

import heapq
import json
from collections.abc import Iterator
from itertools import cycle
from random import Random
from typing import Final

import msgspec
from msgspec import UNSET

from hashtide.times import HOUR_MS, MINUTE_MS, SECOND_MS
from producers.synthetic.crowd import SLOTS, SNOWFLAKE_EPOCH_MS, Crowd, Draw, NativePost, moments

SNOWFLAKE_END_MS: Final = SNOWFLAKE_EPOCH_MS + (1 << 41)  # in 2080: 63 bits hold no more
YEAR_2099_MS: Final = 4_070_908_800_000

DUPLICATE_EVERY: Final = 100
MALFORMED_EVERY: Final = 200
LATE_EVERY: Final = 100
UNRELATED_EVERY: Final = 50

MALFORMED: Final = ("error page", "half a line", "no post", "no id", "no time", "far future", "before 2006")
"""The kinds of malformed lines. A run has them in turn."""


_encode = msgspec.json.Encoder().encode


class CampaignPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run holds, to the line: lines = posts + duplicates + malformed."""

    posts: int
    """Distinct and valid posts, the late and the unrelated among them."""
    seed: int
    start_ms: int
    hours: int
    duplicates: int
    """Lines that repeat a post of the run: by turns in the same bytes, and the same post written otherwise."""
    malformed: int
    late: int
    """Posts that arrive a quarter of an hour to six hours after they were made."""
    unrelated: int
    """Posts that carry no tag, answer nothing and quote nothing: no campaign's."""

    @property
    def lines(self) -> int:
        return self.posts + self.duplicates + self.malformed

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.hours * HOUR_MS


def plan(
    posts: int,
    seed: int,
    start_ms: int,
    hours: int = 48,
    *,
    duplicate_every: int = DUPLICATE_EVERY,
    malformed_every: int = MALFORMED_EVERY,
) -> CampaignPlan:
    """What `payloads` gives for the same arguments. `*_every`: one such line for so many posts, rounded down; 0: none.

    Raises ValueError where posts or hours are below 1, or the time is outside what X's ids can say (2010 to 2080).
    """
    if posts < 1 or hours < 1:
        raise ValueError("a campaign has at least one post and lasts at least one hour")
    if not SNOWFLAKE_EPOCH_MS <= start_ms <= SNOWFLAKE_END_MS - hours * HOUR_MS:
        raise ValueError("a campaign lies between 2010-11-05 and 2080-07-10: X's ids can say no other time")
    return CampaignPlan(
        posts=posts,
        seed=seed,
        start_ms=start_ms,
        hours=hours,
        duplicates=posts // duplicate_every if duplicate_every else 0,
        malformed=posts // malformed_every if malformed_every else 0,
        late=posts // LATE_EVERY,
        unrelated=posts // UNRELATED_EVERY,
    )


def payloads(
    posts: int,
    seed: int,
    start_ms: int,
    hours: int = 48,
    *,
    duplicate_every: int = DUPLICATE_EVERY,
    malformed_every: int = MALFORMED_EVERY,
) -> Iterator[bytes]:
    """The lines of a campaign, without line ends, in the order of their arrival. Raises ValueError at once, as `plan`.

    All was posted at or after `start_ms` and before the end, `hours` later; the campaign's course is stretched to fit.
    A few times are written in whole seconds, cut.
    Only lines under way are held in memory: the late ones and the duplicates, at most about two in a hundred.
    """
    known = plan(posts, seed, start_ms, hours, duplicate_every=duplicate_every, malformed_every=malformed_every)
    return _arrivals(known, Random(seed).random)


def _arrivals(plan: CampaignPlan, draw: Draw) -> Iterator[bytes]:
    under_way: list[tuple[int, int, bytes]] = []  # a heap of (arrival, number, line)
    for number, (created_ms, arrival_ms, line) in enumerate(_sent(plan, draw)):
        while under_way and under_way[0][0] <= created_ms:
            yield heapq.heappop(under_way)[2]
        heapq.heappush(under_way, (arrival_ms, number, line))
    while under_way:
        yield heapq.heappop(under_way)[2]


def _sent(plan: CampaignPlan, draw: Draw) -> Iterator[tuple[int, int, bytes]]:
    """(created_ms, arrival_ms, line) of every line, by creation."""
    crowd = Crowd(plan.posts, draw)
    slot_ms = plan.hours * HOUR_MS / SLOTS
    rewritten = cycle((False, True))
    kinds = cycle(MALFORMED)
    for (slot, passed), late, unrelated, repeated, disturbed in zip(
        moments(plan.posts, draw),
        _chosen(plan.late, plan.posts, draw),
        _chosen(plan.unrelated, plan.posts, draw),
        _chosen(plan.duplicates, plan.posts, draw),
        _chosen(plan.malformed, plan.posts, draw),
        strict=True,
    ):
        created_ms = min(plan.start_ms + int((slot + passed) * slot_ms), plan.end_ms - 1)
        post = crowd.small_talk(created_ms, slot) if unrelated else crowd.post(created_ms, slot)
        line = _encode(post)
        arrival_ms = created_ms + (_late_ms(draw) if late else _delay_ms(draw))
        yield created_ms, arrival_ms, line
        if repeated:
            again = _rewritten(post, created_ms) if next(rewritten) else line
            yield created_ms, arrival_ms + _distance_ms(draw), again
        if disturbed:
            spare = crowd.post(created_ms, slot, heard=False)
            yield created_ms, created_ms + _delay_ms(draw), _malformed(next(kinds), spare)


def _chosen(few: int, many: int, draw: Draw) -> Iterator[bool]:
    """`many` answers of which exactly `few`, at random, are True (Knuth, TAOCP vol. 2, 3.4.2, algorithm S)."""
    for left in range(many, 0, -1):
        hit = draw() * left < few
        few -= hit
        yield hit


def _delay_ms(draw: Draw) -> int:
    """Nine in ten posts arrive within a second and a half, the others after up to ten minutes: out of order."""
    kind, part = draw(), draw()
    if kind < 0.9:
        return int(part * 1.5 * SECOND_MS)
    return int(part * (30 * SECOND_MS if kind < 0.97 else 10 * MINUTE_MS))


def _late_ms(draw: Draw) -> int:
    part = draw()
    return 15 * MINUTE_MS + int(part * part * (6 * HOUR_MS - 15 * MINUTE_MS))


def _distance_ms(draw: Draw) -> int:
    """From a post to its duplicate: mostly seconds, at times hours."""
    kind, part = draw(), draw()
    return int(part * (30 * SECOND_MS if kind < 0.6 else HOUR_MS if kind < 0.9 else 12 * HOUR_MS))


def _rewritten(post: NativePost, created_ms: int) -> bytes:
    """The same post as another exporter writes it: order, blanks, escapes, the time as a number, null for nothing."""
    fields = msgspec.structs.asdict(post) | {"created_at": created_ms}
    spelled = {name: None if value is UNSET else value for name, value in reversed(fields.items())}
    return json.dumps(spelled).encode()


def _malformed(kind: str, spare: NativePost) -> bytes:
    """A line of one of the kinds in MALFORMED, made from a post that is nowhere else in the run."""
    match kind:
        case "error page":
            return b"<html><body><h1>503 Service Unavailable</h1></body></html>"
        case "half a line":
            line = _encode(spare)
            return line[: len(line) // 2]
        case "no post":
            return _encode(spare.text)
        case "no id":
            spare.id = UNSET
        case "no time":
            spare.created_at = UNSET
        case "far future":
            spare.created_at = YEAR_2099_MS
        case "before 2006":
            spare.created_at = 0
    return _encode(spare)
