"""Workers die, freeze, come and go: scenarios with a size, for `make chaos` and, small, for `make test`.

Each sees to it that there is trouble, and fails where there was none.
"""

import contextlib
import itertools
import json
import signal
import subprocess
import threading
import time
from collections import Counter
from typing import Final, Literal

from hashtide.contract.names import POSTS_ENRICHED
from hashtide.kafka import topics
from hashtide.kafka.offsets import Offsets
from tests.chaos.trial import Trial, through
from tests.fakes.unruly import Unruly, at_bulk, holds, in_background

FAULTY: Final = "tests.chaos.faulty_worker"
WORKER: Final = ("worker", "--metrics-port=0")

Process = subprocess.Popen[bytes]


def die_at(trial: Trial, *points: str) -> None:
    """One worker after the other kills itself in the middle of its work, at a point of faulty_worker.POINTS.

    Where one dies after it has sent posts, posts.enriched is published.
    """
    pipeline = trial.pipeline
    if publishes := "after-send" in points:
        _publish_enriched(trial)
    trial.send(700 * (len(points) + 1))
    for point in points:
        fault = f"{point}:{trial.draw.randint(1, 6)}"
        with pipeline.process(*WORKER, module=FAULTY, TEST_FAULT=fault) as worker:
            assert worker.wait(timeout=150) == -signal.SIGKILL, pipeline.log()
        trial.happened[f"deaths {point}"] += 1
    with pipeline.worker():
        trial.end()
    if publishes:
        assert _published_twice(trial) > 0


def are_killed(trial: Trial, times: int, crowd: int) -> None:
    """kill -9 at random moments: of a worker that makes progress, or that starts, or waits for the others."""
    pipeline, draw = trial.pipeline, trial.draw
    _publish_enriched(trial)

    with contextlib.ExitStack() as stack:

        def start() -> Process:
            return stack.enter_context(pipeline.process(*WORKER))

        with trial.load(per_s=250):
            workers = [start() for _ in range(crowd)]
            counted = 0
            for _ in range(times):
                if draw.random() < 0.6:
                    pipeline.reach(counted + draw.randint(1, 500))
                    time.sleep(draw.uniform(0, 0.5))
                else:
                    time.sleep(draw.uniform(0, 8))
                now = pipeline.counted()
                trial.happened["kills after progress"] += now > counted
                counted = now
                victim = draw.randrange(crowd)
                assert workers[victim].poll() is None, pipeline.log()
                workers[victim].kill()
                workers[victim].wait()
                trial.happened["kills"] += 1
                workers[victim] = start()
        trial.end()
    assert trial.happened["kills"] == times
    assert trial.happened["kills after progress"] >= times // 3
    assert _published_twice(trial) > 0


def join_and_leave(trial: Trial, *sizes: int) -> None:
    """Under load, so many workers, then so many: they leave by SIGTERM, within 10 seconds."""
    pipeline = trial.pipeline
    with contextlib.ExitStack() as stack:
        with trial.load(per_s=500):
            workers: list[Process] = []
            for size in sizes:
                while len(workers) < size:
                    workers.append(stack.enter_context(pipeline.worker()))
                while len(workers) > size:
                    leaving = workers.pop(trial.draw.randrange(len(workers)))
                    leaving.send_signal(signal.SIGTERM)
                    assert leaving.wait(timeout=10) == 0, pipeline.log()
                    trial.happened["left"] += 1
                pipeline.assemble(size)
                pipeline.advance(by=trial.draw.randint(1, 1_000))
                trial.happened[f"crowds of {size}"] += 1
        trial.end()
    assert trial.happened["left"] == sum(max(0, a - b) for a, b in itertools.pairwise(sizes)) > 0


Moment = Literal["before ledger", "after ledger", "before counts", "after counts"]


def freeze(trial: Trial, *moments: Moment) -> None:
    """A worker stops (SIGSTOP) with a bulk in hand, wakes when others have long counted it, and writes on.

    From then on every document must keep its version and its count.
    """
    pipeline = trial.pipeline
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(in_background(Unruly(trial.servers.addresses.elasticsearch)))
        stack.enter_context(pipeline.worker())
        for moment in moments:
            came, go_on = threading.Event(), threading.Event()
            operation = "create" if "ledger" in moment else "index"
            held = holds(came, go_on, done="after" in moment)
            proxy.always = at_bulk(operation, trial.draw.randint(1, 6), held)
            with pipeline.process(*WORKER, **through(proxy)) as frozen:
                pipeline.assemble(2)
                with trial.load(per_s=500):
                    pipeline.until(came.is_set)
                    frozen.send_signal(signal.SIGSTOP)
                pipeline.settle()  # after the frozen one's session has ended, and the rebalance
                before, answered = pipeline.versions(), proxy.done.copy()
                go_on.set()
                frozen.send_signal(signal.SIGCONT)
                pipeline.assemble(2)  # it has noticed, and joined again
                frozen.send_signal(signal.SIGTERM)
                assert frozen.wait(timeout=10) == 0, pipeline.log()
                pipeline.settle()
                now = pipeline.versions()
                changed = {ref: (before.get(ref), now.get(ref)) for ref in before | now}
                assert not {ref: (was, is_) for ref, (was, is_) in changed.items() if was != is_}
            late = proxy.done - answered
            assert late["create", 201] == late["index", 201] == 0
            trial.happened["late writes turned away"] += late["create", 409] + late["index", 409]
            trial.happened["late writes of the same"] += late["index", 200]
            trial.happened[f"frozen {moment}"] += 1
        trial.end()
    # Whether a late write finds its own version or a higher one depends on where the others' batches ended.
    assert trial.happened["late writes turned away"] + trial.happened["late writes of the same"] > 0


def _publish_enriched(trial: Trial) -> None:
    """Have the workers publish to posts.enriched."""
    trial.pipeline.environment["HASHTIDE_PUBLISH_ENRICHED"] = "true"
    topics.setup(trial.pipeline.settings)


def _published_twice(trial: Trial) -> int:
    """How many posts were published more than once, because a worker was killed before it could commit them.

    Every post of the ledger must have been published.
    """
    with Offsets(trial.pipeline.settings) as offsets:
        values = [json.loads(record.value) for record in offsets.records(POSTS_ENRICHED)]
    times = Counter((value["platform"], value["post_id"]) for value in values if value["type"] == "post")
    assert len(times) == len(trial.pipeline.ledger())
    twice = sum(number > 1 for number in times.values())
    trial.happened["posts published twice"] = twice
    return twice
