"""Browsers share queries; while Elasticsearch is unreachable, the last view is shown."""

import asyncio

from elastic_transport import ConnectionError as NoConnection

from operations.watch.feed import Feed, FeedState, Trouble
from operations.watch.model import Extent, Selection, View


class Source:
    """Views as Elasticsearch would return them; `now_ms` and `counted` are set by the test."""

    def __init__(self) -> None:
        self.now_ms, self.counted, self.asked, self.away = 1_000_000, 5, 0, False

    def clock(self) -> int:
        return self.now_ms

    async def read(self, selection: Selection, now_ms: int) -> View:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise NoConnection("http://mina:secret@search.example:9200 is away")
        return View(selection, now_ms, Extent(None, None, self.counted, (), ()), None)


async def test_concurrent_requests_share_one_query() -> None:
    source = Source()
    feed = Feed(source.read, source.clock)
    states = await asyncio.gather(*(feed.get(Selection()) for _ in range(20)))
    assert source.asked == 1
    assert len({id(state.view) for state in states}) == 1


async def test_different_selection_has_its_own_query() -> None:
    source = Source()
    feed = Feed(source.read, source.clock)
    await feed.get(Selection())
    await feed.get(Selection(campaign="metoo"))
    assert source.asked == 2


async def test_caches_view_for_two_seconds() -> None:
    source = Source()
    feed = Feed(source.read, source.clock)
    await feed.get(Selection())
    source.now_ms += 1_999
    await feed.get(Selection())
    assert source.asked == 1
    source.now_ms += 1
    await feed.get(Selection())
    assert source.asked == 2


async def test_keeps_last_view_and_hides_address_while_elasticsearch_is_away() -> None:
    source = Source()
    feed = Feed(source.read, source.clock)
    before = await feed.get(Selection())
    source.away = True
    source.now_ms += 3_000
    trouble = Trouble("Elasticsearch does not answer (ConnectionError)", 1_003_000)
    assert await feed.get(Selection()) == FeedState(before.view, trouble, None)
    source.now_ms += 3_000
    assert (await feed.get(Selection())).trouble == trouble  # since the first failure, not the last retry
    source.away = False
    source.now_ms += 3_000
    after = await feed.get(Selection())
    assert after.trouble is None
    assert after.view is not None
    assert after.view.at_ms == 1_009_000


async def test_detects_growth_of_counts() -> None:
    source = Source()
    feed = Feed(source.read, source.clock)
    assert (await feed.get(Selection())).grown_ms is None
    source.now_ms += 3_000
    assert (await feed.get(Selection())).grown_ms is None
    source.now_ms += 3_000
    source.counted = 6
    assert (await feed.get(Selection())).grown_ms == 1_006_000
    source.now_ms += 3_000
    assert (await feed.get(Selection())).grown_ms == 1_006_000


async def test_evicts_oldest_view() -> None:
    source = Source()
    feed = Feed(source.read, source.clock)
    for number in range(65):
        await feed.get(Selection(campaign=str(number)))
    await feed.get(Selection(campaign="1"))
    assert source.asked == 65
    await feed.get(Selection(campaign="0"))
    assert source.asked == 66
