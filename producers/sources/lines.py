"""Splits pieces of bytes into lines, with bounded memory."""

from collections.abc import Iterator

from hashtide.contract.bounds import MAX_PAYLOAD_BYTES


class LineBuffer:
    """Splits a stream of bytes at line feeds, and removes carriage returns before them."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._kept = 0
        self.pending = 0
        """Bytes after the last line feed: the start of an incomplete line."""

    def feed(self, piece: bytes) -> Iterator[tuple[bytes, int]]:
        """Each line that ends in `piece`, and its size in bytes, line feed included.

        A line longer than MAX_PAYLOAD_BYTES is cut to that and one byte; the rest is skipped.
        """
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            self._keep(piece[start:end])
            size = self.pending + 1
            line = self._take()
            yield line, size
            start = end + 1
        if start < len(piece):
            self._keep(piece[start:])

    def rest(self) -> tuple[bytes, int]:
        """The bytes after the last line feed as a final line, and its size; 0 if there are none."""
        size = self.pending
        return self._take(), size

    def _keep(self, part: bytes) -> None:
        self.pending += len(part)
        part = part[: MAX_PAYLOAD_BYTES + 1 - self._kept]
        self._kept += len(part)
        if part:
            self._parts.append(part)

    def _take(self) -> bytes:
        line = b"".join(self._parts)
        self._parts, self._kept, self.pending = [], 0, 0
        return line.rstrip(b"\r")
