import os
import re
import stat
import threading
from pathlib import Path

import pytest

from producers.identity import hash_author, load_key
from producers.settings import Common, WrongSetting

OTHER = b"another command was here a moment before"


def test_a_key_is_made_in_the_state_folder_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    key = load_key(Common(state_dir=tmp_path / "deep" / "state"))
    file = tmp_path / "deep" / "state" / "author.key"
    assert re.fullmatch(rb"[0-9a-f]{64}", key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_key_once_made_stays(tmp_path: Path) -> None:
    settings = Common(state_dir=tmp_path)
    assert load_key(settings) == load_key(settings)


def test_two_state_folders_have_two_keys(tmp_path: Path) -> None:
    assert load_key(Common(state_dir=tmp_path / "a")) != load_key(Common(state_dir=tmp_path / "b"))


def test_a_key_file_wins_over_the_state_folder(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(OTHER + b"\n")
    assert load_key(Common(state_dir=tmp_path / "state", author_key_file=file)) == OTHER
    assert not (tmp_path / "state").exists()


def test_of_two_that_make_a_key_at_once_both_use_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def too_late(source: str, target: Path) -> None:
        target.write_bytes(OTHER)
        link(source, target)

    monkeypatch.setattr(os, "link", too_late)
    assert load_key(Common(state_dir=tmp_path)) == OTHER
    assert list(tmp_path.iterdir()) == [tmp_path / "author.key"]


def test_many_that_make_a_key_at_once_all_use_the_same(tmp_path: Path) -> None:
    barrier, keys = threading.Barrier(8), []

    def make() -> None:
        barrier.wait()
        keys.append(load_key(Common(state_dir=tmp_path)))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "author.key"]


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"  " + b"x" * 31 + b"\n\n"])
def test_a_key_that_is_too_short_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(WrongSetting, match=r"HASHTIDE_AUTHOR_KEY_FILE='.*/key': must hold at least 32 bytes"):
        load_key(Common(author_key_file=file))


def test_a_key_of_32_bytes_is_long_enough(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"x" * 32)
    assert load_key(Common(author_key_file=file)) == b"x" * 32


def test_a_key_that_is_made_and_then_cut_is_refused(tmp_path: Path) -> None:
    (tmp_path / "author.key").write_bytes(b"cut")
    with pytest.raises(WrongSetting, match="must hold at least 32 bytes"):
        load_key(Common(state_dir=tmp_path))


def test_a_key_file_that_is_missing_or_unreadable_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match=r"HASHTIDE_AUTHOR_KEY_FILE='.*/none': can't be read: No such file"):
        load_key(Common(author_key_file=tmp_path / "none"))
    with pytest.raises(WrongSetting, match=r"HASHTIDE_AUTHOR_KEY_FILE='.*': can't be read: Is a directory"):
        load_key(Common(author_key_file=tmp_path))


def test_a_state_folder_that_can_not_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WrongSetting, match=r"HASHTIDE_STATE_DIR='.*/file/state': can't be written: Not a directory"):
        load_key(Common(state_dir=tmp_path / "file" / "state"))


def test_a_hash_is_hmac_sha256_of_platform_and_author() -> None:
    """The value is what `printf x:44196397 | openssl dgst -sha256 -hmac KEY` prints."""
    key = b"0123456789abcdef0123456789abcdef"
    assert hash_author(key, "x", "44196397") == "620b69a2bc0f1d7fdc7fc7777139b91ac6545d2222741128c49bfab97c41c30f"
    assert hash_author(key[::-1], "x", "44196397") != hash_author(key, "x", "44196397")
