"""Servers that want a login: Kafka by TLS, in every way that we know; Elasticsearch behind a proxy that has both."""

import hashlib
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from deploy.local import credentials, kafka_secure, login
from deploy.local.login import Secrets
from deploy.local.private import write
from deploy.local.server import Server
from hashtide.settings import described
from stream_jobs.settings import StreamSettings
from tests.fakes.unruly import Unruly, in_background, lets_in

API_KEY: Final = "YXBpLWtleTpub2JvZHktc2Vlcy1pdA=="
USER: Final = "elastic-mina"
PASSWORD: Final = "nobody-sees-elastic's-pässword"
BASIC: Final = b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Kafka:
    """A broker, and what it takes to be let in."""

    def __init__(self, secrets: Secrets, server: Server) -> None:
        self.secrets, self.server = secrets, server
        self.token = secrets.folder / "token"
        self.renew(seconds=3600)

    def renew(self, seconds: int) -> None:
        """Another token, good for so long from now."""
        self.token.write_text(f"{kafka_secure.unsigned('mina', seconds)}\n")

    def login(self, mechanism: str) -> dict[str, str]:
        """Settings; `mechanism` is one of SASL's, or "mutual" for TLS with a certificate alone."""
        secrets, port = self.secrets, self.server.ports[2 if mechanism == "mutual" else 0]
        named: dict[str, str | Path] = {"": f"127.0.0.1:{port}", "_ca_file": secrets.ca}
        if mechanism == "mutual":
            named |= {
                "_security_protocol": "SSL",
                "_certificate_file": secrets.certificate,
                "_certificate_key_file": secrets.key,
            }
        else:
            named |= {"_security_protocol": "SASL_SSL", "_sasl_mechanism": mechanism}
            named |= (
                {"_token_file": self.token}
                if mechanism == "OAUTHBEARER"
                else {"_user": login.USER, "_password_file": secrets.password_file}
            )
        return _settings("HASHTIDE_KAFKA", named)


class Elasticsearch:
    """A proxy by TLS before the real one, and what it takes to be let in."""

    def __init__(self, proxy: Unruly, secrets: Secrets) -> None:
        self.proxy, self.secrets = proxy, secrets

    def login(
        self, who: Literal["key", "user"] = "key", by: Literal["ca", "fingerprint"] = "fingerprint"
    ) -> dict[str, str]:
        """Settings."""
        folder = self.secrets.folder
        key, password = folder / "api-key", folder / "elasticsearch-password"
        write(key, f"{API_KEY}\n".encode())
        write(password, f"{PASSWORD}\n".encode())
        named: dict[str, str | Path] = {"": self.proxy.url}
        named |= {"_api_key_file": key} if who == "key" else {"_user": USER, "_password_file": password}
        named |= {"_ca_file": self.secrets.ca} if by == "ca" else {"_fingerprint": fingerprint(self.secrets.server)}
        return _settings("HASHTIDE_ELASTICSEARCH", named)


def _settings(prefix: str, named: dict[str, str | Path]) -> dict[str, str]:
    """All that begin so, those that are not named empty: they take the place of any others."""
    every = {setting.name: "" for setting in described(StreamSettings) if setting.name.startswith(prefix)}
    return every | {prefix + name.upper(): str(value) for name, value in named.items()}


@contextmanager
def kafka(folder: Path) -> Iterator[Kafka]:
    """Such a broker of the caller's own, until the end."""
    secrets = credentials.make(folder / "secrets")
    server = Server(kafka_secure.kind(secrets.folder, every_way=True), folder / "kafka", short_lived=True)
    try:
        server.start()
        server.wait()
        yield Kafka(secrets, server)
    finally:
        server.stop()


@contextmanager
def elasticsearch(url: str, secrets: Secrets) -> Iterator[Elasticsearch]:
    """The Elasticsearch at `url` by TLS and a login, until the end."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(secrets.server)
    proxy = Unruly(url, tls=context)
    proxy.always = lets_in(f"ApiKey {API_KEY}", f"Basic {BASIC}")
    with in_background(proxy):
        yield Elasticsearch(proxy, secrets)


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate, in hex with colons, as openssl prints it."""
    pem = certificate.read_text()
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :])
    return hashlib.sha256(der).digest().hex(":").upper()
