"""Documents as they are written to and read from Elasticsearch."""

from typing import Any, Literal, NamedTuple

import msgspec


class Ref(msgspec.Struct, frozen=True, gc=False):
    """Where a document lies."""

    index: str
    id: str


class Document(msgspec.Struct, frozen=True, gc=False):
    """A document to write."""

    ref: Ref
    body: bytes
    """JSON."""
    version: int = 0
    """External version; for `put` alone."""


class Found(NamedTuple):
    """A document as it was read."""

    ref: Ref
    source: dict[str, Any]
    version: int
    seq_no: int
    primary_term: int


class Outcome(NamedTuple):
    """What became of one document of a bulk. `refused` is for good: writing it again would not help; so is `dropped`:
    retention has dropped its index, which is not made again."""

    status: Literal["done", "conflict", "refused", "dropped"]
    detail: str = ""
