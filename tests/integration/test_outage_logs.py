"""Servers go away under a worker and a producer that work: their logs tell of it, in a handful of lines."""

import json
import re
import time
from pathlib import Path
from typing import Any, Final

from deploy.local.stack import Stack
from tests.integration.pipeline import Pipeline, away

AWAY_S: Final = 16.0
"""The second line is due after 10 s, and up to 5 s pass until there is a try to tell of."""
"""Longer than the first distance between two lines about the same, 10 s. Starting again adds some seconds."""
MOST_TOLD: Final = 5
"""At 0, 10, 30 and 70 s, and that it is over."""
MOST_LINES: Final = 12
"""With a producer's progress, every 10 s. Without a bound there would be hundreds a second."""


class Log:
    """The stderr of a process: JSON, an event a line."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def new(self) -> list[dict[str, Any]]:
        """The events since last asked for. Each line must be one."""
        content = self._path.read_bytes()[self._read :]
        whole = content[: content.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def told(server: str, begins: str, events: list[dict[str, Any]], again: int) -> None:
    """That the outage was told of once with what to do, now and then how long it lasts, `again` times at least, and
    once that it is over."""
    assert len(events) <= MOST_LINES, events
    assert all(event["ecs.version"] == "9.0.0" and event["@timestamp"] for event in events)
    said = [event["message"] for event in events if event["log.level"] != "info"]
    assert len(said) <= MOST_TOLD, said
    first, *others, last = [message for message in said if re.match(f"{begins}|{server} is back", message)]
    assert re.fullmatch(f"{begins}; trying again \\(`hashtide doctor` says what is wrong\\)", first), said
    assert len(others) >= again, said
    assert all(re.fullmatch(f"{begins}; trying again, for \\d+ s now", message) for message in others), said
    over = re.fullmatch(f"{server} is back after (\\d+) s", last)
    assert over, said
    assert AWAY_S - 6 <= int(over[1]) <= 120, said  # a producer notices after 5 s without an answer


def test_an_outage_of_kafka_and_one_of_elasticsearch_are_a_handful_of_lines(pipeline: Pipeline, servers: Stack) -> None:
    pipeline.environment["HASHTIDE_LOG_FORMAT"] = "json"
    campaign = ("produce", "campaign", "--posts=6000", "--hours=1", "--speed=30")  # two minutes of 50 posts a second
    with pipeline.worker(), pipeline.process(*campaign):
        worker, producer = (Log(pipeline.folder / f"process-{number:03}.log") for number in (1, 2))
        pipeline.reach(1)
        worker.new(), producer.new()

        with away(servers.kafka):
            time.sleep(AWAY_S)
        pipeline.until_it_says("Kafka is back", more_than=1)
        told("Kafka", r"no answer from Kafka at [0-9.:]+", worker.new(), again=1)
        told("Kafka", r"Kafka at [0-9.:]+ acknowledges nothing, \d+ messages wait", producer.new(), again=0)

        pipeline.advance(by=1)
        with away(servers.elasticsearch):
            time.sleep(AWAY_S)
        pipeline.until_it_says("Elasticsearch is back", more_than=0)
        does_not = r"Elasticsearch request failed: [a-z]+ \(connection: Connection error\)"
        told("Elasticsearch", does_not, worker.new(), again=1)
        assert {event["log.level"] for event in producer.new()} <= {"info"}  # it knows no Elasticsearch
