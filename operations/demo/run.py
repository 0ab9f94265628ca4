"""`hashtide demo`: send 60,000 posts through real servers, and check that every post is accounted for.

It does what a user would do by hand: servers, `hashtide setup`, `hashtide worker`, `hashtide produce campaign`,
`hashtide counts`. Each number of the check line comes from where it is stored.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.local import stack
from hashtide.contract.names import POSTS_DEAD, POSTS_RAW
from hashtide.elasticsearch import templates
from hashtide.errors import HashtideError
from hashtide.interrupts import sigterm_as_interrupt
from hashtide.kafka import topics
from hashtide.kafka.offsets import Offsets
from hashtide.ports import free_ports
from hashtide.settings import load
from operations.counts import By, counts
from operations.demo import chart
from stream_jobs.settings import StreamSettings

log = logging.getLogger(__name__)

SETTLE_S = 300.0
STOP_S = 10.0

TABLES: tuple[tuple[str, By], ...] = (("By language", "language"), ("By region", "region"), ("Top hashtags", "hashtag"))


class DemoFailed(HashtideError):
    """A step of the demo failed; the message has the end of its log."""


def run(posts: int, seed: int, keep: bool = False) -> int:
    """Run the demo. Returns the exit status: 0 if every post is accounted for. Blocks. Always removes its data.

    `keep`: afterwards keep the servers and the page of `hashtide watch` running until Ctrl-C or SIGTERM.
    """
    started = time.monotonic()
    out, err = Console(), Console(stderr=True)
    try:
        with (
            sigterm_as_interrupt(),
            tempfile.TemporaryDirectory(prefix="hashtide-demo-", ignore_cleanup_errors=True) as folder,
        ):
            even = _run(Path(folder), posts, seed, keep, out, err)
    except KeyboardInterrupt:
        err.print("interrupted: all servers stopped, all data removed")
        return 130
    err.print(f"took {time.monotonic() - started:.0f} s; all servers stopped, all data removed")
    return 0 if even else 1


def _run(folder: Path, posts: int, seed: int, keep: bool, out: Console, err: Console) -> bool:
    err.print("starting Kafka and Elasticsearch ...")
    with stack.running(folder / "stack") as addresses:
        (metrics_port,) = free_ports(1)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HASHTIDE_")},
            "HASHTIDE_KAFKA": addresses.kafka,
            "HASHTIDE_ELASTICSEARCH": addresses.elasticsearch,
            "HASHTIDE_STATE_DIR": str(folder),
        }
        settings = load(StreamSettings, environment)
        err.print(f"Kafka {addresses.kafka}, Elasticsearch {addresses.elasticsearch}")
        topics.setup(settings)
        templates.setup(settings.elasticsearch)
        campaign = ("campaign", "--posts", str(posts), "--seed", str(seed))
        with (
            _command(folder, environment, "worker", f"--metrics-port={metrics_port}", ends_by_itself=False) as worker,
            _command(folder, environment, "produce", *campaign) as producer,
        ):
            _watch(settings, worker, producer, posts, folder, err)
            produced = json.loads((folder / "produce.out").read_text() or "{}")
            duplicates = _metric(metrics_port, "hashtide_duplicate_posts_total")
        _show(settings, out)
        with Offsets(settings) as offsets:
            dead = len({record.key for record in offsets.records(POSTS_DEAD)})
        counted = counts(settings.elasticsearch).total
        even = _check(produced["read"], counted, duplicates, dead, out)
        if keep:
            _keep(folder, environment, out, err)
        return even


def _keep(folder: Path, environment: dict[str, str], out: Console, err: Console) -> None:
    """Serve the page until Ctrl-C or SIGTERM, a normal end. Raises DemoFailed if the page ends by itself."""
    words = ("watch", "--port=0", "--span=48h", "--campaign=metoo")
    with contextlib.suppress(KeyboardInterrupt), _command(folder, environment, *words, ends_by_itself=False) as page:
        output = folder / "watch.out"
        while not (line := output.read_text()).endswith("\n") and page.poll() is None:
            time.sleep(0.1)
        out.print(f"\n{line.strip()}", style="bold", highlight=False, soft_wrap=True)
        for name in ("HASHTIDE_KAFKA", "HASHTIDE_ELASTICSEARCH", "HASHTIDE_STATE_DIR"):
            err.print(f"export {name}={environment[name]}", highlight=False, soft_wrap=True)
        err.print("Ctrl-C stops the page and the servers, and removes their data", style="dim", highlight=False)
        page.wait()
    if page.returncode != 0:
        raise DemoFailed(f"the page ended:\n{_tail(folder / 'watch.log')}")


@contextlib.contextmanager
def _command(
    folder: Path, environment: dict[str, str], *words: str, ends_by_itself: bool = True
) -> Iterator[subprocess.Popen[bytes]]:
    """A `hashtide` command in a separate process. On exit, waits for its end, or sends SIGTERM first."""
    name = words[0]
    with (folder / f"{name}.out").open("wb") as stdout, (folder / f"{name}.log").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "operations.cli", *words],
            stdout=stdout,
            stderr=stderr,
            env=environment,
            start_new_session=True,  # so that Ctrl-C reaches only us: we stop the processes in order
        )
        try:
            yield process
            if not ends_by_itself:
                process.send_signal(signal.SIGTERM)
            if process.wait(timeout=STOP_S) != 0:
                raise DemoFailed(f"hashtide {name} failed:\n{_tail(folder / f'{name}.log')}")
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=STOP_S)
                process.kill()
                process.wait()


def _watch(
    settings: StreamSettings,
    worker: "subprocess.Popen[bytes]",
    producer: "subprocess.Popen[bytes]",
    posts: int,
    folder: Path,
    err: Console,
) -> None:
    """Show the progress until the producer has ended and the worker has committed everything.

    Raises DemoFailed if one of them fails, or after SETTLE_S.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    deadline = time.monotonic() + SETTLE_S
    with Progress(*columns, console=err) as bar, Offsets(settings) as offsets:
        tasks = [bar.add_task(title, total=posts) for title in ("produced", "counted")]
        while True:
            ended = producer.poll() is not None
            produced, counted = sum(offsets.ends(POSTS_RAW).values()), sum(offsets.committed(POSTS_RAW).values())
            total = max(posts, produced)
            for task, completed in zip(tasks, (produced, counted), strict=True):
                bar.update(task, completed=completed, total=total)
            if worker.poll() is not None:
                raise DemoFailed(f"the worker ended:\n{_tail(folder / 'worker.log')}")
            if ended and producer.returncode != 0:
                raise DemoFailed(f"the producer failed:\n{_tail(folder / 'produce.log')}")
            if ended and offsets.behind(POSTS_RAW) == 0:
                return
            if time.monotonic() > deadline:
                raise DemoFailed(f"the workers are still behind after {SETTLE_S:.0f} s")
            time.sleep(0.3)


def _metric(port: int, name: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return int(sum(sample.value for sample in samples if sample.name == name))


def _show(settings: StreamSettings, out: Console) -> None:
    """Print charts of the counts."""
    url = settings.elasticsearch
    by_hour = [((row.start or "")[5:16], row.count) for row in counts(url, campaign="metoo", interval="1h").rows]
    out.print(chart.bars("Posts of the campaign metoo, by hour (UTC)", by_hour))
    tables = []
    for title, by in TABLES:
        rows = counts(url, campaign="metoo", by=by).rows[:10]
        tables.append(chart.bars(title, [(row.key or "", row.count) for row in rows], width=16))
    out.print(chart.side_by_side(tables))


def _check(produced: int, counted: int, duplicates: int, dead: int, out: Console) -> bool:
    even = produced == counted + duplicates + dead
    sign = "=" if even else "≠"
    out.print(
        f"produced {produced:,} {sign} counted {counted:,} + duplicates {duplicates:,} + dead letters {dead:,}"
        f"  {'✓' if even else '✗'}",
        style="green" if even else "red",
        highlight=False,
        soft_wrap=True,
    )
    out.print(
        "  (from the producer's summary; Elasticsearch's sums; the worker's ledger, at /metrics; Kafka's posts.dead)",
        style="dim",
        highlight=False,
        soft_wrap=True,
    )
    return even


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
