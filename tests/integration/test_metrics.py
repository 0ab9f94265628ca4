"""The metrics of a real worker and a real producer, and the canary on real servers."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator

from hashtide.clock import wall_clock_ms
from hashtide.contract.names import POSTS_RAW
from hashtide.elasticsearch.client import connection
from hashtide.kafka.offsets import Offsets
from hashtide.metrics import worker as metrics
from stream_jobs.canary import CanarySender
from stream_jobs.kafka_sink import KafkaSink
from stream_jobs.store.elasticsearch import Elasticsearch
from tests.conftest import needs
from tests.integration.pipeline import ENDS_S, Pipeline, Scraped
from tests.ports import free_ports

INDEX = "hashtide-canary"


def lint(text: bytes) -> None:
    """Prometheus' own check of names, types and helps."""
    done = subprocess.run([needs("promtool"), "check", "metrics"], input=text, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def post(number: int, created_at_ms: int) -> str:
    post = {"id": str(number), "text": "me too #MeToo", "created_at": created_at_ms, "platform": "x", "lang": "en"}
    return json.dumps(post) + "\n"


def test_live_posts_are_in_the_metrics_and_the_canary_comes_back_without_being_counted(pipeline: Pipeline) -> None:
    worker_port, producer_port = free_ports(2)
    worker, producer = Scraped(worker_port), Scraped(producer_port)
    followed = pipeline.folder / "posts.jsonl"
    now_ms = time.time_ns() // 1_000_000
    followed.write_text(
        post(1, now_ms) + post(2, now_ms - 60_000) + post(1, now_ms) + post(3, now_ms - 3_600_000) + "{\n"
    )
    following = ["produce", "file", str(followed), "--follow", f"--metrics-port={producer_port}"]
    with (
        pipeline.process("worker", f"--metrics-port={worker_port}", HASHTIDE_CANARY="true") as working,
        pipeline.process(*following),
    ):
        pipeline.until(lambda: worker.value("hashtide_canary_latency_seconds_count") == 1.0)
        pipeline.until(lambda: worker.value("hashtide_counted_posts_total", platform="x", origin="live") == 3.0)
        pipeline.until(lambda: worker.value("hashtide_clock_skew_seconds", against="elasticsearch") is not None)
        assert worker.value("hashtide_campaign_posts_total", campaign="metoo", platform="x", kind="original") == 2
        assert worker.value("hashtide_campaign_posts_total", campaign="metoo", platform="x", kind="reply") == 0
        assert worker.value("hashtide_campaign_language_posts_total", campaign="metoo", language="en") == 2
        assert worker.value("hashtide_campaign_region_posts_total", campaign="metoo", region="ZZ") == 2
        assert worker.value("hashtide_canary_sent_total") == 1
        assert worker.value("hashtide_canary_lost_total") == 0
        assert (worker.value("hashtide_canary_last_seen_timestamp_seconds") or 0) >= now_ms / 1000
        assert worker.value("hashtide_clock_skew_seconds", against="kafka") == 0  # one machine, one clock
        assert worker.value("hashtide_clock_skew_seconds", against="elasticsearch") == 0
        lint(worker.text())

        assert producer.value("hashtide_payloads_total", source="file", outcome="posts") == 4
        assert producer.value("hashtide_payloads_total", source="file", outcome="dead") == 1
        lint(producer.text())

        assert pipeline.json("counts", "--json")["total"] == 3
        verdict = pipeline.json("verify", "--json")
        assert (verdict["posts"], verdict["differences"]) == (3, [])
        assert pipeline.json("dlq", "list", "--json")["total"] == 1

        working.send_signal(signal.SIGTERM)
        assert working.wait(timeout=ENDS_S) == 0, pipeline.log()
    assert len(pipeline.documents(INDEX)) == 1
    assert {document["platform"] for document in pipeline.documents("posts-*")} == {"x"}


@contextlib.contextmanager
def read_only(pipeline: Pipeline, index: str) -> Iterator[None]:
    """An index takes nothing, and the count agent waits. Not the block of full disks: Elasticsearch takes that away."""
    with pipeline.elasticsearch() as client:
        client.indices.create(index=index)
        client.indices.put_settings(index=index, settings={"index.blocks.write": True})
        yield
        client.indices.put_settings(index=index, settings={"index.blocks.write": None})


async def test_a_canary_is_lost_while_counting_is_held_up_and_another_comes_back_after(pipeline: Pipeline) -> None:
    def reported() -> tuple[float, float]:
        (sent,), (lost,) = metrics.CANARY_SENT.collect(), metrics.CANARY_LOST.collect()
        return sent.samples[0].value, lost.samples[0].value

    settings, before = pipeline.settings, reported()
    (port,) = free_ports(1)
    worker = Scraped(port)
    with pipeline.worker(str(port)):
        async with KafkaSink(settings) as kafka, Elasticsearch(connection(settings), 1 << 20) as store:

            def sender(lost_after_s: float) -> CanarySender:
                return CanarySender(kafka.send, store, partitions=4, clock_ms=wall_clock_ms, lost_after_s=lost_after_s)

            with read_only(pipeline, "posts-2017.10.15"):
                pipeline.hashtide("produce", "file", "-", stdin=post(1, 1_508_097_630_000).encode())
                with Offsets(settings) as offsets:
                    (partition,) = [tp.partition for tp, end in offsets.ends(POSTS_RAW).items() if end]
                pipeline.until(lambda: worker.retries() > 0)
                assert not await sender(3.0).once(partition)
            assert await sender(60.0).once(partition)
    assert [now - then for now, then in zip(reported(), before, strict=True)] == [2, 1]
    assert pipeline.json("counts", "--json")["total"] == 1
    assert len(pipeline.documents("posts-*")) == 1
    assert len(pipeline.documents(INDEX)) == 2  # a canary that was lost comes late
    assert pipeline.dead_letters() == {}
