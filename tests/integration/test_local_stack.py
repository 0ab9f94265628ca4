"""The embedded stack itself: real servers, started and ended in every way that matters."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from elasticsearch import Elasticsearch, helpers
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from deploy.local.jars import cache_root
from deploy.local.process import find
from deploy.local.stack import Addresses, Status, down, owned, status, up

TOPIC = "embedded"
INDEX = "embedded"


def test_an_owned_stack_works_on_loopback_only_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "größe 数"  # no path is too odd for it
    with owned(folder) as stack:
        processes = [psutil.Process(server.pid) for server in stack.servers]
        hosts = {
            connection.laddr.ip.removeprefix("::ffff:")
            for process in processes
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        assert hosts == {"127.0.0.1"}
        write(stack.addresses, [b"small", bytes(2 << 20)])
        assert read(stack.addresses) == ([b"small", bytes(2 << 20)], ["0", "1"])
        stack.kafka.kill()
        stack.kafka.start()
        stack.kafka.wait()
        assert read(stack.addresses) == ([b"small", bytes(2 << 20)], ["0", "1"])
    assert not [process for process in processes if process.is_running()]
    assert not folder.exists()


OWNER = """
import sys, time
from pathlib import Path
from deploy.local.stack import running
with running(Path(sys.argv[1])):
    print("running", flush=True)
    time.sleep(600)
"""


def test_an_owned_stack_goes_with_its_owner_when_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "owned"
    with subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout and owner.stdout.readline() == b"running\n"
        assert find(folder / "kafka") and find(folder / "elasticsearch")
        owner.kill()
    deadline = time.monotonic() + 120
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not folder.exists()
    assert not find(folder / "kafka") and not find(folder / "elasticsearch")


def test_a_kept_stack_outlives_up_and_keeps_data_and_addresses_over_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nonsense")
    monkeypatch.setenv("PATH", "/nonsense")  # no java and no mvn there
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_root().parents[1]))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # no ~/.m2 there
    try:
        addresses = up(tmp_path)
        running = status(tmp_path)
        assert [(server.name, server.running, server.answers) for server in running] == [
            ("kafka", True, True),
            ("elasticsearch", True, True),
        ]
        assert up(tmp_path) == addresses
        assert status(tmp_path) == running  # the same processes
        write(addresses, [b"kept"])
        if elasticsearch := running[1].pid:
            os.kill(elasticsearch, signal.SIGKILL)  # such as the system does when memory is short
        assert up(tmp_path) == addresses
        down(tmp_path)
        assert status(tmp_path) == [
            Status("kafka", False, None, addresses.kafka, False),
            Status("elasticsearch", False, None, addresses.elasticsearch, False),
        ]
        assert up(tmp_path) == addresses
        assert read(addresses) == ([b"kept"], ["0"])
    finally:
        down(tmp_path, purge=True)
    assert not (tmp_path / "stack").exists()


def write(addresses: Addresses, values: list[bytes]) -> None:
    """Each value to Kafka, and its number to Elasticsearch."""
    admin = KafkaAdminClient(bootstrap_servers=addresses.kafka)
    admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=addresses.kafka, max_request_size=3 << 20)
    for value in values:
        producer.send(TOPIC, value).get(30)
    producer.close()
    with Elasticsearch(addresses.elasticsearch) as client:
        actions = [{"_index": INDEX, "_id": str(number), "size": len(value)} for number, value in enumerate(values)]
        assert helpers.bulk(client, actions, refresh=True) == (len(values), [])


def read(addresses: Addresses) -> tuple[list[bytes], list[str]]:
    """The values in Kafka, and the numbers in Elasticsearch."""
    consumer = KafkaConsumer(bootstrap_servers=addresses.kafka)
    partition = TopicPartition(TOPIC, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end, values = consumer.end_offsets([partition])[partition], list[bytes]()
    deadline = time.monotonic() + 120
    while len(values) < end and time.monotonic() < deadline:
        values += [record.value for records in consumer.poll(1000).values() for record in records]
    consumer.close()
    with Elasticsearch(addresses.elasticsearch) as client:
        hits = client.search(index=INDEX, sort=["size", "_doc"])["hits"]["hits"]
    return values, [hit["_id"] for hit in hits]
