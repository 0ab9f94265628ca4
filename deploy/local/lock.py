"""`jars.lock`: which jars the servers are made of, and the checksums that they must have."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from hashtide.errors import HashtideError

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


def format_lock(lock: Iterable[Jar]) -> str:
    """The text of a lock file, which `parse_lock` reads."""
    return HEADER + "".join(f"{jar.server} {jar.coordinate} {jar.file} {jar.sha256} {jar.size}\n" for jar in lock)


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
