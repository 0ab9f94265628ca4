"""What the campaigns want of a platform, told by whoever knows the campaigns: this package does not.

`hashtide` hands a function that makes a `Wanted` to the commands below `produce`, as click's context object.
"""

from collections.abc import Callable

import msgspec

from hashtide.contract.messages import Post


class Terms(msgspec.Struct, frozen=True):
    """What a platform can be asked for one campaign."""

    campaign: str
    tags: tuple[str, ...]
    """Hashtags without '#', those against the campaign among them."""
    phrases: tuple[str, ...]
    """Phrases that count in every post, not only in answers to a root."""
    roots: tuple[str, ...]
    """Posts that started it, `platform:id`."""


class Wanted(msgspec.Struct, frozen=True):
    """All campaigns' terms, and whether a post belongs to any of them."""

    campaigns: tuple[Terms, ...]
    matches: Callable[[Post], bool]

    def tags(self) -> tuple[str, ...]:
        """Every campaign's tags; of those that differ in capitals alone, the first."""
        distinct: dict[str, str] = {}
        for terms in self.campaigns:
            for tag in terms.tags:
                distinct.setdefault(tag.casefold(), tag)
        return tuple(distinct.values())
