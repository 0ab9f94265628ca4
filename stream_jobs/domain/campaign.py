"""Campaigns: what belongs to one, and why a post does.

A campaign is a TOML file (docs/campaigns.md). All that is compared goes through one fold, `text.fold`.
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

_REMEMBERED: Final = 16_384
"""Texts whose phrases are kept: some 8 MB."""
_REMEMBERED_CHARS: Final = 500
"""A longer text is searched anew: memory must stay bounded, whatever people write."""


class WrongCampaign(HashtideError, ValueError):
    """A campaign file that can't be used. The message names the file, the key, and what it must be."""


class Campaign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One campaign, as its file says. The fields are the file's keys."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}\Z")]
    """Short name: a label in counts and metrics."""
    title: str = ""
    roots: tuple[Annotated[str, Meta(pattern=r"^[a-z0-9_-]+:\S+\Z")], ...] = ()
    """Posts that started it, `platform:id`. Replies to them and quotes and reposts of them belong to it."""
    tags: tuple[str, ...] = ()
    """Its hashtags, with variants and translations. Compared in counting form."""
    counter_tags: tuple[str, ...] = ()
    """Hashtags of those who answer it from the other side. They belong to it, and can be told apart by why."""
    phrases: tuple[str, ...] = ()
    """Words that say the same without a tag: whole words, any case, across punctuation and emoji."""
    phrases_anywhere: bool = False
    """Whether phrases count in every post, not only in replies to and quotes of a root."""


class Match(msgspec.Struct, frozen=True, gc=False):
    """That a post belongs to a campaign, and every reason for it, in the order of `Why`."""

    campaign: str
    why: tuple[Why, ...]


def unhashed_id(platform: str, post_id: str) -> str:
    """A post's id, which nothing has hidden."""
    return post_id


class Campaigns:
    """All campaigns, indexed so that a post is matched by look-ups, however many campaigns there are. Never blocks.

    `called`: what a root, by platform and id, is called in the posts to be matched: as_it_is in those that a platform
    sent, hashtide.identity.Pseudonyms.post in those that intake has let in.
    """

    def __init__(self, campaigns: Iterable[Campaign], called: Callable[[str, str], str] = unhashed_id) -> None:
        self.all: Final = tuple(campaigns)
        self._order: Final = {campaign.name: place for place, campaign in enumerate(self.all)}
        self._by_tag: Final[dict[str, list[str]]] = defaultdict(list)
        self._by_counter_tag: Final[dict[str, list[str]]] = defaultdict(list)
        self._by_root: Final[dict[tuple[str, str], list[str]]] = defaultdict(list)
        self._phrases: Final[dict[str, list[tuple[str, str]]]] = defaultdict(list)  # first word -> (phrase, campaign)
        # What is reposted, and short formulas, come again soon: 10 us less for such a post.
        self._with_phrase: Final = lru_cache(_REMEMBERED)(self._with_phrase_anew)
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
        """The campaigns that the post belongs to. `tags` are its tags in counting form (`hashtags.of_post`)."""
        answered = self._answered(post)
        quoted = self._root(post, post.quoted)
        reasons: list[tuple[Why, Iterable[str]]] = [("tag", self._by_tag[tag]) for tag in tags if tag in self._by_tag]
        reasons += [("counter-tag", self._by_counter_tag[tag]) for tag in tags if tag in self._by_counter_tag]
        reasons += [("root-reply", answered), ("quote-of-root", quoted)]
        reasons.append(("repost-of-root", self._root(post, post.reposted)))
        if self._phrases and (self._anywhere or answered or quoted):
            find = self._with_phrase if len(post.text) <= _REMEMBERED_CHARS else self._with_phrase_anew
            names = find(post.text)
            reasons.append(("phrase", [n for n in names if n in self._anywhere or n in answered or n in quoted]))
        why: dict[str, dict[Why, None]] = {}
        for reason, of in reasons:
            for name in of:
                why.setdefault(name, {})[reason] = None
        return tuple([Match(name, tuple(why[name])) for name in sorted(why, key=self._order.__getitem__)])

    def _answered(self, post: Post) -> Sequence[str]:
        """The campaigns one of whose roots the post replies to, or a reply below it."""
        names = self._root(post, post.in_reply_to)
        if post.conversation is None or post.conversation == post.post_id:  # a root's conversation is its own id
            return names
        return [*names, *(name for name in self._root(post, post.conversation) if name not in names)]

    def _root(self, post: Post, post_id: str | None) -> Sequence[str]:
        return self._by_root.get((post.platform, post_id), ()) if post_id else ()

    def _with_phrase_anew(self, text: str) -> list[str]:
        all_words = words(text)
        return [
            name
            for first in dict.fromkeys(all_words.split())
            for phrase, name in self._phrases.get(first, ())
            if phrase in all_words
        ]


def _tag_form(tag: str) -> str:
    return hashtags.counting_form(tag.lstrip("#＃"))
