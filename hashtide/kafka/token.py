"""OAUTHBEARER tokens, read from their file at every login: a renewed token replaces the file."""

from pathlib import Path
from typing import Final

from hashtide.secrets import one_word, read_secret

TOKEN: Final = "HASHTIDE_KAFKA_TOKEN_FILE"


def token(path: Path) -> str:
    """The current token. Reads the disk. Raises WrongSetting."""
    return one_word(TOKEN, read_secret(TOKEN, path).strip())
