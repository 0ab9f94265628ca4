"""Tokens for OAUTHBEARER, read from their file for every login: it is replaced when a token is renewed."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from hashtide.secrets import one_word, read_secret

if TYPE_CHECKING:
    pass


TOKEN: Final = "HASHTIDE_KAFKA_TOKEN_FILE"


def token(path: Path) -> str:
    """Reads the disk. Raises WrongSetting."""
    return one_word(TOKEN, read_secret(TOKEN, path).strip())
