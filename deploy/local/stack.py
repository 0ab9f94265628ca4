"""The stack of both servers: `running` while the caller lives, `up`, `down` and `status` for one that stays."""

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from deploy.local import elasticsearch, kafka
from deploy.local.jars import fetch
from deploy.local.server import Server, StackError, child_environment
from deploy.local.watchdog import DONE

FOLDER: Final = "stack"  # below the state folder


class Addresses(msgspec.Struct, frozen=True):
    """Where clients reach the servers."""

    kafka: str
    """127.0.0.1:PORT"""
    elasticsearch: str
    """http://127.0.0.1:PORT"""


class Status(msgspec.Struct, frozen=True):
    """One server, as `status` finds it."""

    name: str
    running: bool
    pid: int | None
    address: str | None
    """None if it was never started."""
    answers: bool


class Stack:
    """Both servers below one folder, each of which can be started, stopped and killed on its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.kafka = Server(kafka.KIND, self.folder / "kafka")
        self.elasticsearch = Server(elasticsearch.KIND, self.folder / "elasticsearch")
        self.servers = (self.elasticsearch, self.kafka)  # the slower one first

    @property
    def addresses(self) -> Addresses:
        """Raises StackError if they were never started."""
        if not self.kafka.address or not self.elasticsearch.address:
            raise StackError(f"the stack in {self.folder} was never started")
        return Addresses(self.kafka.address, self.elasticsearch.address)

    def start(self) -> None:
        """Starts what does not run, and blocks until both answer. Fetches the jars if needed.

        Raises JarsError or StackError; what has started then still runs.
        """
        fetch()
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait()

    def stop(self) -> None:
        """Stops both at the same time, cleanly; after a deadline they are killed."""
        for server in self.servers:
            server.ask_to_stop()
        for server in self.servers:
            server.stop()

    def kill(self) -> None:
        """kill -9 for both."""
        for server in self.servers:
            server.kill()

    def remove(self, keep_logs: bool = False) -> None:
        """Removes the servers' folders, and the folder itself unless something else lies in it."""
        for server in self.servers:
            for path in server.home.glob("*") if keep_logs else [server.home]:
                if path != server.log:
                    path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
        if not any(self.folder.glob("*")):
            self.folder.rmdir()


@contextmanager
def running(folder: Path) -> Iterator[Addresses]:
    """A stack of one's own, empty, below this folder: see `owned`."""
    with owned(folder) as stack:
        yield stack.addresses


@contextmanager
def owned(folder: Path) -> Iterator[Stack]:
    """Starts both servers; stops them and removes their data at the end, be it an exception, Ctrl-C or kill -9.

    Blocks until both answer. Raises JarsError, or StackError, with a log's last lines, after which only logs are left.
    Raises StackError too if the folder holds a stack already.
    """
    stack = Stack(folder)
    if any(server.home.exists() for server in stack.servers):
        raise StackError(f"{stack.folder} holds a stack already: remove it, or use another folder")
    fetch()
    stack.folder.mkdir(parents=True, exist_ok=True)
    with _watchdog(stack):
        try:
            stack.start()
        except BaseException:
            stack.kill()
            stack.remove(keep_logs=True)
            raise
        try:
            yield stack
        finally:
            stack.stop()
            stack.remove()


@contextmanager
def _watchdog(stack: Stack) -> Iterator[None]:
    """Keeps a process that does the last step for us if we can't: see `watchdog`."""
    watchdog = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "deploy.local.watchdog",
            str(stack.folder),
            *(str(server.home) for server in stack.servers),
        ],
        stdin=subprocess.PIPE,
        env=child_environment(),
        start_new_session=True,
    )
    with watchdog:  # closes the pipe and waits
        yield
        watchdog.communicate(DONE)


def up(state_dir: Path) -> Addresses:
    """Starts what does not run of the stack that is kept in the state folder, on the data and ports it had before.

    Blocks until both answer, and while another `up` or `down` is at work. The servers outlive the caller. Raises
    JarsError or StackError; the servers that this call has started are stopped then.
    """
    stack = Stack(state_dir / FOLDER)
    with _one_at_a_time(state_dir):
        before = [server for server in stack.servers if server.process()]
        try:
            stack.start()
        except BaseException:
            for server in stack.servers:
                if server not in before:
                    server.stop()
            raise
        return stack.addresses


def down(state_dir: Path, purge: bool = False) -> None:
    """Stops the stack of the state folder, cleanly, and keeps its data; `purge` removes them. Again is no error."""
    stack = Stack(state_dir / FOLDER)
    with _one_at_a_time(state_dir):
        stack.stop()
        if purge:
            stack.remove()


def status(state_dir: Path) -> list[Status]:
    """What runs of the stack of the state folder, and whether it answers. Blocks for a few seconds at most."""
    stack = Stack(state_dir / FOLDER)
    return [
        Status(server.kind.name, server.pid is not None, server.pid, server.address, server.answers())
        for server in (stack.kafka, stack.elasticsearch)
    ]


@contextmanager
def _one_at_a_time(state_dir: Path) -> Iterator[None]:
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / f"{FOLDER}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # goes with the process, however it ends
        yield
