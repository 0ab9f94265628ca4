"""Servers listen only on loopback by default."""

from pathlib import Path

import psutil

from deploy.local.stack import Stack
from tests.integration.pipeline import Pipeline
from tests.integration.test_end_to_end import NATIVE
from tests.ports import free_ports


def listening(pid: int) -> set[tuple[str, int]]:
    """Where a process and its children can be asked: address and port, TCP and UDP."""
    process = psutil.Process(pid)
    return {
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for each in (process, *process.children(recursive=True))
        for connection in each.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN or (connection.laddr and connection.status == psutil.CONN_NONE)
    }


def test_every_port_of_every_process_is_on_loopback_by_default(
    pipeline: Pipeline, servers: Stack, tmp_path: Path
) -> None:
    worker_port, producer_port, page_port = free_ports(3)
    posts = tmp_path / "posts.jsonl"
    posts.write_bytes(NATIVE)
    with (
        pipeline.process("worker", f"--metrics-port={worker_port}", HASHTIDE_CANARY="true") as worker,
        pipeline.process("produce", "file", str(posts), "--follow", f"--metrics-port={producer_port}") as producer,
        pipeline.process("watch", f"--port={page_port}") as page,
    ):
        pipeline.settle(len(NATIVE.splitlines()))  # each is at work by then
        pipeline.until(lambda: bool(listening(page.pid)))
        assert listening(worker.pid) == {("127.0.0.1", worker_port)}
        assert listening(producer.pid) == {("127.0.0.1", producer_port)}
        assert listening(page.pid) == {("127.0.0.1", page_port)}
    for server in servers.servers:
        assert server.pid is not None
        there = listening(server.pid)
        assert {ip for ip, _ in there} == {"127.0.0.1"}
        assert int(str(server.address).rpartition(":")[2]) in {port for _, port in there}
