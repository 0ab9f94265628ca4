"""Workers of two versions, one group and another: scenarios for `make chaos`."""

import contextlib
import signal

from hashtide.contract.messages import Post, encode, key
from hashtide.contract.names import POSTS_RAW
from hashtide.elasticsearch.templates import packaged_templates
from hashtide.kafka.offsets import Offsets
from hashtide.settings import load
from producers.publisher import Publisher
from producers.settings import ProducerSettings
from tests.chaos.newer_worker import newer_post, newer_templates
from tests.chaos.trial import Trial
from tests.chaos.workers import WORKER, Process

TODAY, NEWER = "operations.cli", "tests.chaos.newer_worker"


def roll(trial: Trial, *modules: str) -> None:
    """Under load, one worker takes another's place, again and again: two of these versions work at any time."""
    pipeline = trial.pipeline
    with contextlib.ExitStack() as stack:
        put_templates(trial, newer_templates())
        stack.callback(put_templates, trial, packaged_templates())

        def start(module: str) -> Process:
            return stack.enter_context(pipeline.process(*WORKER, module=module))

        def end(worker: Process) -> None:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(timeout=10) == 0, pipeline.log()

        with trial.load(per_s=300):
            workers = [start(modules[0])]
            for module in modules[1:]:
                workers.append(start(module))
                pipeline.assemble(2)
                pipeline.advance(by=trial.draw.randint(1, 900))
                end(workers.pop(0))
                trial.happened["replaced"] += 1
                pipeline.advance(by=trial.draw.randint(1, 900))
        trial.end()
        end(workers.pop())
    ledger = pipeline.documents("posts-*")
    trial.happened["posts of the newer"] = sum("mood" in post for post in ledger)
    assert 0 < trial.happened["posts of the newer"] < len(ledger)
    assert pipeline.json("verify", "--json")["differences"] == []
    assert pipeline.dead_letters() == {}


def newer_messages(trial: Trial) -> None:
    """A message that only a newer version can read stops an old worker, which commits none; a newer one counts it."""
    pipeline = trial.pipeline
    with contextlib.ExitStack() as stack:
        put_templates(trial, newer_templates())
        stack.callback(put_templates, trial, packaged_templates())
        with Publisher(load(ProducerSettings, pipeline.environment)) as publisher:
            for number, encoded in enumerate((encode, newer_post, encode)):
                post = Post(platform="x", post_id=str(number), created_at_ms=1_508_097_630_000, text="#MeToo")
                publisher.send(POSTS_RAW, key(post), encoded(post), partition=0)
        old = stack.enter_context(pipeline.process(*WORKER))
        assert old.wait(timeout=60) == 1, pipeline.log()
        assert "message in posts.raw, partition 0, at offset 1 has type post/3, but this version" in pipeline.log()
        with Offsets(pipeline.settings) as offsets:
            assert offsets.behind(POSTS_RAW) == 3
        assert pipeline.ledger() == {}
        stack.enter_context(pipeline.process(*WORKER, module=NEWER))
        pipeline.settle(3)
        assert pipeline.json("counts", "--campaign", "metoo", "--json")["total"] == 3
        assert pipeline.dead_letters() == {}


def another_group(trial: Trial, messages: int) -> None:
    """Workers of another group handle everything again, which changes no count."""
    pipeline = trial.pipeline
    trial.send(messages)
    with pipeline.worker():
        trial.end()
    sums = pipeline.sums()
    pipeline.environment["HASHTIDE_GROUP"] += "-another"
    with pipeline.worker():
        trial.end()
    assert pipeline.counted() == pipeline.length(POSTS_RAW) >= messages
    assert pipeline.sums() == sums
    assert pipeline.json("verify", "--json")["differences"] == []


def put_templates(trial: Trial, which: dict[str, dict[str, object]]) -> None:
    """Put index templates, whatever versions are there."""
    with trial.pipeline.elasticsearch() as client:
        for name, template in which.items():
            client.indices.put_index_template(name=name, **template)  # type: ignore[arg-type]
