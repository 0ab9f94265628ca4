"""One server of the stack: a child process with a home folder and ports of its own."""

import json
import logging
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import psutil

from deploy.local import process
from deploy.local.jvm import child_environment
from hashtide.errors import HashtideError
from hashtide.ports import RANGE, free_ports, is_free

log = logging.getLogger(__name__)

START_S: Final = 90.0  # on a machine with better things to do; 5 to 10 seconds are usual
STOP_S: Final = 5.0  # less than one is usual
PORTS_S: Final = 2.0  # a big process that was killed a moment ago keeps its ports for as long as it takes to end
POLL_S: Final = 0.1
LOG_LINES: Final = 25  # shown when a start fails


class StackError(HashtideError):
    """A server can't be started, or isn't where it was looked for. The message is for people."""


class Kind(msgspec.Struct, frozen=True):
    """What tells one kind of server from the other."""

    name: str
    address: str
    """How clients name it, with `{port}`."""
    port_count: int
    """How many ports it listens on. The first is the one for clients."""
    prepare: Callable[[Path, tuple[int, ...], bool], list[str]]
    """(home, ports, short_lived): writes the configuration and returns the command line, with the home's mark in it.

    Raises JarsError or StackError.
    """
    answers: Callable[[int], bool]
    """Whether a server answers its clients on this port. Blocks for a few seconds at most, raises nothing."""


class Server:
    """A server of this kind in this home. What it is doing is read from the disk and the table of processes, always, so
    that any process can look after a server that another one started.
    """

    def __init__(self, kind: Kind, home: Path, short_lived: bool) -> None:
        self.kind = kind
        self.home = home.absolute()
        self.log = self.home / "server.log"
        """Of all its runs. It stays when the server stops."""
        self._short_lived = short_lived
        self._child: subprocess.Popen[bytes] | None = None
        self._seen: psutil.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, for SIGSTOP and the like. None if it does not run."""
        if not (self._seen and process.runs(self._seen, self.home)):
            self._seen = process.find(self.home)
        return self._seen.pid if self._seen else None

    @property
    def ports(self) -> tuple[int, ...]:
        """Those of this run, or of the last one. Empty if it was never started."""
        try:
            return msgspec.json.decode((self.home / "ports.json").read_bytes(), type=tuple[int, ...])
        except (OSError, msgspec.MsgspecError):
            return ()

    @property
    def address(self) -> str | None:
        """Where clients reach it when it runs. None if it was never started."""
        return self.kind.address.format(port=self.ports[0]) if self.ports else None

    def answers(self) -> bool:
        """Whether it runs and answers clients. Blocks for a few seconds at most."""
        return self.pid is not None and bool(self.ports) and self.kind.answers(self.ports[0])

    def start(self) -> None:
        """Starts it, with the data of its last run and on the same ports, unless one of them is taken meanwhile.

        Does nothing if it runs. Does not wait until it answers: `wait` does. Raises JarsError or StackError.
        """
        if self.pid:
            return
        (self.home / "tmp").mkdir(parents=True, exist_ok=True)
        command = self.kind.prepare(self.home, self._reserve_ports(), self._short_lived)
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                env=child_environment(),
                start_new_session=True,  # a terminal's Ctrl-C and hang-up are for our caller to act on
            )
        log.info("%s: starting at %s, log in %s", self.kind.name, self.address, self.log)

    def wait(self, seconds: float = START_S) -> None:
        """Blocks until it answers. Raises StackError, with the log's end, if it ends or does not answer in time."""
        deadline = time.monotonic() + seconds
        while not self.answers():
            if self._has_ended():
                raise StackError(f"{self.kind.name} ended while starting.{self._end_of_log()}")
            if time.monotonic() > deadline:
                raise StackError(f"{self.kind.name} did not answer within {seconds:.0f} s.{self._end_of_log()}")
            time.sleep(POLL_S)
        log.info("%s: answers", self.kind.name)

    def _has_ended(self) -> bool:
        # Of our own child the system knows. In the table of processes one that begins may have no command line yet.
        return self._child.poll() is not None if self._child else not self.pid

    def stop(self) -> None:
        """Stops it cleanly, or kills it if that takes more than STOP_S. Does nothing if it does not run."""
        process.terminate(self.home)
        if not process.wait(self.home, STOP_S):
            log.warning("%s: did not stop within %.0f s, killed", self.kind.name, STOP_S)
        self.kill()

    def kill(self) -> None:
        """kill -9. Blocks until it is gone."""
        process.kill(self.home)
        if self._child:
            self._child.wait()  # it is a zombie until then
            self._child = None

    def _reserve_ports(self) -> tuple[int, ...]:
        before = self.ports
        deadline = time.monotonic() + PORTS_S
        while before:
            if all(is_free(port) for port in before):
                return before
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        ports = free_ports(self.kind.port_count)
        if len(ports) < self.kind.port_count:
            raise StackError(f"no ports are free on 127.0.0.1 between {RANGE.start} and {RANGE.stop}")
        if before:
            log.warning("%s: port %d is taken, %d is used from now on", self.kind.name, before[0], ports[0])
        (self.home / "ports.json").write_text(json.dumps(ports))
        return ports

    def _end_of_log(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return f" The end of its log, {self.log}:\n" + "\n".join(f"    {line}" for line in lines)
