"""The lock file of the servers' jars, and downloads from a local Maven repository."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import pytest

from deploy.local.jars import cache_root, fetch_locked, is_complete
from deploy.local.lock import WANTED, Jar, JarsError, format_lock, parse_lock

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # SHA-256 of b"abc": FIPS 180-2, B.1
DEF = hashlib.sha256(b"defg").hexdigest()
LOCK = f"kafka org.example:one:1.0 one-1.0.jar {ABC} 3\nelasticsearch org.example.more:two:2.1 two-2.1.jar {DEF} 4\n"
JARS = (
    Jar("kafka", "org.example:one:1.0", "one-1.0.jar", ABC, 3),
    Jar("elasticsearch", "org.example.more:two:2.1", "two-2.1.jar", DEF, 4),
)


def test_lock_line_is_server_coordinate_file_checksum_and_size() -> None:
    assert parse_lock(f"# made by hand\n\n{LOCK}") == JARS


def test_lock_round_trips() -> None:
    assert parse_lock(format_lock(JARS)) == JARS


@pytest.mark.parametrize(
    "line",
    [
        "kafka org.example:one:1.0 one-1.0.jar",
        f"kafka org.example:one:1.0 one-1.0.jar {ABC} three",
        f"kafka org.example:one one-1.0.jar {ABC} 3",
        f"kafka org.example:one:1.0 one-1.0.jar {ABC[:-2]} 3",
        f"kafka org.example:one:1.0 one-1.0.jar {'x' * 64} 3",
        f"kafka org.example:one:1.0 one-1.0.jar {ABC} 0",
        f"kafka org.example:one:1.0 two-1.0.jar {ABC} 3",
        f"kafka org.example:../one:1.0 ../one-1.0.jar {ABC} 3",
        f"zookeeper org.example:one:1.0 one-1.0.jar {ABC} 3",
    ],
)
def test_error_names_invalid_lock_line_by_number(line: str) -> None:
    with pytest.raises(JarsError, match=r"jars\.lock, line 2: "):
        parse_lock(f"# made by hand\n{line}\n")


def test_shipped_lock_has_jars_of_each_server() -> None:
    jars = parse_lock((files("deploy.local") / "jars.lock").read_text())
    for server, coordinates in WANTED.items():
        locked = {jar.coordinate for jar in jars if jar.server == server}
        assert {coordinate.rstrip("!") for coordinate in coordinates} <= locked


def test_folder_is_complete_with_exactly_the_locked_jars_and_sizes(tmp_path: Path) -> None:
    assert not is_complete(tmp_path, JARS)
    put(tmp_path / "kafka" / "one-1.0.jar", b"abc")
    assert not is_complete(tmp_path, JARS)
    put(tmp_path / "elasticsearch" / "two-2.1.jar", b"defg")
    assert is_complete(tmp_path, JARS)
    put(tmp_path / "kafka" / "old-0.9.jar", b"old")
    assert not is_complete(tmp_path, JARS)
    (tmp_path / "kafka" / "old-0.9.jar").unlink()
    put(tmp_path / "elasticsearch" / "two-2.1.jar", b"def")
    assert not is_complete(tmp_path, JARS)


def test_cache_is_in_xdg_cache_home_unless_relative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/ada")
    assert cache_root() == Path("/var/cache/ada/hashtide/jars")
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert cache_root() == Path("/home/ada/.cache/hashtide/jars")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == Path("/home/ada/.cache/hashtide/jars")


class Mirror:
    """A local Maven repository, configured as jgo's mirror of central."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.address = address
        self.asked: list[str] = []

    def publish(self, one: bytes, two: bytes) -> None:
        put(self.folder / "org" / "example" / "one" / "1.0" / "one-1.0.jar", one)
        put(self.folder / "org" / "example" / "more" / "two" / "2.1" / "two-2.1.jar", two)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    folder = tmp_path / "repository"
    folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            if self.path.endswith(".jar"):
                here.asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        here = Mirror(folder, f"http://127.0.0.1:{server.server_address[1]}")
        (tmp_path / "jgo.conf").write_text(f"[repositories]\ncentral = {here.address}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        threading.Thread(target=server.serve_forever).start()
        yield here
        server.shutdown()


def test_downloads_jars_once_from_mirror_and_writes_nothing_to_home_folder(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(b"abc", b"defg")
    folder = fetch_locked(LOCK, tmp_path / "cache")
    assert (folder / "kafka" / "one-1.0.jar").read_bytes() == b"abc"
    assert (folder / "elasticsearch" / "two-2.1.jar").read_bytes() == b"defg"
    assert fetch_locked(LOCK, tmp_path / "cache") == folder
    assert sorted(mirror.asked) == ["/org/example/more/two/2.1/two-2.1.jar", "/org/example/one/1.0/one-1.0.jar"]
    assert not (tmp_path / "home").exists()


def test_refuses_jar_with_wrong_checksum_and_does_not_cache_it(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(b"abc", b"evil")
    with pytest.raises(JarsError, match=r"two-2\.1\.jar is not the file that this version of Hashtide needs"):
        fetch_locked(LOCK, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("two-2.1.jar"))


def test_downloads_only_missing_jars_after_failed_fetch(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(b"abc", b"evil")
    with pytest.raises(JarsError):
        fetch_locked(LOCK, tmp_path / "cache")
    mirror.publish(b"not asked for again", b"defg")
    mirror.asked.clear()
    folder = fetch_locked(LOCK, tmp_path / "cache")
    assert is_complete(folder, JARS)
    assert mirror.asked == ["/org/example/more/two/2.1/two-2.1.jar"]


def test_downloads_damaged_cache_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(b"abc", b"defg")
    folder = fetch_locked(LOCK, tmp_path / "cache")
    put(folder / "kafka" / "one-1.0.jar", b"")
    fetch_locked(LOCK, tmp_path / "cache")
    assert is_complete(folder, JARS)


def test_error_without_network_has_a_remedy(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "jgo.conf").write_text("[repositories]\ncentral = http://127.0.0.1:1\n")
    with pytest.raises(JarsError, match=r"(?s)can't download .*\.jar: .*set a mirror in jgo's configuration file"):
        fetch_locked(LOCK, tmp_path / "cache")


def test_error_names_broken_jgo_configuration(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "jgo.conf").write_text("central = nowhere\n")
    with pytest.raises(JarsError, match="can't read jgo's configuration file"):
        fetch_locked(LOCK, tmp_path / "cache")


def test_error_names_unwritable_cache(tmp_path: Path) -> None:
    put(tmp_path / "file", b"")
    with pytest.raises(JarsError, match=r"can't store jars in .*file/cache: .* Set XDG_CACHE_HOME to another folder"):
        fetch_locked(LOCK, tmp_path / "file" / "cache")


def test_concurrent_fetches_succeed_with_one_download(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(b"abc", b"defg")
    folders: list[Path] = []
    threads = [
        threading.Thread(target=lambda: folders.append(fetch_locked(LOCK, tmp_path / "cache"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 2 and is_complete(folders[0], JARS)
    assert len(mirror.asked) == 2


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
