"""The campaign mounted by docker-compose.yml and Kubernetes is a copy of the packaged example."""

from importlib.resources import files

from tests.paths import ROOT


def test_mounted_campaign_equals_packaged_one() -> None:
    packaged = (files("stream_jobs.data") / "campaigns" / "metoo.toml").read_bytes()
    assert (ROOT / "deploy/campaigns/metoo.toml").read_bytes() == packaged
