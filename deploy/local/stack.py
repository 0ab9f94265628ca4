"""The stack of both servers: `running` for a stack that ends with its caller; `up`, `down` and `status` for one that
stays."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from deploy.local import elasticsearch, kafka, kafka_secure, process
from deploy.local.exclusive import exclusive
from deploy.local.jars import fetch
from deploy.local.jvm import child_environment
from deploy.local.server import Kind, Server, StackError
from deploy.local.watchdog import DONE

FOLDER: Final = "stack"  # below the state folder
SECURE: Final = "stack-secure"  # the stack with TLS and a login; it has its own topics and counts
SECRETS: Final = "secrets"


class Addresses(msgspec.Struct, frozen=True):
    """The servers' addresses for clients."""

    kafka: str
    """127.0.0.1:PORT"""
    elasticsearch: str
    """http://127.0.0.1:PORT"""
    login: dict[str, str] = {}
    """Kafka's login settings in a secure stack. Their values include file paths."""

    @property
    def exports(self) -> dict[str, str]:
        """The settings for a client."""
        return {"HASHTIDE_KAFKA": self.kafka, "HASHTIDE_ELASTICSEARCH": self.elasticsearch} | self.login


class Status(msgspec.Struct, frozen=True):
    """The state of one server."""

    name: str
    running: bool
    pid: int | None
    address: str | None
    """Its address for clients. None if it was never started."""
    answers: bool


class Stack:
    """Both servers below one folder. Each can also be started, stopped and killed separately.

    `short_lived`: they start faster, but are slower after some minutes of load. `secure`: Kafka only by TLS with a
    login; the embedded Elasticsearch has no security module. `every_way`: see kafka_secure.
    """

    def __init__(self, folder: Path, short_lived: bool, *, secure: bool = False, every_way: bool = False) -> None:
        self.folder = folder.absolute()
        self.secrets = self.folder / SECRETS if secure else None
        self.kafka = Server(_kafka(self.secrets, every_way), self.folder / "kafka", short_lived)
        self.elasticsearch = Server(elasticsearch.KIND, self.folder / "elasticsearch", short_lived)
        self.servers = (self.elasticsearch, self.kafka)  # the slower one starts first

    @property
    def addresses(self) -> Addresses:
        """Raises StackError if they were never started."""
        if not self.kafka.address or not self.elasticsearch.address:
            raise StackError(f"the stack in {self.folder} was never started")
        return Addresses(self.kafka.address, self.elasticsearch.address, self._login())

    def _login(self) -> dict[str, str]:
        if self.secrets is None:
            return {}
        return kafka_secure.exports(self.secrets)

    def start(self) -> None:
        """Start the servers that do not run. Blocks until both answer. Raises JarsError or StackError."""
        fetch()  # downloads with a progress bar, before any server starts
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait()

    def stop(self) -> None:
        """Stop both at the same time, cleanly. Blocks. A server that does not stop within some seconds is killed."""
        for server in self.servers:
            process.terminate(server.home)
        for server in self.servers:
            server.stop()

    def remove(self, keep_logs: bool = False) -> None:
        """Remove the servers' files, and the folder if it is then empty."""
        for server in self.servers:
            for path in server.home.glob("*"):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif not (keep_logs and path == server.log):
                    path.unlink()
        if self.secrets is not None:
            shutil.rmtree(self.secrets, ignore_errors=True)
        for folder in (*(server.home for server in self.servers), self.folder):
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def running(folder: Path) -> Iterator[Addresses]:
    """A new, empty stack for the caller: see `owned`."""
    with owned(folder) as stack:
        yield stack.addresses


def _kafka(secrets: Path | None, every_way: bool) -> Kind:
    if secrets is None:
        return kafka.KIND
    return kafka_secure.kind(secrets, every_way)


@contextmanager
def owned(folder: Path, *, secure: bool = False, every_way: bool = False) -> Iterator[Stack]:
    """Start both servers below this folder. Stops and removes everything at the end, by return, Ctrl-C or kill -9.

    Blocks until both answer. Raises JarsError. Raises StackError if the folder already contains a stack, or if a server
    does not start: then the logs are kept.
    """
    stack = Stack(folder, short_lived=True, secure=secure, every_way=every_way)
    if any(server.home.exists() for server in stack.servers):
        raise StackError(f"{stack.folder} already contains a stack. Remove it, or name another folder.")
    fetch()
    stack.folder.mkdir(parents=True, exist_ok=True)
    with _watchdog(stack) as done:
        keep_logs = False
        try:
            stack.start()
            yield stack
        except StackError:
            keep_logs = True
            raise
        finally:
            stack.stop()
            stack.remove(keep_logs)
            done()


@contextmanager
def _watchdog(stack: Stack) -> Iterator[Callable[[], None]]:
    """A process that cleans up if we end before calling the yielded function."""
    homes = [str(server.home) for server in stack.servers] + [str(stack.secrets)] * (stack.secrets is not None)
    command = [sys.executable, "-m", "deploy.local.watchdog", str(stack.folder), *homes]
    # In its own session, so that Ctrl-C does not reach it.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, env=child_environment(), cwd="/", bufsize=0, start_new_session=True
    ) as watchdog:
        pipe = watchdog.stdin
        assert pipe

        def done() -> None:
            with suppress(BrokenPipeError):  # the watchdog was killed
                pipe.write(DONE)

        yield done


def up(state_dir: Path, secure: bool = False) -> Addresses:
    """Start the servers that do not run of the stack below the state folder, with their previous data and ports.

    The secure stack is separate and has its own data. Only one of the two runs at a time, to save memory. The servers
    outlive the caller. Blocks until both answer, and while another `up` or `down` runs. Raises JarsError or StackError,
    after stopping the servers that this call started.
    """
    plain, safe = _both(state_dir)
    stack, other = (safe, plain) if secure else (plain, safe)
    with _one_at_a_time(state_dir):
        if any(server.pid for server in other.servers):
            raise StackError(f"the stack in {other.folder} is running: run `hashtide down` first")
        stopped = [server for server in stack.servers if not server.pid]
        try:
            stack.start()
        except BaseException:
            for server in stopped:
                server.stop()
            raise
        return stack.addresses


def down(state_dir: Path, purge: bool = False) -> None:
    """Stop the stack below the state folder, if it runs. Blocks. Keeps its data; `purge` removes them."""
    with _one_at_a_time(state_dir):
        for stack in _both(state_dir):
            stack.stop()
            if purge:
                stack.remove()


def status(state_dir: Path) -> list[Status]:
    """The state of the servers of the stack below the state folder. Blocks for at most a few seconds."""
    plain, safe = _both(state_dir)
    stack = safe if any(server.pid for server in safe.servers) else plain
    return [
        Status(server.kind.name, (pid := server.pid) is not None, pid, server.address, server.answers())
        for server in (stack.kafka, stack.elasticsearch)
    ]


def _both(state_dir: Path) -> tuple[Stack, Stack]:
    """The open stack and the secure stack."""
    return (
        Stack(state_dir / FOLDER, short_lived=False),
        Stack(state_dir / SECURE, short_lived=False, secure=True),
    )


@contextmanager
def _one_at_a_time(state_dir: Path) -> Iterator[None]:
    state_dir.mkdir(parents=True, exist_ok=True)
    with exclusive(state_dir / f"{FOLDER}.lock"):
        yield
