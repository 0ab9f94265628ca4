"""Checks have a time limit, and a failed check affects no other."""

import socket
import threading

import pytest
from kafka.errors import TopicAuthorizationFailedError

from operations.doctor.checks import (
    CheckRunner,
    apply_rule,
    call_with_timeout,
    host_and_port,
    speaks_tls,
    why_unreachable,
)
from operations.doctor.findings import Finding, ok


def test_an_answer_and_an_error_come_through() -> None:
    assert call_with_timeout(5.0, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        call_with_timeout(5.0, lambda: 1 // 0)


def test_after_a_timeout_the_other_checks_of_the_server_are_skipped() -> None:
    runner, never = CheckRunner("Kafka", limit_s=0.1), threading.Event()
    assert runner.run("topics", never.wait) == Finding("topics", "not checked", "Kafka: no answer within 0 s")
    assert runner.run("lag", lambda: 1) == Finding("lag", "not checked", "Kafka no longer answers")
    never.set()


def test_a_failed_check_is_not_checked_and_the_next_one_runs() -> None:
    def fails() -> int:
        raise ValueError("no\n  such\nthing")

    runner = CheckRunner("Elasticsearch")
    assert runner.run("disk", fails) == Finding("disk", "not checked", "Elasticsearch: ValueError no such thing")
    assert runner.run("indices", lambda: 1) == 1


def test_missing_permission_is_reported() -> None:
    def refused() -> int:
        raise TopicAuthorizationFailedError("posts.raw")

    found = CheckRunner("Kafka").run("topics", refused)
    assert isinstance(found, Finding)
    assert found.says.startswith("this login lacks permission: TopicAuthorizationFailedError")


def test_a_rule_without_its_facts_reports_why_under_its_own_name() -> None:
    missing = Finding("topics", "not checked", "no Kafka")
    assert apply_rule("lag", lambda one, two: ok("lag", "well"), 1, missing) == [
        Finding("lag", "not checked", "no Kafka")
    ]
    assert apply_rule("lag", lambda one: ok("lag", f"{one} wait"), 3) == [Finding("lag", "ok", "3 wait")]


def test_host_and_port() -> None:
    assert host_and_port("one.example:9092") == ("one.example", 9092)
    assert host_and_port("[::1]:9092") == ("::1", 9092)


def test_why_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert why_unreachable(address) == ""
        assert not speaks_tls(address)  # it says nothing at all
    assert why_unreachable(address) == "connection refused"
    assert why_unreachable("nobody.invalid:1") == "no such host"
