"""The document store interface of the count agent: values in, values out, every call idempotent."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from hashtide.elasticsearch.values import Document, Found, Outcome, Ref


class ScanLost(Exception):
    """The store lost the position of a scan, for example by a restart. Scan again from the beginning."""


class Store(Protocol):
    """A document store. Reads see every acknowledged write.

    Every call waits while the store is down, slow or busy, and returns only with a result for each document, in the
    order given. Callers do not retry. Any call may be cancelled at any time: it is then unknown what was written, and
    the call can be repeated safely.
    """

    async def create(self, documents: Sequence[Document]) -> list[Outcome]:
        """Write documents that must not exist yet; `conflict` for one that exists."""
        ...

    async def put(self, documents: Sequence[Document]) -> list[Outcome]:
        """Write documents with their external version; `conflict` if the stored one has a higher version."""
        ...

    async def amend(self, changes: Sequence[tuple[Found, bytes]]) -> list[Outcome]:
        """Replace documents that did not change since they were read; `conflict` if one was changed or removed."""
        ...

    async def get(self, refs: Sequence[Ref]) -> list[Found | None]:
        """Read documents; None if the document or its index does not exist."""
        ...

    async def locate(self, pattern: str, ids: Sequence[str]) -> list[Found]:
        """Every document with one of these ids, in any index that matches `pattern`, in no order.

        Expensive: refreshes those indices first. At most 10,000 documents for any 100 ids.
        """
        ...

    async def find(self, pattern: str, values: Mapping[str, str | int], until_ms: int, most: int) -> list[Found]:
        """At most `most` documents with these field values and an @timestamp of `until_ms` or earlier.

        Does not see the latest writes: a search sees only what was written before the index's last refresh.
        """
        ...

    async def newest(self, pattern: str, values: Mapping[str, str | int]) -> int:
        """The latest @timestamp of all documents with these field values, in milliseconds; -1 if there is none.

        Expensive: refreshes those indices first.
        """
        ...

    async def made(self, pattern: str) -> dict[str, int]:
        """Creation times of the indices that match `pattern`: name -> milliseconds."""
        ...

    def scan(self, pattern: str, from_ms: int, to_ms: int) -> AsyncIterator[Sequence[Found]]:
        """Every document with an @timestamp in [from_ms, to_ms), page by page, in no order. Raises ScanLost.

        Expensive: refreshes those indices first. Does not see writes made during the scan.
        """
        ...
