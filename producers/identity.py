"""Names are not ours to keep: author ids become keyed hashes before anything reaches Kafka."""

import hmac
import os
import secrets
import tempfile
from pathlib import Path

from producers.settings import Common, WrongSetting

MIN_KEY_BYTES = 32


def load_key(settings: Common) -> bytes:
    """The key out of `author_key_file`; where that is unset, out of the state folder, made there the first time.

    Blocks on the disk. Raises WrongSetting for a file that is missing, unreadable or too short.
    """
    if settings.author_key_file is not None:
        return _read(settings.author_key_file)
    path = settings.state_dir / "author.key"
    if not path.exists():
        _make(path)
    return _read(path)


def hash_author(key: bytes, platform: str, author: str) -> str:
    """HMAC-SHA256 (RFC 2104) of `platform:author` in hex: the same author is the same hash, and no name comes back."""
    return hmac.digest(key, f"{platform}:{author}".encode(), "sha256").hex()


def _read(path: Path) -> bytes:
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise WrongSetting(f"HASHTIDE_AUTHOR_KEY_FILE={str(path)!r}: can't be read: {error.strerror}") from None
    if len(key) < MIN_KEY_BYTES:
        raise WrongSetting(
            f"HASHTIDE_AUTHOR_KEY_FILE={str(path)!r}: must hold at least {MIN_KEY_BYTES} bytes; "
            "make one with: openssl rand -hex 32"
        )
    return key


def _make(path: Path) -> None:
    """Written aside and linked into place: of two commands that start at once, both read the same whole key."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(MIN_KEY_BYTES) + "\n")
        try:
            os.link(name, path)
        except FileExistsError:
            pass
        finally:
            Path(name).unlink()
    except OSError as error:
        raise WrongSetting(f"HASHTIDE_STATE_DIR={str(path.parent)!r}: can't be written: {error.strerror}") from None
