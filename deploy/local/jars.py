"""The servers' jars: fetched once, checked against `jars.lock`, kept in the user's cache.

jgo fetches them, in pure Python, from the Maven repositories that it is set up for: its configuration file's
`[repositories]` section is where a mirror goes (`central = URL`). Exactly the locked files are fetched; resolving
happens only in `python -m deploy.local.jars --relock`, after a version below was changed.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec
from jgo.config import GlobalSettings
from jgo.maven import MavenContext, PythonResolver
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from deploy.local.progress import progress_bar

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

AT_ONCE: Final = 8  # downloads in parallel
TIMEOUT_S: Final = 30
HEADER: Final = "# Made by `python -m deploy.local.jars --relock`. A line: server coordinate file sha256 bytes\n"


class JarsError(RuntimeError):
    """The jars can't be had. The message says why and what to do."""


class Jar(msgspec.Struct, frozen=True):
    """One line of the lock."""

    server: str
    """Which server it belongs to, a key of WANTED."""
    coordinate: str
    """group:artifact:version"""
    file: str
    """Its name in the server's folder: artifact-version.jar"""
    sha256: str
    size: int
    """Bytes."""


def parse_lock(text: str) -> tuple[Jar, ...]:
    """The jars of a lock file. Raises JarsError, with the line's number, for anything else."""
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            server, coordinate, file, sha256, size = line.split()
            _, artifact, version = coordinate.split(":")
            well_formed = server in WANTED and len(bytes.fromhex(sha256)) == 32 and int(size) > 0
        except ValueError:
            raise JarsError(
                f"jars.lock, line {number}: not `server group:artifact:version file sha256 bytes`"
            ) from None
        if not well_formed or file != f"{artifact}-{version}.jar" or "/" in file:
            raise JarsError(f"jars.lock, line {number}: wrong server, file name, checksum or size")
        jars.append(Jar(server, coordinate, file, sha256, int(size)))
    return tuple(jars)


def format_lock(jars: tuple[Jar, ...]) -> str:
    """The text of a lock file, which `parse_lock` reads."""
    return HEADER + "".join(f"{jar.server} {jar.coordinate} {jar.file} {jar.sha256} {jar.size}\n" for jar in jars)


def cache_root() -> Path:
    """Where jars are kept: `$XDG_CACHE_HOME/hashtide/jars`, by default below `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hashtide" / "jars"


def fetch() -> Path:
    """The folder with all locked jars, in one folder for each server; fetched if they are not there yet.

    Blocks while another process fetches them. What is there is checked by names and sizes, what is fetched by sha256
    too. Retries each jar three times. Raises JarsError.
    """
    lock = (files("deploy.local") / "jars.lock").read_text()
    jars = parse_lock(lock)
    key = f"kafka-{KAFKA_VERSION}-elasticsearch-{ELASTICSEARCH_VERSION}-{hashlib.sha256(lock.encode()).hexdigest()[:8]}"
    root = cache_root()
    folder, partial = root / key, root / f"{key}.partial"
    if is_complete(folder, jars):
        return folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _only_one(root / f"{key}.lock"):
            if not is_complete(folder, jars):
                _fetch_into(partial, jars)
                shutil.rmtree(folder, ignore_errors=True)
                partial.rename(folder)
    except OSError as error:
        raise JarsError(f"the jars' cache {root} can't be used: {error}; XDG_CACHE_HOME moves it elsewhere") from error
    return folder


def is_complete(folder: Path, jars: tuple[Jar, ...]) -> bool:
    """Whether the folder holds these jars, by names and sizes, and no others."""
    there = {(path.parent.name, path.name): path.stat().st_size for path in folder.glob("*/*.jar")}
    return there == {(jar.server, jar.file): jar.size for jar in jars}


def check(path: Path, jar: Jar) -> None:
    """Raises JarsError unless the file is the locked one, to the bit."""
    found = _sha256(path)
    if found != jar.sha256:
        raise JarsError(
            f"{jar.file} is not the file this version was made with: sha256 {found}, locked {jar.sha256}. "
            "The repository or a proxy in between gives another file."
        )


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # goes with the process, however it ends
        yield


def _fetch_into(partial: Path, jars: tuple[Jar, ...]) -> None:
    """Jars that an earlier, broken off fetch has brought are kept: they were checked before they got their name."""
    missing = tuple(jar for jar in jars if not (partial / jar.server / jar.file).exists())
    downloads = partial / "downloads"
    shutil.rmtree(downloads, ignore_errors=True)
    for jar in jars:
        (partial / jar.server).mkdir(parents=True, exist_ok=True)
    remote_repos = _repositories()
    with progress_bar("Kafka and Elasticsearch, fetched once", sum(jar.size for jar in missing)) as advance:

        def fetch_one(jar: Jar) -> None:
            path = _download(downloads / jar.server, remote_repos, jar.coordinate, advance)
            check(path, jar)
            path.rename(partial / jar.server / jar.file)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            fetched = {pool.submit(fetch_one, jar): jar for jar in missing}
            try:
                for future in as_completed(fetched):
                    _raise_named(future.exception(), fetched[future], sum(jar.size for jar in jars))
            finally:
                pool.shutdown(cancel_futures=True)
    shutil.rmtree(downloads, ignore_errors=True)


def _raise_named(error: BaseException | None, jar: Jar, size: int) -> None:
    if isinstance(error, OSError | RuntimeError) and not isinstance(error, JarsError):
        raise JarsError(
            f"can't fetch {jar.file}: {error}\n"
            f"Kafka and Elasticsearch ({size / 1e6:.0f} MB) are fetched once, from the Maven repository that jgo is "
            "set up for. Connect this machine to it, or name a mirror in jgo's configuration file ([repositories], "
            "central = URL), and try again: what has come already is kept. "
            "HASHTIDE_KAFKA and HASHTIDE_ELASTICSEARCH use servers of your own instead."
        ) from error
    if error is not None:
        raise error


def _repositories() -> dict[str, str]:
    """jgo's own default, unless the user's configuration of jgo says otherwise."""
    try:
        configured = GlobalSettings.load().repositories
    except Exception as error:  # configparser's errors and jgo's own have no common class
        raise JarsError(f"jgo's configuration can't be read: {error}") from error
    return {**MavenContext().remote_repos, **configured}


@retry(
    retry=retry_if_exception_type((OSError, RuntimeError)),
    wait=wait_exponential(max=4),
    stop=stop_after_attempt(3),
    reraise=True,
)
def _download(folder: Path, remote_repos: dict[str, str], coordinate: str, advance: Callable[[int], None]) -> Path:
    """Raises OSError (requests' errors are such) or, from jgo where no repository has it, RuntimeError."""
    group, artifact, version = coordinate.split(":")
    came = 0

    @contextmanager
    def on_progress(_file: str, _size: int) -> Iterator[Callable[[int], None]]:
        def update(chunk: int) -> None:
            nonlocal came
            came += chunk
            advance(chunk)

        yield update

    context = MavenContext(PythonResolver(progress_callback=on_progress), folder, [], remote_repos, timeout=TIMEOUT_S)
    wanted = context.project(group, artifact).at_version(version).artifact()
    assert wanted.cached_path is not None
    wanted.cached_path.unlink(missing_ok=True)  # of an attempt that broke off
    try:
        return wanted.resolve()
    except BaseException:
        advance(-came)
        raise


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def relock(path: Path) -> None:
    """Resolves WANTED anew and writes the lock. For maintainers: run it after changing a version, look at the diff."""
    jars = []
    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(PythonResolver(), Path(scratch), [], _repositories(), timeout=TIMEOUT_S)
        for server, coordinates in WANTED.items():
            wanted, more = context.resolver.resolve([context.create_dependency(name) for name in coordinates])
            artifacts = [
                dep.artifact for dep in (*wanted, *(dep for dep in more if dep.scope in ("compile", "runtime")))
            ]
            for artifact in sorted(artifacts, key=str):
                file = artifact.resolve()
                coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
                jars.append(Jar(server, coordinate, file.name, _sha256(file), file.stat().st_size))
                print(coordinate, file=sys.stderr)
    path.write_text(format_lock(tuple(jars)))


if __name__ == "__main__":
    if sys.argv[1:] != ["--relock"]:
        sys.exit("usage: python -m deploy.local.jars --relock")
    relock(Path(__file__).with_name("jars.lock"))
