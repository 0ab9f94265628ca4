"""Formats: parse payloads of a source into messages of the contract. Pure: bytes in, values out, no I/O.

A payload is a line of a file, a line or event of a stream, or a page of an API. Formats do not set `origin` and
`source`, put the platform's author id into `author` (intake hashes it before it goes anywhere), and compare no time
with the clock.
"""

from collections.abc import Callable, Mapping
from typing import Final

from hashtide.contract.bounds import MAX_PAYLOAD_BYTES
from hashtide.contract.messages import Control
from hashtide.contract.reasons import InvalidPost
from producers.formats import jetstream, mastodon, native, shape, x_v1, x_v2
from producers.formats.payload import Outcome, body, items, require_utf8

__all__ = ["AUTO", "FORMATS", "Outcome", "parse"]

FORMATS: Final[Mapping[str, Callable[[bytes], list[Outcome]]]] = {
    "native": native.parse,
    "x-v1": x_v1.parse,
    "x-v2": x_v2.parse,
    "mastodon": mastodon.parse,
    "jetstream": jetstream.parse,
}
"""Formats by name. Their functions raise InvalidPost for a payload that is invalid as a whole; `parse` does not."""

AUTO: Final = "auto"


def parse(payload: bytes, format: str = AUTO) -> list[Outcome]:
    """The outcomes of a payload, in order, at least one. Raises nothing, whatever the bytes.

    `format` is a name in FORMATS, or "auto": detect the format of each payload by its shape. A JSON array is parsed
    element by element: timelines of REST APIs are such arrays.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        return [InvalidPost("too-large", f"{len(payload)} bytes, of {MAX_PAYLOAD_BYTES} allowed")]
    data = body(payload)
    if not data:
        return [Control("blank" if format in ("native", AUTO) else "keep-alive")]
    if not data.startswith(b"["):
        return _one(data, format)
    try:
        elements = items(data)
    except InvalidPost as error:
        return [error]
    return [outcome for element in elements for outcome in _one(bytes(element), format)] or [Control("empty-page")]


def _one(data: bytes, format: str) -> list[Outcome]:
    try:
        require_utf8(data)
        name = shape.of(data) if format == AUTO else format
        if name != "mastodon":  # it also sends lines that are not JSON
            shape.require_object(data)
        return FORMATS[name](data)
    except InvalidPost as error:
        return [error]
