import os
import re
import stat
import threading
from pathlib import Path

import pytest

from hashtide.identity import Keys, Pseudonyms, hash_author, ledger_key, load_keys, save, written
from hashtide.settings import Common, WrongSetting

OTHER = b"another command was here a moment before"


def test_creates_key_in_state_folder_readable_by_owner_only(tmp_path: Path) -> None:
    key = load_keys(Common(state_dir=tmp_path / "deep" / "state")).author
    file = tmp_path / "deep" / "state" / "author.key"
    assert re.fullmatch(rb"[0-9a-f]{64}", key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_existing_key_is_reused(tmp_path: Path) -> None:
    settings = Common(state_dir=tmp_path)
    assert load_keys(settings) == load_keys(settings)


def test_each_state_folder_has_its_own_key(tmp_path: Path) -> None:
    assert load_keys(Common(state_dir=tmp_path / "a")) != load_keys(Common(state_dir=tmp_path / "b"))


def test_key_file_takes_precedence_over_state_folder(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(OTHER + b"\n")
    assert load_keys(Common(state_dir=tmp_path / "state", author_key_file=file)) == Keys(OTHER)
    assert not (tmp_path / "state").exists()


def test_two_processes_creating_a_key_use_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def too_late(source: str, target: Path) -> None:
        target.write_bytes(OTHER)
        link(source, target)

    monkeypatch.setattr(os, "link", too_late)
    assert load_keys(Common(state_dir=tmp_path)).author == OTHER
    assert list(tmp_path.iterdir()) == [tmp_path / "author.key"]


def test_many_processes_creating_a_key_use_the_same(tmp_path: Path) -> None:
    barrier, keys = threading.Barrier(8), []

    def make() -> None:
        barrier.wait()
        keys.append(load_keys(Common(state_dir=tmp_path)))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "author.key"]


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"  " + b"x" * 31 + b"\n\n"])
def test_refuses_short_key_and_names_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(WrongSetting, match=r"HASHTIDE_AUTHOR_KEY_FILE='.*/key': must hold at least 32 bytes"):
        load_keys(Common(author_key_file=file))


def test_accepts_key_of_32_bytes(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"x" * 32)
    assert load_keys(Common(author_key_file=file)).author == b"x" * 32


def test_refuses_created_key_that_was_truncated(tmp_path: Path) -> None:
    (tmp_path / "author.key").write_bytes(b"cut")
    with pytest.raises(WrongSetting, match="must hold at least 32 bytes"):
        load_keys(Common(state_dir=tmp_path))


def test_error_names_missing_or_unreadable_key_file(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match=r"HASHTIDE_AUTHOR_KEY_FILE='.*/none': can't be read: No such file"):
        load_keys(Common(author_key_file=tmp_path / "none"))
    with pytest.raises(WrongSetting, match=r"HASHTIDE_AUTHOR_KEY_FILE='.*': can't be read: Is a directory"):
        load_keys(Common(author_key_file=tmp_path))


def test_error_names_state_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WrongSetting, match=r"HASHTIDE_STATE_DIR='.*/file/state': can't be written: Not a directory"):
        load_keys(Common(state_dir=tmp_path / "file" / "state"))


def test_hash_is_hmac_sha256_of_platform_and_author() -> None:
    """The value is what `printf x:44196397 | openssl dgst -sha256 -hmac KEY` prints."""
    key = b"0123456789abcdef0123456789abcdef"
    assert hash_author(key, "x", "44196397") == "620b69a2bc0f1d7fdc7fc7777139b91ac6545d2222741128c49bfab97c41c30f"
    assert hash_author(key[::-1], "x", "44196397") != hash_author(key, "x", "44196397")


ROTATED = """\
# Hashtide's keys: the same file for every producer and worker; share it with nobody else. See docs/privacy.md.
# Hashes post ids. Never change it: the ledger recognises posts by it.
ledger = "0202020202020202020202020202020202020202020202020202020202020202"
# The first key hashes author ids; `hashtide forget` also searches with the others.
author = [
    "0101010101010101010101010101010101010101010101010101010101010101",
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0a",
]
"""


def test_file_of_several_keys_round_trips(tmp_path: Path) -> None:
    keys = Keys(b"\x01" * 32, (bytes(range(32)) + b"\n",), b"\x02" * 32)
    assert written(keys) == ROTATED
    (tmp_path / "author.key").write_text(ROTATED)
    assert load_keys(Common(state_dir=tmp_path)) == keys
    assert (repr(keys), str(keys), f"{keys}") == ("Keys(***)",) * 3


def test_rotation_adds_author_key_keeps_old_one_and_ledger_key() -> None:
    once = Keys(OTHER).rotated()
    assert once.ledger == Keys(OTHER).ledger == ledger_key(OTHER)
    assert once.old == (OTHER,)
    assert len(once.author) == 32
    again = once.rotated()
    assert (again.ledger, again.old) == (once.ledger, (once.author, OTHER))
    assert len({OTHER, once.author, again.author, again.ledger}) == 4
    assert again.without_old() == Keys(again.author, (), once.ledger)


def test_plain_file_of_several_lines_is_one_key(tmp_path: Path) -> None:
    """Key files from before the format with several keys stay valid."""
    file = tmp_path / "key"
    file.write_bytes(b"a" * 32 + b"\n" + b"b" * 32 + b"\n")
    assert load_keys(Common(author_key_file=file)) == Keys(b"a" * 32 + b"\n" + b"b" * 32)


@pytest.mark.parametrize(
    "changed",
    [
        ROTATED.replace("author = [", "author = ["[:-1]),
        ROTATED.replace('"0101', '"01'),
        ROTATED.replace('"0202', '"zz02'),
        ROTATED.replace("ledger = ", "lodger = "),
        ROTATED.partition("author = ")[0] + "author = []\n",
        ROTATED + 'old = "0101"\n',
    ],
)
def test_refuses_damaged_key_file_without_showing_it(tmp_path: Path, changed: str) -> None:
    (tmp_path / "key").write_text(changed)
    with pytest.raises(WrongSetting, match=r"/key': is damaged: ") as raised:
        load_keys(Common(author_key_file=tmp_path / "key"))
    assert "01010101" not in str(raised.value)
    assert "02020202" not in str(raised.value)


def test_replaces_key_file_atomically_and_keeps_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("old")
    file.chmod(0o640)
    assert save(file, "new", replace=True)
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o640)
    assert not save(file, "newer", replace=False)
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_hides_ids_that_are_addresses_only() -> None:
    names = Pseudonyms(Keys(b"0123456789abcdef0123456789abcdef"))
    address = "at://did:plc:ines0000000000000000000/app.bsky.feed.post/3mptbyoeyc22k"
    hidden = names.post("bluesky", address)
    assert hidden == "~ea9fd7c0cb26add0e4ea2417905a1ebb"
    assert names.post("bluesky", hidden) == hidden
    assert names.post("mastodon", address) != hidden
    assert names.post("x", "919659438700670976") == "919659438700670976"


def test_rotation_changes_author_hash_but_not_hidden_id() -> None:
    keys = Keys(OTHER)
    before, after = Pseudonyms(keys), Pseudonyms(keys.rotated())
    assert before.post("mastodon", "https://first.example/1") == after.post("mastodon", "https://first.example/1")
    assert before.author("x", "44196397") != after.author("x", "44196397")
