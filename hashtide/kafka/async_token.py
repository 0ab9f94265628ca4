"""The token for OAUTHBEARER as aiokafka asks for it; a module of its own, as most commands need no aiokafka."""

from pathlib import Path

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import (
    KafkaConnectionError,
)

from hashtide.kafka.token import token
from hashtide.settings import WrongSetting


class AsyncToken(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """The token as the file has it now: whoever renews it replaces the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        """Raises KafkaConnectionError where there is none: that aiokafka tries again, anything else would end it."""
        try:
            return token(self._path)
        except WrongSetting as error:
            raise KafkaConnectionError(str(error)) from None
