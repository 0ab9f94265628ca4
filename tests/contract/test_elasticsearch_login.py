"""Elasticsearch with security on: login by API key or password, TLS with a private CA, and no secret in any output.

The embedded node has no security, so a proxy in front of it checks logins: by the same header and with the same 401
as the real one.
"""

import asyncio
import re
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec
import pytest
from rich.pretty import pretty_repr

from hashtide.elasticsearch import templates
from hashtide.elasticsearch.client import Connection, connection
from hashtide.elasticsearch.session import LoginRefused, session
from hashtide.elasticsearch.session import answers as elasticsearch_answers
from hashtide.elasticsearch.values import Ref
from hashtide.settings import WrongSetting, load
from operations.counts import counts
from stream_jobs.settings import StreamSettings
from stream_jobs.store.elasticsearch import Elasticsearch
from tests.conftest import needs
from tests.fakes.unruly import Unruly, answers, in_background, lets_in

PACKAGES = ("hashtide", "producers", "stream_jobs", "operations", "deploy")
ROOT = Path(__file__).parents[2]
API_KEY = "dXNlcjpzM2NyM3Qta2V5LW5vYm9keS1zZWVz"
PASSWORD = "pa:ss wörd-nobody-sees"
BASIC = "Basic " + b64encode(f"mina:{PASSWORD}".encode()).decode()
SECRETS = (API_KEY, PASSWORD, BASIC.removeprefix("Basic "), "nobody-sees")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of a login, of a wrong login, and those that `make secrets` creates."""
    folder = tmp_path_factory.mktemp("secrets")
    needs("openssl")
    subprocess.run([ROOT / "deploy/docker/make-secrets", folder], check=True, capture_output=True)
    (folder / "key").write_text(f"{API_KEY}\n")
    (folder / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    (folder / "wrong").write_text("wrong-nobody-sees\n")
    (folder / "empty").write_text("\n")
    return folder


@pytest.fixture(scope="module")
def guarded(url: str) -> Iterator[str]:
    """Elasticsearch that requires a login."""
    with server(url) as proxy:
        yield proxy.url


@contextmanager
def server(url: str, tls: ssl.SSLContext | None = None) -> Iterator[Unruly]:
    proxy = Unruly(url, tls=tls)
    proxy.always = lets_in(f"ApiKey {API_KEY}", BASIC)
    with in_background(proxy):
        yield proxy


def encrypted(url: str, secrets: Path) -> AbstractContextManager[Unruly]:
    """Elasticsearch that requires a login, with the certificate created by `make secrets`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(secrets / "elasticsearch.crt", secrets / "elasticsearch.key")
    return server(url, context)


def settings(url: str, **given: str | Path) -> StreamSettings:
    named = {f"HASHTIDE_ELASTICSEARCH_{name.upper()}": str(value) for name, value in given.items()}
    return load(StreamSettings, {"HASHTIDE_ELASTICSEARCH": url} | named)


def logins(secrets: Path) -> list[dict[str, str | Path]]:
    return [{"api_key_file": secrets / "key"}, {"user": "mina", "password_file": secrets / "password"}]


@pytest.mark.parametrize("which", [0, 1])
async def test_every_client_sends_the_login(guarded: str, secrets: Path, day: str, which: int) -> None:
    at = connection(settings(guarded, **logins(secrets)[which]))
    assert await asyncio.to_thread(elasticsearch_answers, at) is True
    assert "hashtide-reply-volume" in await asyncio.to_thread(templates.setup, at)
    await asyncio.to_thread(templates.check, at)
    assert (await asyncio.to_thread(counts, at, campaign="nobody's")).total == 0
    async with Elasticsearch(at, bulk_bytes=4096) as store:
        assert await store.get([Ref(f"reply-volume-{day}", "a")]) == [None]


def test_error_without_login_names_settings(guarded: str) -> None:
    with pytest.raises(LoginRefused) as error, session(guarded):
        pass
    assert str(error.value) == (
        f"Elasticsearch at {guarded} requires a login: set HASHTIDE_ELASTICSEARCH_API_KEY_FILE, "
        "or HASHTIDE_ELASTICSEARCH_USER and HASHTIDE_ELASTICSEARCH_PASSWORD_FILE"
    )
    assert elasticsearch_answers(guarded) is False


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"api_key_file": "wrong"}, "HASHTIDE_ELASTICSEARCH_API_KEY_FILE"),
        (
            {"user": "mina", "password_file": "wrong"},
            "HASHTIDE_ELASTICSEARCH_USER and HASHTIDE_ELASTICSEARCH_PASSWORD_FILE",
        ),
    ],
)
def test_error_for_wrong_login_names_settings_without_retry(
    guarded: str, secrets: Path, given: dict[str, str], named: str
) -> None:
    at = connection(settings(guarded, **{k: v if k == "user" else secrets / v for k, v in given.items()}))
    with pytest.raises(LoginRefused) as error:
        templates.check(at)
    assert str(error.value) == f"Elasticsearch at {guarded} does not accept the login of {named}"


def test_error_names_missing_privilege(url: str, secrets: Path) -> None:
    proxy = Unruly(url)
    proxy.always = answers(403, "security_exception")
    with in_background(proxy), pytest.raises(LoginRefused, match="grant it `monitor`"):
        templates.check(connection(settings(proxy.url, api_key_file=secrets / "key")))


def test_waits_for_starting_server(url: str, secrets: Path) -> None:
    with server(url) as proxy:
        proxy.faults = [answers(503), answers(503)]
        templates.check(connection(settings(proxy.url, api_key_file=secrets / "key")))
        assert proxy.faults == []


async def test_tls_with_private_ca(url: str, secrets: Path, day: str) -> None:
    with encrypted(url, secrets) as proxy:
        assert proxy.url.startswith("https://127.0.0.1:")
        at = connection(settings(proxy.url, ca_file=secrets / "ca.crt", **logins(secrets)[1]))
        await asyncio.to_thread(templates.check, at)
        async with Elasticsearch(at, bulk_bytes=4096) as store:
            assert await store.get([Ref(f"reply-volume-{day}", "a")]) == [None]


def test_refuses_untrusted_certificate_without_sending_login(url: str, secrets: Path) -> None:
    with encrypted(url, secrets) as proxy:
        at = connection(settings(proxy.url, **logins(secrets)[1]))
        with pytest.raises(LoginRefused, match=r"not trusted \(.*\): is HASHTIDE_ELASTICSEARCH_CA_FILE right\?"):
            templates.check(at)
        assert elasticsearch_answers(at) is False
        assert proxy.bodies == []


@pytest.mark.parametrize(
    ("url", "given", "said"),
    [
        ("http://one:1", {"user": "mina"}, "HASHTIDE_ELASTICSEARCH_PASSWORD_FILE is not set"),
        ("http://one:1", {"password_file": "password"}, "HASHTIDE_ELASTICSEARCH_USER is not set"),
        ("http://one:1", {"user": "mi:na", "password_file": "password"}, "must not contain a colon"),
        ("http://one:1", {"user": "mina", "password_file": "missing"}, "can't be read: No such file"),
        ("http://one:1", {"user": "mina", "password_file": "empty"}, "is empty"),
        ("http://one:1", {"api_key_file": "missing"}, "can't be read: No such file"),
        ("http://one:1", {"api_key_file": "password"}, "one word of printable ASCII"),
        ("http://one:1", {"api_key_file": "empty"}, "must hold a token"),
        ("http://one:1", {"api_key_file": "key", "user": "mina"}, "set one login or the other"),
        ("http://one:1", {"ca_file": "ca.crt"}, "HASHTIDE_ELASTICSEARCH_CA_FILE needs https"),
        ("https://one:1", {"ca_file": "missing"}, "can't be read: No such file"),
        ("https://one:1", {"ca_file": "key"}, "must hold certificates in PEM form"),
    ],
)
def test_error_names_conflicting_or_unreadable_settings(
    secrets: Path, url: str, given: dict[str, str], said: str
) -> None:
    with pytest.raises(WrongSetting) as error:
        connection(settings(url, **{k: v if k == "user" else secrets / v for k, v in given.items()}))
    assert str(error.value).startswith("HASHTIDE_ELASTICSEARCH_")
    assert said in str(error.value)
    assert not shown(str(error.value))


def test_warns_about_login_without_tls(secrets: Path, caplog: pytest.LogCaptureFixture) -> None:
    for url in ("https://one.example:1", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"):
        connection(settings(url, **logins(secrets)[0]))
    assert caplog.messages == []
    connection(settings("http://one.example:1", **logins(secrets)[0]))
    assert caplog.messages == ["HASHTIDE_ELASTICSEARCH=http://one.example:1: the login is sent unencrypted; use https"]


def test_connection_repr_is_its_url() -> None:
    at = Connection("http://one:1", api_key=API_KEY, user="mina", password=PASSWORD)
    assert (str(at), repr(at), f"{at}") == ("http://one:1", "Connection('http://one:1')", "http://one:1")
    assert not shown(pretty_repr(at))


def test_no_output_shows_a_secret(guarded: str, secrets: Path, environment: dict[str, str]) -> None:
    """Neither stdout nor stderr, on success or failure, at debug level."""
    right = logins(secrets)
    wrong: list[dict[str, str | Path]] = [{"api_key_file": secrets / "wrong"}, {"ca_file": secrets / "key"}]
    for files, words, status in (
        (right[0], ("counts", "--json"), 0),
        (right[1], ("setup",), 0),
        (right[1], ("settings",), 0),
        (wrong[0], ("counts",), 2),
        (wrong[1], ("counts",), 2),
    ):
        given = {f"HASHTIDE_ELASTICSEARCH_{name.upper()}": str(value) for name, value in files.items()}
        reported = environment | given | {"HASHTIDE_ELASTICSEARCH": guarded, "HASHTIDE_LOG_LEVEL": "debug"}
        done = subprocess.run(
            [sys.executable, "-m", "operations.cli", *words], env=reported, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == status, done.stderr
        assert not shown(done.stdout + done.stderr)


def test_refuses_login_in_url_without_showing_it(environment: dict[str, str]) -> None:
    reported = environment | {"HASHTIDE_ELASTICSEARCH": f"http://mina:{API_KEY}@127.0.0.1:1"}
    for words in (("counts",), ("settings",)):
        done = subprocess.run(
            [sys.executable, "-m", "operations.cli", *words], env=reported, capture_output=True, text=True, timeout=60
        )
        assert not shown(done.stdout + done.stderr)
        assert "http://***@127.0.0.1:1" in done.stdout + done.stderr
        assert done.returncode == (2 if words == ("counts",) else 0)


def test_product_connects_only_through_connection() -> None:
    """A bare URL has no login: only code that prints it or runs the embedded stack may read it from the settings."""

    def containing(pattern: str) -> set[str]:
        files = (path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
        return {str(path.relative_to(ROOT)) for path in files if re.search(pattern, path.read_text())}

    taking = containing(r"(settings|environ\))\.elasticsearch\b")
    assert taking == {"hashtide/elasticsearch/client.py", "stream_jobs/worker.py", "operations/demo/run.py"}
    assert containing(r"\bmax_retries\b") == {"hashtide/elasticsearch/client.py"}  # set wherever a client is created


def shown(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def test_secret_search_finds_secrets() -> None:
    assert shown(f"401: {BASIC}") == [BASIC.removeprefix("Basic ")]
    assert shown(msgspec.json.encode({"key": API_KEY}).decode()) == [API_KEY]
