"""One line per event; JSON in the Elastic Common Schema; repeated client messages are rate-limited."""

import json
import logging
import os
import subprocess
import sys
from typing import Any, Literal

import pytest

from hashtide import logs
from hashtide.logs import Json, RateLimitFilter, Text
from hashtide.settings import Common

HOSTILE = (
    "one\n2026-01-01 00:00:00,000 CRITICAL stream_jobs: forged\r\x1b[2J\x1b]0;title\x07 \u202eabc\u2066 \u2028x\x00"
)
MADE_S = 1_508_097_630.25  # 2017-10-15T20:00:30.25Z


def record(
    message: str, *args: object, name: str = "stream_jobs.worker", error: BaseException | None = None
) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord(name, logging.WARNING, "/x/worker.py", 7, message, args, exc_info, "run")
    made.created, made.msecs, made.process = MADE_S, 250.0, 4711
    return made


def raised(message: str) -> BaseException:
    def inner() -> None:
        raise OSError("the first\nof two")

    with pytest.raises(ValueError) as caught:
        try:
            inner()
        except OSError as error:
            raise ValueError(message) from error
    return caught.value


def event(made: logging.LogRecord) -> dict[str, Any]:
    line = Json().format(made)
    assert "\n" not in line
    assert line.isascii()
    found: dict[str, Any] = json.loads(line)
    return found


def test_json_event_has_elastic_common_schema_fields() -> None:
    assert event(record("%d posts of %s", 3, "metoo")) == {
        "@timestamp": "2017-10-15T20:00:30.250Z",
        "log.level": "warning",
        "message": "3 posts of metoo",
        "ecs.version": "9.0.0",
        "log": {"logger": "stream_jobs.worker"},
        "process": {"pid": 4711},
        "service": {"name": "hashtide"},
    }


def test_json_begins_with_time_level_and_message() -> None:
    begins = '{"@timestamp":"2017-10-15T20:00:30.250Z","log.level":"warning","message":"well",'
    assert Json().format(record("well")).startswith(begins)


def test_json_error_has_type_message_and_full_trace_in_one_line() -> None:
    error = event(record("a batch can't be handled", error=raised(HOSTILE)))["error"]
    assert (error["type"], error["message"]) == ("ValueError", HOSTILE)
    assert "in inner\n" in error["stack_trace"]
    assert "OSError: the first\nof two\n\nThe above exception was the direct cause" in error["stack_trace"]


def test_hostile_message_is_one_json_event() -> None:
    assert event(record("%s", HOSTILE))["message"] == HOSTILE


def test_text_line_format() -> None:
    line = Text().format(record("%d posts in %s: وأنا_أيضا, été, 世界 🙂", 3, "metoo"))
    assert line.endswith("WARNING stream_jobs.worker: 3 posts in metoo: وأنا_أيضا, été, 世界 🙂")
    assert line[:4] == "2017"


def test_text_is_one_line_without_terminal_escapes() -> None:
    line = Text().format(record("%s", HOSTILE, name="stream\x1b_jobs"))
    assert line.isprintable()
    assert line.endswith(
        r"stream\x1b_jobs: one\n2026-01-01 00:00:00,000 CRITICAL stream_jobs: forged\r"
        r"\x1b[2J\x1b]0;title\x07 \u202eabc\u2066 \u2028x\x00"
    )


def test_text_error_shows_location_and_cause_in_same_line() -> None:
    line = Text().format(record("a batch can't be handled", error=raised("no\nway")))
    assert line.isprintable()
    assert "a batch can't be handled: ValueError: no\\nway [test_logs.py:" in line
    assert " raised], after OSError: the first\\nof two [test_logs.py:" in line
    assert line.endswith(" inner]")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def let_through(seldom: RateLimitFilter, name: str, message: str, *args: object) -> str | None:
    made = record(message, *args, name=name)
    return made.getMessage() if seldom.filter(made) else None


def test_rate_limits_repeated_client_messages_and_counts_them() -> None:
    clock = Clock()
    seldom, reported = RateLimitFilter(clock), []
    for second in range(60):
        clock.now = float(second)
        if said := let_through(seldom, "aiokafka.producer.sender", "Got error on partition %s", second):
            reported.append(said)
    assert reported == [
        "Got error on partition 0",
        "Got error on partition 10 (and 9 more like it)",
        "Got error on partition 30 (and 19 more like it)",
    ]


def test_messages_that_differ_only_in_numbers_are_the_same() -> None:
    seldom = RateLimitFilter(Clock())
    assert let_through(seldom, "kafka.cluster", "lost 12 of 40")
    assert not let_through(seldom, "kafka.cluster", "lost 13 of 40")
    assert let_through(seldom, "kafka.cluster", "found 13 of 40")
    assert let_through(seldom, "kafka.producer", "lost 13 of 40")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("aiokafka", "Unable connect to node with id %s: %s"),
        ("aiokafka", "Unable to update metadata from %s"),
        ("aiokafka.consumer.fetcher", "Failed fetch messages from %s: %s"),
        ("aiokafka.consumer.group_coordinator", "Group Coordinator Request failed: %s"),
        ("kafka.cluster", "Metadata refresh: failed %s"),
        ("kafka.producer.sender", "%s: Error sending produce request to node %d: %s"),
    ],
)
def test_suppresses_client_messages_about_outages(name: str, message: str) -> None:
    assert RateLimitFilter(Clock()).filter(record(message, name=name)) is False


def test_never_limits_own_messages() -> None:
    seldom = RateLimitFilter(Clock())
    assert [let_through(seldom, "stream_jobs.transport.app", "a batch is abandoned") for _ in range(3)] == [
        "a batch is abandoned"
    ] * 3


def test_memory_is_bounded_if_client_messages_never_repeat() -> None:
    seldom = RateLimitFilter(Clock())
    for number in range(2000):
        let_through(seldom, "kafka", "x" * number)
    assert len(seldom._throttles) <= 500


Format = Literal["text", "json"]


def run(code: str, format_: Format) -> subprocess.CompletedProcess[str]:
    """Run code in a separate process with logging configured."""
    begin = "from hashtide import logs; from hashtide.settings import Common"
    begin += f"; logs.setup(Common(log_format='{format_}'))"
    return subprocess.run([sys.executable, "-c", f"{begin}\n{code}"], capture_output=True, text=True, timeout=60)


UNHANDLED = {
    "a process": "raise ValueError('no\\n\\x1b[2Jway')",
    "a thread": """
import threading
def work():
    raise ValueError('no\\n\\x1b[2Jway')
thread = threading.Thread(target=work); thread.start(); thread.join()
""",
    "a task": """
import asyncio, gc
async def work():
    raise ValueError('no\\n\\x1b[2Jway')
async def main():
    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    del task
    gc.collect()
asyncio.run(main())
""",
}


@pytest.mark.parametrize("where", UNHANDLED)
def test_uncaught_exception_is_one_json_event(where: str) -> None:
    done = run(UNHANDLED[where], "json")
    (line,) = done.stderr.splitlines()
    found = json.loads(line)
    assert (found["error"]["type"], found["error"]["message"]) == ("ValueError", "no\n\x1b[2Jway")
    assert found["log.level"] in ("critical", "error")
    assert "ValueError: no" in found["error"]["stack_trace"]
    assert done.returncode == (1 if where == "a process" else 0)


@pytest.mark.parametrize("where", UNHANDLED)
def test_uncaught_exception_is_one_escaped_text_line(where: str) -> None:
    (line,) = run(UNHANDLED[where], "text").stderr.splitlines()
    assert line.isprintable()
    assert r"ValueError: no\n\x1b[2Jway [" in line


def test_python_warning_is_logged_as_event() -> None:
    (line,) = run("import warnings; warnings.warn('old')", "json").stderr.splitlines()
    assert json.loads(line)["log"]["logger"] == "py.warnings"


def test_ctrl_c_is_not_logged() -> None:
    done = run("raise KeyboardInterrupt", "json")
    assert done.stderr.startswith("Traceback")
    assert "{" not in done.stderr


def test_debug_disables_rate_limit_but_keeps_clients_at_info() -> None:
    assert logs.config(Common(log_level="debug"))["handlers"]["stderr"]["filters"] == []
    assert {each["level"] for each in logs.config(Common(log_level="debug"))["loggers"].values()} == {"INFO"}
    assert logs.config(Common())["handlers"]["stderr"]["filters"] == ["rate_limit"]


def tag(**settings: str) -> "subprocess.CompletedProcess[str]":
    """`hashtide tag` with empty input; contacts no server."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HASHTIDE_")}
    command = [sys.executable, "-m", "operations.cli", "tag", "/dev/null"]
    return subprocess.run(command, env=inherited | settings, capture_output=True, text=True, timeout=60)


def test_failed_command_prints_error_without_terminal_escapes() -> None:
    done = tag(HASHTIDE_CAMPAIGNS="/nowhere/\x1b[2J\u202e")
    assert done.returncode == 2
    assert done.stderr == "hashtide: HASHTIDE_CAMPAIGNS='/nowhere/\\x1b[2J\\u202e': no such file or folder\n"


def test_failed_command_logs_json_event_if_json_is_set() -> None:
    done = tag(HASHTIDE_CAMPAIGNS="/nowhere", HASHTIDE_LOG_FORMAT="json")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    found = json.loads(line)
    assert found["message"] == "HASHTIDE_CAMPAIGNS='/nowhere': no such file or folder"
    assert found["log.level"] == "critical"


def test_error_names_invalid_log_setting() -> None:
    done = tag(HASHTIDE_LOG_FORMAT="xml")
    assert done.returncode == 2
    assert done.stderr.startswith("hashtide: HASHTIDE_LOG_FORMAT='xml': has the wrong form (text or json: ")
