"""What Prometheus is told of campaigns: fresh, live posts, under labels that no input can make more of.

An alert must tell that many post now from a lot being read again. So the counters here leave out all that is counted
late, whatever the reason: replays, backfills, made-up posts, and what waited while a worker or a source was away.
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
"""How far a post's own time may be from the clock, either way: no more than a clock may be wrong (contract.py)."""
OTHER: Final = "other"
"""The label of what has none of its own."""


class CampaignLabels:
    """The campaigns, platforms, languages and regions with a label of their own; all else shares OTHER."""

    def __init__(
        self, campaigns: Iterable[str], platforms: Iterable[str], languages: Iterable[str], regions: Iterable[str]
    ) -> None:
        self._campaigns, self._platforms = frozenset(campaigns), frozenset(platforms)
        self._languages = frozenset(languages) | {UNDETERMINED}
        self._regions = frozenset(regions) | {UNKNOWN_REGION}

    @classmethod
    def of(cls, settings: StreamSettings, campaigns: Iterable[str]) -> Self:
        """Those of the settings. Raises WrongSetting for a language or region that no post is ever tagged with."""
        languages, regions = settings.metric_languages.split(","), settings.metric_regions.split(",")
        for code in languages:
            if (normal := normal_code(code)) != code:
                instead = "" if normal == UNDETERMINED else f": {normal!r} is meant, perhaps"
                raise WrongSetting(f"HASHTIDE_METRIC_LANGUAGES: posts are never tagged {code!r}{instead}")
        countries = Locale("en").territories
        for code in regions:
            if code not in countries:
                raise WrongSetting(
                    f"HASHTIDE_METRIC_REGIONS: posts are never tagged {code!r}: no country has this code"
                )
        return cls(campaigns, settings.metric_platforms.split(","), languages, regions)

    def use(self, campaigns: Campaigns) -> None:
        """Have labels for these campaigns, too. Those from before keep theirs: their posts may still come."""
        self._campaigns |= {campaign.name for campaign in campaigns.all}
        self.begin()

    def begin(self) -> None:
        """Have all counters of campaigns begin at 0: of one that was not there, nobody sees the first increase."""
        for campaign in self._campaigns:
            for platform in self._platforms:
                for kind in get_args(Kind):
                    metrics.CAMPAIGN_POSTS.labels(campaign, platform, kind)
            for language in self._languages | {OTHER}:
                metrics.CAMPAIGN_LANGUAGES.labels(campaign, language)
            for region in self._regions | {OTHER}:
                metrics.CAMPAIGN_REGIONS.labels(campaign, region)

    def platform(self, name: str) -> str:
        """The label of a platform: a file can name any."""
        return name if name in self._platforms else OTHER

    def count(self, posts: Iterable[EnrichedPost], now_ms: int) -> None:
        """Count those of the posts that are live and fresh, in each of their campaigns."""
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
