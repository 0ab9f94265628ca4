"""The whole way through TLS and logins, and what is printed, logged and shown meanwhile: no secret is among it."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest

from deploy.local import credentials
from deploy.local.private import write
from deploy.local.stack import Addresses
from tests.integration import secure
from tests.integration.pipeline import WITHIN_S, Pipeline
from tests.ports import free_ports

POSTS = b"""\
{"id": "1", "platform": "x", "text": "#MeToo", "created_at": "2017-10-15T20:30:05Z", "lang": "en"}
{"id": "2", "platform": "x", "text": "#MoiAussi", "created_at": "2017-10-15T20:30:59Z", "lang": "fr"}
not json
"""
AUTHOR_KEY = "author-key-that-nobody-sees-0123456789"
WRONG = "wrong-and-nobody-sees-it"


class Seen:
    """All that a bystander can read: output of commands, logs, metrics, and command lines."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.command_lines = set[str]()

    def secrets(self, secrets: list[str]) -> list[str]:
        """Which of them are in it, as they are or as JSON and Python escape them."""
        everything = b"\n".join([*self.texts, *(line.encode() for line in list(self.command_lines))])
        return [secret for secret in secrets if any(form in everything for form in _forms(secret))]

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Meanwhile, the command lines of all processes below this one, servers and all, ten times a second."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(0.1):
                for process in psutil.Process().children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        self.command_lines.add(" ".join(process.cmdline()))

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _forms(secret: str) -> set[bytes]:
    return {secret.encode(), json.dumps(secret)[1:-1].encode(), ascii(secret)[1:-1].encode()}


class Secure:
    """A pipeline whose servers want TLS and logins, at the loudest level of the log, and all that is seen of it."""

    def __init__(self, kafka: secure.Kafka, elasticsearch: secure.Elasticsearch, pipeline: Pipeline) -> None:
        self.kafka, self.elasticsearch, self.pipeline = kafka, elasticsearch, pipeline
        self.seen = Seen()
        (pipeline.folder / "wrong").write_text(f"{WRONG}\n")

    def run(
        self, *words: str, stdin: bytes = b"", status: int = 0, given: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a command to its end, with other settings."""
        before, self.pipeline.environment = self.pipeline.environment, self.pipeline.environment | (given or {})
        try:
            done = self.pipeline.hashtide(*words, stdin=stdin, status=status)
        finally:
            self.pipeline.environment = before
        self.seen.texts += [done.stdout, done.stderr]
        return done

    def examined(self) -> Any:
        """What doctor finds once it can check everything: on a busy machine a check may run out of time."""
        for _ in range(5):
            found = json.loads(self.run("doctor", "--json").stdout)
            if found["counts"]["not checked"] == 0:
                return found
        raise AssertionError(found)

    @property
    def secrets(self) -> list[str]:
        """All of them."""
        key = self.kafka.secrets.key.read_text().splitlines()[1]
        token = self.kafka.token.read_text().strip()
        of_kafka = [self.kafka.secrets.password, key, token]
        return [*of_kafka, secure.API_KEY, secure.PASSWORD, secure.BASIC, AUTHOR_KEY, WRONG]


@pytest.fixture
def safe(secure_kafka: secure.Kafka, stack: Addresses, environment: dict[str, str], tmp_path: Path) -> Iterator[Secure]:
    """Such a pipeline, with topics and counts as they were left."""
    key = tmp_path / "author.key"
    write(key, AUTHOR_KEY.encode())
    with secure.elasticsearch(stack.elasticsearch, secure_kafka.secrets) as elasticsearch:
        logins = secure_kafka.login("SCRAM-SHA-512") | elasticsearch.login()
        more = {"HASHTIDE_LOG_LEVEL": "debug", "HASHTIDE_AUTHOR_KEY_FILE": str(key)}
        yield Secure(secure_kafka, elasticsearch, Pipeline(environment | logins | more, tmp_path))


def test_the_whole_way_works_through_tls_and_logins_and_shows_no_secret(safe: Secure) -> None:
    seen, pipeline = safe.seen, safe.pipeline
    (port,) = free_ports(1)
    with seen.watching():
        pipeline.empty()
        safe.run("setup")
        with pipeline.process("worker", f"--metrics-port={port}") as worker:
            safe.run("produce", "file", "-", "--jobs", "2", stdin=POSTS, given=safe.kafka.login("PLAIN"))
            pipeline.settle(2)
            seen.texts.append(metrics := urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read())
            reported = safe.examined()
            worker.terminate()
            assert worker.wait(120) == 0, pipeline.log()
        counts = safe.run("counts", "--json", given=safe.elasticsearch.login("user", "ca"))
        verified = safe.run("verify", given=safe.kafka.login("OAUTHBEARER"))
        letters = safe.run("dlq", "list", given=safe.kafka.login("mutual"))
        safe.run("settings")
    assert b'"total":2,' in counts.stdout
    assert verified.stdout == b"2 posts in the ledger, 0 of them deleted: 0 counts differ\n"
    assert letters.stdout.endswith(b"total 1\n")
    assert reported["counts"]["wrong"] == 0
    says = {each["check"]: each["says"] for each in reported["checks"]}
    assert says["kafka connection"] == f"{pipeline.settings.kafka} answers"
    assert says["elasticsearch connection"].endswith(" answers, login by HASHTIDE_ELASTICSEARCH_API_KEY_FILE")

    seen.texts += [pipeline.log().encode(), safe.kafka.server.log.read_bytes()]
    assert "DEBUG" in pipeline.log()
    assert b"hashtide_" in metrics
    for process in ("kafka.Kafka", "operations.cli worker", "operations.cli doctor"):
        assert any(process in line for line in seen.command_lines), process
    assert seen.secrets(safe.secrets) == []


KAFKA_LOGIN = "does not accept the login of HASHTIDE_KAFKA_USER and HASHTIDE_KAFKA_PASSWORD_FILE"
REFUSALS = {
    "dlq list": ("SCRAM-SHA-256", {"HASHTIDE_KAFKA_PASSWORD_FILE": "wrong"}, KAFKA_LOGIN),
    "worker": ("PLAIN", {"HASHTIDE_KAFKA_PASSWORD_FILE": "wrong"}, KAFKA_LOGIN),
    "produce file -": (
        "OAUTHBEARER",
        {"HASHTIDE_KAFKA_TOKEN_FILE": "wrong"},
        "does not accept the login of HASHTIDE_KAFKA_TOKEN_FILE",
    ),
    "setup": ("mutual", {"HASHTIDE_KAFKA_CA_FILE": "others/ca.crt"}, "is HASHTIDE_KAFKA_CA_FILE right?"),
    "counts": (
        "PLAIN",
        {"HASHTIDE_ELASTICSEARCH_API_KEY_FILE": "wrong"},
        "does not accept the login of HASHTIDE_ELASTICSEARCH_API_KEY_FILE",
    ),
    "verify": (
        "PLAIN",
        {"HASHTIDE_ELASTICSEARCH_FINGERPRINT": "00" * 32},
        "is HASHTIDE_ELASTICSEARCH_FINGERPRINT right?",
    ),
}


@pytest.mark.parametrize("command", REFUSALS)
def test_what_is_refused_ends_a_command_with_2_and_says_which_setting_is_wrong_and_no_secret(
    safe: Secure, command: str
) -> None:
    mechanism, wrong, said = REFUSALS[command]
    folder = safe.pipeline.folder
    credentials.make(folder / "others")
    wrong = {name: str(folder / value) if name.endswith("_FILE") else value for name, value in wrong.items()}
    done = safe.run(*command.split(), stdin=POSTS, status=2, given=safe.kafka.login(mechanism) | wrong)
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith("hashtide: ") and said in last
    assert safe.seen.secrets(safe.secrets) == []


def test_doctor_reports_the_refused_setting_of_both_servers_and_no_secret(safe: Secure) -> None:
    wrong = str(safe.pipeline.folder / "wrong")
    given = {"HASHTIDE_KAFKA_PASSWORD_FILE": wrong, "HASHTIDE_ELASTICSEARCH_API_KEY_FILE": wrong}
    reported = json.loads(safe.run("doctor", "--json", status=1, given=given).stdout)
    says = {each["check"]: each["says"] for each in reported["checks"] if each["state"] == "wrong"}
    assert says == {
        "kafka connection": f"Kafka at {safe.pipeline.settings.kafka} {KAFKA_LOGIN}",
        "elasticsearch connection": f"Elasticsearch at {safe.elasticsearch.proxy.url} "
        "does not accept the login of HASHTIDE_ELASTICSEARCH_API_KEY_FILE",
    }
    assert safe.seen.secrets(safe.secrets) == []


@pytest.mark.parametrize("secret", [secure.PASSWORD, WRONG])
def test_a_secret_that_is_printed_logged_or_stands_on_a_command_line_is_found(secret: str) -> None:
    printing = "import sys; print(repr(sys.argv[1]), flush=True); sys.stdin.read()"
    seen = Seen()
    command = [sys.executable, "-c", printing, secret]
    with seen.watching(), subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + WITHIN_S
        while not seen.secrets([secret]):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        printed, _ = process.communicate()
    assert seen.secrets([secret, "another"]) == [secret]
    seen.command_lines.clear()
    assert seen.secrets([secret]) == []
    for text in (printed, json.dumps({"message": f"login by {secret}"}).encode(), f"[{secret}]".encode()):
        seen.texts = [b"before", text, b"after"]
        assert seen.secrets([secret, "another"]) == [secret]
