"""What `hashtide watch` reads out of a real Elasticsearch: literal counts in, a literal view out."""

import json
from collections.abc import Iterator

import pytest
from elasticsearch import ApiError, Elasticsearch

from deploy.local.stack import Addresses
from hashtide.elasticsearch.client import Connection
from hashtide.elasticsearch.session import ElasticsearchFailed
from operations.watch import queries
from operations.watch.feed import describe
from operations.watch.model import ChartSeries, GapMark, Rate, Selection, TopRow, View, ViewData
from operations.watch.spikes import Driver
from tests.fakes.unruly import Unruly, lets_in
from tests.integration.counted import empty, gap, posts, put, tag

MINUTE = 60_000
HOUR = 60 * MINUTE
MIDNIGHT = 1_508_198_400_000  # 2017-10-17T00:00:00Z
NOW = MIDNIGHT + 30_000


@pytest.fixture
def url(stack: Addresses) -> Iterator[str]:
    empty(stack.elasticsearch)
    yield stack.elasticsearch
    empty(stack.elasticsearch)


async def view(url: str, selection: Selection, now_ms: int = NOW) -> View:
    async with queries.client(url) as client:
        return await queries.view(client, selection, now_ms)


async def view_data(url: str, selection: Selection, now_ms: int = NOW) -> ViewData:
    found = (await view(url, selection, now_ms)).data
    assert found is not None
    return found


async def test_without_any_index_nothing_is_counted(url: str) -> None:
    found = await view(url, Selection())
    assert found.data is None
    assert (found.extent.counted, found.extent.campaigns, found.extent.platforms) == (0, (), ())


async def test_an_hour_over_midnight_is_summed_over_partitions_and_indices(url: str) -> None:
    put(
        url,
        [
            posts(MIDNIGHT, 5, status="provisional"),
            posts(MIDNIGHT - MINUTE, 40, status="corrected"),
            posts(MIDNIGHT - MINUTE, 2, partition=1),
            posts(MIDNIGHT - 50 * MINUTE, 30, language="it", region="IT", kind="quote"),
            posts(MIDNIGHT - 50 * MINUTE, 3, language="fr", region="ZZ", kind="original", campaigns=()),
            posts(MIDNIGHT - 2 * HOUR, 1_000),  # before it
            tag(MIDNIGHT, 4, "metoo"),
            tag(MIDNIGHT - 50 * MINUTE, 16, "metoo", partition=1),
            tag(MIDNIGHT - 50 * MINUTE, 8, "quellavoltache"),
            tag(MIDNIGHT - 2 * HOUR, 1_000, "old"),
        ],
    )
    found = await view_data(url, Selection())
    assert (found.period.from_ms, found.period.to_ms, found.live) == (MIDNIGHT - 59 * MINUTE, MIDNIGHT + MINUTE, True)
    assert (found.posts, found.documents) == (80, 5)
    assert found.starts[9] == MIDNIGHT - 50 * MINUTE
    assert {index: total for index, total in enumerate(found.totals) if total} == {9: 33, 58: 42, 59: 5}
    assert [(each.key, sum(each.values), each.values[9]) for each in found.series] == [
        ("en", 47, 0),
        ("it", 30, 30),
        ("fr", 3, 3),
    ]
    assert found.tops["region"] == (
        TopRow("US", "United States", 47, 0.5875, None),
        TopRow("IT", "Italy", 30, 0.375, -1.0),
        TopRow("ZZ", "unknown", 3, 0.0375, -1.0),
    )
    assert [(row.key, row.posts) for row in found.tops["kind"]] == [("reply", 47), ("quote", 30), ("original", 3)]
    assert found.tops["hashtag"] == (
        TopRow("metoo", "#metoo", 20, 0.25, -0.75),
        TopRow("quellavoltache", "#quellavoltache", 8, 0.1, -1.0),
    )
    assert (found.provisional, found.final, found.corrected) == (0.0625, 0.4375, 0.5)


async def test_a_campaign_and_a_platform_are_looked_at_alone(url: str) -> None:
    put(
        url,
        [
            posts(MIDNIGHT, 5),
            posts(MIDNIGHT, 7, campaigns=("metoo", "timesup")),
            posts(MIDNIGHT, 11, platform="bluesky"),
            posts(MIDNIGHT, 13, campaigns=()),
            tag(MIDNIGHT, 17, "metoo", platform="bluesky"),
            tag(MIDNIGHT, 19, "metoo"),
        ],
    )
    assert (await view_data(url, Selection())).posts == 36
    assert (await view_data(url, Selection(campaign="metoo"))).posts == 23
    assert (await view_data(url, Selection(campaign="timesup"))).posts == 7
    bluesky = await view(url, Selection(campaign="metoo", platform="bluesky"))
    assert bluesky.data is not None
    assert (bluesky.data.posts, bluesky.data.tops["hashtag"][0].posts) == (11, 17)
    assert (bluesky.extent.campaigns, bluesky.extent.platforms) == (("metoo", "timesup"), ("bluesky", "x"))
    assert bluesky.extent.counted == 36
    assert (await view(url, Selection(campaign="none"))).data is None


async def test_data_of_2017_is_found_years_later(url: str) -> None:
    put(url, [posts(MIDNIGHT, 5), posts(MIDNIGHT - 20 * MINUTE, 7)])
    years_later = NOW + 9 * 365 * 24 * HOUR
    found = await view_data(url, Selection(span="15m"), years_later)
    assert (found.live, found.posts, found.period.to_ms, found.newest_ms) == (False, 5, MIDNIGHT + MINUTE, MIDNIGHT)
    assert (await view_data(url, Selection(span="all"), years_later)).posts == 12


async def test_the_chart_is_stacked_by_what_is_asked(url: str) -> None:
    put(url, [posts(MIDNIGHT, 5, kind="reply"), posts(MIDNIGHT, 2, kind="quote")])
    found = await view_data(url, Selection(span="15m", by="kind"))
    assert found.series == (
        ChartSeries("reply", "reply", (*[0] * 14, 5)),
        ChartSeries("quote", "quote", (*[0] * 14, 2)),
    )


async def test_replies_a_minute_are_those_of_the_last_five_counted_against_the_day_before(url: str) -> None:
    usual = [posts(MIDNIGHT - back * 5 * MINUTE, 10, kind="original") for back in range(2, 20)]
    put(
        url,
        [
            *usual,
            *[posts(MIDNIGHT - back * 5 * MINUTE, 20) for back in range(2, 20)],
            posts(MIDNIGHT - MINUTE, 60),
            posts(MIDNIGHT - 2 * MINUTE, 40, kind="quote"),
            posts(MIDNIGHT, 1_000),  # its minute is running
        ],
    )
    found = await view_data(url, Selection(span="15m"))
    assert found.rate_at_ms == MIDNIGHT
    assert found.replies_rate == Rate(12.0, 4.0)
    assert found.posts_rate == Rate(20.0, 6.0)


async def test_a_spike_is_reported_with_who_drives_it(url: str) -> None:
    put(
        url,
        [
            *[posts(MIDNIGHT - back * 5 * MINUTE, 10) for back in range(2, 30)],
            *[tag(MIDNIGHT - back * 5 * MINUTE, 10, "metoo") for back in range(2, 30)],
            posts(MIDNIGHT - MINUTE, 90, language="it", region="IT"),
            posts(MIDNIGHT - 3 * MINUTE, 15),
            tag(MIDNIGHT - MINUTE, 80, "quellavoltache"),
            tag(MIDNIGHT - MINUTE, 30, "metoo"),
            tag(MIDNIGHT - MINUTE, 70, "other", platform="bluesky"),
        ],
    )
    found = await view_data(url, Selection(platform="x"))
    assert found.spike is not None
    assert (found.spike.from_ms, found.spike.to_ms, found.spike.goes_on) == (MIDNIGHT - 5 * MINUTE, MIDNIGHT, True)
    assert (found.spike.peak, found.spike.usual, found.spike.times) == (105, 10.0, 10.5)
    assert found.drivers == {
        "language": (Driver("it", 0.0, 90), Driver("en", 10.0, 15)),
        "region": (Driver("IT", 0.0, 90), Driver("US", 10.0, 15)),
        "hashtag": (Driver("quellavoltache", 0.0, 80), Driver("metoo", 10.0, 30)),
    }


async def test_gaps_that_touch_the_time_are_listed_newest_first(url: str) -> None:
    put(
        url,
        [
            posts(MIDNIGHT, 1),
            gap(MIDNIGHT - 2 * HOUR, MIDNIGHT - HOUR - MINUTE),
            gap(MIDNIGHT - 2 * HOUR, MIDNIGHT - 50 * MINUTE, "x", 12),
            gap(MIDNIGHT - 10 * MINUTE, MIDNIGHT - 9 * MINUTE),
            gap(MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR),
        ],
    )
    found = await view_data(url, Selection())
    assert found.gaps == (
        GapMark(MIDNIGHT - 10 * MINUTE, MIDNIGHT - 9 * MINUTE, "mastodon:example.social", "disconnected", None),
        GapMark(MIDNIGHT - 2 * HOUR, MIDNIGHT - 50 * MINUTE, "x", "disconnected", 12),
    )
    assert found.gaps_in_all == 2


async def test_one_view_is_at_most_three_requests_each_without_a_retry(url: str) -> None:
    put(url, [posts(MIDNIGHT - back * 5 * MINUTE, 10) for back in range(2, 30)] + [posts(MIDNIGHT - MINUTE, 90)])
    async with Unruly(url) as proxy:
        await view_data(proxy.url, Selection())
        asked = [[json.loads(line) for line in body.splitlines()] for body in proxy.bodies]
    assert [len(lines) // 2 for lines in asked] == [3, 4, 3]
    assert all(header["allow_partial_search_results"] is False for lines in asked for header in lines[::2])


async def test_it_logs_in_and_says_so_where_that_is_refused(url: str) -> None:
    put(url, [posts(MIDNIGHT, 5)])
    async with Unruly(url) as proxy:
        proxy.always = lets_in("ApiKey c2VjcmV0")
        async with queries.client(Connection(proxy.url, api_key="c2VjcmV0")) as client:
            assert (await queries.view(client, Selection(), NOW)).extent.counted == 5
        async with queries.client(Connection(proxy.url, user="mina", password="wrong")) as client:
            with pytest.raises(ApiError) as error:
                await queries.view(client, Selection(), NOW)
    assert describe(error.value) == "Elasticsearch refuses the login (status 401)"


async def test_what_can_not_be_had_whole_is_not_shown(url: str) -> None:
    put(url, [posts(MIDNIGHT, 5)])
    with Elasticsearch(url) as client:
        nowhere = {"index.routing.allocation.require._name": "nobody"}
        client.indices.create(index="reply-volume-2017.10.18", settings=nowhere, wait_for_active_shards="0")
    with pytest.raises(ElasticsearchFailed, match="refused a search: search_phase_execution_exception"):
        await view(url, Selection())
