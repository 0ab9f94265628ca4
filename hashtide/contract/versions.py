"""How a message states its schema version, and what happens to a message that is newer than its reader.

The `type` of a message names its shape: `post`. A shape that today's readers would misunderstand, or a new kind of
message, carries the new schema number in its type, `post/2`: readers can distinguish the two, and a reader that knows
both reads both. No number means schema 1. A field that older readers may ignore is added without a new number.
Reasons: docs/decisions/0012-a-newer-message-stops-its-reader.md. Rules: docs/upgrades.md.
"""

import re
from typing import Final

import msgspec

from hashtide.errors import HashtideError

SCHEMA: Final = 2
"""The newest schema of messages that this version reads."""

_NUMBERED: Final = re.compile(r"[a-z]{1,32}/([1-9][0-9]{0,3})")


class NewerMessage(HashtideError):
    """A message that only a newer version of Hashtide can read. It is not a dead letter: its reader must stop."""

    def __init__(self, type_: str, where: str = "") -> None:
        super().__init__(
            f"message{where} has type {type_}, but this version of Hashtide reads messages of schema {SCHEMA}: "
            "it stops, and leaves this message and all after it to a newer version (docs/upgrades.md)"
        )
        self._type = type_

    def at(self, topic: str, partition: int, offset: int) -> "NewerMessage":
        """The same error with the position of the message."""
        return NewerMessage(self._type, f" in {topic}, partition {partition}, at offset {offset}")


class _Envelope(msgspec.Struct):
    type: str = ""


_decoder = msgspec.json.Decoder(_Envelope)


def refuse_newer(value: bytes) -> None:
    """Raise NewerMessage if these bytes, which could not be decoded, state a newer schema."""
    try:
        type_ = _decoder.decode(value).type
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    numbered = _NUMBERED.fullmatch(type_)
    if numbered and int(numbered[1]) > SCHEMA:
        raise NewerMessage(type_)
