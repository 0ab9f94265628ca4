"""One server of the stack: a child process with its own home folder and ports."""

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

START_S: Final = 90.0  # for a busy machine; 5 to 10 s are usual
STOP_S: Final = 5.0  # less than 1 s is usual
PORTS_S: Final = 2.0  # a large process that was just killed keeps its ports until it has ended
POLL_S: Final = 0.1
LOG_LINES: Final = 25  # shown when a start fails


class StackError(HashtideError):
    """A server cannot be started or found. The message is for the user."""


class Kind(msgspec.Struct, frozen=True):
    """What differs between the kinds of server."""

    name: str
    address: str
    """The address for clients, with `{port}`."""
    port_count: int
    """Number of ports it listens on. The first is for clients."""
    prepare: Callable[[Path, tuple[int, ...], bool], list[str]]
    """(home, ports, short_lived): writes the configuration and returns the command line, which has the home's mark.

    Raises JarsError or StackError.
    """
    answers: Callable[[int], bool]
    """Whether a server answers clients on this port. Blocks for at most a few seconds. Never raises."""


class Server:
    """A server of this kind in this home. Its state is always read from the disk and the process table, so that any
    process can manage a server that another process started.
    """

    def __init__(self, kind: Kind, home: Path, short_lived: bool) -> None:
        self.kind = kind
        self.home = home.absolute()
        self.log = self.home / "server.log"
        """The log of all runs. Kept when the server stops."""
        self._short_lived = short_lived
        self._child: subprocess.Popen[bytes] | None = None
        self._seen: psutil.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id. None if it does not run."""
        if not (self._seen and process.runs(self._seen, self.home)):
            self._seen = process.find(self.home)
        return self._seen.pid if self._seen else None

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports of this run, or of the last one. Empty if it was never started."""
        try:
            return msgspec.json.decode((self.home / "ports.json").read_bytes(), type=tuple[int, ...])
        except (OSError, msgspec.MsgspecError):
            return ()

    @property
    def address(self) -> str | None:
        """The address for clients. None if it was never started."""
        return self.kind.address.format(port=self.ports[0]) if self.ports else None

    def answers(self) -> bool:
        """Whether it runs and answers clients. Blocks for at most a few seconds."""
        return self.pid is not None and bool(self.ports) and self.kind.answers(self.ports[0])

    def start(self) -> None:
        """Start it with the data and ports of its last run; with new ports if one of them is in use.

        Does nothing if it runs. Does not wait until it answers: see `wait`. Raises JarsError or StackError.
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
                start_new_session=True,  # Ctrl-C and hang-up of the terminal are handled by our caller
            )
        log.info("%s: starting at %s, log in %s", self.kind.name, self.address, self.log)

    def wait(self, seconds: float = START_S) -> None:
        """Block until it answers. Raises StackError, with the end of the log, if it ends or does not answer in time."""
        deadline = time.monotonic() + seconds
        while not self.answers():
            if self._has_ended():
                raise StackError(f"{self.kind.name} ended while starting.{self._end_of_log()}")
            if time.monotonic() > deadline:
                raise StackError(f"{self.kind.name} did not answer within {seconds:.0f} s.{self._end_of_log()}")
            time.sleep(POLL_S)
        log.info("%s: answers", self.kind.name)

    def _has_ended(self) -> bool:
        # For our own child, ask the system: in the process table, a starting process may have no command line yet.
        return self._child.poll() is not None if self._child else not self.pid

    def stop(self) -> None:
        """Stop it cleanly; kill it if that takes longer than STOP_S. Blocks. Does nothing if it does not run."""
        process.terminate(self.home)
        if not process.wait(self.home, STOP_S):
            log.warning("%s: did not stop within %.0f s, killed", self.kind.name, STOP_S)
        self.kill()

    def kill(self) -> None:
        """Kill it with SIGKILL. Blocks until it has ended."""
        process.kill(self.home)
        if self._child:
            self._child.wait()  # until then it is a zombie
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
            raise StackError(f"no free ports on 127.0.0.1 between {RANGE.start} and {RANGE.stop}")
        if before:
            log.warning("%s: port %d is in use, changed to %d", self.kind.name, before[0], ports[0])
        (self.home / "ports.json").write_text(json.dumps(ports))
        return ports

    def _end_of_log(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return f" The end of its log, {self.log}:\n" + "\n".join(f"    {line}" for line in lines)
