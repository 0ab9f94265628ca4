import os
import signal
import threading
import time
from collections.abc import Generator

import pytest

from hashtide.interrupts import Interrupted, Interrupts


def soon(seconds: float = 0.05) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM)).start()


def test_signal_interrupts_wait_for_next_item() -> None:
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


def test_signal_lets_current_item_finish() -> None:
    got = []
    with Interrupts() as interrupts:
        for item in interrupts.pull(number for number in range(10)):
            if item == 2:
                os.kill(os.getpid(), signal.SIGINT)
            got.append(item)
    assert (got, interrupts.asked) == ([0, 1, 2], True)


def test_second_signal_ends_run_at_once() -> None:
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)


def test_signal_interrupts_sleep_and_prevents_another() -> None:
    with Interrupts() as interrupts:
        soon()
        with pytest.raises(Interrupted):
            interrupts.sleep(60)
        with pytest.raises(Interrupted):
            interrupts.sleep(60)


def test_restores_handlers() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_sighup_ends_run_unless_ignored_before() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup
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
