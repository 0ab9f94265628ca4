"""Start, stop and find a server, using a small test server instead of Kafka or Elasticsearch."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.process import mark
from deploy.local.server import Kind, Server, StackError
from hashtide.ports import RANGE, free_ports, is_free, listens

LISTENS = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"


def small(program: str) -> Kind:
    def prepare(home: Path, ports: tuple[int, ...], short_lived: bool) -> list[str]:
        return [sys.executable, "-c", program, str(ports[0]), mark(home)]

    return Kind("small", "tcp://127.0.0.1:{port}", 1, prepare, listens)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(small(LISTENS), tmp_path / "home", short_lived=True)
    yield server
    server.kill()


def test_server_has_no_address_before_start(server: Server) -> None:
    assert (server.pid, server.ports, server.address, server.answers()) == (None, (), None, False)


def test_server_answers_at_its_address_until_stopped(server: Server) -> None:
    server.start()
    server.wait()
    assert server.address == f"tcp://127.0.0.1:{server.ports[0]}"
    assert server.answers()
    server.stop()
    assert (server.pid, server.answers()) == (None, False)


def test_start_does_nothing_if_running(server: Server) -> None:
    server.start()
    pid = server.pid
    server.start()
    assert pid and server.pid == pid


def test_finds_and_stops_server_started_by_another_process(server: Server, tmp_path: Path) -> None:
    server.start()
    other = Server(small(LISTENS), tmp_path / "home", short_lived=True)
    assert server.pid and other.pid == server.pid
    other.stop()
    assert server.pid is None


def test_keeps_ports_after_kill(server: Server) -> None:
    server.start()
    server.wait()
    ports = server.ports
    server.kill()
    server.start()
    server.wait()
    assert server.ports == ports


def test_replaces_port_taken_by_another_process(server: Server) -> None:
    server.start()
    server.stop()
    (port,) = server.ports
    with socket.create_server(("127.0.0.1", port)):
        server.start()
        server.wait()
    assert server.ports != (port,)


def test_ignores_broken_ports_file(server: Server) -> None:
    server.start()
    server.stop()
    (server.home / "ports.json").write_text("[12")
    assert server.ports == ()
    server.start()
    server.wait()


def test_error_shows_log_if_server_exits_during_start(tmp_path: Path) -> None:
    server = Server(small("print('no more disk'); raise SystemExit(1)"), tmp_path / "home", short_lived=True)
    server.start()
    with pytest.raises(StackError, match=r"(?s)small ended while starting.*home/server\.log:\n.*no more disk"):
        server.wait()


def test_error_shows_log_if_server_does_not_answer_in_time(tmp_path: Path) -> None:
    program = "import time; print('thinking', flush=True); time.sleep(60)"
    server = Server(small(program), tmp_path / "home", short_lived=True)
    server.start()
    try:
        with pytest.raises(StackError, match=r"(?s)small did not answer within 1 s.*thinking"):
            server.wait(seconds=1.0)
    finally:
        server.kill()


def test_port_is_free_unless_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert not is_free(port)
        assert listens(port)
    assert is_free(port)
    assert not listens(port)


def test_free_ports_are_distinct_and_below_ephemeral_range() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(port in RANGE and port < 32_768 for port in ports)  # Linux assigns ephemeral ports from 32768 up: ip(7)
