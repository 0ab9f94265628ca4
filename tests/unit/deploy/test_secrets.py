"""`make secrets`: random, readable by the owner only, created once."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

from tests.conftest import needs
from tests.paths import ROOT
from tests.unit.deploy.compose import loaded

YOURS = {"slack-url", "smtp-password", "webhook-token"}
"""Filled in by the operator and read by Alertmanager's own user: only the folder's mode protects them."""
HEX_24 = re.compile(r"[0-9a-f]{48}\n")


def make(folder: Path) -> str:
    script = ROOT / "deploy/docker/make-secrets"
    return subprocess.run([script, folder], check=True, capture_output=True, text=True).stdout


def test_owner_is_not_root_and_only_owner_can_read(made: Path) -> None:
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {path.name for path in made.iterdir() if stat.S_IMODE(path.stat().st_mode) != 0o600} == YOURS
    assert {stat.S_IMODE((made / name).stat().st_mode) for name in YOURS} == {0o644}
    assert {path.stat().st_uid for path in made.iterdir()} == {os.getuid() or 1000}


def test_passwords_are_long_and_distinct(made: Path) -> None:
    passwords = [path.read_text() for path in made.glob("*_password")]
    assert len(passwords) == 6
    assert all(HEX_24.fullmatch(password) for password in passwords)
    assert len(set(passwords)) == 6
    assert re.fullmatch(r"[0-9a-f]{64}\n", (made / "author_key").read_text())


def test_kibana_has_its_password_and_keys(made: Path) -> None:
    kibana = loaded(made / "kibana.yml")
    assert kibana.pop("elasticsearch.username") == "kibana_system"
    assert kibana.pop("elasticsearch.password") == (made / "kibana_password").read_text().strip()
    assert sorted(kibana) == [
        "xpack.encryptedSavedObjects.encryptionKey",
        "xpack.reporting.encryptionKey",
        "xpack.security.encryptionKey",
    ]
    assert len(set(kibana.values())) == 3
    assert {len(value) for value in kibana.values()} == {64}


def test_certificate_is_for_elasticsearch_and_signed_by_our_ca(made: Path) -> None:
    openssl = needs("openssl")

    def run(*words: str) -> str:
        return subprocess.run([openssl, *words], check=True, capture_output=True, text=True, cwd=made).stdout

    assert run("verify", "-x509_strict", "-CAfile", "ca.crt", "elasticsearch.crt") == "elasticsearch.crt: OK\n"
    for name in ("elasticsearch", "localhost"):
        assert "does match" in run("x509", "-in", "elasticsearch.crt", "-noout", "-checkhost", name)
    assert "does NOT match" in run("x509", "-in", "elasticsearch.crt", "-noout", "-checkhost", "kibana")
    assert (made / "elasticsearch.key").read_text().startswith("-----BEGIN PRIVATE KEY-----")  # PKCS #8


def test_keeps_existing_files_and_creates_missing_ones(tmp_path: Path) -> None:
    needs("openssl")
    folder = tmp_path / "with a space" / "secrets"
    first = make(folder)
    assert first.count("made ") == 15
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert "made " not in make(folder)
    (folder / "hashtide_watch_password").unlink()
    assert re.findall("made (.*)", make(folder)) == ["hashtide_watch_password"]
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert before.pop("hashtide_watch_password") != after.pop("hashtide_watch_password")
    assert before == after


def test_writes_owner_to_env_file_once(tmp_path: Path) -> None:
    """The script writes to its own repository: so run a copy of it."""
    needs("openssl")
    script = tmp_path / "deploy/docker/make-secrets"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "deploy/docker/make-secrets", script)
    (tmp_path / ".env").write_text("PARTITIONS=8")
    for _ in range(2):
        subprocess.run([script], check=True, capture_output=True)
        assert (tmp_path / ".env").read_text() == f"PARTITIONS=8\nSECRETS_OWNER={os.getuid() or 1000}\n"
    assert (tmp_path / "secrets/elastic_password").is_file()


def test_prints_no_secret(tmp_path: Path) -> None:
    needs("openssl")
    said = make(tmp_path / "secrets")
    assert not [path for path in (tmp_path / "secrets").iterdir() if path.read_text().splitlines()[0] in said]
    assert len(list((tmp_path / "secrets").iterdir())) == 15
    assert re.search(r"[0-9a-f]{48}", said) is None


def test_secrets_are_excluded_from_repository_and_image() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/secrets/", "/.env"} <= set(ignored)
    first, *kept = [
        line for line in (ROOT / "deploy/docker/Dockerfile.dockerignore").read_text().splitlines() if line[:1] != "#"
    ]
    assert first == "*"
    assert not {"!secrets", "!.env", "!.git", "!tests"} & set(kept)
