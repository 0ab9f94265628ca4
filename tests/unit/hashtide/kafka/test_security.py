"""Settings of Kafka's TLS and login: valid combinations, and what each client receives."""

import logging
import re
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from rich.pretty import pretty_repr

from deploy.local import credentials
from hashtide.elasticsearch import client
from hashtide.kafka import security as kafka_security
from hashtide.kafka.security import Security, security
from hashtide.settings import Common, WrongSetting, described, load
from stream_jobs.settings import StreamSettings
from tests.paths import ROOT

PASSWORD = "pässword-nobody-sees"
TOKEN = "token-nobody-sees"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates, a password, a token, and invalid files."""
    folder = tmp_path_factory.mktemp("secrets")
    credentials.make(folder)
    credentials.make(folder / "other")
    (folder / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    (folder / "token").write_text(f"{TOKEN}\n")
    (folder / "empty").write_text("\n")
    return folder


def settings(files: Path, protocol: str, given: dict[str, str]) -> Common:
    named = {
        f"HASHTIDE_KAFKA_{name.upper()}": str(files / value) if name.endswith("_file") else value
        for name, value in given.items()
    }
    return load(Common, {"HASHTIDE_KAFKA_SECURITY_PROTOCOL": protocol} | named)


LOGIN = {"user": "mina", "password_file": "password"}
OAUTH = {"sasl_mechanism": "OAUTHBEARER", "token_file": "token"}
MUTUAL = {"certificate_file": "client.crt", "certificate_key_file": "client.key"}


@pytest.mark.parametrize(
    ("protocol", "given", "expected"),
    [
        ("PLAINTEXT", {}, {}),
        ("SSL", MUTUAL, {"security_protocol": "SSL"}),
        (
            "SASL_SSL",
            LOGIN,
            {
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": "mina",
                "sasl_plain_password": PASSWORD,
            },
        ),
        (
            "SASL_PLAINTEXT",
            LOGIN | {"sasl_mechanism": "PLAIN"},
            {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "PLAIN",
                "sasl_plain_username": "mina",
                "sasl_plain_password": PASSWORD,
            },
        ),
        ("SASL_SSL", OAUTH, {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}),
    ],
)
async def test_all_clients_get_same_settings(
    files: Path, protocol: str, given: dict[str, str], expected: dict[str, str]
) -> None:
    safe = security(settings(files, protocol, given))
    for arguments in (safe.kafka_python(), safe.aiokafka(), auth(safe)):
        context = arguments.pop("ssl_context", None)
        assert (context is not None) == protocol.endswith("SSL")
        if context is not None:
            assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        provider = arguments.pop("sasl_oauth_token_provider", None)
        assert (provider is not None) == (given == OAUTH)
        if provider is not None:
            token = provider.token()
            assert (token if isinstance(token, str) else await token) == TOKEN
        assert arguments == expected


def auth(safe: Security) -> dict[str, Any]:
    """The settings that Faust derives from its credentials."""
    if (credentials := safe.faust()) is None:
        return {}
    return dict(credentials_to_aiokafka_auth(credentials))


@pytest.mark.parametrize(
    ("protocol", "given", "said"),
    [
        ("PLAINTEXT", {"ca_file": "ca.crt"}, "CA_FILE needs SSL or SASL_SSL, but {PROTOCOL} is PLAINTEXT"),
        ("PLAINTEXT", {"user": "mina"}, "USER needs SASL_SSL or SASL_PLAINTEXT, but {PROTOCOL} is PLAINTEXT"),
        ("SSL", OAUTH, "TOKEN_FILE needs SASL_SSL or SASL_PLAINTEXT, but {PROTOCOL} is SSL"),
        ("SASL_PLAINTEXT", LOGIN | {"ca_file": "ca.crt"}, "CA_FILE needs SSL or SASL_SSL, but {PROTOCOL} is SASL_"),
        ("SSL", {"ca_file": "missing"}, "can't be read: No such file or directory"),
        ("SSL", {"ca_file": "token"}, "must hold certificates in PEM form"),
        ("SSL", {"certificate_file": "client.crt"}, "HASHTIDE_KAFKA_CERTIFICATE_KEY_FILE is not set"),
        ("SSL", {"certificate_key_file": "client.key"}, "HASHTIDE_KAFKA_CERTIFICATE_FILE is not set"),
        ("SSL", MUTUAL | {"certificate_key_file": "other/client.key"}, "they do not belong together"),
        ("SSL", MUTUAL | {"certificate_file": "token"}, "must be in PEM form"),
        ("SASL_SSL", {}, "HASHTIDE_KAFKA_USER is not set: {MECHANISM}=SCRAM-SHA-512 needs"),
        ("SASL_SSL", {"user": "mina"}, "HASHTIDE_KAFKA_PASSWORD_FILE is not set"),
        ("SASL_SSL", LOGIN | {"password_file": "empty"}, "is empty"),
        ("SASL_SSL", LOGIN | {"password_file": "missing"}, "can't be read: No such file or directory"),
        ("SASL_SSL", LOGIN | {"user": "mi=na"}, "HASHTIDE_KAFKA_USER must not contain a comma"),
        ("SASL_SSL", LOGIN | {"token_file": "token"}, "TOKEN_FILE needs OAUTHBEARER, but {MECHANISM} is SCRAM-SHA-"),
        ("SASL_SSL", OAUTH | LOGIN, "HASHTIDE_KAFKA_USER conflicts with {MECHANISM}=OAUTHBEARER"),
        ("SASL_SSL", {"sasl_mechanism": "OAUTHBEARER"}, "HASHTIDE_KAFKA_TOKEN_FILE is not set"),
        ("SASL_SSL", OAUTH | {"token_file": "empty"}, "must hold a token"),
    ],
)
def test_error_names_conflicting_or_unreadable_settings(
    files: Path, protocol: str, given: dict[str, str], said: str
) -> None:
    with pytest.raises(WrongSetting) as error:
        security(settings(files, protocol, given))
    said = said.format(PROTOCOL="HASHTIDE_KAFKA_SECURITY_PROTOCOL", MECHANISM="HASHTIDE_KAFKA_SASL_MECHANISM")
    assert said in str(error.value)
    assert str(error.value).startswith("HASHTIDE_KAFKA_")
    assert "nobody" not in str(error.value)


EXAMPLES = [
    ("Security(SASL_SSL, SCRAM-SHA-512)", "http://127.0.0.1:9200", ""),
    ("Security(SASL_SSL, PLAIN)", "http://127.0.0.1:9200", ""),
    ("Security(SASL_SSL, OAUTHBEARER)", "http://127.0.0.1:9200", ""),
    ("Security(SSL)", "http://127.0.0.1:9200", ""),
    ("Security(PLAINTEXT)", "https://elasticsearch.example.org:9200", f"{client.USER} and {client.PASSWORD}"),
    ("Security(PLAINTEXT)", "https://elasticsearch.example.org:9200", client.API_KEY),
]
FILES = {kafka_security.CERTIFICATE: "client.crt", kafka_security.KEY: "client.key"}


def test_documented_examples_are_valid_settings(files: Path) -> None:
    page = (ROOT / "docs/connections.md").read_text()
    found = []
    for block in re.findall(r"```\n(HASHTIDE_.*?)```", page, re.DOTALL):
        given = dict(line.split("=", 1) for line in block.splitlines())
        given |= {
            name: str(files / FILES.get(name, "ca.crt" if name.endswith("_CA_FILE") else "token"))
            for name in given
            if name.endswith("_FILE")
        }
        assert given.keys() <= {setting.name for setting in described(StreamSettings)}
        loaded = load(StreamSettings, given)
        at = client.connection(loaded)
        found.append((repr(security(loaded)), at.url, at.login))
    assert found == EXAMPLES


def test_encrypted_key_raises_error_instead_of_prompting(files: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((files / "client.key").read_bytes(), None)
    (tmp_path / "key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    given = MUTUAL | {"certificate_key_file": str(tmp_path / "key")}
    with pytest.raises(WrongSetting, match="HASHTIDE_KAFKA_CERTIFICATE_KEY_FILE: must not be encrypted"):
        security(settings(files, "SSL", given))


def test_warns_once_about_login_without_tls(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    kafka_security._warn_unencrypted.cache_clear()

    def connect(brokers: str) -> None:
        security(msgspec.structs.replace(settings(files, "SASL_PLAINTEXT", LOGIN), kafka=brokers))

    with caplog.at_level(logging.WARNING):
        connect("127.0.0.1:9092,localhost:9092")
        assert caplog.messages == []
        connect("127.0.0.1:9092,one.example:9092")
        connect("127.0.0.1:9092,one.example:9092")
    assert caplog.messages == [
        "HASHTIDE_KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT: the login is sent to 127.0.0.1:9092,one.example:9092 "
        "unencrypted; use SASL_SSL"
    ]


def test_repr_hides_secrets() -> None:
    safe = Security(protocol="SASL_SSL", mechanism="PLAIN", user="mina", password=PASSWORD)
    assert (str(safe), repr(safe)) == ("Security(SASL_SSL, PLAIN)",) * 2
    assert PASSWORD not in pretty_repr(safe)


def test_secret_files_are_readable_by_owner_only(files: Path) -> None:
    made = credentials.make(files / "other")
    assert made.folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in made.folder.iterdir()}
    assert modes == dict.fromkeys(("ca.crt", "server.pem", "client.crt", "client.key", "password"), 0o600)


def test_reuses_password_and_certificates_until_expiry(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = credentials.make(files / "other")
    before = (made.password, made.ca.read_bytes())
    assert credentials.make(files / "other") == made
    assert (made.password, made.ca.read_bytes()) == before
    from deploy.local import certificates

    monkeypatch.setattr(certificates, "RENEW_BEFORE", timedelta(days=certificates.DAYS + 1))
    credentials.make(files / "other")
    assert made.password == before[0]
    assert made.ca.read_bytes() != before[1]
