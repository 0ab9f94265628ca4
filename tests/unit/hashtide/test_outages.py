"""An outage makes a handful of lines, however often it is met: when it begins, now and then, and when it is over."""

import logging

import pytest

from hashtide.outages import LogThrottle, Outage, duration_text, of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_lines_are_due_at_once_then_after_twice_as_long_each_time_up_to_5_minutes() -> None:
    rarely = LogThrottle()
    told = [second for second in range(1800) if rarely.due(float(second))]
    assert told == [0, 10, 30, 70, 150, 310, 610, 910, 1210, 1510]


def test_another_kind_need_wait_no_longer_than_10_seconds() -> None:
    rarely = LogThrottle()
    told = [second for second in range(100) if rarely.due(float(second), "away" if second < 35 else "blocked")]
    assert told == [0, 10, 30, 40]


def test_after_a_quiet_minute_it_is_news_again() -> None:
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


def test_a_minute_of_many_tries_by_many_is_four_lines(
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


def test_it_is_over_when_the_last_one_that_waited_got_through(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.failed("a", "away")
    outage.failed("b", "away")
    outage.worked("a")
    outage.worked("somebody who never waited")
    assert caplog.messages == ["away; trying again"]
    outage.worked("b")
    assert caplog.messages == ["away; trying again", "Elasticsearch is back after 0 s"]


def test_who_gives_up_does_not_say_that_it_is_back(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    outage.failed("a", "away")
    clock.now += 5
    outage.left("a")
    assert caplog.messages == ["away; trying again"]
    clock.now += 5
    outage.worked("b")  # by anybody
    assert caplog.messages == ["away; trying again", "Elasticsearch is back after 10 s"]


def test_a_server_that_comes_and_goes_is_told_of_ever_more_rarely(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(60):  # every 5 seconds it is away for one, for 5 minutes
        outage.failed("a", "away")
        clock.now += 1
        outage.worked("a")
        clock.now += 4
    assert caplog.messages == ["away; trying again", "Elasticsearch is back after 1 s"] * 5


def test_when_the_next_try_is_due_is_said_where_it_is_not_at_once(
    outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    outage.failed("a", "x: rate-limited", wait_s=60.0)
    assert caplog.messages == ["x: rate-limited; trying again in 60 s"]


def test_what_to_do_is_said_once_an_outage_and_only_where_the_doctor_knows_the_server(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
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


def test_nothing_is_said_of_what_works(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.worked()
    outage.worked("a")
    outage.left("a")
    assert caplog.messages == []


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (119, "119 s"), (600, "10 min"), (9000, "2.5 h")])
def test_a_duration_for_people(seconds: float, said: str) -> None:
    assert duration_text(seconds) == said


def test_a_call_that_gets_through_in_the_end_was_the_last_to_wait(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with outage.waited_out() as failed:
        failed("Kafka does not answer", "away")
        clock.now += 3
    assert caplog.messages == ["Kafka does not answer; trying again", "Elasticsearch is back after 3 s"]


def test_a_call_that_is_given_up_keeps_nobody_waiting(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyError), outage.waited_out() as failed:
        failed("Kafka does not answer", "away")
        raise KeyError
    assert caplog.messages == ["Kafka does not answer; trying again"]
    clock.now += 3
    outage.worked("another")
    assert caplog.messages[1:] == ["Elasticsearch is back after 3 s"]
