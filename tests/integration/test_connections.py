"""Connections that are encrypted and ask who is there: every login, by every client, and every refusal."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import elastic_transport
import pytest
from aiokafka import AIOKafkaConsumer
from kafka.admin import KafkaAdminClient, NewTopic

from deploy.local import credentials, kafka_secure
from deploy.local.stack import Addresses
from hashtide import outages
from hashtide.elasticsearch import templates
from hashtide.elasticsearch.client import connect_async, connection
from hashtide.elasticsearch.session import LoginRefused
from hashtide.kafka import backoff, clients
from hashtide.kafka.clients import KafkaUnreachable
from hashtide.kafka.login import KafkaRefused
from hashtide.kafka.security import security
from hashtide.settings import Common, load
from stream_jobs.kafka_sink import KafkaSink
from stream_jobs.settings import StreamSettings
from tests.integration import secure
from tests.integration.pipeline import WITHIN_S

MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER", "mutual")
TOPIC = "connections"


@pytest.fixture(scope="module")
def kafka(secure_kafka: secure.Kafka) -> secure.Kafka:
    """The secure broker, with a topic of this module's own."""
    admin: Any = clients.connect(KafkaAdminClient, settings(secure_kafka.login("PLAIN")))
    admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    admin.close()
    return secure_kafka


def settings(given: dict[str, str]) -> StreamSettings:
    return load(StreamSettings, given)


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_every_login_lets_both_clients_in(kafka: secure.Kafka, mechanism: str) -> None:
    given = settings(kafka.login(mechanism))
    admin: Any = clients.connect(KafkaAdminClient, given)
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
    kafka: secure.Kafka, tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, outages.__name__)
    mechanism, name, said = WRONG[case]
    given = kafka.login(mechanism)
    wrong = tmp_path / "wrong"
    if name == "certificate_file":
        del given["HASHTIDE_KAFKA_CERTIFICATE_FILE"], given["HASHTIDE_KAFKA_CERTIFICATE_KEY_FILE"]
    elif name == "ca_file":
        given["HASHTIDE_KAFKA_CA_FILE"] = str(credentials.make(tmp_path / "others").ca)
    else:
        wrong.write_text(kafka_secure.unsigned("mina", seconds=-60) if name == "token_file" else "wrong")
        given[f"HASHTIDE_KAFKA_{name.upper()}"] = str(wrong)
    with pytest.raises(KafkaRefused) as error:
        clients.connect(KafkaAdminClient, settings(given))
    assert [
        record for record in caplog.records if record.name == outages.__name__
    ] == []  # a retry would be logged there
    names = {name.removeprefix("HASHTIDE_"): name for name in kafka.login("mutual") | kafka.login("PLAIN")}
    names["KAFKA_TOKEN_FILE"] = "HASHTIDE_KAFKA_TOKEN_FILE"
    assert said.format(**names) in str(error.value)
    assert error.value.exit_status == 2


def test_a_port_that_speaks_no_tls_and_one_that_wants_a_login_are_named(kafka: secure.Kafka, stack: Addresses) -> None:
    elsewhere = {"HASHTIDE_KAFKA": stack.elasticsearch.removeprefix("http://")}
    with pytest.raises(KafkaRefused, match="does not speak TLS: is HASHTIDE_KAFKA_SECURITY_PROTOCOL right"):
        clients.connect(KafkaAdminClient, settings(kafka.login("PLAIN") | elsewhere))
    here = {"HASHTIDE_KAFKA": kafka.login("PLAIN")["HASHTIDE_KAFKA"]}
    with pytest.raises(KafkaRefused, match="requires a login: is HASHTIDE_KAFKA_SECURITY_PROTOCOL right"):
        clients.connect(KafkaAdminClient, settings(kafka.login("mutual") | here))
    with pytest.raises(KafkaUnreachable, match="are HASHTIDE_KAFKA and HASHTIDE_KAFKA_SECURITY_PROTOCOL right"):
        clients.connect(KafkaAdminClient, settings(here), patience_s=1)


def test_an_open_kafka_that_is_asked_for_tls_just_closes(
    kafka: secure.Kafka, stack: Addresses, is_secure: bool
) -> None:
    if is_secure:
        pytest.skip("the shared Kafka is not open: --secure")
    given = settings(kafka.login("PLAIN") | {"HASHTIDE_KAFKA": stack.kafka})
    with pytest.raises(KafkaUnreachable, match="are HASHTIDE_KAFKA and HASHTIDE_KAFKA_SECURITY_PROTOCOL right"):
        clients.connect(KafkaAdminClient, given, patience_s=1)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not true():
            await asyncio.sleep(0.1)


async def test_a_token_refused_later_is_logged_rarely_and_a_new_one_is_read(
    kafka: secure.Kafka, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    def counted(given: Common) -> str:
        nonlocal tries
        why = clients.refusal(given)
        tries += bool(why)
        return why

    monkeypatch.setattr(backoff, "refusal", counted)
    monkeypatch.setattr(backoff, "REFUSED_S", 0.5)
    now_s = 1000.0  # lines are spaced by this clock, however slow the machine is
    monkeypatch.setattr(outages, "Outage", partial(outages.Outage, monotonic=lambda: now_s))
    caplog.set_level(logging.WARNING, outages.__name__)
    given = settings(kafka.login("OAUTHBEARER"))
    async with KafkaSink(given) as sink:
        await sink.send(TOPIC, 0, [(b"key", b"before")])
        kafka.renew(seconds=-60)
        await asyncio.to_thread(kafka.server.stop)  # a session of its own outlives its token, until it is cut
        await asyncio.to_thread(kafka.server.start)
        await asyncio.to_thread(kafka.server.wait)
        waiting = asyncio.create_task(sink.send(TOPIC, 0, [(b"key", b"after")]))
        refused = f"Kafka at {given.kafka} does not accept the login of HASHTIDE_KAFKA_TOKEN_FILE"
        try:
            await until(lambda: tries >= 1)  # by now Kafka is no longer away, which is logged, too
            caplog.clear()
            now_s += 20.0
            await until(lambda: tries >= 6)
            assert not waiting.done()
            assert len([message for message in caplog.messages if refused in message]) == 1
        finally:
            kafka.renew(seconds=3600)  # else the sink would not end
        async with asyncio.timeout(WITHIN_S):
            await waiting


@pytest.mark.parametrize("by", ["ca", "fingerprint"])
@pytest.mark.parametrize("who", ["key", "user"])
async def test_elasticsearch_is_trusted_and_trusts_us_by_every_setting(
    secure_kafka: secure.Kafka, stack: Addresses, who: Literal["key", "user"], by: Literal["ca", "fingerprint"]
) -> None:
    with secure.elasticsearch(stack.elasticsearch, secure_kafka.secrets) as elasticsearch:
        at = connection(settings(elasticsearch.login(who, by)))
        await asyncio.to_thread(templates.setup, at)
        client = connect_async(at, 10)
        try:
            assert (await client.cluster.health())["timed_out"] is False
        finally:
            await client.close()


@pytest.mark.parametrize("by", ["CA_FILE", "FINGERPRINT"])
async def test_an_elasticsearch_that_is_not_trusted_gets_no_credentials(
    secure_kafka: secure.Kafka, stack: Addresses, tmp_path: Path, by: str
) -> None:
    secrets = secure_kafka.secrets
    with secure.elasticsearch(stack.elasticsearch, secrets) as elasticsearch:
        if by == "CA_FILE":
            given = elasticsearch.login(by="ca")
            given["HASHTIDE_ELASTICSEARCH_CA_FILE"] = str(credentials.make(tmp_path / "others").ca)
        else:
            given = elasticsearch.login(by="fingerprint")
            given["HASHTIDE_ELASTICSEARCH_FINGERPRINT"] = secure.fingerprint(secrets.certificate)
        at = connection(settings(given))
        with pytest.raises(LoginRefused, match=f"is not trusted .*: is HASHTIDE_ELASTICSEARCH_{by} right"):
            await asyncio.to_thread(templates.setup, at)
        client = connect_async(at, 10)
        try:
            with pytest.raises(elastic_transport.ConnectionError):
                await client.cluster.health()
        finally:
            await client.close()
        assert elasticsearch.proxy.bodies == []  # no request, and so no key
