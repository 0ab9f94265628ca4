"""JSON and ids of documents."""

import hashlib
from typing import Final

import msgspec

to_json: Final = msgspec.json.Encoder().encode


def digest(value: tuple[object, ...]) -> str:
    """The id of a document: a 16-byte BLAKE2b hash, in hex, of everything that identifies it."""
    return hashlib.blake2b(to_json(value), digest_size=16).hexdigest()
