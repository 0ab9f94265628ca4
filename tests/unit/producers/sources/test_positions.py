import json
from pathlib import Path

import pytest

from producers.sources.positions import Checkpoints, Positions
from producers.sources.received import Mark, Received
from tests.unit.producers.sources.fakes import Clock, Collecting


def test_next_run_loads_saved_positions(tmp_path: Path) -> None:
    positions = Positions(tmp_path)
    positions.note(Mark("mastodon-a.example", "hashtag:x", {"id": "9"}))
    positions.note(Mark("mastodon-a.example", "public", {"id": "7"}))
    positions.note(Mark("mastodon-a.example", "public", {"id": "8"}))
    positions.save()
    later = Positions(tmp_path)
    assert later.load("mastodon-a.example", "hashtag:x", dict[str, str]) == {"id": "9"}
    assert later.load("mastodon-a.example", "public", dict[str, str]) == {"id": "8"}
    assert later.load("mastodon-a.example", "another", dict[str, str]) is None


def test_save_keeps_other_positions(tmp_path: Path) -> None:
    first = Positions(tmp_path)
    first.note(Mark("m", "one", 1))
    first.save()
    second = Positions(tmp_path)
    assert second.load("m", "one", int) == 1
    second.note(Mark("m", "two", 2))
    second.save()
    third = Positions(tmp_path)
    assert (third.load("m", "one", int), third.load("m", "two", int)) == (1, 2)


def test_file_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    positions = Positions(tmp_path)
    positions.note(Mark("../../etc/x", "k", 1))
    positions.save()
    assert [path.name for path in (tmp_path / "positions").iterdir()] == ["..%2F..%2Fetc%2Fx.json"]


@pytest.mark.parametrize("damaged", [b"", b'{"a": ', b"[1]", b"\xff\xfe", b'{"heard_ms": "late"}'])
def test_ignores_damaged_file(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "positions").mkdir()
    (tmp_path / "positions" / "x.json").write_bytes(damaged)
    assert Positions(tmp_path).load("x", "heard_ms", int) is None


def test_saves_positions_every_second_after_flush(tmp_path: Path) -> None:
    clock, kafka = Clock(), Collecting()
    file = tmp_path / "positions" / "jetstream.json"
    seen_at_flush: list[bool] = []

    def flush() -> None:
        kafka.flush()
        seen_at_flush.append(file.exists() and json.loads(file.read_bytes()) == {"cursor_us": 2})

    checkpoints = Checkpoints(flush, Positions(tmp_path), clock.monotonic)
    checkpoints.passed(Received("jetstream", "", b"", mark=Mark("jetstream", "cursor_us", 1)))
    clock.now_ms += 999
    checkpoints.passed(Received("jetstream", "", b"", mark=Mark("jetstream", "cursor_us", 2)))
    assert (kafka.flushed, file.exists()) == (0, False)
    clock.now_ms += 1
    checkpoints.passed(None)
    assert (kafka.flushed, seen_at_flush, json.loads(file.read_bytes())) == (1, [False], {"cursor_us": 2})


def test_does_not_flush_without_new_positions(tmp_path: Path) -> None:
    clock, kafka = Clock(), Collecting()
    checkpoints = Checkpoints(kafka.flush, Positions(tmp_path), clock.monotonic)
    for _ in range(5):
        clock.now_ms += 1_000
        checkpoints.passed(None)
    assert kafka.flushed == 0
