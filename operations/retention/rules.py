"""Which daily indices are old enough to go, and by which patterns none of them is made again. Pure.

A day goes as a whole, once all of it is older than what is kept: of `days`, it is the first day that stays that counts,
the day on which `now - days` lies (UTC).
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
    """For how many days what is kept; None: for ever."""

    counts_days: int | None
    posts_days: int | None
    gaps_days: int | None

    @classmethod
    def of(cls, settings: OperationsSettings) -> "RetentionPolicy":
        """What the settings say. Raises WrongSetting."""
        return cls.checked(settings.retention_counts_days, settings.retention_posts_days, settings.retention_gaps_days)

    @classmethod
    def checked(cls, counts_days: int | None, posts_days: int | None, gaps_days: int | None) -> "RetentionPolicy":
        """Where they go together; unset, gaps stay as long as the counts that they explain. Raises WrongSetting.

        A ledger that outlived its counts would let posts in that are counted nowhere, and `verify` would find them
        missing.
        """
        if counts_days is None and posts_days is None and gaps_days is None:
            raise WrongSetting(
                "nothing says what is old: give --counts, --posts or --gaps, or set HASHTIDE_RETENTION_COUNTS_DAYS, "
                "HASHTIDE_RETENTION_POSTS_DAYS or HASHTIDE_RETENTION_GAPS_DAYS"
            )
        if counts_days is not None and (posts_days is None or posts_days > counts_days):
            raise WrongSetting(
                f"counts are kept for {counts_days} days and posts {_for(posts_days)}: posts must not be kept longer "
                "than counts (--posts, HASHTIDE_RETENTION_POSTS_DAYS)"
            )
        return cls(counts_days, posts_days, counts_days if gaps_days is None else gaps_days)

    def firsts(self, now_ms: int) -> dict[str, date]:
        """For each family of daily indices that does not stay for ever, the first day that stays."""
        days = dict.fromkeys(COUNT_FAMILIES, self.counts_days) | {POSTS: self.posts_days}
        return {family: first_day(now_ms, kept) for family, kept in days.items() if kept is not None}

    def gaps_before_ms(self, now_ms: int) -> int | None:
        """Gaps that ended before this go."""
        if self.gaps_days is None:
            return None
        first = first_day(now_ms, self.gaps_days)
        return int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)


def _for(days: int | None) -> str:
    return "for ever" if days is None else f"for {days}"


def first_day(now_ms: int, days: int) -> date:
    """The first day that stays; never one before platforms had posts."""
    return max(_EARLIEST, _day(now_ms) - timedelta(days))


class Sorted(NamedTuple):
    """Indices by what becomes of them."""

    going: list[str]
    """Oldest first."""
    left: dict[str, str]
    """What looks like ours and is not touched, and why. Days that simply stay are not here."""


def sort(indices: Iterable[str], firsts: Mapping[str, date], now_ms: int) -> Sorted:
    """Which of these go: those alone whose name is exactly that of a daily index of ours, of a day before the first."""
    going: list[tuple[date, str]] = []
    left: dict[str, str] = {}
    latest = _day(now_ms + FUTURE_TOLERANCE_MS)
    for index in sorted(indices):
        named = _NAME.fullmatch(index)
        if not named:
            left[index] = "not named as our daily indices are"
            continue
        try:
            day = date(*map(int, named.groups()[1:]))
        except ValueError:
            left[index] = "its name has no day of the calendar"
            continue
        if day > latest:
            left[index] = "of the future"
        elif named[1] in firsts and day < firsts[named[1]]:
            going.append((day, index))
    return Sorted([index for _, index in sorted(going)], left)


def patterns(family: str, first: date) -> list[str]:
    """Patterns of the names of all daily indices before the first day that stays, and of no other's."""
    years = [f"{family}-{year}.*" for year in range(_EARLIEST.year, first.year)]
    months = [f"{family}-{first.year}.{month:02}.*" for month in range(1, first.month)]
    days = [f"{family}-{first.year}.{first.month:02}.{day:02}" for day in range(1, first.day)]
    return years + months + days


def _day(moment_ms: int) -> date:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).date()
