"""The servers' jars: downloaded once, checked against `jars.lock`, kept in the user's cache.

Downloads exactly the locked files. Only `python -m deploy.local.jars --relock` resolves dependencies: maintainers run
it after changing a version in WANTED.
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
    """The jar cache: `$XDG_CACHE_HOME/hashtide/jars`, below `~/.cache` if unset (XDG Base Directory)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "hashtide" / "jars"


def fetch() -> Path:
    """The folder with the jars of `jars.lock`: see `fetch_locked`. Blocks. Raises JarsError."""
    return fetch_locked((files("deploy.local") / "jars.lock").read_text(encoding="utf-8"), cache_root())


def fetch_locked(lock: str, root: Path) -> Path:
    """The folder below `root` with all jars of a lock, with one folder per server. Downloads them if needed.

    Existing jars are checked by name and size, without network access; downloaded jars also by sha256. Blocks while
    another process downloads. Safe to interrupt: the next call downloads only what is missing. Raises JarsError.
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
            raise JarsError(f"can't store jars in {root}: {error}. Set XDG_CACHE_HOME to another folder.") from error
    return folder


def is_complete(folder: Path, jars: Iterable[Jar]) -> bool:
    """Whether the folder contains exactly these jars, by name and size."""
    found = {(path.parent.name, path.name): path.stat().st_size for path in folder.glob("*/*.jar")}
    return found == {(jar.server, jar.file): jar.size for jar in jars}


def _fetch_all(folder: Path, jars: tuple[Jar, ...]) -> None:
    from deploy.local import maven  # takes 0.5 s to import and is rarely needed

    if is_complete(folder, jars):  # another process downloaded them while we waited
        return
    partial = folder.with_name(f"{folder.name}.partial")
    for jar in jars:
        (partial / jar.server).mkdir(parents=True, exist_ok=True)
    # A jar is moved there only after its check, so jars from an interrupted call are valid.
    missing = [jar for jar in jars if not (partial / jar.server / jar.file).exists()]
    maven.download(missing, partial, sum(jar.size for jar in jars))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


if __name__ == "__main__":
    if sys.argv[1:] != ["--relock"]:
        sys.exit("usage: python -m deploy.local.jars --relock")
    from deploy.local import maven

    Path(__file__).with_name("jars.lock").write_text(format_lock(maven.resolve(WANTED)), encoding="utf-8")
