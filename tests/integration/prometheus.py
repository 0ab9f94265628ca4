"""A real Prometheus that starts with a past: samples, and what recording rules make of them.

Rules look back for hours, and a test has seconds. So the past is written as blocks, as promtool does it for any
history, and the live part goes on from there: as after a restart of Prometheus.
"""

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.conftest import needs
from tests.integration.alerting import DEPLOY, ask, server, serving, until
from tests.ports import free_ports

RULES: Final = DEPLOY / "prometheus" / "rules"
STEP_S: Final = 15
RECORDED_S: Final = 60
JOB: Final = "hashtide-worker"


class Series(NamedTuple):
    """A counter, as a function of time: what it stands at, `at_s` being seconds since 1970."""

    name: str
    labels: Mapping[str, str]
    value: Callable[[float], float]

    def line(self, at_s: float, **more: str) -> str:
        labels = ",".join(f'{name}="{value}"' for name, value in {**self.labels, **more}.items())
        return f"{self.name}{{{labels}}} {self.value(at_s)}"


@contextlib.contextmanager
def exporter(series: Sequence[Series]) -> Iterator[int]:
    """/metrics with what the series stand at now; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = _typed(series, lambda each: [each.line(time.time())])
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with serving(Handler) as port:
        yield port


def _typed(series: Sequence[Series], lines: Callable[[Series], list[str]], suffix: str = "") -> str:
    text = ""
    for name in dict.fromkeys(each.name for each in series):
        text += f"# TYPE {name.removesuffix(suffix)} counter\n"
        text += "".join(f"{line}\n" for each in series if each.name == name for line in lines(each))
    return text


class Prometheus:
    """Its data, its rules (the shipped ones, all evaluated every `interval`), and what it scrapes and alerts."""

    def __init__(self, folder: Path, target: int, alertmanager: str) -> None:
        (self._port,) = free_ports(1)
        self.url, self._folder, self._target, self._alertmanager = (
            f"http://127.0.0.1:{self._port}",
            folder,
            target,
            alertmanager,
        )
        self._instance = f"127.0.0.1:{target}"
        folder.mkdir()
        (folder / "data").mkdir()

    def past(self, series: Sequence[Series], from_s: int, to_s: int) -> None:
        """Write the past: the series as if scraped, and what the recording rules make of them."""
        more = {"job": JOB, "instance": self._instance}

        def lines(each: Series) -> list[str]:
            return [f"{each.line(at_s, **more)} {at_s}" for at_s in range(from_s, to_s + 1, STEP_S)]

        self._blocks(_typed(series, lines, "_total"))
        with self._running("1d", scrapes=False):
            levels = list(_levels(self.rules("record")))
        for level in levels:
            group = {"name": "past", "interval": f"{RECORDED_S}s", "rules": level}
            (self._folder / "level.yml").write_text(json.dumps({"groups": [group]}))  # YAML has all of JSON
            with self._running("1d", scrapes=False):
                words = [f"--url={self.url}", f"--start={from_s}", f"--end={to_s}", "--output-dir=recorded"]
                self._promtool("create-blocks-from", "rules", *words, "level.yml")
            for block in (self._folder / "recorded").iterdir():
                block.rename(self._folder / "data" / block.name)

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """It runs: scrapes, evaluates and alerts every second."""
        with self._running("1s", scrapes=True):
            yield

    def rules(self, kind: str) -> list[dict[str, Any]]:
        """The rules of this type that it has, with their state."""
        groups = ask(f"{self.url}/api/v1/rules?type={kind}")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def evaluated(self, alertname: str) -> bool:
        """Whether a rule was evaluated, and could be."""
        return [rule["health"] for rule in self.rules("alert") if rule["name"] == alertname] == ["ok"]

    def evaluates(self, times: int) -> None:
        """Wait until every rule was evaluated so many times more."""
        for _ in range(times):
            until(partial(self._evaluated_since, self._last()), "another evaluation")

    def _evaluated_since(self, last: dict[str, datetime]) -> bool:
        return all(now > last[name] for name, now in self._last().items())

    def _last(self) -> dict[str, datetime]:
        """When each group of rules was last evaluated."""
        groups = ask(f"{self.url}/api/v1/rules")["data"]["groups"]
        return {group["file"] + group["name"]: datetime.fromisoformat(group["lastEvaluation"]) for group in groups}

    def firing(self) -> set[tuple[str, str]]:
        """Names and campaigns of the alerts that fire."""
        alerts = ask(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return {(a["labels"]["alertname"], a["labels"].get("campaign", "")) for a in alerts if a["state"] == "firing"}

    def _rules(self, interval: str) -> list[Path]:
        """The shipped rules, unchanged but for how often they are evaluated."""
        folder = self._folder / f"rules-{interval}"
        folder.mkdir(exist_ok=True)
        for path in RULES.glob("*.yml"):
            text = re.sub(r"(?m)^(\s+interval:) .*$", rf"\1 {interval}", path.read_text(encoding="utf-8"))
            (folder / path.name).write_text(text, encoding="utf-8")
        copied = sorted(folder.iterdir())
        assert copied, f"no rules in {RULES}"
        return copied

    @contextlib.contextmanager
    def _running(self, interval: str, *, scrapes: bool) -> Iterator[None]:
        self._rules(interval)
        config: dict[str, Any] = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": interval},
            "rule_files": [f"rules-{interval}/*.yml"],
        }
        if scrapes:
            config |= {
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self._alertmanager]}]}]},
                "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [self._instance]}]}],
            }
        (self._folder / "prometheus.yml").write_text(json.dumps(config))
        words = [
            needs("prometheus"),
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--rules.alert.resend-delay=1s",
        ]
        with server(self._folder, "prometheus", *words, ready=f"{self.url}/-/ready"):
            yield

    def _blocks(self, text: str) -> None:
        (self._folder / "past.txt").write_text(text + "# EOF\n")
        self._promtool("create-blocks-from", "openmetrics", "--max-block-duration=2160h", "past.txt", "data")

    def _promtool(self, *words: str) -> None:
        done = subprocess.run(
            [needs("promtool"), "tsdb", *words], cwd=self._folder, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _levels(rules: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Recording rules in the order in which they can be evaluated over the past: each rests on earlier ones only."""
    waiting = [{"record": rule["name"], "expr": rule["query"], "labels": rule.get("labels", {})} for rule in rules]
    while waiting:
        names = {rule["record"] for rule in waiting}
        ready = [rule for rule in waiting if not names & set(re.findall(r"[\w:]+", rule["expr"]))]
        assert ready, f"these rest on each other: {names}"
        yield ready
        waiting = [rule for rule in waiting if rule not in ready]
