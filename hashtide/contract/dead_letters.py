"""Dead letters: the messages of `posts.dead`, the topic of what could not be read or counted."""

import hashlib
from typing import Literal

import msgspec

from hashtide.contract.reasons import Reason


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What could not go on, with all that is needed to look at it and to send it again."""

    type: Literal["letter"] = "letter"
    """Left out; one of a newer schema has it, and a number in it (hashtide/contract/versions.py)."""
    reason: Reason
    detail: str
    source: str
    """Where it was met: `file:NAME`, `campaign`, `posts.raw`, `posts.enriched`."""
    position: str
    """Where in the source: a line number, or `partition:offset`."""
    payload: bytes
    """The raw bytes (base64 in the JSON), cut to MAX_PAYLOAD_BYTES; none where they were not to be kept."""
    at_ms: int
    size: int | None = None
    """How many bytes there were, where they were not kept."""
    digest: str | None = None
    """BLAKE2b of 8 bytes over them, in hex, where they were not kept."""

    @property
    def kept(self) -> bool:
        """Whether the bytes are here, as many as there were room for."""
        return self.size is None


_dead_decoder = msgspec.json.Decoder(DeadLetter)


def dead_letter_key(letter: DeadLetter) -> bytes:
    """Where it came from and what it was, so that reading a source again makes no second dead letter."""
    return f"{letter.source}|{letter.position}|{letter.digest or _payload_digest(letter.payload)}".encode()


def without_payload(letter: DeadLetter) -> DeadLetter:
    """The letter without the bytes that could not go on; its key is the same, so it takes that one's place."""
    if not letter.payload:
        return letter
    digest = _payload_digest(letter.payload)
    return msgspec.structs.replace(letter, payload=b"", size=len(letter.payload), digest=digest)


def _payload_digest(payload: bytes) -> str:
    return hashlib.blake2b(payload, digest_size=8).hexdigest()


def decode_dead_letter(value: bytes) -> DeadLetter:
    """The dead letter in the bytes of a Kafka value. Raises msgspec.MsgspecError."""
    return _dead_decoder.decode(value)
