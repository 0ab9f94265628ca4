"""Documents as they are written to and read from Elasticsearch."""

from typing import Any, Literal, NamedTuple

import msgspec


class Ref(msgspec.Struct, frozen=True, gc=False):
    """Index and id of a document."""

    index: str
    id: str


class Document(msgspec.Struct, frozen=True, gc=False):
    """A document to write."""

    ref: Ref
    body: bytes
    """JSON."""
    version: int = 0
    """External version; only for `put`."""


class Found(NamedTuple):
    """A document as it was read."""

    ref: Ref
    source: dict[str, Any]
    version: int
    seq_no: int
    primary_term: int


class Outcome(NamedTuple):
    """The result of one document of a bulk. `refused` and `dropped` are final: retrying a refused document would not
    help; `dropped`: retention has dropped its index, which is not created again."""

    status: Literal["done", "conflict", "refused", "dropped"]
    detail: str = ""
