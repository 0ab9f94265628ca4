"""Resolving and downloading from Maven repositories in pure Python, with jgo.

Uses jgo's default repositories and those of the user's jgo configuration. Set a mirror there: `[repositories]`,
`central = URL`. Does not use `~/.m2`.
"""

import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from jgo.config import GlobalSettings
from jgo.maven import MavenContext, PythonResolver
from tenacity import before_sleep_log, retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from deploy.local.lock import Jar, JarsError, check, sha256
from deploy.local.progress import progress_bar

log = logging.getLogger(__name__)

PARALLEL_DOWNLOADS: Final = 8
ATTEMPTS: Final = 3
TIMEOUT_S: Final = 30


def download(jars: Sequence[Jar], folder: Path, size: int) -> None:
    """Download and check these jars into their servers' folders in `folder`, which must exist. Blocks.

    Tries each jar ATTEMPTS times. If one fails, the others stay. Raises JarsError; its message shows `size`, the bytes
    of the whole set.
    """
    scratch = folder / "downloads"
    shutil.rmtree(scratch, ignore_errors=True)
    repositories = _repositories()
    with (
        progress_bar("Kafka and Elasticsearch, downloaded once", sum(jar.size for jar in jars)) as advance,
        ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool,
    ):
        futures = {
            pool.submit(_download, jar, scratch / jar.server, folder / jar.server, repositories, advance): jar
            for jar in jars
        }
        try:
            for future in as_completed(futures):
                future.result()
        except JarsError:
            raise
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo's own, RuntimeErrors
            raise JarsError(
                f"can't download {futures[future].file}: {error}\n"
                f"Kafka and Elasticsearch ({size / 1e6:.0f} MB) are downloaded once, from jgo's Maven repository. "
                "Check the connection to it, or set a mirror in jgo's configuration file ([repositories], central = "
                "URL), and try again: finished downloads are kept."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
    shutil.rmtree(scratch, ignore_errors=True)


@retry(
    retry=retry_if_exception_type((OSError, RuntimeError)),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_exponential(multiplier=0.5),
    before_sleep=before_sleep_log(log, logging.DEBUG),
    reraise=True,
)
def _download(
    jar: Jar, scratch: Path, folder: Path, repositories: dict[str, str], advance: Callable[[int], None]
) -> None:
    received = 0

    @contextmanager
    def progress(_file: str, _size: int) -> Iterator[Callable[[int], None]]:
        def update(chunk: int) -> None:
            nonlocal received
            received += chunk
            advance(chunk)

        yield update

    context = MavenContext(PythonResolver(progress_callback=progress), scratch, [], repositories, timeout=TIMEOUT_S)
    group, artifact, version = jar.coordinate.split(":")
    wanted = context.project(group, artifact).at_version(version).artifact()
    try:
        path = wanted.resolve()
        check(path, jar)
        path.rename(folder / jar.file)
    except BaseException:
        advance(-received)
        shutil.rmtree(scratch / wanted.component.path_prefix, ignore_errors=True)  # else jgo takes it for complete
        raise


def resolve(wanted: Mapping[str, Sequence[str]]) -> Iterator[Jar]:
    """All jars that each server's coordinates need at run time, by the current state of the repositories. Blocks."""
    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(PythonResolver(), Path(scratch), [], _repositories(), timeout=TIMEOUT_S)
        for server, coordinates in wanted.items():
            inputs, more = context.resolver.resolve([context.create_dependency(name) for name in coordinates])
            needed = [*inputs, *(dependency for dependency in more if dependency.scope in ("compile", "runtime"))]
            for artifact in sorted((dependency.artifact for dependency in needed), key=str):
                coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
                print(coordinate, file=sys.stderr)
                path = artifact.resolve()
                yield Jar(server, coordinate, path.name, sha256(path), path.stat().st_size)


def _repositories() -> dict[str, str]:
    """Name -> URL, in the order in which they are tried."""
    try:
        configured = GlobalSettings.load().repositories
    except Exception as error:  # configparser's and file system errors have no common class
        raise JarsError(f"can't read jgo's configuration file: {error}") from error
    return {**MavenContext().remote_repos, **configured}
