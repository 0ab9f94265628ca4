"""A temporary Prometheus: import past counts as blocks, and query it."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from hashtide.errors import HashtideError
from hashtide.ports import HOST, free_ports
from operations.backtest.history import STEP_MS, TimeSeries, openmetrics

START_S: Final = 30.0
STOP_S: Final = 5.0
QUERY_S: Final = 120.0
POINTS: Final = 10_000
"""Points per answer; Prometheus allows 11,000."""


class NoPrometheus(HashtideError):
    """Prometheus or promtool is missing or failed."""


def program(name: str) -> str:
    """The program's path. Raises NoPrometheus, with what to install."""
    path = shutil.which(name)
    if path is None:
        raise NoPrometheus(
            f"`{name}` is not on the PATH: install Prometheus 2.42 or later, which includes prometheus and promtool "
            "(Debian and Ubuntu: apt install prometheus; macOS: brew install prometheus)"
        )
    return path


@contextlib.contextmanager
def running(folder: Path, series: Iterable[TimeSeries], rules: Path | None = None) -> Iterator[httpx.Client]:
    """A client of a Prometheus with these series and the rules of a folder. Blocks until it answers.

    Empties `folder` first. Always stops the process at the end. Raises NoPrometheus.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with (folder / "history.txt").open("w", encoding="utf-8") as file:
        file.writelines(openmetrics(series))
    command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=2160h"]
    made = subprocess.run(
        [*command, str(folder / "history.txt"), str(folder / "data")], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise NoPrometheus(f"promtool could not import the counts: {made.stderr.strip()[-500:]}")
    config = folder / "prometheus.yml"
    config.write_text("{}\n" if rules is None else f'rule_files: ["{rules}/*.yml"]\n', encoding="utf-8")
    (port,) = free_ports(1)
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address={HOST}:{port}",
                "--query.lookback-delta=4m59s",  # sees exactly one 5-minute count, in Prometheus 2 and 3
                "--query.timeout=2m",
                "--query.max-samples=500000000",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that Ctrl-C reaches only us
        )
    try:
        with httpx.Client(base_url=f"http://{HOST}:{port}", timeout=QUERY_S, trust_env=False) as client:
            _wait(client, process, log)
            yield client
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            if client.get("/-/ready").is_success:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            end = log.read_text(errors="replace")[-1000:]
            raise NoPrometheus(f"Prometheus did not start. The end of its log:\n{end}")
        time.sleep(0.02)


def answer(client: httpx.Client, path: str, **parameters: Any) -> Any:
    """The data of Prometheus' answer. Blocks. Raises NoPrometheus with Prometheus' error."""
    body = client.post(path, data=parameters).json() if parameters else client.get(path).json()
    if body["status"] != "success":
        raise NoPrometheus(f"Prometheus: {body.get('error')}")
    return body["data"]


def query_range(client: httpx.Client, expr: str, name: str, from_ms: int, to_ms: int) -> list[TimeSeries]:
    """Evaluate an expression every 5 minutes in [from_ms, to_ms]; returns series of this name. Raises NoPrometheus."""
    found: dict[tuple[tuple[str, str], ...], dict[int, float]] = {}
    for first_ms in range(from_ms, to_ms + 1, POINTS * STEP_MS):
        last_ms = min(to_ms, first_ms + (POINTS - 1) * STEP_MS)
        data = answer(
            client, "/api/v1/query_range", query=expr, start=first_ms / 1000, end=last_ms / 1000, step=STEP_MS / 1000
        )
        for result in data["result"]:
            labels = tuple(sorted((key, value) for key, value in result["metric"].items() if key != "__name__"))
            samples = found.setdefault(labels, {})
            samples.update((round(at * 1000), float(value)) for at, value in result["values"])
    return [TimeSeries(name, labels, samples) for labels, samples in sorted(found.items())]
