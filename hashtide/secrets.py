"""Reads secrets from files. Never shows them."""

from pathlib import Path

from hashtide.settings import WrongSetting


def read_secret(name: str, path: Path) -> str:
    """The content of a secret's file; `name` is its setting. Reads the disk. Raises WrongSetting."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise WrongSetting(f"{name}={str(path)!r}: can't be read: {reason}") from None


def one_word(name: str, token: str) -> str:
    """The token, if it is one word of printable ASCII. Raises WrongSetting, which names the setting, not the token."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise WrongSetting(f"{name}: must hold a token: one word of printable ASCII characters")
    return token
