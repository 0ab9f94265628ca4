import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hashtide.contract.bounds import MAX_PAYLOAD_BYTES
from hashtide.contract.messages import Gap
from producers.sources.follow import FilePosition, Followed, position_name
from producers.sources.received import Received
from tests.unit.producers.sources.fakes import AUGUST_MS, Clock


class Quiet(Exception):
    """The test has no more events."""


class Following:
    """A follower that runs one `then` event per sleep; after the last event, a sleep raises Quiet."""

    def __init__(self, path: Path, place: FilePosition | None = None) -> None:
        self.clock = Clock()
        self.lines: list[bytes] = []
        self.gaps: list[Gap] = []
        self.place = place
        self._path = path
        self._events: list[Callable[[], object]] = []

    def then(self, event: Callable[[], object], *, quiet_s: float = 0.0) -> "Following":
        """Add an event for the next sleep, after `quiet_s` seconds without events."""

        def happens() -> None:
            self.clock.now_ms += round(quiet_s * 1000)
            event()

        self._events.append(happens)
        return self

    def run(self) -> "Following":
        followed = Followed(self._path, self.place, clock_ms=self.clock, sleep=self._sleep)
        with pytest.raises(Quiet):
            for item in followed.items():
                if isinstance(item, Received):
                    assert item.mark is not None
                    self.lines.append(item.payload)
                    self.place = msgspec.convert(item.mark.value, FilePosition)
                else:
                    assert isinstance(item, Gap)
                    self.gaps.append(item)
        return self

    def _sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        if not self._events:
            raise Quiet
        self._events.pop(0)()


def appended(path: Path, data: bytes) -> Callable[[], object]:
    def append() -> None:
        with path.open("ab") as file:
            file.write(data)

    return append


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"one\r\ntwo\n")
    return path


def test_returns_lines_as_they_are_written(path: Path) -> None:
    follow = Following(path).then(appended(path, b"three\nfour\n")).then(lambda: None).then(appended(path, b"five\n"))
    assert follow.run().lines == [b"one", b"two", b"three", b"four", b"five"]
    assert follow.gaps == []


def test_waits_for_end_of_partial_line(path: Path) -> None:
    follow = Following(path).then(appended(path, b"thr")).then(appended(path, b"ee\nfo"))
    assert follow.run().lines == [b"one", b"two", b"three"]


def test_polls_quiet_file_less_often_down_to_once_a_second(path: Path) -> None:
    follow = Following(path)
    for _ in range(6):
        follow.then(lambda: None)
    assert follow.run().clock.slept == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_waits_for_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "later.jsonl"
    assert Following(path).then(lambda: path.write_bytes(b"one\n")).run().lines == [b"one"]


def test_reads_rotated_file_to_its_end_before_the_new_one(path: Path) -> None:
    old = path.with_name("posts.jsonl.1")

    def rotate() -> None:
        path.rename(old)
        path.write_bytes(b"new\n")

    follow = Following(path).then(rotate).then(appended(old, b"late\nlast without end"))
    assert follow.run().lines == [b"one", b"two", b"late", b"last without end", b"new"]
    assert follow.gaps == []


def test_reads_moved_file_until_a_new_one_exists(path: Path) -> None:
    old = path.with_name("posts.jsonl.1")
    follow = Following(path).then(lambda: path.rename(old)).then(appended(old, b"three\n"))
    follow.then(lambda: path.write_bytes(b"new\n")).then(lambda: None)
    assert follow.run().lines == [b"one", b"two", b"three", b"new"]


def test_truncation_of_fully_read_quiet_file_is_not_a_gap(path: Path) -> None:
    follow = Following(path).then(lambda: path.write_bytes(b"3\n"), quiet_s=5)
    assert follow.run().lines == [b"one", b"two", b"3"]
    assert follow.gaps == []


def test_truncation_within_a_line_is_a_gap(path: Path) -> None:
    follow = Following(path).then(appended(path, b"half a")).then(lambda: path.write_bytes(b"3\n"), quiet_s=5)
    assert follow.run().lines == [b"one", b"two", b"3"]
    [gap] = follow.gaps
    assert (gap.source, gap.reason, gap.from_ms) == ("file:posts.jsonl", "truncated", AUGUST_MS)


def test_truncation_during_writes_is_a_gap(path: Path) -> None:
    follow = Following(path).then(lambda: path.write_bytes(b"3\n"))
    assert follow.run().lines == [b"one", b"two", b"3"]
    assert [gap.reason for gap in follow.gaps] == ["truncated"]


def test_detects_overwritten_longer_file_by_its_first_bytes(path: Path) -> None:
    follow = Following(path).then(lambda: path.write_bytes(b"other content, and more of it\n"), quiet_s=5)
    assert follow.run().lines == [b"one", b"two", b"other content, and more of it"]


def test_reads_rest_of_copytruncated_file_from_the_copy(tmp_path: Path) -> None:
    path, copy = tmp_path / "posts.jsonl", tmp_path / "posts.jsonl-20260801"
    path.write_bytes(b"x" * 300 + b"\n")

    def copy_and_cut() -> None:
        copy.write_bytes(path.read_bytes() + b"written in between\n")
        path.write_bytes(b"new\n")

    follow = Following(path).then(copy_and_cut)
    assert follow.run().lines == [b"x" * 300, b"written in between", b"new"]
    assert follow.gaps == []


def test_next_run_resumes_at_last_position(path: Path) -> None:
    first = Following(path).then(appended(path, b"three\nfo")).run()
    appended(path, b"ur\n")()
    assert Following(path, first.place).run().lines == [b"four"]


def test_reads_files_rotated_between_runs_first(path: Path) -> None:
    first = Following(path).run()
    appended(path, b"three\n")()
    path.rename(path.with_name("posts.jsonl.2"))
    path.with_name("posts.jsonl.1").write_bytes(b"four\n")
    path.with_name("posts.jsonl.bak").write_bytes(b"not ours\n")
    path.with_name("posts.jsonl.0").write_bytes(b"from long before\n")
    os.utime(path.with_name("posts.jsonl.0"), (1, 1))
    os.utime(path.with_name("posts.jsonl.2"), (10, 10))
    path.write_bytes(b"five\n")
    second = Following(path, first.place).run()
    assert second.lines == [b"three", b"four", b"five"]
    assert second.gaps == []


def test_file_deleted_between_runs_is_a_gap_since_last_read(path: Path) -> None:
    first = Following(path).run()
    path.unlink()
    path.write_bytes(b"new\n")
    second = Following(path, first.place)
    second.clock.now_ms = AUGUST_MS + 60_000
    assert second.run().lines == [b"new"]
    assert second.gaps == [
        Gap(source="file:posts.jsonl", from_ms=AUGUST_MS, to_ms=AUGUST_MS + 60_000, reason="truncated")
    ]


def test_truncates_too_long_line_and_continues_with_next(path: Path) -> None:
    path.write_bytes(b"x" * (MAX_PAYLOAD_BYTES + 500_000) + b"\nok\n")
    first, second = Following(path).run().lines
    assert (len(first), second) == (MAX_PAYLOAD_BYTES + 1, b"ok")


def test_each_path_has_its_own_position(tmp_path: Path) -> None:
    one, other = position_name(tmp_path / "a" / "posts.jsonl"), position_name(tmp_path / "b" / "posts.jsonl")
    assert one != other
    assert one.startswith("file-posts.jsonl-")
    assert len(position_name(tmp_path / ("x" * 255))) < 100
