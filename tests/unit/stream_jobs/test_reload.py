import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashtide.settings import WrongSetting
from stream_jobs.domain.campaign import Campaign, Campaigns, WrongCampaign, unhashed_id
from stream_jobs.loading import load_campaigns
from stream_jobs.reload import CampaignReloader, changes
from stream_jobs.settings import StreamSettings
from tests.unit.stream_jobs.agents.counting import metric

HARBOUR = Campaign(name="harbour", tags=("OpenTheHarbour",))
LANTERNS = Campaign(name="lanterns", tags=("LightALantern",))
LOADED, FAILED = "hashtide_campaigns_loaded_timestamp_seconds", "hashtide_campaigns_load_failures_total"


@pytest.fixture(autouse=True)
def sighup() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


class Using:
    """A reload whose campaigns are put into `files`, one for each time that they are loaded; and what it handed on."""

    def __init__(self, *files: Campaigns | Exception) -> None:
        self.files = list(files)
        self.used: list[Campaigns] = []
        self.also_used: list[Campaigns] = []
        self.reload = CampaignReloader(self._load)
        self.reload.subscribe(self._use, self.also_used.append)
        self.came = asyncio.Event()

    def _load(self) -> Campaigns:
        found = self.files.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def _use(self, campaigns: Campaigns) -> None:
        self.used.append(campaigns)
        self.came.set()


NOW, RENEWED = Campaigns([HARBOUR]), Campaigns([HARBOUR, LANTERNS])


async def test_a_sighup_loads_campaigns_and_one_that_came_while_the_worker_started_does_once_it_runs() -> None:
    using = Using(NOW, RENEWED, NOW)
    assert using.reload.begin() is NOW
    os.kill(os.getpid(), signal.SIGHUP)
    running = asyncio.create_task(using.reload.run())
    try:
        await asyncio.wait_for(using.came.wait(), 60)
        using.came.clear()
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.wait_for(using.came.wait(), 60)
        assert using.used == [RENEWED, NOW]
    finally:
        running.cancel()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)


async def test_campaigns_that_can_be_used_go_to_all_that_use_them() -> None:
    using = Using(NOW, RENEWED)
    using.reload.begin()
    before = metric(LOADED)
    await using.reload.once()
    assert using.used == using.also_used == [RENEWED]
    assert metric(LOADED) > before > 1_700_000_000


@pytest.mark.parametrize(
    "error", [WrongCampaign("a.toml: tags: must"), WrongSetting("no such folder"), PermissionError("a.toml")]
)
async def test_campaigns_that_cannot_be_used_change_nothing_and_the_log_says_why(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    using = Using(NOW, error)
    using.reload.begin()
    loaded, failed = metric(LOADED), metric(FAILED)
    await using.reload.once()
    assert using.used == []
    assert (metric(LOADED), metric(FAILED) - failed) == (loaded, 1)
    assert f"campaigns not reloaded, the previous ones stay in use: {error}" in caplog.text


def test_campaigns_that_cannot_be_used_at_the_start_are_raised() -> None:
    with pytest.raises(WrongCampaign, match="must"):
        Using(WrongCampaign("a.toml: tags: must")).reload.begin()


def test_what_changed_is_named() -> None:
    before = Campaigns([HARBOUR, Campaign(name="a", tags=("A",)), Campaign(name="b", tags=("B",))])
    after = Campaigns([LANTERNS, HARBOUR, Campaign(name="a", tags=("A", "AA")), Campaign(name="c", tags=("C",))])
    assert changes(before, after) == "new: c, lanterns; changed: a; removed: b"
    assert changes(before, before) == "no changes"


async def test_a_file_that_is_gone_leaves_the_campaigns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "harbour.toml"
    file.write_text('name = "harbour"\ntags = ["OpenTheHarbour"]\n')
    used: list[Campaigns] = []
    reload = CampaignReloader(lambda: load_campaigns(StreamSettings(campaigns=file), unhashed_id))
    reload.subscribe(used.append)
    reload.begin()
    await reload.once()
    file.unlink()
    await reload.once()
    assert [campaigns.all for campaigns in used] == [(HARBOUR,)]
    assert "no such file or folder" in caplog.text
