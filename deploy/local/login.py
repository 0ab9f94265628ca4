"""The login of the embedded Kafka, where it is secure: what lies in its folder of secrets."""

import secrets
from pathlib import Path
from typing import Final

import msgspec

from deploy.local.private import write

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


def make(folder: Path) -> Secrets:
    """Makes what is missing, and certificates that are about to end. The same password for as long as it lies there.

    Raises NotInstalled.
    """
    from deploy.local import certificates  # needs a package that nothing else does

    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = Secrets(folder)
    if not made.password_file.exists():
        write(made.password_file, secrets.token_urlsafe(24).encode())
    if not certificates.lasts(made.ca):
        certificates.certify(made)
    return made
