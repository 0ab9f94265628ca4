"""`hashtide key`: what it writes, and that it never shows a key."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hashtide.identity import Keys, fingerprint, ledger_key, load_keys
from hashtide.settings import Common
from operations.cli.key import key

OLD = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "author_key"
    file.write_bytes(OLD + b"\n")
    return file


def typed(file: Path, *words: str, status: int = 0, stdin: str = "") -> Result:
    done = CliRunner().invoke(key, words, env={"HASHTIDE_AUTHOR_KEY_FILE": str(file)}, input=stdin)
    assert done.exit_code == status, done.output
    return done


def keys(file: Path) -> Keys:
    return load_keys(Common(author_key_file=file))


def shows_no_key(output: str, *files: Path) -> None:
    for file in files:
        for each in (keys(file).author, keys(file).ledger, *keys(file).old):
            assert each.hex() not in output
            assert each.decode(errors="ignore") not in output or not each.isascii()


def test_rotates_keys_in_place_and_shows_fingerprints(file: Path) -> None:
    rotated = typed(file, "rotate").output
    assert keys(file).old == (OLD,)
    assert keys(file).ledger == ledger_key(OLD)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644  # unchanged: its readers must keep access
    assert "1 old keys kept" in rotated
    shown = typed(file, "show").output
    lines = [line.split() for line in shown.splitlines()]
    assert lines[0] == [str(file)]
    assert lines[2:] == [
        ["ledger", fingerprint(ledger_key(OLD))],
        ["author", fingerprint(keys(file).author)],
        ["author,", "before", fingerprint(OLD)],
    ]
    shows_no_key(rotated + shown, file)


def test_rotates_keys_from_read_only_place_into_another_file(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "new_key"
    typed(file, "rotate", "--to", str(other))
    assert file.read_bytes() == OLD + b"\n"
    assert keys(other).old == (OLD,)
    assert stat.S_IMODE(other.stat().st_mode) == 0o600
    before = other.read_bytes()
    refused = typed(file, "rotate", "--to", str(other), status=1)
    assert f"{other} already exists" in str(refused.exception)
    assert other.read_bytes() == before


def test_rotation_keeps_symlink(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    typed(link, "rotate")
    assert link.is_symlink()
    assert keys(file).old == (OLD,)


def test_drops_old_keys_after_confirmation(file: Path) -> None:
    assert typed(file, "drop-old").output == "there are no old keys\n"
    typed(file, "rotate")
    typed(file, "rotate")
    newest = keys(file).author
    assert "Drop 2 old keys for good? [y/N]" in typed(file, "drop-old", status=1).output
    assert len(keys(file).old) == 2
    dropped = typed(file, "drop-old", "--yes").output
    assert "2 old keys dropped" in dropped
    assert keys(file) == Keys(newest, (), ledger_key(OLD))
    shows_no_key(dropped, file)


def test_error_names_unwritable_path(file: Path) -> None:
    refused = typed(file, "rotate", "--to", str(file / "below_a_file"), status=1)
    assert f"{file}/below_a_file can't be written (" in str(refused.exception)
    assert "name another file with --to" in str(refused.exception)
    assert file.read_bytes() == OLD + b"\n"
