"""An outage logs a few lines, not one for each retry: at its start, at growing intervals, and at its end."""

import logging

import pytest

from hashtide.outages import LogThrottle, Outage, duration_text, of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_line_interval_doubles_up_to_5_minutes() -> None:
    rarely = LogThrottle()
    reported = [second for second in range(1800) if rarely.due(float(second))]
    assert reported == [0, 10, 30, 70, 150, 310, 610, 910, 1210, 1510]


def test_new_kind_of_failure_is_logged_within_10_seconds() -> None:
    rarely = LogThrottle()
    reported = [second for second in range(100) if rarely.due(float(second), "away" if second < 35 else "blocked")]
    assert reported == [0, 10, 30, 40]


def test_logs_at_once_after_a_quiet_minute() -> None:
    rarely = LogThrottle()
    assert [rarely.due(float(second)) for second in (0, 5, 64)] == [True, False, True]
    assert [rarely.due(float(second)) for second in (130, 135)] == [True, False]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outage(clock: Clock, caplog: pytest.LogCaptureFixture) -> Outage:
    caplog.set_level(logging.DEBUG)
    return Outage("Elasticsearch", logging.getLogger("test"), clock)


def test_a_minute_of_retries_by_several_callers_logs_four_lines(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(620):
        for who in "abc":
            outage.failed(who, "Elasticsearch does not do put (away)")
        clock.now += 0.1
    for who in "abc":
        outage.worked(who)
    assert caplog.messages == [
        "Elasticsearch does not do put (away); trying again",
        "Elasticsearch does not do put (away); trying again, for 10 s now",
        "Elasticsearch does not do put (away); trying again, for 30 s now",
        "Elasticsearch is back after 62 s",
    ]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_outage_ends_when_last_waiting_caller_succeeds(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.failed("a", "away")
    outage.failed("b", "away")
    outage.worked("a")
    outage.worked("somebody who never waited")
    assert caplog.messages == ["away; trying again"]
    outage.worked("b")
    assert caplog.messages == ["away; trying again", "Elasticsearch is back after 0 s"]


def test_caller_giving_up_does_not_end_outage(outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    outage.failed("a", "away")
    clock.now += 5
    outage.left("a")
    assert caplog.messages == ["away; trying again"]
    clock.now += 5
    outage.worked("b")  # any caller
    assert caplog.messages == ["away; trying again", "Elasticsearch is back after 10 s"]


def test_flapping_server_is_logged_less_and_less_often(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(60):  # for 5 minutes, away 1 s out of every 5
        outage.failed("a", "away")
        clock.now += 1
        outage.worked("a")
        clock.now += 4
    assert caplog.messages == ["away; trying again", "Elasticsearch is back after 1 s"] * 5


def test_logs_delay_of_next_retry(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.failed("a", "x: rate-limited", wait_s=60.0)
    assert caplog.messages == ["x: rate-limited; trying again in 60 s"]


def test_suggests_doctor_once_per_outage_for_servers_it_checks(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    kafka, source = of("Kafka"), of("mastodon.example.org")
    for _ in range(3):
        kafka.failed("a", "no answer from Kafka", "away")
        kafka.failed("a", "no login at Kafka", "refused")
        kafka.worked("a")
    source.failed("a", "mastodon.example.org: away")
    assert caplog.messages == [
        "no answer from Kafka; trying again (`hashtide doctor` says what is wrong)",
        "Kafka is back after 0 s",
        "mastodon.example.org: away; trying again",
    ]


def test_logs_nothing_without_failure(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.worked()
    outage.worked("a")
    outage.left("a")
    assert caplog.messages == []


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (119, "119 s"), (600, "10 min"), (9000, "2.5 h")])
def test_duration_text(seconds: float, said: str) -> None:
    assert duration_text(seconds) == said


def test_waited_out_ends_outage_on_success(outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with outage.waited_out() as failed:
        failed("Kafka does not answer", "away")
        clock.now += 3
    assert caplog.messages == ["Kafka does not answer; trying again", "Elasticsearch is back after 3 s"]


def test_waited_out_stops_waiting_on_exception(outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyError), outage.waited_out() as failed:
        failed("Kafka does not answer", "away")
        raise KeyError
    assert caplog.messages == ["Kafka does not answer; trying again"]
    clock.now += 3
    outage.worked("another")
    assert caplog.messages[1:] == ["Elasticsearch is back after 3 s"]
