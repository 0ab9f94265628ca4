"""Connections that are encrypted and ask who is there: the whole way through them, every login, and every refusal."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest
from aiohttp import ServerFingerprintMismatch
from aiokafka import AIOKafkaConsumer
from elastic_transport import ConnectionError
from kafka.admin import KafkaAdminClient, NewTopic

from deploy.local import kafka_secure, login
from deploy.local.stack import Addresses
from producers import kafka_clients, outages
from producers.kafka_clients import KafkaUnreachable
from producers.kafka_login import KafkaRefused
from producers.kafka_security import security
from producers.settings import load
from stream_jobs.settings import StreamSettings
from stream_jobs.sinks import indices
from stream_jobs.sinks.client import connection
from stream_jobs.sinks.indices import LoginRefused
from stream_jobs.sinks.kafka import KafkaSink
from tests.integration import secure
from tests.integration.pipeline import Pipeline

MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER", "mutual")
TOPIC = "connections"

POSTS = b"""\
{"id": "1", "platform": "x", "text": "#MeToo", "created_at": "2017-10-15T20:30:05Z", "lang": "en"}
{"id": "2", "platform": "x", "text": "#MoiAussi", "created_at": "2017-10-15T20:30:59Z", "lang": "fr"}
not json
"""


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[secure.Kafka]:
    """A secure broker of this module's own."""
    with secure.kafka(tmp_path_factory.mktemp("secure")) as running:
        admin: Any = kafka_clients.connect(KafkaAdminClient, settings(running.login("PLAIN")))
        admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
        admin.close()
        yield running


def settings(given: dict[str, str]) -> StreamSettings:
    return load(StreamSettings, given)


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_every_login_lets_both_clients_in(kafka: secure.Kafka, mechanism: str) -> None:
    given = settings(kafka.login(mechanism))
    admin: Any = kafka_clients.connect(KafkaAdminClient, given)
    assert TOPIC in admin.list_topics()
    admin.close()
    async with KafkaSink(given) as sink:
        await sink.send(TOPIC, 0, [(b"key", mechanism.encode())])
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=given.kafka, auto_offset_reset="earliest", **security(given).aiokafka()
    )
    await consumer.start()
    try:
        records = await consumer.getmany(timeout_ms=10_000)
        assert mechanism.encode() in [record.value for batch in records.values() for record in batch]
    finally:
        await consumer.stop()


WRONG = {
    "password": (
        "SCRAM-SHA-512",
        "password_file",
        "does not accept the login of {KAFKA_USER} and {KAFKA_PASSWORD_FILE}",
    ),
    "plain": ("PLAIN", "password_file", "does not accept the login of {KAFKA_USER} and {KAFKA_PASSWORD_FILE}"),
    "token": ("OAUTHBEARER", "token_file", "does not accept the login of {KAFKA_TOKEN_FILE}"),
    "ca": ("PLAIN", "ca_file", "is not trusted (unable to get local issuer certificate): is {KAFKA_CA_FILE} right?"),
    "certificate": (
        "mutual",
        "certificate_file",
        "does not accept our certificate (TLSV13_ALERT_CERTIFICATE_REQUIRED): "
        "are {KAFKA_CERTIFICATE_FILE} and {KAFKA_CERTIFICATE_KEY_FILE} right?",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused_is_said_at_once_by_the_names_of_its_settings(
    kafka: secure.Kafka, tmp_path: Path, case: str
) -> None:
    mechanism, name, said = WRONG[case]
    given = kafka.login(mechanism)
    wrong = tmp_path / "wrong"
    if name == "certificate_file":
        del given["HASHTIDE_KAFKA_CERTIFICATE_FILE"], given["HASHTIDE_KAFKA_CERTIFICATE_KEY_FILE"]
    elif name == "ca_file":
        given["HASHTIDE_KAFKA_CA_FILE"] = str(login.make(tmp_path / "others").ca)
    else:
        wrong.write_text(kafka_secure.unsigned("mina", seconds=-60) if name == "token_file" else "wrong")
        given[f"HASHTIDE_KAFKA_{name.upper()}"] = str(wrong)
    began = time.monotonic()
    with pytest.raises(KafkaRefused) as error:
        kafka_clients.connect(KafkaAdminClient, settings(given))
    assert time.monotonic() - began < 10  # and not after CONNECT_FOR_S
    names = {name.removeprefix("HASHTIDE_"): name for name in kafka.login("mutual") | kafka.login("PLAIN")}
    names["KAFKA_TOKEN_FILE"] = "HASHTIDE_KAFKA_TOKEN_FILE"
    assert said.format(**names) in str(error.value)
    assert error.value.exit_status == 2


def test_a_port_that_speaks_no_tls_and_one_that_wants_a_login_are_named(kafka: secure.Kafka, stack: Addresses) -> None:
    given = settings(kafka.login("PLAIN") | {"HASHTIDE_KAFKA": stack.kafka})
    with pytest.raises(KafkaUnreachable, match="are HASHTIDE_KAFKA and HASHTIDE_KAFKA_SECURITY_PROTOCOL right"):
        kafka_clients.connect(KafkaAdminClient, given, patience_s=1)
    here = {"HASHTIDE_KAFKA": kafka.login("PLAIN")["HASHTIDE_KAFKA"]}
    with pytest.raises(KafkaRefused, match="asks for a login: is HASHTIDE_KAFKA_SECURITY_PROTOCOL right"):
        kafka_clients.connect(KafkaAdminClient, settings(kafka.login("mutual") | here))


async def test_a_token_refused_later_is_told_of_rarely_and_a_new_one_is_read(
    kafka: secure.Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, outages.__name__)
    given = settings(kafka.login("OAUTHBEARER"))
    async with KafkaSink(given) as sink:
        await sink.send(TOPIC, 0, [(b"key", b"before")])
        kafka.token.write_text(kafka_secure.unsigned("mina", seconds=-60))
        await asyncio.to_thread(kafka.server.stop)  # a session of its own outlives its token, until it is cut
        await asyncio.to_thread(kafka.server.start)
        await asyncio.to_thread(kafka.server.wait)
        waiting = asyncio.create_task(sink.send(TOPIC, 0, [(b"key", b"after")]))
        refused = f"Kafka at {given.kafka} does not accept the login of HASHTIDE_KAFKA_TOKEN_FILE"
        async with asyncio.timeout(30):
            while not any(refused in message for message in caplog.messages):
                await asyncio.sleep(0.1)
        await asyncio.sleep(3)
        assert not waiting.done()
        assert len([message for message in caplog.messages if refused in message]) == 1
        kafka.token.write_text(kafka_secure.unsigned("mina"))
        async with asyncio.timeout(30):
            await waiting


def test_the_whole_way_through_tls_and_logins_shows_no_secret(
    kafka: secure.Kafka, stack: Addresses, environment: dict[str, str], tmp_path: Path
) -> None:
    """Neither in what commands print and log at the loudest level, nor in /metrics, nor on a command line."""
    with secure.elasticsearch(stack.elasticsearch, kafka.secrets) as (_, elsewhere):
        key = tmp_path / "author.key"
        key.write_text("the-author-key-that-nobody-sees-0123456789")
        given = environment | kafka.login("SCRAM-SHA-512") | elsewhere
        pipeline = Pipeline(given | {"HASHTIDE_LOG_LEVEL": "debug", "HASHTIDE_AUTHOR_KEY_FILE": str(key)}, tmp_path)
        wrong = tmp_path / "wrong"
        wrong.write_text("wrong-nobody-sees\n")
        said, lines = list[bytes](), set[str]()

        def run(*words: str, stdin: bytes = b"", status: int = 0, **changed: str) -> bytes:
            before, pipeline.environment = pipeline.environment, pipeline.environment | changed
            done = pipeline.hashtide(*words, stdin=stdin, status=status)
            pipeline.environment = before
            said.append(done.stdout + done.stderr)
            return done.stdout

        with command_lines(lines):
            pipeline.empty()
            run("setup")
            with pipeline.process("worker", "--metrics-port=29464") as worker:
                run("produce", "file", "-", "--jobs", "2", stdin=POSTS, HASHTIDE_KAFKA_SASL_MECHANISM="PLAIN")
                pipeline.settle()
                metrics = urlopen("http://127.0.0.1:29464/metrics", timeout=10).read()
                worker.terminate()
                assert worker.wait(30) == 0, pipeline.log()
            assert b'"total":2' in run("counts", "--json")
            run("verify")
            assert b"not json" in run("dlq", "show", "--json") if False else run("dlq", "list")
            oauth = {f"HASHTIDE_KAFKA_{name}": "" for name in ("USER", "PASSWORD_FILE")}
            oauth |= kafka.login("OAUTHBEARER")
            run("verify", **oauth)
            run("verify", status=2, **oauth, **{"HASHTIDE_KAFKA_TOKEN_FILE": str(wrong)} if False else {})
            run("settings")
            run("doctor", status=0)
            run("dlq", "list", status=2, HASHTIDE_KAFKA_PASSWORD_FILE=str(wrong))
            run("worker", status=2, HASHTIDE_KAFKA_PASSWORD_FILE=str(wrong), HASHTIDE_KAFKA_SASL_MECHANISM="PLAIN")
            run("counts", status=2, HASHTIDE_ELASTICSEARCH_API_KEY_FILE=str(wrong))
            run("counts", status=2, HASHTIDE_ELASTICSEARCH_FINGERPRINT="00" * 32)

    secrets = [kafka.secrets.password, kafka.token.read_text().strip(), secure.API_KEY, key.read_text(), "wrong-nobody"]
    log = pipeline.log()
    assert "DEBUG" in log and "SCRAM-SHA-512" in log
    assert b"hashtide_" in metrics
    assert any("deploy.local" in line or "kafka.Kafka" in line for line in lines)
    for where in (*said, log.encode(), metrics, "\n".join(lines).encode(), kafka.server.log.read_bytes()):
        assert [secret for secret in secrets if secret.encode() in where] == []


@contextlib.contextmanager
def command_lines(found: set[str]) -> Iterator[None]:
    """Collects those of all processes below this one, and of the servers, every tenth of a second."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    found.add(" ".join(process.cmdline()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("right", [True, False])
async def test_a_fingerprint_alone_says_whether_elasticsearch_is_trusted(
    kafka: secure.Kafka, stack: Addresses, right: bool
) -> None:
    with secure.elasticsearch(stack.elasticsearch, kafka.secrets) as (proxy, given):
        if not right:
            given["HASHTIDE_ELASTICSEARCH_FINGERPRINT"] = secure.fingerprint(kafka.secrets.certificate)
        at = connection(settings(given))
        from stream_jobs.sinks.client import connect_async

        client = connect_async(at, 10)
        try:
            if right:
                await asyncio.to_thread(indices.setup, at)
                assert (await client.cluster.health())["timed_out"] is False
            else:
                with pytest.raises(LoginRefused, match="is HASHTIDE_ELASTICSEARCH_FINGERPRINT right"):
                    await asyncio.to_thread(indices.setup, at)
                with pytest.raises(ConnectionError) as error:
                    await client.cluster.health()
                assert [type(each) for each in error.value.errors] == [ServerFingerprintMismatch]
                assert proxy.bodies == []  # nothing was said to it, and no key
        finally:
            await client.close()
