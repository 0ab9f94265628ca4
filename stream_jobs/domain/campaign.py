"""Campaigns: which posts belong to one, and why.

A campaign is a TOML file (docs/campaigns.md). All comparisons use one folded form, `text.fold`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from hashtide.contract.messages import Post
from hashtide.errors import HashtideError
from stream_jobs.domain import hashtags
from stream_jobs.domain.text import words
from stream_jobs.enriched import Why

_CACHED_TEXTS: Final = 16_384
"""Texts whose phrases are cached: about 8 MB."""
_CACHED_CHARS: Final = 500
"""Longer texts are not cached: memory must stay bounded for any input."""


class WrongCampaign(HashtideError, ValueError):
    """A campaign file is not valid. The message names the file, the key, and what it must be."""


class Campaign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One campaign, as read from its file. The fields are the file's keys."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}\Z")]
    """Short name: a label in counts and metrics."""
    title: str = ""
    roots: tuple[Annotated[str, Meta(pattern=r"^[a-z0-9_-]+:\S+\Z")], ...] = ()
    """Posts that started it, `platform:id`. Replies to, quotes of and reposts of them belong to the campaign."""
    tags: tuple[str, ...] = ()
    """Its hashtags, with variants and translations. Compared in counting form."""
    counter_tags: tuple[str, ...] = ()
    """Hashtags of the opposing side. Their posts belong to the campaign too, with the reason `counter-tag`."""
    phrases: tuple[str, ...] = ()
    """Phrases that mean the same without a tag. Whole words; case, punctuation and emoji are ignored."""
    phrases_anywhere: bool = False
    """Match phrases in every post, not only in replies to and quotes of a root."""


class Match(msgspec.Struct, frozen=True, gc=False):
    """A campaign that a post belongs to, with every reason, in the order of `Why`."""

    campaign: str
    why: tuple[Why, ...]


def unhashed_id(platform: str, post_id: str) -> str:
    """The post's id as the platform gave it, not pseudonymised."""
    return post_id


class Campaigns:
    """All campaigns, indexed: a post is matched by look-ups, for any number of campaigns. Never blocks.

    `called` (platform, post id) gives a root's id as it appears in the posts to match: unhashed_id for posts as a
    platform sent them, hashtide.identity.Pseudonyms.post for posts that passed intake.
    """

    def __init__(self, campaigns: Iterable[Campaign], called: Callable[[str, str], str] = unhashed_id) -> None:
        self.all: Final = tuple(campaigns)
        self._order: Final = {campaign.name: place for place, campaign in enumerate(self.all)}
        self._by_tag: Final[dict[str, list[str]]] = defaultdict(list)
        self._by_counter_tag: Final[dict[str, list[str]]] = defaultdict(list)
        self._by_root: Final[dict[tuple[str, str], list[str]]] = defaultdict(list)
        self._phrases: Final[dict[str, list[tuple[str, str]]]] = defaultdict(list)  # first word -> (phrase, campaign)
        # Reposts and short set phrases repeat soon: a cached text costs 10 us less.
        self._find_phrases_cached: Final = lru_cache(_CACHED_TEXTS)(self._find_phrases)
        self._anywhere: Final = frozenset(campaign.name for campaign in self.all if campaign.phrases_anywhere)
        for campaign in self.all:
            for index, tags in ((self._by_tag, campaign.tags), (self._by_counter_tag, campaign.counter_tags)):
                for form in dict.fromkeys(map(_tag_form, tags)):
                    index[form].append(campaign.name)
            for root in campaign.roots:
                platform, _, post_id = root.partition(":")
                for name in {post_id, called(platform, post_id)}:
                    self._by_root[platform, name].append(campaign.name)
            for phrase in dict.fromkeys(map(words, campaign.phrases)):
                self._phrases[phrase.split()[0]].append((phrase, campaign.name))

    def match(self, post: Post, tags: tuple[str, ...]) -> tuple[Match, ...]:
        """The campaigns that the post belongs to. `tags`: its tags in counting form (`hashtags.of_post`)."""
        answered = self._answered(post)
        quoted = self._root(post, post.quoted)
        reasons: list[tuple[Why, Iterable[str]]] = [("tag", self._by_tag[tag]) for tag in tags if tag in self._by_tag]
        reasons += [("counter-tag", self._by_counter_tag[tag]) for tag in tags if tag in self._by_counter_tag]
        reasons += [("root-reply", answered), ("quote-of-root", quoted)]
        reasons.append(("repost-of-root", self._root(post, post.reposted)))
        if self._phrases and (self._anywhere or answered or quoted):
            find = self._find_phrases_cached if len(post.text) <= _CACHED_CHARS else self._find_phrases
            names = find(post.text)
            reasons.append(("phrase", [n for n in names if n in self._anywhere or n in answered or n in quoted]))
        why: dict[str, dict[Why, None]] = {}
        for reason, matched in reasons:
            for name in matched:
                why.setdefault(name, {})[reason] = None
        return tuple([Match(name, tuple(why[name])) for name in sorted(why, key=self._order.__getitem__)])

    def _answered(self, post: Post) -> Sequence[str]:
        """The campaigns with a root that the post replies to, directly or further down the thread."""
        names = self._root(post, post.in_reply_to)
        if post.conversation is None or post.conversation == post.post_id:  # a root's conversation is its own id
            return names
        return [*names, *(name for name in self._root(post, post.conversation) if name not in names)]

    def _root(self, post: Post, post_id: str | None) -> Sequence[str]:
        return self._by_root.get((post.platform, post_id), ()) if post_id else ()

    def _find_phrases(self, text: str) -> list[str]:
        all_words = words(text)
        return [
            name
            for first in dict.fromkeys(all_words.split())
            for phrase, name in self._phrases.get(first, ())
            if phrase in all_words
        ]


def _tag_form(tag: str) -> str:
    return hashtags.counting_form(tag.lstrip("#＃"))
