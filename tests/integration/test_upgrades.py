"""Changes while workers run: their version, the campaigns, the number of partitions. The sums must stay exact.

tests/chaos/newer_worker.py stands in for a later version.
"""

import re
import signal
import urllib.request
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from deploy.local.stack import Stack
from hashtide.contract.messages import PostDelete
from hashtide.contract.names import POSTS_RAW
from hashtide.elasticsearch.templates import packaged_templates
from hashtide.kafka import topics
from hashtide.kafka.offsets import Offsets
from hashtide.kafka.topics import TopicsUnready
from tests.chaos.newer_worker import newer_templates
from tests.chaos.posts import Sending, edited, posts
from tests.chaos.trial import Trial
from tests.chaos.workers import WORKER
from tests.integration.pipeline import ENDS_S, Pipeline
from tests.ports import free_ports

NEWER = "tests.chaos.newer_worker"

NATIVE = b"""\
{"id": "1", "platform": "x", "text": "#OpenTheHarbour", "created_at": "2017-10-15T20:30:05Z", "lang": "en"}
{"id": "2", "platform": "x", "text": "#LightALantern", "created_at": "2017-10-15T20:30:06Z", "lang": "en"}
"""

AFTER = b"""\
{"id": "3", "platform": "x", "text": "#OpenTheHarbour #LightALantern", "created_at": "2017-10-15T20:30:07Z"}
{"id": "4", "platform": "x", "text": "#LightALantern", "created_at": "2017-10-15T20:30:08Z", "lang": "en"}
{"id": "2", "platform": "x", "text": "#LightALantern", "created_at": "2017-10-15T20:30:06Z", "lang": "en"}
"""


@pytest.fixture
def own_templates(pipeline: Pipeline) -> Iterator[Pipeline]:
    """The pipeline, for tests that install other templates. At the end our own are installed again."""
    yield pipeline
    put_templates(pipeline, packaged_templates())


def put_templates(pipeline: Pipeline, which: dict[str, dict[str, Any]]) -> None:
    with pipeline.elasticsearch() as client:
        for name, template in which.items():
            client.indices.put_index_template(name=name, **template)


def campaign(folder: Path, name: str, tag: str) -> None:
    (folder / f"{name}.toml").write_text(f'name = "{name}"\ntags = ["{tag}"]\n')


def samples(port: int) -> dict[str, float]:
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    return {name: float(value) for name, value in re.findall(r"^(hashtide_campaign\S+) (\S+)$", text, re.MULTILINE)}


def test_sighup_loads_the_campaigns_again_and_a_post_is_counted_once_under_those_of_its_time(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    folder = tmp_path / "campaigns"
    folder.mkdir()
    campaign(folder, "harbour", "OpenTheHarbour")
    pipeline.environment["HASHTIDE_CAMPAIGNS"] = str(folder)
    (port,) = free_ports(1)
    loaded = "hashtide_campaigns_loaded_timestamp_seconds"

    with pipeline.process("worker", f"--metrics-port={port}") as worker:
        pipeline.hashtide("produce", "file", "-", stdin=NATIVE)
        pipeline.settle(2)
        at_first = samples(port)
        assert 'hashtide_campaign_language_posts_total{campaign="lanterns",language="en"}' not in at_first

        (folder / "broken.toml").write_text('name = "broken"\ntags = "LightALantern"\n')
        worker.send_signal(signal.SIGHUP)
        pipeline.until(lambda: samples(port)["hashtide_campaigns_load_failures_total"] == 1)
        assert samples(port)[loaded] == at_first[loaded]

        (folder / "broken.toml").unlink()
        campaign(folder, "lanterns", "LightALantern")
        worker.send_signal(signal.SIGHUP)
        pipeline.until(lambda: samples(port)[loaded] > at_first[loaded])
        pipeline.hashtide("produce", "file", "-", stdin=AFTER)
        pipeline.settle(5)
        reloaded = samples(port)
        assert reloaded[loaded] > at_first[loaded]
        assert (
            reloaded['hashtide_campaign_language_posts_total{campaign="lanterns",language="en"}'] == 0
        )  # none is live
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=ENDS_S) == 0, pipeline.log()
    log = pipeline.log()  # whole, now that the worker has ended
    assert f"campaigns not reloaded, the previous ones stay in use: {folder}/broken.toml: tags: Expected `array`" in log
    assert "campaigns reloaded: new: lanterns" in log

    sums = pipeline.sums()
    assert {(k[0], k[2], n) for k, n in sums.items() if k[0] == "reply-volume"} == {
        ("reply-volume", ("harbour",), 1),
        ("reply-volume", (), 1),
        ("reply-volume", ("harbour", "lanterns"), 1),
        ("reply-volume", ("lanterns",), 1),
    }
    assert pipeline.json("verify", "--json")["differences"] == []


def test_partitions_are_added_while_an_old_and_a_newer_worker_run_and_every_post_is_counted_once(
    own_templates: Pipeline, tmp_path: Path, servers: Stack
) -> None:
    pipeline = own_templates
    pipeline.environment |= {"HASHTIDE_FETCH_BYTES": "16384", "HASHTIDE_GRACE_S": "60"}
    trial = Trial(pipeline, servers, "more partitions")
    draw = trial.draw
    endless = posts(trial.seed)
    before = list(islice(endless, 300))

    def load_of_it(twice: bool) -> Iterator[Sending]:
        """New posts, copies of any post, and edits and deletions of posts that are counted by then.

        `twice`: some posts go to an old and a new partition at once.
        """
        sent = [*before]
        for post in endless:
            sent.append(post)
            if twice and draw.random() < 0.1:
                yield from (Sending(post, draw.randrange(4)), Sending(post, 4 + draw.randrange(4)))
            else:
                yield Sending(post)
            yield Sending(draw.choice(sent))
            if draw.random() < 0.2:
                yield Sending(edited(draw.choice(before), draw))
            if draw.random() < 0.1:
                gone = draw.choice(before)
                yield Sending(PostDelete(platform=gone.platform, post_id=gone.post_id, deleted_at_ms=1_508_500_000_000))

    put_templates(pipeline, newer_templates())
    with pipeline.worker(), pipeline.process(*WORKER, module=NEWER):
        pipeline.assemble(2)
        trial.publish(map(Sending, before))
        pipeline.settle(len(before))

        pipeline.environment["HASHTIDE_PARTITIONS"] = "8"
        said = pipeline.hashtide("setup").stdout.decode()
        assert "posts.raw has 4 partitions, HASHTIDE_PARTITIONS is 8: `--add-partitions` adds them" in said
        with trial.load(per_s=150, of=load_of_it(twice=False)):
            pipeline.advance(by=100)
            done = pipeline.json("setup", "--add-partitions", "--json")
            assert done["partitions_added"] == ["posts.raw"]
            pipeline.advance(by=100)
        with trial.load(per_s=150, of=load_of_it(twice=True)), Offsets(pipeline.settings) as offsets:

            def counted(partition: int) -> int:
                found = offsets.committed(POSTS_RAW)
                return sum(n for tp, n in found.items() if tp.partition == partition)

            pipeline.until(lambda: all(counted(partition) > 20 for partition in range(8)))
        trial.end()

    counts = pipeline.documents("reply-volume-*")
    of_new = dict.fromkeys(("provisional", "final", "corrected"), 0)
    for count in counts:
        if count["kafka"]["partition"] >= 4:
            of_new[count["status"]] += 1
    assert of_new["final"] > 0
    assert 0 < sum("mood" in post for post in pipeline.documents("posts-*")) < len(pipeline.ledger())
    assert pipeline.json("verify", "--json")["differences"] == []
    assert pipeline.dead_letters() == {}

    assert topics.add_partitions(pipeline.settings) == []
    pipeline.environment["HASHTIDE_PARTITIONS"] = "4"
    assert topics.differing(pipeline.settings) == {"posts.raw": 8}
    with pytest.raises(TopicsUnready, match=r"posts\.raw has 8 partitions, but HASHTIDE_PARTITIONS is 4: "):
        topics.add_partitions(pipeline.settings)
