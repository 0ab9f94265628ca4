"""The servers' jars: fetched once, checked against `jars.lock`, kept in the user's cache.

Exactly the locked files are fetched, the same at any time. What the servers depend on is resolved by `python -m
deploy.local.jars --relock` only, which maintainers run after they have changed a version in WANTED.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from deploy.local.exclusive import exclusive
from producers.errors import HashtideError

KAFKA_VERSION: Final = "4.3.1"
ELASTICSEARCH_VERSION: Final = "9.5.3"

WANTED: Final = {
    # Kafka logs through slf4j, which needs a backend. "!": the versions that its POM manages are not for Kafka's jars.
    "kafka": (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4!"),
    "elasticsearch": (
        f"org.elasticsearch:elasticsearch:{ELASTICSEARCH_VERSION}",
        f"org.elasticsearch.plugin:transport-netty4:{ELASTICSEARCH_VERSION}",
    ),
}
"""What each server is made of; everything else in the lock follows from it."""

HEADER: Final = "# Made by `python -m deploy.local.jars --relock`. A line: server coordinate file sha256 bytes\n"


class JarsError(HashtideError):
    """The jars can't be had. The message is for people: why, and what to do."""


class Jar(msgspec.Struct, frozen=True):
    """One line of the lock."""

    server: str
    """Which server it belongs to, a key of WANTED."""
    coordinate: str
    """group:artifact:version"""
    file: str
    """Its name in the server's folder: artifact-version.jar"""
    sha256: str
    """In lower-case hexadecimal."""
    size: int
    """Bytes."""


def parse_lock(text: str) -> tuple[Jar, ...]:
    """The jars of a lock file. Raises JarsError, with the line's number, for anything else."""
    return tuple(
        _parse_line(number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    )


def _parse_line(number: int, line: str) -> Jar:
    try:
        server, coordinate, file, sha256, size = line.split()
        _, artifact, version = coordinate.split(":")
        digest = bytes.fromhex(sha256)
        jar = Jar(server, coordinate, file, digest.hex(), int(size))
    except ValueError:
        raise JarsError(f"jars.lock, line {number}: not `server group:artifact:version file sha256 bytes`") from None
    # The file's name becomes a path: it is what follows from the coordinate, or nothing.
    if server not in WANTED or file != f"{artifact}-{version}.jar" or "/" in file or len(digest) != 32 or jar.size < 1:
        raise JarsError(f"jars.lock, line {number}: wrong server, file name, checksum or size")
    return jar


def format_lock(jars: Iterable[Jar]) -> str:
    """The text of a lock file, which `parse_lock` reads."""
    return HEADER + "".join(f"{jar.server} {jar.coordinate} {jar.file} {jar.sha256} {jar.size}\n" for jar in jars)


def cache_root() -> Path:
    """Where jars are kept: `$XDG_CACHE_HOME/hashtide/jars`, `~/.cache` if that is unset (XDG Base Directory)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "hashtide" / "jars"


def fetch() -> Path:
    """The folder with the jars of `jars.lock`: see `fetch_locked`. Raises JarsError."""
    return fetch_locked((files("deploy.local") / "jars.lock").read_text(encoding="utf-8"), cache_root())


def fetch_locked(lock: str, root: Path) -> Path:
    """The folder below `root` with all jars of a lock, one folder in it for each server. Fetches them if need be.

    What is there is checked by names and sizes and needs no network; what is fetched, by sha256 too. Blocks while
    another process fetches. Broken off at any point, it leaves nothing that the next call would take for whole, and
    that call fetches only what is missing. Raises JarsError.
    """
    jars = parse_lock(lock)
    versions = f"kafka-{KAFKA_VERSION}-elasticsearch-{ELASTICSEARCH_VERSION}"
    folder = root / f"{versions}-{hashlib.sha256(lock.encode()).hexdigest()[:8]}"
    if not is_complete(folder, jars):
        try:
            root.mkdir(parents=True, exist_ok=True)
            with exclusive(root / f"{folder.name}.lock"):
                _fetch_all(folder, jars)
        except OSError as error:
            raise JarsError(f"can't keep jars in {root}: {error}. XDG_CACHE_HOME moves it elsewhere.") from error
    return folder


def is_complete(folder: Path, jars: Iterable[Jar]) -> bool:
    """Whether the folder holds these jars, by names and sizes, and no others."""
    there = {(path.parent.name, path.name): path.stat().st_size for path in folder.glob("*/*.jar")}
    return there == {(jar.server, jar.file): jar.size for jar in jars}


def check(path: Path, jar: Jar) -> None:
    """Raises JarsError unless the file is the locked one, to the bit."""
    if (found := sha256(path)) != jar.sha256:
        raise JarsError(
            f"{jar.file} is not the file that this version of Hashtide was made with: its sha256 is {found}, "
            f"and should be {jar.sha256}. The Maven repository, or something on the way to it, gave another file."
        )


def sha256(path: Path) -> str:
    """A file's SHA-256, in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_all(folder: Path, jars: tuple[Jar, ...]) -> None:
    from deploy.local import maven  # half a second to import, and seldom needed

    if is_complete(folder, jars):  # by the process that we waited for
        return
    partial = folder.with_name(f"{folder.name}.partial")
    for jar in jars:
        (partial / jar.server).mkdir(parents=True, exist_ok=True)
    # A jar gets its place there after its check, so what an earlier call left is good.
    missing = [jar for jar in jars if not (partial / jar.server / jar.file).exists()]
    maven.download(missing, partial, sum(jar.size for jar in jars))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


if __name__ == "__main__":
    if sys.argv[1:] != ["--relock"]:
        sys.exit("usage: python -m deploy.local.jars --relock")
    from deploy.local import jars, maven  # this file again, as the module that maven knows

    Path(__file__).with_name("jars.lock").write_text(format_lock(maven.resolve(jars.WANTED)), encoding="utf-8")
