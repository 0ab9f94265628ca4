"""Lines of files, gzipped files and standard input."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, cast

from hashtide.contract.bounds import MAX_PAYLOAD_BYTES
from producers.sources.received import Received

STDIN = Path("-")


def lines(path: Path) -> Iterator[Received]:
    """Each line of a file in order, `-` for standard input, `.gz` unpacked. Blocks. Raises OSError, EOFError.

    A line longer than MAX_PAYLOAD_BYTES is cut there and the rest of it is skipped, so memory stays bounded. A last
    line without its end is a line like the others.
    """
    source = "stdin" if path == STDIN else f"file:{path.name}"
    with nullcontext(sys.stdin.buffer) if path == STDIN else path.open("rb") as raw:
        file = cast(IO[bytes], gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw)
        # Where a pipe can't tell, progress has no total, and position is the line's number alone.
        tell = raw.tell if raw.seekable() else lambda: 0
        number = 0
        while payload := _line(file, path):
            number += 1
            yield Received(source, f"line {number}", payload.rstrip(b"\r\n")[: MAX_PAYLOAD_BYTES + 1], tell())


def _line(file: IO[bytes], path: Path) -> bytes:
    """The next line, or its beginning; nothing at the end."""
    try:
        payload = rest = file.readline(MAX_PAYLOAD_BYTES + 2)
        if len(payload) > MAX_PAYLOAD_BYTES:
            while rest and not rest.endswith(b"\n"):
                rest = file.readline(1 << 16)
    except zlib.error as error:
        raise OSError(f"{path} is damaged: {error}") from None
    return payload
