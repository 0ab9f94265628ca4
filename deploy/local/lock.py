"""`jars.lock`: the servers' jars and their checksums."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from hashtide.errors import HashtideError

KAFKA_VERSION: Final = "4.3.1"
ELASTICSEARCH_VERSION: Final = "9.5.3"

WANTED: Final = {
    # Kafka logs through slf4j, which needs a backend. "!": versions managed by its POM do not apply to Kafka's jars.
    "kafka": (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4!"),
    "elasticsearch": (
        f"org.elasticsearch:elasticsearch:{ELASTICSEARCH_VERSION}",
        f"org.elasticsearch.plugin:transport-netty4:{ELASTICSEARCH_VERSION}",
    ),
}
"""The main jars of each server. All other jars in the lock are their dependencies."""

HEADER: Final = "# Made by `python -m deploy.local.jars --relock`. A line: server coordinate file sha256 bytes\n"


class JarsError(HashtideError):
    """The jars cannot be downloaded, stored or checked. The message gives the reason and the remedy."""


class Jar(msgspec.Struct, frozen=True):
    """One line of the lock."""

    server: str
    """The server it belongs to: a key of WANTED."""
    coordinate: str
    """group:artifact:version"""
    file: str
    """Its file name in the server's folder: artifact-version.jar"""
    sha256: str
    """Lower-case hexadecimal."""
    size: int
    """Bytes."""


def parse_lock(text: str) -> tuple[Jar, ...]:
    """The jars of a lock file. Raises JarsError, with the line number, if it is not valid."""
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
    # The file name becomes a path, so it must match the coordinate.
    if server not in WANTED or file != f"{artifact}-{version}.jar" or "/" in file or len(digest) != 32 or jar.size < 1:
        raise JarsError(f"jars.lock, line {number}: wrong server, file name, checksum or size")
    return jar


def format_lock(lock: Iterable[Jar]) -> str:
    """The content of a lock file, for `parse_lock`."""
    return HEADER + "".join(f"{jar.server} {jar.coordinate} {jar.file} {jar.sha256} {jar.size}\n" for jar in lock)


def check(path: Path, jar: Jar) -> None:
    """Raise JarsError unless the file has the locked checksum. Reads the file."""
    if (found := sha256(path)) != jar.sha256:
        raise JarsError(
            f"{jar.file} is not the file that this version of Hashtide needs: its sha256 is {found}, "
            f"but must be {jar.sha256}. The Maven repository, or a proxy or mirror, delivered another file."
        )


def sha256(path: Path) -> str:
    """A file's SHA-256, in lower-case hexadecimal. Reads the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
