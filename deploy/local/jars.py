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

from deploy.local.exclusive import exclusive
from deploy.local.lock import ELASTICSEARCH_VERSION, KAFKA_VERSION, WANTED, Jar, JarsError, format_lock, parse_lock


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
    from deploy.local import maven

    Path(__file__).with_name("jars.lock").write_text(format_lock(maven.resolve(WANTED)), encoding="utf-8")
