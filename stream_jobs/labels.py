"""Campaign metrics: fresh, live posts only, with a bounded set of labels for any input.

An alert must distinguish many posts now from many posts being read again. So these counters exclude all posts counted
late for any reason: replays, backfills, made-up posts, and posts that waited while a worker or source was down.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Self, get_args

from babel import Locale
from prometheus_client import Counter as Metric

from hashtide.contract.names import UNKNOWN_REGION
from hashtide.metrics import worker as metrics
from hashtide.settings import WrongSetting
from stream_jobs.domain.campaign import Campaigns
from stream_jobs.domain.language import UNDETERMINED, normal_code
from stream_jobs.enriched import EnrichedPost, Kind
from stream_jobs.settings import StreamSettings

FRESH_MS: Final = 5 * 60 * 1000
"""Largest difference between a post's time and the clock, either way: the clock error that contract/ allows."""
OTHER: Final = "other"
"""The label for all values without their own label."""


class CampaignLabels:
    """The campaigns, platforms, languages and regions that have their own label. All others share OTHER."""

    def __init__(
        self, campaigns: Iterable[str], platforms: Iterable[str], languages: Iterable[str], regions: Iterable[str]
    ) -> None:
        self._campaigns, self._platforms = frozenset(campaigns), frozenset(platforms)
        self._languages = frozenset(languages) | {UNDETERMINED}
        self._regions = frozenset(regions) | {UNKNOWN_REGION}

    @classmethod
    def of(cls, settings: StreamSettings, campaigns: Iterable[str]) -> Self:
        """The labels named in the settings. Raises WrongSetting for a language or region that no post can have."""
        languages, regions = settings.metric_languages.split(","), settings.metric_regions.split(",")
        for code in languages:
            if (normal := normal_code(code)) != code:
                hint = "" if normal == UNDETERMINED else f": did you mean {normal!r}?"
                raise WrongSetting(f"HASHTIDE_METRIC_LANGUAGES: posts are never tagged {code!r}{hint}")
        countries = Locale("en").territories
        for code in regions:
            if code not in countries:
                raise WrongSetting(
                    f"HASHTIDE_METRIC_REGIONS: posts are never tagged {code!r}: no country has this code"
                )
        return cls(campaigns, settings.metric_platforms.split(","), languages, regions)

    def use(self, campaigns: Campaigns) -> None:
        """Add labels for these campaigns. Previous campaigns keep theirs: their posts may still arrive."""
        self._campaigns |= {campaign.name for campaign in campaigns.all}
        self.begin()

    def begin(self) -> None:
        """Start all campaign counters at 0: Prometheus misses the first increase of a counter that just appeared."""
        for campaign in self._campaigns:
            for platform in self._platforms:
                for kind in get_args(Kind):
                    metrics.CAMPAIGN_POSTS.labels(campaign, platform, kind)
            for language in self._languages | {OTHER}:
                metrics.CAMPAIGN_LANGUAGES.labels(campaign, language)
            for region in self._regions | {OTHER}:
                metrics.CAMPAIGN_REGIONS.labels(campaign, region)

    def platform(self, name: str) -> str:
        """The label of a platform. A bounded set: a file can contain any platform name."""
        return name if name in self._platforms else OTHER

    def count(self, posts: Iterable[EnrichedPost], now_ms: int) -> None:
        """Count the live and fresh posts, in each of their campaigns."""
        oldest_ms, newest_ms = now_ms - FRESH_MS, now_ms + FRESH_MS
        of_kind: Counter[tuple[str, ...]] = Counter()
        of_language: Counter[tuple[str, ...]] = Counter()
        of_region: Counter[tuple[str, ...]] = Counter()
        for post in posts:
            if post.origin == "live" and oldest_ms <= post.created_at_ms <= newest_ms:
                for campaign in post.campaigns:
                    of_kind[campaign, post.platform, post.kind] += 1
                    of_language[campaign, post.language] += 1
                    of_region[campaign, post.region or UNKNOWN_REGION] += 1
        _add(metrics.CAMPAIGN_POSTS, of_kind, self._campaigns, self._platforms, get_args(Kind))
        _add(metrics.CAMPAIGN_LANGUAGES, of_language, self._campaigns, self._languages)
        _add(metrics.CAMPAIGN_REGIONS, of_region, self._campaigns, self._regions)


def _add(metric: Metric, counted: Counter[tuple[str, ...]], *known: Iterable[str]) -> None:
    for values, number in counted.items():
        labels = [value if value in own else OTHER for value, own in zip(values, known, strict=True)]
        metric.labels(*labels).inc(number)
