from pathlib import Path

import pytest

from producers.settings import WrongSetting
from stream_jobs.domain.campaign import Campaign, Campaigns, WrongCampaign
from stream_jobs.reload import Reload, changes
from tests.unit.agents.counting import metric

HARBOUR = Campaign(name="harbour", tags=("OpenTheHarbour",))
LANTERNS = Campaign(name="lanterns", tags=("LightALantern",))
LOADED, FAILED = "hashtide_campaigns_loaded_timestamp_seconds", "hashtide_campaigns_load_failures_total"


async def test_campaigns_that_can_be_used_go_to_all_that_use_them() -> None:
    now, anew = Campaigns([HARBOUR]), Campaigns([HARBOUR, LANTERNS])
    one: list[Campaigns] = []
    other: list[Campaigns] = []
    reload = Reload(now, lambda: anew, [one.append, other.append])
    before = metric(LOADED)
    await reload.once()
    assert one == other == [anew]
    assert metric(LOADED) > before > 1_700_000_000


@pytest.mark.parametrize(
    "error", [WrongCampaign("a.toml: tags: must"), WrongSetting("no such folder"), PermissionError("a.toml")]
)
async def test_campaigns_that_cannot_be_used_change_nothing_and_the_log_says_why(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Campaigns:
        raise error

    used: list[Campaigns] = []
    reload = Reload(Campaigns([HARBOUR]), fail, [used.append])
    loaded, failed = metric(LOADED), metric(FAILED)
    await reload.once()
    assert used == []
    assert (metric(LOADED), metric(FAILED) - failed) == (loaded, 1)
    assert f"the campaigns are not loaded anew, those from before stay: {error}" in caplog.text


def test_what_changed_is_named() -> None:
    before = Campaigns([HARBOUR, Campaign(name="a", tags=("A",)), Campaign(name="b", tags=("B",))])
    after = Campaigns([LANTERNS, HARBOUR, Campaign(name="a", tags=("A", "AA")), Campaign(name="c", tags=("C",))])
    assert changes(before, after) == "new: c, lanterns; changed: a; gone: b"
    assert changes(before, before) == "nothing new"


async def test_a_file_that_is_gone_leaves_the_campaigns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from stream_jobs.app import load_campaigns
    from stream_jobs.settings import StreamSettings

    file = tmp_path / "harbour.toml"
    file.write_text('name = "harbour"\ntags = ["OpenTheHarbour"]\n')
    settings = StreamSettings(campaigns=file)
    used: list[Campaigns] = []
    reload = Reload(load_campaigns(settings), lambda: load_campaigns(settings), [used.append])
    await reload.once()
    file.unlink()
    await reload.once()
    assert [campaigns.all for campaigns in used] == [(HARBOUR,)]
    assert "no such file or folder" in caplog.text
