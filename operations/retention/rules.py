"""Which daily indices to drop, and the name patterns that prevent their creation. Pure.

A day is dropped as a whole, once all of it is too old. The first day that stays is the day (UTC) of `now - days`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from hashtide.contract.bounds import EARLIEST_MS, FUTURE_TOLERANCE_MS
from hashtide.contract.names import COUNT_FAMILIES, DAILY_FAMILIES, POSTS
from hashtide.settings import WrongSetting
from operations.settings import OperationsSettings

_NAME: Final = re.compile(rf"({'|'.join(DAILY_FAMILIES)})-([0-9]{{4}})\.([0-9]{{2}})\.([0-9]{{2}})")
_EARLIEST: Final = datetime.fromtimestamp(EARLIEST_MS / 1000, UTC).date()


class RetentionPolicy(msgspec.Struct, frozen=True):
    """How many days to keep counts, the ledger, and gaps and canaries; None: forever."""

    counts_days: int | None
    posts_days: int | None
    gaps_days: int | None

    @classmethod
    def of(cls, settings: OperationsSettings) -> "RetentionPolicy":
        """The policy in the settings. Raises WrongSetting."""
        return cls.checked(settings.retention_counts_days, settings.retention_posts_days, settings.retention_gaps_days)

    @classmethod
    def checked(cls, counts_days: int | None, posts_days: int | None, gaps_days: int | None) -> "RetentionPolicy":
        """A policy; if `gaps_days` is None, gaps stay as long as counts. Raises WrongSetting for contradictions.

        The ledger must not outlive the counts: late posts would be accepted but counted nowhere, and `verify` would
        report them missing.
        """
        if counts_days is None and posts_days is None and gaps_days is None:
            raise WrongSetting(
                "no retention is set: give --counts, --posts or --gaps, or set HASHTIDE_RETENTION_COUNTS_DAYS, "
                "HASHTIDE_RETENTION_POSTS_DAYS or HASHTIDE_RETENTION_GAPS_DAYS"
            )
        if counts_days is not None and (posts_days is None or posts_days > counts_days):
            raise WrongSetting(
                f"counts are kept for {counts_days} days and posts {_for(posts_days)}: posts must not be kept longer "
                "than counts (--posts, HASHTIDE_RETENTION_POSTS_DAYS)"
            )
        return cls(counts_days, posts_days, counts_days if gaps_days is None else gaps_days)

    def firsts(self, now_ms: int) -> dict[str, date]:
        """The first day that stays, for each family of daily indices that is not kept forever."""
        days = dict.fromkeys(COUNT_FAMILIES, self.counts_days) | {POSTS: self.posts_days}
        return {family: first_day(now_ms, kept) for family, kept in days.items() if kept is not None}

    def gaps_before_ms(self, now_ms: int) -> int | None:
        """Gaps that ended before this time are dropped; None: none are."""
        if self.gaps_days is None:
            return None
        first = first_day(now_ms, self.gaps_days)
        return int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)


def _for(days: int | None) -> str:
    return "forever" if days is None else f"for {days}"


def first_day(now_ms: int, days: int) -> date:
    """The first day that stays; not before EARLIEST_MS, when platforms had no posts."""
    return max(_EARLIEST, _day(now_ms) - timedelta(days))


class Sorted(NamedTuple):
    """Indices to drop, and indices to leave alone."""

    expired: list[str]
    """Oldest first."""
    left: dict[str, str]
    """Indices that are named like ours and are not touched, with the reason. Without days that simply stay."""


def sort(indices: Iterable[str], firsts: Mapping[str, date], now_ms: int) -> Sorted:
    """Which indices to drop: only those with the exact name of our daily indices and a day before the first."""
    expired: list[tuple[date, str]] = []
    left: dict[str, str] = {}
    latest = _day(now_ms + FUTURE_TOLERANCE_MS)
    for index in sorted(indices):
        named = _NAME.fullmatch(index)
        if not named:
            left[index] = "not the name of one of our daily indices"
            continue
        try:
            day = date(*map(int, named.groups()[1:]))
        except ValueError:
            left[index] = "its date does not exist"
            continue
        if day > latest:
            left[index] = "its date is in the future"
        elif named[1] in firsts and day < firsts[named[1]]:
            expired.append((day, index))
    return Sorted([index for _, index in sorted(expired)], left)


def patterns(family: str, first: date) -> list[str]:
    """Patterns that match the names of all daily indices before the first day that stays, and no others."""
    years = [f"{family}-{year}.*" for year in range(_EARLIEST.year, first.year)]
    months = [f"{family}-{first.year}.{month:02}.*" for month in range(1, first.month)]
    days = [f"{family}-{first.year}.{first.month:02}.{day:02}" for day in range(1, first.day)]
    return years + months + days


def _day(moment_ms: int) -> date:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).date()
