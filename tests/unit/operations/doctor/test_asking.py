"""Questions have a time limit, and one that fails spoils no other."""

import socket
import threading

import pytest
from kafka.errors import TopicAuthorizationFailedError

from operations.doctor.asking import Asking, judged, knock, place, speaks_tls, within
from operations.doctor.findings import Finding, ok


def test_an_answer_and_an_error_come_through() -> None:
    assert within(5.0, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0)


def test_a_question_without_an_answer_ends_and_the_server_is_not_asked_again() -> None:
    asking, never = Asking("Kafka", limit_s=0.1), threading.Event()
    assert asking.ask("topics", never.wait) == Finding("topics", "not checked", "Kafka: no answer within 0 s")
    assert asking.ask("lag", lambda: 1) == Finding("lag", "not checked", "Kafka does not answer any more")
    never.set()


def test_a_question_that_fails_is_not_checked_and_the_next_one_is() -> None:
    def fails() -> int:
        raise ValueError("no\n  such\nthing")

    asking = Asking("Elasticsearch")
    assert asking.ask("disk", fails) == Finding("disk", "not checked", "Elasticsearch: ValueError no such thing")
    assert asking.ask("indices", lambda: 1) == 1


def test_what_we_may_not_ask_is_said_to_be_that() -> None:
    def refused() -> int:
        raise TopicAuthorizationFailedError("posts.raw")

    found = Asking("Kafka").ask("topics", refused)
    assert isinstance(found, Finding)
    assert found.says.startswith("this login may not ask: TopicAuthorizationFailedError")


def test_a_rule_without_its_facts_says_what_is_missing_under_its_own_name() -> None:
    missing = Finding("topics", "not checked", "no Kafka")
    assert judged("lag", lambda one, two: ok("lag", "well"), 1, missing) == [Finding("lag", "not checked", "no Kafka")]
    assert judged("lag", lambda one: ok("lag", f"{one} wait"), 3) == [Finding("lag", "ok", "3 wait")]


def test_places() -> None:
    assert place("one.example:9092") == ("one.example", 9092)
    assert place("[::1]:9092") == ("::1", 9092)


def test_knocking() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert knock(address) == ""
        assert not speaks_tls(address)  # it says nothing at all
    assert knock(address) == "connection refused"
    assert knock("nobody.invalid:1") == "no such host"
