"""Makes the credentials of the secure embedded Kafka: a password and certificates."""

import secrets
from pathlib import Path

from deploy.local import certificates
from deploy.local.login import Secrets
from deploy.local.private import write


def make(folder: Path) -> Secrets:
    """Make missing credentials, and replace certificates that end soon. Keeps an existing password. Writes files."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = Secrets(folder)
    if not made.password_file.exists():
        write(made.password_file, secrets.token_urlsafe(24).encode())
    if not certificates.lasts(made.ca):
        certificates.certify(made)
    return made
