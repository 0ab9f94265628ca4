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
    """Each line of a file in order; `-` is standard input; `.gz` is unpacked. Blocks. Raises OSError, EOFError.

    A line longer than MAX_PAYLOAD_BYTES is cut and the rest of it skipped, so memory stays bounded. A last line without
    a line feed counts as a line.
    """
    source = "stdin" if path == STDIN else f"file:{path.name}"
    with nullcontext(sys.stdin.buffer) if path == STDIN else path.open("rb") as raw:
        file = cast(IO[bytes], gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw)
        # A pipe has no offset: progress then has no total, and the position is only the line number.
        tell = raw.tell if raw.seekable() else lambda: 0
        number = 0
        while payload := _line(file, path):
            number += 1
            yield Received(source, f"line {number}", payload.rstrip(b"\r\n")[: MAX_PAYLOAD_BYTES + 1], tell())


def _line(file: IO[bytes], path: Path) -> bytes:
    """The next line, or its beginning; empty at the end of the file."""
    try:
        payload = rest = file.readline(MAX_PAYLOAD_BYTES + 2)
        if len(payload) > MAX_PAYLOAD_BYTES:
            while rest and not rest.endswith(b"\n"):
                rest = file.readline(1 << 16)
    except zlib.error as error:
        raise OSError(f"{path} is damaged: {error}") from None
    return payload
