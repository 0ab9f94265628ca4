"""One server of the stack: a child process with a folder of its own, on ports of its own.

Whether a server runs is read from the table of processes, where its command line names its home: a file with a pid can
be stale, and pids are used again. So any process can look after a server that another one started.
"""

import json
import logging
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
import psutil

log = logging.getLogger(__name__)

START_S: Final = 60.0  # on a busy machine; 4 to 10 seconds are usual
STOP_S: Final = 8.0
POLL_S: Final = 0.1
LOG_LINES: Final = 25  # shown when a start fails
PORTS: Final = range(20_000, 30_000)  # below those that systems give to outgoing connections, which could take ours

LOG4J: Final = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
logger.values.name = org.apache.kafka.common.config
logger.values.level = warn
logger.kafkavalues.name = kafka.server.KafkaConfig
logger.kafkavalues.level = warn
"""


class StackError(RuntimeError):
    """A server can't be started, or the stack isn't in the state that was asked for. The message is for people."""


class Kind(msgspec.Struct, frozen=True):
    """What tells one kind of server from the other."""

    name: str
    address: str
    """How clients name it, with `{port}`."""
    port_count: int
    """How many ports it listens on. The first is the one for clients."""
    prepare: Callable[[Path, tuple[int, ...]], list[str]]
    """Home and ports in; configuration written; command line with `mark(home)` out. Raises JarsError or StackError."""
    answers: Callable[[int], bool]
    """Whether a server answers its clients on this port. Blocks for a few seconds at most, raises nothing."""


class Server:
    """A server with its home. Its state is on the disk and in the table of processes; none is lost with this object."""

    def __init__(self, kind: Kind, home: Path) -> None:
        self.kind = kind
        self.home = home.absolute()
        self._child: subprocess.Popen[bytes] | None = None
        self._seen: psutil.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id, or None if it does not run. For SIGSTOP and its like."""
        process = self.process()
        return process.pid if process else None

    @property
    def log(self) -> Path:
        """The log of all its runs. Kept when the server stops."""
        return self.home / "server.log"

    @property
    def address(self) -> str | None:
        """Where clients reach it when it runs. None if it was never started."""
        ports = self._last_ports()
        return self.kind.address.format(port=ports[0]) if ports else None

    def process(self) -> psutil.Process | None:
        """Its process, whoever started it, or None."""
        if not (self._seen and _has_home(self._seen, self.home)):
            self._seen = find(self.home)
        return self._seen

    def answers(self) -> bool:
        """Whether it runs and answers clients."""
        ports = self._last_ports()
        return bool(ports) and self.process() is not None and self.kind.answers(ports[0])

    def start(self) -> None:
        """Starts it on the ports and the data of its last run, where those ports are still free; else on new ones.

        Does nothing if it runs. Does not wait until it answers: see `wait`. Raises JarsError or StackError.
        """
        if self.process():
            return
        self._reap()
        self.home.mkdir(parents=True, exist_ok=True)
        ports = self._last_ports()
        if not ports or not all(is_free(port) for port in ports):
            ports = free_ports(self.kind.port_count)
            (self.home / "ports.json").write_text(json.dumps(ports))
        command = self.kind.prepare(self.home, ports)
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                env=child_environment(),
                start_new_session=True,  # a terminal's Ctrl-C and hang-up are for our caller
            )
        log.info("%s: starting on port %d, log in %s", self.kind.name, ports[0], self.log)

    def wait(self, seconds: float = START_S) -> None:
        """Blocks until it answers. Raises StackError, with the log's end, if it ends or does not answer in time."""
        began = time.monotonic()
        while not self.answers():
            if not self.process():
                raise StackError(f"{self.kind.name} ended while starting.{self._log_end()}")
            if time.monotonic() - began > seconds:
                raise StackError(f"{self.kind.name} does not answer after {seconds:.0f} s.{self._log_end()}")
            time.sleep(POLL_S)
        log.info("%s: answers after %.1f s", self.kind.name, time.monotonic() - began)

    def ask_to_stop(self) -> None:
        """Sends SIGTERM, and SIGCONT in case it is stopped. Returns at once."""
        if process := self.process():
            process.terminate()
            process.resume()

    def stop(self, seconds: float = STOP_S) -> None:
        """Stops it cleanly; kills it if that takes longer than this."""
        process = self.process()
        self.ask_to_stop()
        if process:
            try:
                process.wait(seconds)
            except psutil.TimeoutExpired:
                log.warning("%s: did not stop within %.0f s, killed", self.kind.name, seconds)
        self.kill()

    def kill(self) -> None:
        """kill -9, and waits until it is gone."""
        kill(self.home)
        self._reap()

    def restart(self) -> None:
        """Stops it, starts it on the same ports and data, and blocks until it answers. Raises StackError."""
        self.stop()
        self.start()
        self.wait()

    def _last_ports(self) -> tuple[int, ...]:
        try:
            return msgspec.json.decode((self.home / "ports.json").read_bytes(), type=tuple[int, ...])
        except (OSError, msgspec.MsgspecError):
            return ()

    def _log_end(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        except OSError:
            lines = []
        return f" The end of its log, {self.log}:\n" + "\n".join(f"    {line}" for line in lines)

    def _reap(self) -> None:
        if self._child:
            self._child.wait()
            self._child = None


def mark(home: Path) -> str:
    """The argument by which a server's process is known as the one of this home. To a JVM it is a property."""
    return f"-Dhashtide.home={home}"


def find(home: Path) -> psutil.Process | None:
    """The process of the server of this home, whoever started it, or None."""
    return next((process for process in psutil.process_iter() if _has_home(process, home)), None)


def kill(home: Path) -> None:
    """kill -9 to the server of this home; returns when it is gone."""
    while process := find(home):
        process.kill()
        process.wait(STOP_S)


def listens(port: int) -> bool:
    """Whether something accepts connections on this port of the loopback interface."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface."""
    with socket.socket() as server:
        server.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as the JVM does: yesterday's connections don't count
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> tuple[int, ...]:
    """Ports that nothing listens on just now. Raises StackError."""
    free = list(islice(filter(is_free, random.sample(PORTS, 500)), count))
    if len(free) < count:
        raise StackError(f"no free ports between {PORTS.start} and {PORTS.stop} on 127.0.0.1")
    return tuple(free)


def child_environment() -> dict[str, str]:
    """Our environment without what would change a JVM, and with the path to this package, installed or not."""
    disturbing = {"JAVA_HOME", "CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"}
    ours = {name: value for name, value in os.environ.items() if name not in disturbing}
    path = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**ours, "PYTHONPATH": os.pathsep.join(path)}


def _has_home(process: psutil.Process, home: Path) -> bool:
    try:
        return mark(home) in process.cmdline()
    except psutil.Error:  # gone meanwhile, a zombie, or somebody else's
        return False
