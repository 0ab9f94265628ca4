"""Find a server's process by its mark, using idle processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import process
from deploy.local.watchdog import DONE

IDLE = "import time; time.sleep(60)"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "kafka").mkdir()
    yield tmp_path / "kafka"
    process.kill(tmp_path / "kafka")


def idle(home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", IDLE, process.mark(home)])


def test_finds_process_by_home_in_command_line(home: Path) -> None:
    with idle(home) as child:
        found = process.find(home)
        assert found and found.pid == child.pid
        assert process.find(home.parent) is None
        assert process.find(Path(f"{home}2")) is None
        process.kill(home)


def test_zombie_process_counts_as_gone(home: Path) -> None:
    with idle(home) as child:
        child.kill()
        assert process.wait(home, 60)
        assert process.find(home) is None
        assert Path(f"/proc/{child.pid}").exists() or sys.platform != "linux"  # still a zombie


def test_terminates_suspended_process(home: Path) -> None:
    with idle(home) as child:
        os.kill(child.pid, signal.SIGSTOP)
        process.terminate(home)
        assert child.wait(60) == -signal.SIGTERM


def test_wait_times_out(home: Path) -> None:
    with idle(home):
        assert not process.wait(home, 0.1)
        process.kill(home)


def watchdog(home: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "deploy.local.watchdog", str(home.parent), str(home)]
    return subprocess.Popen(command, stdin=subprocess.PIPE)


def test_watchdog_cleans_up_after_owner_exits(home: Path) -> None:
    with idle(home) as server, watchdog(home) as dog:
        (home / "data").mkdir()
        assert dog.stdin
        dog.stdin.close()
        assert server.wait(60) == -signal.SIGKILL
        assert dog.wait(60) == 0
        assert not home.parent.exists()


def test_watchdog_kills_server_that_was_just_starting(home: Path) -> None:
    with watchdog(home) as dog:
        assert dog.stdin
        dog.stdin.close()
        time.sleep(0.2)
        with idle(home) as server:
            assert server.wait(60) == -signal.SIGKILL


def test_watchdog_does_nothing_if_owner_cleaned_up(home: Path) -> None:
    with idle(home) as server, watchdog(home) as dog:
        dog.communicate(DONE)
        assert dog.returncode == 0
        assert server.poll() is None
        assert home.exists()
        process.kill(home)
