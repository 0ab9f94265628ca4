"""Servers go away while a worker and a producer run: each logs it in a handful of lines.

The clock by which the lines are spaced is set by the test (set_clock.py): no line depends on how fast the machine is.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from deploy.local.server import Server
from deploy.local.stack import Stack
from tests.integration.pipeline import Pipeline, away
from tests.integration.set_clock import Clock

MODULE: Final = "tests.integration.set_clock"
MOST_LINES: Final = 12
"""With those of client libraries, and without a producer's progress, every 10 s. Without a bound: hundreds a second."""
TRIES: Final = 5
"""That fail, and make no line: with one at least for the line before and the line after them."""


class Log:
    """The stderr of a process: JSON, an event a line."""

    def __init__(self, path: Path, pid: int) -> None:
        self.pid = pid
        self._path, self._seen = path, 0

    def pass_over(self) -> None:
        """Leave what is there now out of `events`."""
        self._seen += len(self.events())

    def events(self) -> list[dict[str, Any]]:
        """The events since `pass_over`. Each line must be one."""
        content = self._path.read_bytes()
        return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()[self._seen :]]

    def said(self) -> list[str]:
        """The messages of those that are worse than info."""
        return [event["message"] for event in self.events() if event["log.level"] != "info"]


def goes_away(pipeline: Pipeline, server: Server, clock: Clock, begins: dict[Log, str], name: str) -> None:
    """The server is away for 18 s of the clock, and its log has the first line, one after 11 s, and the last."""
    began_s = float(clock.path.read_text())
    for log in begins:
        log.pass_over()

    def all_say(pattern: str) -> Callable[[], bool]:
        return lambda: all(
            any(re.fullmatch(pattern.format(begins=begun), message) for message in log.said())
            for log, begun in begins.items()
        )

    def all_try_in_vain() -> None:
        before = {log: clock.readings(log.pid) for log in begins}
        pipeline.until(lambda: all(clock.readings(log.pid) >= before[log] + TRIES for log in begins))

    first = r"{begins}; trying again \(`hashtide doctor` says what is wrong\)"
    second = r"{begins}; trying again, for 11 s now"
    last = f"{name} is back after 18 s"
    with away(server):
        pipeline.until(all_say(first))
        all_try_in_vain()
        clock.set(began_s + 11)
        pipeline.until(all_say(second))
        all_try_in_vain()
        clock.set(began_s + 18)
    pipeline.until(all_say(last))
    for log, begun in begins.items():
        events, said = log.events(), log.said()
        of_it = [message for message in said if re.match(f"{begun}|{name} is back", message)]
        assert len(of_it) == 3, said
        for pattern, message in zip((first, second, last), of_it, strict=True):
            assert re.fullmatch(pattern.format(begins=begun), message), said
        assert len(said) <= 5, said  # with what client libraries say
        lines = [event for event in events if not re.fullmatch(r"produced [\d,]+ posts, .*", event["message"])]
        assert len(lines) <= MOST_LINES, lines
        assert all(event["ecs.version"] == "9.0.0" and event["@timestamp"] for event in events)


def test_an_outage_of_kafka_and_one_of_elasticsearch_are_a_handful_of_lines(
    pipeline: Pipeline, servers: Stack, tmp_path: Path
) -> None:
    clock = Clock(tmp_path / "clock")
    clock.set(1000.0)
    pipeline.environment |= {"HASHTIDE_LOG_FORMAT": "json", "TEST_CLOCK": str(clock.path)}
    campaign = ("produce", "campaign", "--posts=6000", "--hours=1", "--speed=30")  # two minutes of 50 posts a second
    with (
        pipeline.process("worker", "--metrics-port=0", module=MODULE) as working,
        pipeline.process(*campaign, module=MODULE) as producing,
    ):
        worker = Log(pipeline.folder / "process-001.log", working.pid)
        producer = Log(pipeline.folder / "process-002.log", producing.pid)
        pipeline.reach(1)
        of_kafka = {
            worker: r"no answer from Kafka at [0-9.:]+",
            producer: r"Kafka at [0-9.:]+ acknowledges nothing, \d+ messages wait",
        }
        goes_away(pipeline, servers.kafka, clock, of_kafka, "Kafka")
        pipeline.advance(by=1)
        producer.pass_over()
        does_not = r"Elasticsearch request failed: [a-z]+ \(connection: Connection error\)"
        goes_away(pipeline, servers.elasticsearch, clock, {worker: does_not}, "Elasticsearch")
        assert {event["log.level"] for event in producer.events()} <= {"info"}  # it knows no Elasticsearch
