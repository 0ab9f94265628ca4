"""The login of the embedded Kafka, where it is secure: what lies in its folder of secrets."""

from pathlib import Path
from typing import Final

import msgspec

USER: Final = "hashtide"


class Secrets(msgspec.Struct, frozen=True):
    """The folder, which its owner alone may enter, and the files in it."""

    folder: Path

    @property
    def ca(self) -> Path:
        """The certificate of our own authority: what clients trust."""
        return self.folder / "ca.crt"

    @property
    def server(self) -> Path:
        """Key and certificate of the broker, in one file, as Kafka wants a PEM key store."""
        return self.folder / "server.pem"

    @property
    def certificate(self) -> Path:
        """The certificate of a client, for mutual TLS."""
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
