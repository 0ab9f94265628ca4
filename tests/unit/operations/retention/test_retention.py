"""Which indices are dropped, which are kept, and which are fenced."""

from datetime import date
from fnmatch import fnmatchcase

import pytest

from hashtide.metrics import retention as metrics
from hashtide.settings import WrongSetting, load
from hashtide.times import DAY_MS
from operations.retention.daily import DailyRetention
from operations.retention.enforce import Dropped, NothingDropped, RetentionReport
from operations.retention.rules import RetentionPolicy, first_day, patterns, sort
from operations.settings import OperationsSettings
from stream_jobs.domain.windows import day

NOON_MS = 1_509_019_200_000  # 2017-10-26T12:00:00Z


def test_keeps_a_day_until_all_of_it_is_too_old() -> None:
    assert first_day(NOON_MS, 1) == date(2017, 10, 25)
    assert first_day(NOON_MS + DAY_MS // 2 - 1, 1) == date(2017, 10, 25)
    assert first_day(NOON_MS + DAY_MS // 2, 1) == date(2017, 10, 26)
    assert first_day(NOON_MS, 30) == date(2017, 9, 26)


def test_first_day_is_not_before_first_accepted_post() -> None:
    assert first_day(NOON_MS, 36_500) == date(2006, 1, 1)
    assert patterns("posts", date(2006, 1, 1)) == []


def test_counts_and_ledger_have_separate_limits() -> None:
    firsts = RetentionPolicy.checked(400, 30, None).firsts(NOON_MS)
    assert firsts == {
        "reply-volume": date(2016, 9, 21),
        "hashtag-volume": date(2016, 9, 21),
        "posts": date(2017, 9, 26),
    }
    indices = [
        "hashtag-volume-2016.09.21",
        "hashtag-volume-2016.09.20",
        "posts-2017.09.25",
        "posts-2017.09.26",
        "posts-2006.01.01",
        "reply-volume-2016.09.20",
        "reply-volume-2017.09.25",
        "reply-volume-2016.09.21",
    ]
    going, left = sort(indices, firsts, NOON_MS)
    assert going == ["posts-2006.01.01", "hashtag-volume-2016.09.20", "reply-volume-2016.09.20", "posts-2017.09.25"]
    assert left == {}


@pytest.mark.parametrize(
    ("index", "why"),
    [
        ("posts-2016.1.1", "not the name of one of our daily indices"),
        ("posts-2016.01.01-old", "not the name of one of our daily indices"),
        ("posts-2016.01.01\n", "not the name of one of our daily indices"),
        ("my-posts-2016.01.01", "not the name of one of our daily indices"),
        ("posts-archive", "not the name of one of our daily indices"),
        ("posts-2016-01-01", "not the name of one of our daily indices"),
        ("posts-٢٠١٦.٠١.٠١", "not the name of one of our daily indices"),
        ("Posts-2016.01.01", "not the name of one of our daily indices"),
        ("posts-2016.02.30", "its date does not exist"),
        ("posts-2016.13.01", "its date does not exist"),
        ("posts-0000.01.01", "its date does not exist"),
        ("posts-2017.10.27", "its date is in the future"),
        ("reply-volume-9999.12.31", "its date is in the future"),
    ],
)
def test_keeps_and_reports_unknown_indices(index: str, why: str) -> None:
    assert sort([index], RetentionPolicy.checked(1, 1, None).firsts(NOON_MS), NOON_MS) == ([], {index: why})


def test_tolerates_small_clock_difference_for_next_day() -> None:
    just_before_midnight_ms = NOON_MS + DAY_MS // 2 - 60_000
    assert sort(["posts-2017.10.27"], {}, just_before_midnight_ms) == ([], {})


def test_keeps_indices_without_limit() -> None:
    firsts = RetentionPolicy.checked(None, 1, None).firsts(NOON_MS)
    indices = ["posts-2016.01.01", "reply-volume-2016.01.01"]
    assert sort(indices, firsts, NOON_MS) == (["posts-2016.01.01"], {})


@pytest.mark.parametrize("first", ["2006.01.02", "2016.03.01", "2017.01.01", "2017.10.15", "2017.12.31"])
def test_patterns_match_exactly_the_days_before_the_first(first: str) -> None:
    made = patterns("posts", date(*map(int, first.split("."))))
    assert len(made) <= 12 + 11 + 30
    for moment_ms in range(1_136_073_600_000, NOON_MS + 400 * DAY_MS, DAY_MS):
        name = day(moment_ms)
        assert any(fnmatchcase(f"posts-{name}", pattern) for pattern in made) == (name < first), name
        assert not any(fnmatchcase(f"reply-volume-{name}", pattern) for pattern in made)


def test_patterns_are_years_months_and_days() -> None:
    assert patterns("posts", date(2008, 3, 3)) == [
        "posts-2006.*",
        "posts-2007.*",
        "posts-2008.01.*",
        "posts-2008.02.*",
        "posts-2008.03.01",
        "posts-2008.03.02",
    ]


def test_gaps_are_kept_as_long_as_counts() -> None:
    assert RetentionPolicy.checked(400, 30, None).gaps_days == 400
    assert RetentionPolicy.checked(400, 30, 7).gaps_days == 7
    assert RetentionPolicy.checked(None, 30, None).gaps_before_ms(NOON_MS) is None
    assert RetentionPolicy.checked(None, None, 1).gaps_before_ms(NOON_MS) == NOON_MS - DAY_MS - DAY_MS // 2


def test_refuses_retention_without_limits() -> None:
    with pytest.raises(WrongSetting, match="HASHTIDE_RETENTION_POSTS_DAYS"):
        RetentionPolicy.checked(None, None, None)
    with pytest.raises(WrongSetting, match="no retention is set"):
        RetentionPolicy.of(load(OperationsSettings, {"HASHTIDE_RETENTION": "true"}))


@pytest.mark.parametrize("posts_days", [None, 31])
def test_refuses_ledger_kept_longer_than_counts(posts_days: int | None) -> None:
    with pytest.raises(WrongSetting, match="posts must not be kept longer than counts"):
        RetentionPolicy.checked(30, posts_days, None)
    assert RetentionPolicy.checked(30, 30, None) == RetentionPolicy(30, 30, 30)


class Times:
    """A worker's daily retention, with the clock set by the test."""

    def __init__(self) -> None:
        self.now_ms, self.elected = NOON_MS, True
        self.answers: list[RetentionReport | Exception] = []
        self.asked: list[int] = []
        self.daily = DailyRetention(self.enforce, lambda: self.elected, lambda: self.now_ms)

    async def enforce(self, now_ms: int) -> RetentionReport:
        self.asked.append(now_ms)
        answer = self.answers.pop(0) if self.answers else RetentionReport(dry_run=False)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def at(self, now_ms: int) -> bool:
        """Whether retention ran at that time."""
        before, self.now_ms = len(self.asked), now_ms
        await self.daily.enforce_if_due()
        return len(self.asked) > before


async def test_elected_worker_enforces_at_start_and_once_a_day() -> None:
    times = Times()
    assert await times.at(NOON_MS)
    assert not await times.at(NOON_MS + DAY_MS // 2 - 1)
    assert await times.at(NOON_MS + DAY_MS // 2)  # midnight, UTC
    assert not await times.at(NOON_MS + DAY_MS)


async def test_worker_enforces_only_after_election() -> None:
    times = Times()
    times.elected = False
    assert not await times.at(NOON_MS)
    times.elected = True
    assert await times.at(NOON_MS + 1)


@pytest.mark.parametrize(
    "answer",
    [RetentionReport(dry_run=False, failed={"posts-2017.01.01": "no"}), NothingDropped("clocks differ")],
    ids=["one index", "all of it"],
)
async def test_retries_an_hour_after_failure(answer: RetentionReport | Exception) -> None:
    times = Times()
    times.answers = [answer]
    assert await times.at(NOON_MS)
    assert not await times.at(NOON_MS + 3_599_999)
    assert await times.at(NOON_MS + 3_600_000)
    assert not await times.at(NOON_MS + 7_200_000)


async def test_retention_metrics() -> None:
    metrics.RETENTION_LAST_SUCCESS.set(0)
    times, before = Times(), shown()
    times.answers = [
        RetentionReport(dry_run=False, dropped=[Dropped("posts-2017.01.01", 1, 2)], failed={"posts-2017.01.02": "no"})
    ]
    await times.at(NOON_MS)
    assert [now - was for now, was in zip(shown(), before, strict=True)] == [1, 1, 0]
    await times.at(NOON_MS + 3_600_000)
    assert [now - was for now, was in zip(shown()[:2], before, strict=False)] == [1, 1]
    assert shown()[2] == 1_509_022_800


def shown() -> list[float]:
    """Indices dropped, failures, and time of the last success."""
    return [
        next(iter(metric.collect())).samples[0].value
        for metric in (metrics.RETENTION_DROPPED, metrics.RETENTION_FAILED, metrics.RETENTION_LAST_SUCCESS)
    ]
