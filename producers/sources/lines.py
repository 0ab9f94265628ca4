"""Lines out of bytes that come in pieces, with bounded memory."""

from collections.abc import Iterator

from hashtide.contract.bounds import MAX_PAYLOAD_BYTES


class LineBuffer:
    """Cuts a stream of bytes at its line feeds. Carriage returns before them go, too."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._kept = 0
        self.pending = 0
        """Bytes that came behind the last line feed: of a line whose end is still to come."""

    def feed(self, piece: bytes) -> Iterator[tuple[bytes, int]]:
        """Each line that ends in `piece`, and how many bytes it took, its end included.

        Of a line longer than MAX_PAYLOAD_BYTES that and one byte are kept, and the rest is passed over.
        """
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            self._keep(piece[start:end])
            size = self.pending + 1
            line = self._taken()
            yield line, size
            start = end + 1
        if start < len(piece):
            self._keep(piece[start:])

    def rest(self) -> tuple[bytes, int]:
        """What came behind the last line feed, as a line whose end will not come; its size is 0 if nothing did."""
        size = self.pending
        return self._taken(), size

    def _keep(self, part: bytes) -> None:
        self.pending += len(part)
        part = part[: MAX_PAYLOAD_BYTES + 1 - self._kept]
        self._kept += len(part)
        if part:
            self._parts.append(part)

    def _taken(self) -> bytes:
        line = b"".join(self._parts)
        self._parts, self._kept, self.pending = [], 0, 0
        return line.rstrip(b"\r")
