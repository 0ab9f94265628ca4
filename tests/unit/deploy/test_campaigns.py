"""The campaign that docker-compose.yml and Kubernetes mount is the packaged example, to be edited."""

from importlib.resources import files

from tests.paths import ROOT


def test_the_mounted_campaign_is_the_packaged_one() -> None:
    packaged = (files("stream_jobs.data") / "campaigns" / "metoo.toml").read_bytes()
    assert (ROOT / "deploy/campaigns/metoo.toml").read_bytes() == packaged
