"""Files, sent by several processes."""

import json
import os
import signal
from collections import defaultdict

import psutil
import pytest

from hashtide.contract.messages import Post, decode
from hashtide.contract.names import POSTS_RAW
from hashtide.kafka.offsets import Offsets
from hashtide.settings import load
from producers.publisher import PublishFailed
from producers.publishers import Publishers
from producers.settings import ProducerSettings
from tests.integration.pipeline import Pipeline

AT_MS = 1_508_112_000_000


def lines() -> bytes:
    """500 posts, each four times and all mixed; and three that are none."""
    posts = [
        json.dumps({"id": str(number), "text": f"step {step}", "created_at": AT_MS, "platform": "x"}).encode()
        for step in range(4)
        for number in range(500)
    ]
    return b"\n".join([*posts, b"{", b"[1", b"{}"])


def test_the_messages_of_a_post_keep_their_order(pipeline: Pipeline) -> None:
    done = pipeline.hashtide("produce", "file", "-", "--jobs=3", stdin=lines())
    account = json.loads(done.stdout)
    assert [account[fate] for fate in ("read", "posts", "dead")] == [2003, 2000, 3]
    steps: dict[bytes, list[str]] = defaultdict(list)
    with Offsets(pipeline.settings) as offsets:
        for record in offsets.records(POSTS_RAW):
            post = decode(record.value)
            assert isinstance(post, Post)
            steps[record.key].append(post.text)
    assert len(steps) == 500
    assert set(map(tuple, steps.values())) == {("step 0", "step 1", "step 2", "step 3")}
    assert len(pipeline.dead_letters()) == 3


def test_a_publisher_that_dies_is_noticed(pipeline: Pipeline) -> None:
    post = Post(platform="x", post_id="1", created_at_ms=AT_MS, text="so it is")
    with pytest.raises(PublishFailed, match="process ended"), publishers(pipeline) as several:
        several.publish(post)
        several.flush()
        for child in psutil.Process().children():
            if "spawn_main" in " ".join(child.cmdline()):
                os.kill(child.pid, signal.SIGKILL)
        several.publish(post)
        several.flush()


def publishers(pipeline: Pipeline) -> Publishers:
    return Publishers(load(ProducerSettings, pipeline.environment), jobs=2)
