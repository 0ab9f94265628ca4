"""Campaigns as labels in Prometheus. The clock of these tests stands at 15 October 2017, 20:00."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from hashtide.contract.messages import Recount
from hashtide.settings import WrongSetting, load
from stream_jobs.domain.campaign import Campaign, Campaigns
from stream_jobs.enriched import EnrichedPost
from stream_jobs.labels import CampaignLabels
from stream_jobs.settings import StreamSettings
from tests.unit.stream_jobs.agents import counting as agents
from tests.unit.stream_jobs.agents.counting import Counting, metric, ms, post

NOW_MS = ms("2017-10-15T20:00:00Z")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "NOW_MS", NOW_MS)


class Watched:
    """A worker, and what its counters of campaigns grew by since it began."""

    def __init__(self) -> None:
        self.counting = Counting()
        self._before = samples()

    @property
    def grew(self) -> dict[tuple[str, ...], float]:
        grown = {labels: value - self._before.get(labels, 0) for labels, value in samples().items()}
        return {labels: value for labels, value in grown.items() if value}


def samples() -> dict[tuple[str, ...], float]:
    """Every sample of the campaigns' counters: by campaign, kind and platform, or campaign and language=, region=."""
    return {
        tuple(
            f"{name}={value}" if name in ("language", "region") else value
            for name, value in sorted(sample.labels.items())
        ): sample.value
        for family in REGISTRY.collect()
        if family.name.startswith("hashtide_campaign_")
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def live(post_id: str, at: str = "2017-10-15T19:59:30Z", **changes: Any) -> EnrichedPost:
    """A fresh English reply of the campaign metoo."""
    return post(post_id, at, **{"campaigns": ("metoo",), "origin": "live"} | changes)


async def test_a_live_and_fresh_post_counts_by_platform_and_kind_by_language_and_by_country() -> None:
    watched = Watched()
    await watched.counting.handle(
        0,
        live("1", region="MX", language="es"),
        live("2", region="MX", language="es", kind="repost"),
        live("3", platform="mastodon"),
    )
    assert watched.grew == {
        ("metoo", "reply", "x"): 1,
        ("metoo", "repost", "x"): 1,
        ("metoo", "reply", "mastodon"): 1,
        ("metoo", "language=es"): 2,
        ("metoo", "language=en"): 1,
        ("metoo", "region=MX"): 2,
        ("metoo", "region=ZZ"): 1,
    }


async def test_a_post_of_two_campaigns_counts_in_each_and_one_of_none_in_none() -> None:
    watched = Watched()
    await watched.counting.handle(0, live("1", campaigns=("metoo", "timesup")), live("2", campaigns=()))
    assert watched.grew == {
        ("metoo", "reply", "x"): 1,
        ("timesup", "reply", "x"): 1,
        ("metoo", "language=en"): 1,
        ("timesup", "language=en"): 1,
        ("metoo", "region=ZZ"): 1,
        ("timesup", "region=ZZ"): 1,
    }


@pytest.mark.parametrize("origin", ["backfill", "replay", "synthetic"])
async def test_a_post_that_is_not_live_does_not_count(origin: str) -> None:
    watched = Watched()
    before = metric("hashtide_counted_posts_total", platform="x", origin=origin)
    await watched.counting.handle(0, live("1", origin=origin))
    assert watched.grew == {}
    assert metric("hashtide_counted_posts_total", platform="x", origin=origin) - before == 1


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("2017-10-15T19:54:59.999Z", False),
        ("2017-10-15T19:55:00Z", True),
        ("2017-10-15T20:05:00Z", True),
        ("2017-10-15T20:05:00.001Z", False),
        ("2017-10-08T20:00:00Z", False),
    ],
)
async def test_a_post_counts_that_is_at_most_five_minutes_from_the_clock(at: str, counts: bool) -> None:
    watched = Watched()
    await watched.counting.handle(0, live("1", at))
    assert bool(watched.grew) is counts
    assert sum(watched.counting.counts.values()) == 1


async def test_duplicates_and_edits_do_not_count() -> None:
    watched = Watched()
    await watched.counting.handle(0, live("1"), live("1"))
    await watched.counting.handle(2, live("1"), live("1", edited_at_ms=NOW_MS))
    assert watched.grew[("metoo", "reply", "x")] == 1


async def test_a_batch_handled_again_after_a_crash_does_not_count_again() -> None:
    watched = Watched()
    await watched.counting.handle(0, live("1"), live("2"))
    await Counting(watched.counting.store.documents).handle(0, live("1"), live("2"), live("3"), generation=2)
    assert watched.grew[("metoo", "reply", "x")] == 3


async def test_a_window_counted_again_from_the_ledger_does_not_count() -> None:
    watched = Watched()
    await watched.counting.handle(0, live("1"))
    await watched.counting.handle(1, Recount(window_ms=ms("2017-10-15T19:59:00Z")))
    assert watched.grew[("metoo", "reply", "x")] == 1


async def test_what_has_no_label_of_its_own_is_other() -> None:
    watched = Watched()
    await watched.counting.handle(
        0,
        live("1", language="eo", region="AQ", platform="threads"),
        live("2", language="en,es", region='"}\n', platform="y" * 32),
        live("3", campaigns=("of-another-file",)),
    )
    assert watched.grew == {
        ("metoo", "reply", "other"): 2,
        ("metoo", "language=other"): 2,
        ("metoo", "region=other"): 2,
        ("other", "reply", "x"): 1,
        ("other", "language=en"): 1,
        ("other", "region=ZZ"): 1,
    }


async def test_hostile_values_make_no_more_series() -> None:
    watched = Watched()
    await watched.counting.handle(0, live("0", language="q0", region="00", platform="p0", campaigns=("c0", "metoo")))
    series = len(samples()), len(all_platforms())
    hostile = [
        live(str(n), language=f"q{n}", region=f"{n}", platform=f"p{n}", campaigns=(f"c{n}", "metoo"))
        for n in range(1, 500)
    ]
    await watched.counting.handle(1, *hostile)
    assert (len(samples()), len(all_platforms())) == series
    assert metric("hashtide_counted_posts_total", platform="p1", origin="live") == 0


def all_platforms() -> set[str]:
    """The platforms of all counted posts."""
    (family,) = [family for family in REGISTRY.collect() if family.name == "hashtide_counted_posts"]
    return {sample.labels["platform"] for sample in family.samples}


def test_what_is_known_at_the_start_begins_at_0() -> None:
    CampaignLabels(["calm"], ["x", "bluesky"], ["en", "es"], ["MX"]).begin()
    assert {labels: value for labels, value in samples().items() if labels[0] == "calm"} == {
        ("calm", kind, platform): 0
        for platform in ("x", "bluesky")
        for kind in ("original", "reply", "quote", "repost")
    } | {("calm", f"language={code}"): 0 for code in ("en", "es", "und", "other")} | {
        ("calm", f"region={code}"): 0 for code in ("MX", "ZZ", "other")
    }


def test_by_default_these_have_labels_of_their_own() -> None:
    settings = StreamSettings()
    assert settings.metric_platforms == "x,mastodon,bluesky"
    assert len(settings.metric_languages.split(",")) == 32
    assert len(settings.metric_regions.split(",")) == 42
    CampaignLabels.of(settings, ["metoo"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HASHTIDE_METRIC_LANGUAGES", "en;es"),
        ("HASHTIDE_METRIC_LANGUAGES", "region=EN"),
        ("HASHTIDE_METRIC_LANGUAGES", "en,"),
        ("HASHTIDE_METRIC_LANGUAGES", "qq"),
        ("HASHTIDE_METRIC_LANGUAGES", "en,eng"),
        ("HASHTIDE_METRIC_REGIONS", "us"),
        ("HASHTIDE_METRIC_REGIONS", "US GB"),
        ("HASHTIDE_METRIC_REGIONS", "US,QX"),
        ("HASHTIDE_METRIC_PLATFORMS", "x,Mastodon"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(WrongSetting, match=name):
        CampaignLabels.of(load(StreamSettings, {name: value}), ["metoo"])


def test_a_code_that_has_another_form_here_is_reported_which() -> None:
    with pytest.raises(WrongSetting, match=r"never tagged 'no': did you mean 'nb'\?"):
        CampaignLabels.of(load(StreamSettings, {"HASHTIDE_METRIC_LANGUAGES": "no"}), [])


async def test_a_campaign_that_came_later_has_a_label_from_zero_on_and_those_that_went_keep_theirs() -> None:
    watched = Watched()
    labels = CampaignLabels.of(StreamSettings(), ["metoo"])
    labels.use(Campaigns([Campaign(name="harbour", tags=("OpenTheHarbour",))]))
    assert samples()["harbour", "reply", "x"] == 0
    labels.count([live("1", campaigns=("harbour",)), live("2"), live("3", campaigns=("stranger",))], NOW_MS)
    grown = {key: n for key, n in watched.grew.items() if len(key) == 3}
    assert grown == {("harbour", "reply", "x"): 1, ("metoo", "reply", "x"): 1, ("other", "reply", "x"): 1}
