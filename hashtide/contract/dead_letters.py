"""Dead letters: the messages of `posts.dead`, for everything that could not be read or counted."""

import hashlib
from typing import Literal

import msgspec

from hashtide.contract.reasons import Reason


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A payload or message that failed, with all that is needed to inspect and resend it."""

    type: Literal["letter"] = "letter"
    """Omitted in schema 1; a newer schema writes it with its number (hashtide/contract/versions.py)."""
    reason: Reason
    detail: str
    source: str
    """Where it was read: `file:NAME`, `campaign`, `posts.raw`."""
    position: str
    """Where in the source: a line number; in posts.raw, `TOPIC_ID:PARTITION:OFFSET`."""
    payload: bytes
    """The raw bytes (base64 in the JSON), cut to MAX_PAYLOAD_BYTES; empty if they were not kept."""
    at_ms: int
    size: int | None = None
    """Size of the payload in bytes, if it was not kept."""
    digest: str | None = None
    """8-byte BLAKE2b of the payload, in hex, if it was not kept."""

    @property
    def kept(self) -> bool:
        """Whether the letter holds its payload, up to MAX_PAYLOAD_BYTES."""
        return self.size is None


_dead_decoder = msgspec.json.Decoder(DeadLetter)


def dead_letter_key(letter: DeadLetter) -> bytes:
    """The Kafka key: source, position and digest, so that reading a source again makes no second dead letter."""
    return f"{letter.source}|{letter.position}|{letter.digest or _payload_digest(letter.payload)}".encode()


def without_payload(letter: DeadLetter) -> DeadLetter:
    """The letter without its payload; its key stays the same, so it replaces the one with the payload."""
    if not letter.payload:
        return letter
    digest = _payload_digest(letter.payload)
    return msgspec.structs.replace(letter, payload=b"", size=len(letter.payload), digest=digest)


def _payload_digest(payload: bytes) -> str:
    return hashlib.blake2b(payload, digest_size=8).hexdigest()


def decode_dead_letter(value: bytes) -> DeadLetter:
    """Decode a Kafka value. Raises msgspec.MsgspecError."""
    return _dead_decoder.decode(value)
