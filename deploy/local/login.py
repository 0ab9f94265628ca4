"""The login of the secure embedded Kafka: the files in its secrets folder."""

from pathlib import Path
from typing import Final

import msgspec

USER: Final = "hashtide"


class Secrets(msgspec.Struct, frozen=True):
    """The secrets folder, accessible only to its owner, and its files."""

    folder: Path

    @property
    def ca(self) -> Path:
        """The certificate of our own authority. Clients trust it."""
        return self.folder / "ca.crt"

    @property
    def server(self) -> Path:
        """Key and certificate of the broker in one file: Kafka's PEM key store format."""
        return self.folder / "server.pem"

    @property
    def certificate(self) -> Path:
        """The client certificate, for mutual TLS."""
        return self.folder / "client.crt"

    @property
    def key(self) -> Path:
        return self.folder / "client.key"

    @property
    def password_file(self) -> Path:
        """The password of USER."""
        return self.folder / "password"

    @property
    def password(self) -> str:
        return self.password_file.read_text().strip()
