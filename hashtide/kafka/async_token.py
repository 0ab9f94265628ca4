"""The OAUTHBEARER token for aiokafka; a separate module, because most commands do not need aiokafka."""

from pathlib import Path

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from hashtide.kafka.token import token
from hashtide.settings import WrongSetting


class AsyncToken(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """Reads the token from its file at every login: a renewed token replaces the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        """The current token. Raises KafkaConnectionError, which aiokafka retries; any other error would end it."""
        try:
            return token(self._path)
        except WrongSetting as error:
            raise KafkaConnectionError(str(error)) from None
