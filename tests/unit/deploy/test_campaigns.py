"""The packaged campaign is there twice: with its reader, and where docker-compose and kustomize mount it from."""

from tests.paths import ROOT


def test_the_mounted_campaign_is_the_packaged_one() -> None:
    packaged = ROOT / "stream_jobs" / "data" / "campaigns" / "metoo.toml"
    assert (ROOT / "deploy" / "campaigns" / "metoo.toml").read_bytes() == packaged.read_bytes()
