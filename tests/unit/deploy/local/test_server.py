"""Starting, stopping and finding a server again, with a small one of the tests' own in place of the big ones."""

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


def test_a_server_that_was_never_started_has_no_address(server: Server) -> None:
    assert (server.pid, server.ports, server.address, server.answers()) == (None, (), None, False)


def test_a_started_server_answers_at_its_address_until_it_is_stopped(server: Server) -> None:
    server.start()
    server.wait()
    assert server.address == f"tcp://127.0.0.1:{server.ports[0]}"
    assert server.answers()
    server.stop()
    assert (server.pid, server.answers()) == (None, False)


def test_starting_a_running_server_does_nothing(server: Server) -> None:
    server.start()
    pid = server.pid
    server.start()
    assert pid and server.pid == pid


def test_a_server_is_found_and_stopped_by_one_who_did_not_start_it(server: Server, tmp_path: Path) -> None:
    server.start()
    other = Server(small(LISTENS), tmp_path / "home", short_lived=True)
    assert server.pid and other.pid == server.pid
    other.stop()
    assert server.pid is None


def test_ports_are_the_same_after_a_kill(server: Server) -> None:
    server.start()
    server.wait()
    ports = server.ports
    server.kill()
    server.start()
    server.wait()
    assert server.ports == ports


def test_a_port_that_is_taken_meanwhile_is_replaced(server: Server) -> None:
    server.start()
    server.stop()
    (port,) = server.ports
    with socket.create_server(("127.0.0.1", port)):
        server.start()
        server.wait()
    assert server.ports != (port,)


def test_a_broken_file_of_ports_counts_as_none(server: Server) -> None:
    server.start()
    server.stop()
    (server.home / "ports.json").write_text("[12")
    assert server.ports == ()
    server.start()
    server.wait()


def test_a_server_that_ends_while_starting_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    server = Server(small("print('no more disk'); raise SystemExit(1)"), tmp_path / "home", short_lived=True)
    server.start()
    with pytest.raises(StackError, match=r"(?s)small ended while starting.*home/server\.log:\n.*no more disk"):
        server.wait()


def test_a_server_that_does_not_answer_in_time_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    program = "import time; print('thinking', flush=True); time.sleep(60)"
    server = Server(small(program), tmp_path / "home", short_lived=True)
    server.start()
    try:
        with pytest.raises(StackError, match=r"(?s)small did not answer within 1 s.*thinking"):
            server.wait(seconds=1.0)
    finally:
        server.kill()


def test_a_port_is_free_unless_something_listens_on_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert not is_free(port)
        assert listens(port)
    assert is_free(port)
    assert not listens(port)


def test_free_ports_differ_and_lie_below_those_of_outgoing_connections() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(port in RANGE and port < 32_768 for port in ports)  # Linux gives away 32768 and above: ip(7)
