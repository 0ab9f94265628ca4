"""What the count agent needs of a document store: values in, values out, every call idempotent."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from hashtide.elasticsearch.values import Document, Found, Outcome, Ref


class ScanLost(Exception):
    """The store does not know any more where a scan was, as after its restart: scan again from the beginning."""


class Store(Protocol):
    """A document store with reads that see every acknowledged write.

    Every call waits out a store that is down, slow or busy, and comes back only with an answer for each document, in
    the order given: who calls does not retry. All of them may be cancelled at any time: what was written then is
    unknown, and doing it again changes nothing.
    """

    async def create(self, documents: Sequence[Document]) -> list[Outcome]:
        """Write documents that must not exist yet: `conflict` where one does."""
        ...

    async def put(self, documents: Sequence[Document]) -> list[Outcome]:
        """Write documents under their external version: `conflict` where the one there has a higher version."""
        ...

    async def amend(self, changes: Sequence[tuple[Found, bytes]]) -> list[Outcome]:
        """Replace documents that are still as they were found: `conflict` where one changed or went meanwhile."""
        ...

    async def get(self, refs: Sequence[Ref]) -> list[Found | None]:
        """Read documents; None for one that is not there, or whose index is not."""
        ...

    async def locate(self, pattern: str, ids: Sequence[str]) -> list[Found]:
        """Every document with one of these ids, in any index that matches `pattern`, in no order.

        Dear: refreshes those indices first. At most 10,000 documents for any 100 ids.
        """
        ...

    async def find(self, pattern: str, values: Mapping[str, str | int], until_ms: int, most: int) -> list[Found]:
        """At most `most` documents whose fields have these values, and whose @timestamp is `until_ms` or before.

        Not those of the last moment: a search sees what was written before the index's last refresh.
        """
        ...

    async def newest(self, pattern: str, values: Mapping[str, str | int]) -> int:
        """The latest @timestamp of all documents whose fields have these values, in milliseconds; -1 without any.

        Dear: refreshes those indices first.
        """
        ...

    async def made(self, pattern: str) -> dict[str, int]:
        """When each index that matches `pattern` was made, in milliseconds, by name."""
        ...

    def scan(self, pattern: str, from_ms: int, to_ms: int) -> AsyncIterator[Sequence[Found]]:
        """Every document whose @timestamp is in [from_ms, to_ms), page by page, in no order. Raises ScanLost.

        Dear: refreshes those indices first. What is written meanwhile is not seen.
        """
        ...
