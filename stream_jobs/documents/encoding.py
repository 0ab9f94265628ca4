"""How documents become JSON, and how their ids are made."""

import hashlib
from typing import Final

import msgspec

to_json: Final = msgspec.json.Encoder().encode


def digest(value: tuple[object, ...]) -> str:
    """The id of a document: BLAKE2b of 16 bytes over all that tells it from others, in hex."""
    return hashlib.blake2b(to_json(value), digest_size=16).hexdigest()
