"""Follows a growing file like `tail -F`: across rotation and truncation, and resumed at its last position.

A file is recognised by its inode and the digest of its first bytes: inode numbers are reused, and a file may be rotated
by copying and truncating it.
"""

import glob
import hashlib
import logging
import os
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import IO, Final, Literal

import msgspec
from tenacity import Retrying, retry_if_result, wait_exponential

from hashtide.contract.messages import Gap
from hashtide.metrics import producer as metrics
from producers.sources.lines import LineBuffer
from producers.sources.received import Item, Items, Mark, Received

log = logging.getLogger(__name__)

FIRST_LOOK_S: Final = 0.05
LAST_LOOK_S: Final = 1.0
"""Shortest and, while the file is quiet, longest pause before the next look at it."""

_PIECE: Final = 1 << 18
_HEAD: Final = 256
_ROTATED: Final = re.compile(r"[._-][0-9][0-9T:._-]*")  # posts.jsonl.1, posts.jsonl-20260802

Change = Literal["grown", "rotated", "truncated"]


class FilePosition(msgspec.Struct, frozen=True):
    """How far a file has been read; stored between runs."""

    inode: int
    offset: int
    """End of the last line that was returned."""
    head: str
    """Digest of the file's first bytes: as many as were read, at most _HEAD."""
    heard_ms: int
    """When the file was last read from."""

    def is_in(self, file: IO[bytes], *, copied: bool = False) -> bool:
        """Whether the position belongs to this file; with `copied`, also to a copy that starts with the same _HEAD."""
        found = os.fstat(file.fileno())
        if found.st_size < self.offset or _digest(file, self.offset) != self.head:
            return False
        return found.st_ino == self.inode or (copied and self.offset >= _HEAD)


class Followed:
    """One path with a growing file, which other files may replace. `clock_ms` and `sleep` are injected."""

    def __init__(
        self, path: Path, place: FilePosition | None, *, clock_ms: Callable[[], int], sleep: Callable[[float], None]
    ) -> None:
        self._path, self._place = path, place
        self._clock_ms, self._sleep = clock_ms, sleep
        self._source, self._name = f"file:{path.name}", position_name(path)

    def items(self) -> Items:
        """Every line from the last position, or from the start of the file, for ever.

        Starts a new file at the path after the old one is read to its end; an old end without a line feed then counts
        as a line. Blocks, also while there is no file. Raises OSError for a file that cannot be read.
        """
        place, may_have_lost = self._place, True
        while True:
            with self._wait_for_file() as file:
                if place is not None and not place.is_in(file):
                    yield from self._rest_of_rotated(place, may_have_lost)
                    place = None
                place, may_have_lost = yield from self._until_replaced(file, place)

    def _until_replaced(
        self, file: IO[bytes], place: FilePosition | None
    ) -> Generator[Item, None, tuple[FilePosition | None, bool]]:
        """The lines of one file until it is rotated or truncated. Returns the position, if a rotated copy may hold more
        of the file, and whether lines may be lost.
        """
        reader = _Reader(file, place.offset if place else 0)
        while True:
            yield from self._received(reader, reader.lines())
            match self._change(reader):
                case "rotated":
                    self._sleep(LAST_LOOK_S)  # the writer may not have opened the new file yet
                    yield from self._received(reader, reader.lines())
                    yield from self._received(reader, reader.rest())
                    return None, False
                case "truncated":
                    left = reader.place(self._clock_ms())
                    quiet_s = (self._clock_ms() - (reader.heard_ms or 0)) / 1000
                    return left, reader.unfinished or quiet_s <= LAST_LOOK_S

    def _rest_of_rotated(self, place: FilePosition, may_have_lost: bool) -> Items:
        """The unread lines of a file that is no longer at the path, and of its successors, in order."""
        found = False
        for path in self._rotated():
            with path.open("rb") as file:
                if not found and not place.is_in(file, copied=True):
                    continue
                reader = _Reader(file, 0 if found else place.offset)
                found = True
                yield from self._received(reader, reader.lines())
                yield from self._received(reader, reader.rest())
        if not found and may_have_lost:
            log.warning("%s was truncated: some of its lines may not have been read", self._path)
            yield Gap(source=self._source, from_ms=place.heard_ms, to_ms=self._clock_ms(), reason="truncated")

    def _rotated(self) -> list[Path]:
        """Files in the same folder named after the path with a number or a date appended, oldest first."""
        names = self._path.parent.glob(f"{glob.escape(self._path.name)}?*")
        paths = [path for path in names if _ROTATED.fullmatch(path.name.removeprefix(self._path.name))]
        return sorted(paths, key=lambda path: path.stat().st_mtime_ns)

    def _received(self, reader: "_Reader", lines: Iterator[tuple[bytes, int]]) -> Items:
        for line, start in lines:
            reader.heard_ms = self._clock_ms()
            metrics.LAST_PAYLOAD.labels(self._source).set(reader.heard_ms / 1000)
            mark = Mark(self._name, "place", msgspec.to_builtins(reader.place(reader.heard_ms)))
            yield Received(self._source, f"byte {start}", line, mark=mark)

    def _wait_for_file(self) -> IO[bytes]:
        def try_open() -> IO[bytes] | None:
            try:
                return self._path.open("rb")
            except FileNotFoundError:
                return None

        file = self._polling()(try_open)
        assert file is not None
        return file

    def _change(self, reader: "_Reader") -> Change:
        """Block until the file has changed."""
        change = self._polling()(reader.change, self._path)
        assert change is not None
        return change

    def _polling(self) -> Retrying:
        return Retrying(
            retry=retry_if_result(lambda found: found is None),
            wait=wait_exponential(multiplier=FIRST_LOOK_S, max=LAST_LOOK_S),
            sleep=self._sleep,
        )


class _Reader:
    """Reads one open file from an offset, line by line."""

    def __init__(self, file: IO[bytes], offset: int) -> None:
        self._file, self._buffer = file, LineBuffer()
        self._offset = offset
        self._inode = os.fstat(file.fileno()).st_ino
        self._head = ""
        self._head_of = -1
        self.heard_ms: int | None = None
        file.seek(offset)

    def lines(self) -> Iterator[tuple[bytes, int]]:
        """Each complete line, and where it starts."""
        while piece := self._file.read(_PIECE):
            for line, size in self._buffer.feed(piece):
                yield self._advance(line, size)

    def rest(self) -> Iterator[tuple[bytes, int]]:
        """The last line, if it has no line feed."""
        if self.unfinished:
            yield self._advance(*self._buffer.rest())

    @property
    def unfinished(self) -> bool:
        return self._buffer.pending > 0

    def place(self, now_ms: int) -> FilePosition:
        if self._head_of < min(self._offset, _HEAD):
            self._head, self._head_of = _digest(self._file, self._offset), min(self._offset, _HEAD)
        return FilePosition(self._inode, self._offset, self._head, self.heard_ms or now_ms)

    def change(self, path: Path) -> Change | None:
        """How the file has changed since it was read to its end; None if it has not."""
        ours = os.fstat(self._file.fileno())
        read = self._offset + self._buffer.pending
        if ours.st_size < read or (ours.st_size > read and not self.place(0).is_in(self._file)):
            return "truncated"
        if ours.st_size > read:
            return "grown"
        try:
            theirs = path.stat()
        except FileNotFoundError:  # moved away, and no new file yet
            return None
        return None if (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino) else "rotated"

    def _advance(self, line: bytes, size: int) -> tuple[bytes, int]:
        start = self._offset
        self._offset += size
        return line, start


def position_name(path: Path) -> str:
    """The name of a path's position: unique per path, and short enough for a file name."""
    digest = hashlib.blake2b(str(path.absolute()).encode(), digest_size=6).hexdigest()
    return f"file-{path.name[:60]}-{digest}"


def _digest(file: IO[bytes], offset: int) -> str:
    head = os.pread(file.fileno(), min(offset, _HEAD), 0)
    return hashlib.blake2b(head, digest_size=16).hexdigest()
