"""The people of the synthetic campaign: when they post, and what. Pure, given the random numbers."""

import math
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final, TypeVar

from msgspec import UNSET, Struct, UnsetType

from producers.synthetic.texts import Language, Wave, texts

ROOT: Final = "919659438700670976"
"""The post on X of 15 October 2017 that the campaign answers."""

SNOWFLAKE_EPOCH_MS: Final = 1_288_834_974_657
"""2010-11-04: X's ids count milliseconds from here, with 22 more bits."""

SLOTS: Final = 288
"""Number of time slots of a campaign: ten minutes each, if it lasts 48 hours."""

REMEMBERED: Final = 256  # posts that can be answered, quoted and reposted, mostly the latest
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Draw = Callable[[], float]
"""The next random number, 0 <= x < 1."""

T = TypeVar("T")


class NativePost(Struct, kw_only=True):
    """One line of the native format."""

    id: str | UnsetType
    text: str = ""
    created_at: datetime | int | UnsetType
    platform: str = "x"
    lang: str | UnsetType = UNSET
    author_id: str
    location: str | UnsetType = UNSET
    place_country: str | UnsetType = UNSET
    coordinates: tuple[float, float] | UnsetType = UNSET
    in_reply_to: str | UnsetType = UNSET
    conversation_id: str | UnsetType = UNSET
    quoted: str | UnsetType = UNSET
    reposted: str | UnsetType = UNSET


def course() -> list[list[float]]:
    """How much each community posts in each slot: a quiet base level plus the waves."""
    communities = texts().communities
    world = sum(community.weight for community in communities)
    table = [[community.weight / world for community in communities] for _ in range(SLOTS)]
    for wave in texts().waves:
        talking = [c.weight if not wave.communities or c.name in wave.communities else 0 for c in communities]
        for slot, row in enumerate(table):
            height = _height(wave, hour=(slot + 0.5) * 48 / SLOTS)
            for number, weight in enumerate(talking):
                row[number] += height * weight / sum(talking)
    return table


def _height(wave: Wave, hour: float) -> float:
    after = hour - wave.peak
    if after < 0:
        return wave.height * max(0.0, 1 + after / wave.rise)
    left = wave.fall / (wave.fall + after)
    return wave.height * left * left


def moments(posts: int, draw: Draw) -> Iterator[tuple[int, float]]:
    """(slot, elapsed fraction of the slot) of each post, ascending.

    The whole course is divided into `posts` parts of equal activity; each part gets one post at a random position.
    """
    ends = list(accumulate(map(math.fsum, course())))  # since Python 3.12 sum() rounds floats differently
    slot, begin = 0, 0.0
    for number in range(posts):
        target = (number + draw()) / posts * ends[-1]
        while target >= ends[slot] and slot < SLOTS - 1:
            slot, begin = slot + 1, ends[slot]
        yield slot, (target - begin) / (ends[slot] - begin)


class Crowd:
    """The people and their latest posts: they answer, quote and repost each other.

    `posts` is roughly how many posts they will create: more posts need more people.
    """

    def __init__(self, posts: int, draw: Draw) -> None:
        self._texts = texts()
        communities = self._texts.communities
        languages = {language.code: language for language in self._texts.languages}
        world = sum(community.weight for community in communities)
        self._languages = [languages[community.name[:2]] for community in communities]
        self._people = [1 + posts * community.weight // world for community in communities]
        self._mixes = [list(accumulate(row)) for row in course()]
        self._draw = draw
        self._made = 0
        self._replies = [ROOT]
        self._root = (ROOT, self._texts.root_text, "en")
        self._originals = [self._root]

    def small_talk(self, created_ms: int, slot: int) -> NativePost:
        """A post that belongs to no campaign: no tag, no reply, no quote."""
        language, post = self._somebody(created_ms, slot)
        post.text = self._pick(language.everyday)
        return post

    def post(self, created_ms: int, slot: int, *, heard: bool = True) -> NativePost:
        """A post of the campaign: it answers the root post, directly or not, or quotes it, or has a tag.

        `heard`: later posts may refer to it.
        """
        language, post = self._somebody(created_ms, slot)
        assert isinstance(post.id, str)
        kind = self._draw()
        if kind < 0.58:
            post.text = self._say(language, tagged=0.4)
            post.in_reply_to = ROOT
            # Some exports omit the thread. A direct reply is recognised without it.
            post.conversation_id = ROOT if self._draw() < 0.9 else UNSET
            self._remember(self._replies, post.id, heard)
        elif kind < 0.72:
            post.text = self._say(language, tagged=0.3)
            post.in_reply_to = self._pick(self._replies)
            post.conversation_id = ROOT
            self._remember(self._replies, post.id, heard)
        elif kind < 0.86:
            post.text = self._say(language, tagged=1.0)
            self._remember(self._originals, (post.id, post.text, language.code), heard)
        elif kind < 0.88:
            post.text = self._say(language, tagged=1.0)
            post.in_reply_to = post.conversation_id = self._pick(self._originals)[0]
        elif kind < 0.92:
            post.text = self._say(language, tagged=0.6)
            post.quoted = ROOT
        elif kind < 0.94:
            post.text = self._say(language, tagged=1.0)
            post.quoted = self._pick(self._originals)[0]
        else:
            root = self._draw() < 0.4
            post.reposted, post.text, code = self._root if root else self._pick(self._originals)
            post.lang = self._judged(code)
        return post

    def _somebody(self, created_ms: int, slot: int) -> tuple[Language, NativePost]:
        """A language and a post without text, by a person with a fixed profile and place."""
        draw, mix = self._draw, self._mixes[slot]
        number = bisect(mix, draw() * mix[-1])
        # A few people post much, most post once: squares favour low numbers.
        part = draw()
        person = int(part * part * self._people[number])
        author = (number * 10_000_000 + person + 1) * 48_271 % 2_147_483_647  # scattered and unique
        places = self._texts.communities[number].places
        place = places[author // 20 % len(places)]
        language = self._languages[number]
        post = NativePost(
            id=str((created_ms - SNOWFLAKE_EPOCH_MS) << 22 | self._made & 0x3FFFFF),
            created_at=self._written(created_ms),
            lang=self._judged(language.code),
            author_id=str(author),
        )
        self._made += 1
        if author % 20 < 12:
            post.location = place.profile
        elif author % 20 < 15:
            post.location = self._texts.nowhere[author // 20 % len(self._texts.nowhere)]
        where = draw()
        if where < 0.03:
            post.place_country = place.country
        if where < 0.015:
            post.coordinates = (_near(place.longitude, draw), _near(place.latitude, draw))
        return language, post

    def _written(self, created_ms: int) -> datetime | int:
        """A time in one of the notations that the format allows."""
        way = self._draw()
        if way < 0.94:
            return EPOCH + timedelta(milliseconds=created_ms)
        return created_ms if way < 0.97 else created_ms // 1000

    def _judged(self, code: str) -> str | UnsetType:
        """The language that a platform detects: mostly right."""
        luck = self._draw()
        if luck < 0.85:
            return code
        if luck < 0.92:
            return self._pick(self._texts.stray_langs)
        return self._pick(self._texts.wrong_langs) if luck < 0.95 else UNSET

    def _say(self, language: Language, *, tagged: float) -> str:
        """A few words, with tags at probability `tagged`."""
        text = self._pick(language.support)
        colour = self._draw()
        if colour < 0.2:
            text = f"{self._pick(self._texts.mentions)} {text}"
        elif colour < 0.45:
            text = f"{text} {self._pick(self._texts.emoji)}"
        return f"{text} {self._tags(language)}" if self._draw() < tagged else text

    def _tags(self, language: Language) -> str:
        """At least one tag of the campaign."""
        draw = self._draw
        sign = "＃" if language.code == "ja" and draw() < 0.5 else "#"
        tags = sign + self._pick(language.tags if language.tags and draw() < 0.25 else self._texts.tags)
        if language.side_tags and draw() < 0.25:
            tags = f"{tags} {sign}{self._pick(language.side_tags)}"
        return f"{tags} #{self._pick(self._texts.side_tags)}" if draw() < 0.06 else tags

    def _pick(self, choices: Sequence[T]) -> T:
        return choices[int(self._draw() * len(choices))]

    def _remember(self, latest: list[T], post: T, heard: bool) -> None:
        """Keep a post among the latest; once there are REMEMBERED, replace a random one."""
        if not heard:
            return
        if len(latest) < REMEMBERED:
            latest.append(post)
        else:
            latest[int(self._draw() * REMEMBERED)] = post


def _near(degrees: float, draw: Draw) -> float:
    """A random coordinate within about a kilometre."""
    return round(degrees + (draw() - 0.5) * 0.02, 4)
