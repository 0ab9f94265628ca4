"""`hashtide watch --terminal`, as a process: one frame, many, and its end."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

from deploy.local.stack import Addresses
from tests.integration.counted import empty, posts, put, tag

MIDNIGHT = 1_508_198_400_000  # 2017-10-17T00:00:00Z
COMMAND = [sys.executable, "-m", "operations.cli", "watch", "--terminal"]


@pytest.fixture
def url(stack: Addresses) -> Iterator[str]:
    empty(stack.elasticsearch)
    put(
        stack.elasticsearch,
        [
            posts(MIDNIGHT, 1_234, language="it", region="IT"),
            tag(MIDNIGHT, 1_000, "metoo"),
            tag(MIDNIGHT, 7, "[red]x\x1b[31m"),
        ],
    )
    yield stack.elasticsearch
    empty(stack.elasticsearch)


def settings(url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HASHTIDE_")}
    return inherited | {"HASHTIDE_ELASTICSEARCH": url, "COLUMNS": "160", "TERM": "xterm-256color"}


def test_once_prints_one_frame_without_a_terminal(url: str) -> None:
    done = subprocess.run([*COMMAND, "--once"], env=settings(url), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0].startswith("Hashtide · all posts · 1 h · as of ")
    where = "Newest data, there are no newer counts: 16 Oct 2017 23:01 UTC to 17 Oct 2017 00:01 UTC"
    assert f"Posts per minute  {where}" in lines
    assert any(re.match("1,234 +100 % +new +Italian", line) for line in lines)
    assert any("#[red]x‹U+001B›[31m" in line for line in lines)
    assert "\x1b" not in done.stdout


def test_without_elasticsearch_once_says_so_and_fails() -> None:
    done = subprocess.run(
        [*COMMAND, "--once"], env=settings("http://127.0.0.1:1"), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "Elasticsearch does not answer (ConnectionError), since " in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_in_a_terminal_it_is_live_and_leaves_the_terminal_as_it_was(url: str, ended_by: signal.Signals) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
    process = subprocess.Popen(COMMAND, env=settings(url), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    try:
        said = until(master, b"Italian")
        assert b"\x1b[?1049h" in said  # another screen
        process.send_signal(ended_by)
        said = until(master, b"\x1b[?1049l")  # and back
        assert process.wait(timeout=120) == 0
        assert b"\x1b[?25h" in said  # the cursor is there again
        assert b"Traceback" not in said
    finally:
        process.kill()
        process.wait()
        os.close(master)


def until(master: int, text: bytes) -> bytes:
    """All that is written up to where this is."""
    said, deadline = b"", time.monotonic() + 120
    while text not in said:
        assert time.monotonic() < deadline, said
        if select.select([master], [], [], 0.5)[0]:
            said += os.read(master, 65_536)
    return said


def test_once_without_terminal_is_a_wrong_use() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "operations.cli", "watch", "--once"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "--once needs --terminal" in done.stderr
