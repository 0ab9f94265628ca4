"""What a message says of its version, and what becomes of one that is newer than its reader.

The `type` of a message names its shape: `post`. A shape that today's readers would misunderstand, or a new kind of
message, has the schema's new number in its type, `post/2`: readers can tell them apart, and one that knows both reads
both. Without a number it is schema 1. Whatever an older reader may leave out is an added field, and no new number.
docs/decisions/0012-a-newer-message-stops-its-reader.md has the reasons, docs/upgrades.md the rules.
"""

import re
from typing import Final

import msgspec

from hashtide.errors import HashtideError

SCHEMA: Final = 1
"""The newest schema of messages that this version reads."""

_NUMBERED: Final = re.compile(r"[a-z]{1,32}/([1-9][0-9]{0,3})")


class NewerMessage(HashtideError):
    """A message that only a newer version of Hashtide can read. It is no dead letter: whoever meets it must stop."""

    def __init__(self, type_: str, where: str = "") -> None:
        super().__init__(
            f"{where or 'there'} is a message of type {type_}, and this version of Hashtide reads messages of schema "
            f"{SCHEMA}: it stops, and leaves that message and all behind it to a newer version (docs/upgrades.md)"
        )
        self._type = type_

    def at(self, topic: str, partition: int, offset: int) -> "NewerMessage":
        """The same, with the message's place."""
        return NewerMessage(self._type, f"in {topic}, partition {partition}, at offset {offset}")


class _Envelope(msgspec.Struct):
    type: str = ""


_decoder = msgspec.json.Decoder(_Envelope)


def refuse_newer(value: bytes) -> None:
    """Raise NewerMessage where the bytes, which could not be decoded, say that they are of a newer schema."""
    try:
        type_ = _decoder.decode(value).type
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    numbered = _NUMBERED.fullmatch(type_)
    if numbered and int(numbered[1]) > SCHEMA:
        raise NewerMessage(type_)
