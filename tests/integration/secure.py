"""Servers that want a login: Kafka by TLS, in every way that we know; Elasticsearch behind a proxy that has both."""

import hashlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import kafka_secure, login
from deploy.local.login import Secrets
from deploy.local.server import Server
from tests.fakes.unruly import Unruly, in_background, lets_in

API_KEY = "dGhlLWFwaS1rZXktbm9ib2R5LXNlZXM="


class Kafka:
    """A broker, and what it takes to be let in."""

    def __init__(self, folder: Path) -> None:
        self.secrets = Secrets(folder / "secrets")
        self.server = Server(kafka_secure.kind(self.secrets.folder, every_way=True), folder / "kafka", short_lived=True)
        self.token = self.secrets.folder / "token"

    def login(self, mechanism: str) -> dict[str, str]:
        """Settings; `mechanism` is one of SASL's, or "mutual" for TLS with a certificate alone."""
        secrets, port = self.secrets, self.server.ports[2 if mechanism == "mutual" else 0]
        named: dict[str, str | Path] = {"": f"127.0.0.1:{port}", "_ca_file": secrets.ca}
        if mechanism == "mutual":
            named |= {
                "_security_protocol": "ssl",
                "_certificate_file": secrets.certificate,
                "_certificate_key_file": secrets.key,
            }
        else:
            named |= {"_security_protocol": "sasl_ssl", "_sasl_mechanism": mechanism}
            named |= (
                {"_token_file": self.token}
                if mechanism == "OAUTHBEARER"
                else {"_user": login.USER, "_password_file": secrets.password_file}
            )
        return {f"HASHTIDE_KAFKA{name.upper()}": str(value) for name, value in named.items()}


@contextmanager
def kafka(folder: Path) -> Iterator[Kafka]:
    """Such a broker, until the end."""
    made = Kafka(folder)
    try:
        made.server.start()
        made.server.wait()
        made.token.write_text(kafka_secure.unsigned("mina") + "\n")
        yield made
    finally:
        made.server.stop()


@contextmanager
def elasticsearch(url: str, secrets: Secrets) -> Iterator[tuple[Unruly, dict[str, str]]]:
    """Elasticsearch by TLS and an API key, and the settings for it, with the certificate's fingerprint."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(secrets.server)
    proxy = Unruly(url, tls=context)
    proxy.always = lets_in(f"ApiKey {API_KEY}")
    key = secrets.folder / "api-key"
    key.write_text(f"{API_KEY}\n")
    with in_background(proxy):
        yield (
            proxy,
            {
                "HASHTIDE_ELASTICSEARCH": proxy.url,
                "HASHTIDE_ELASTICSEARCH_API_KEY_FILE": str(key),
                "HASHTIDE_ELASTICSEARCH_FINGERPRINT": fingerprint(secrets.server),
            },
        )


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate, in hex with colons, as openssl prints it."""
    pem = certificate.read_text()
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :])
    return hashlib.sha256(der).digest().hex(":").upper()
