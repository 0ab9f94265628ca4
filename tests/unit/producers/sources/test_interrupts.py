import os
import signal
import threading
import time
from collections.abc import Generator

import pytest

from hashtide.interrupts import Interrupted, Interrupts


def soon(seconds: float = 0.05) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM)).start()


def test_a_signal_ends_a_wait_for_the_next_item_at_once() -> None:
    closed: list[bool] = []

    def blocked() -> Generator[int, None, None]:
        try:
            yield 1
            time.sleep(60)
        finally:
            closed.append(True)

    got: list[int] = []
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        soon()
        got.extend(interrupts.pull(blocked()))
    assert (got, closed, interrupts.asked) == ([1], [True], True)


def test_a_signal_lets_the_item_in_hand_be_finished() -> None:
    got = []
    with Interrupts() as interrupts:
        for item in interrupts.pull(number for number in range(10)):
            if item == 2:
                os.kill(os.getpid(), signal.SIGINT)
            got.append(item)
    assert (got, interrupts.asked) == ([0, 1, 2], True)


def test_a_second_signal_ends_it_whatever_is_in_hand() -> None:
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_ends_a_sleep_and_none_is_begun_after_one() -> None:
    with Interrupts() as interrupts:
        soon()
        with pytest.raises(Interrupted):
            interrupts.sleep(60)
        with pytest.raises(Interrupted):
            interrupts.sleep(60)


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_sighup_ends_a_run_too_unless_it_was_ignored_before() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup, it is ignored
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
        assert interrupts.asked
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
        assert not interrupts.asked
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
