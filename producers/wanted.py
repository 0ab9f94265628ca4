"""What the campaigns want from a platform. This package does not know the campaigns: its caller passes the terms.

`hashtide` passes a function that makes a `Wanted` to the commands below `produce`, as click's context object.
"""

from collections.abc import Callable

import msgspec

from hashtide.contract.messages import Post


class Terms(msgspec.Struct, frozen=True):
    """Search terms of one campaign."""

    campaign: str
    tags: tuple[str, ...]
    """Hashtags without '#', including those against the campaign."""
    phrases: tuple[str, ...]
    """Phrases that count in every post, not only in replies to a root."""
    roots: tuple[str, ...]
    """Posts that started the campaign, `platform:id`."""


class Wanted(msgspec.Struct, frozen=True):
    """Terms of all campaigns, and whether a post belongs to any of them."""

    campaigns: tuple[Terms, ...]
    matches: Callable[[Post], bool]

    def tags(self) -> tuple[str, ...]:
        """Tags of all campaigns; of tags that differ only in case, the first."""
        distinct: dict[str, str] = {}
        for terms in self.campaigns:
            for tag in terms.tags:
                distinct.setdefault(tag.casefold(), tag)
        return tuple(distinct.values())
