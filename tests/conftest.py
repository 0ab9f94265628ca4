"""Shared fixtures: one real stack per worker of a run, and the scheduling of parallel runs."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local import server
from deploy.local.login import Secrets
from deploy.local.stack import Addresses, Stack, owned
from hashtide import outages
from tests import schedule
from tests.integration import secure
from tests.ports import CLAIMED, free_ports

IN_CI = os.environ.get("CI") == "true"
UNIT = Path(__file__).parent / "unit"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--secure",
        action="store_true",
        help="commands meet Kafka by TLS and SCRAM, and Elasticsearch by TLS and an API key",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Create one folder of claimed ports for the whole run; workers of pytest-xdist inherit its name."""
    if not hasattr(config, "workerinput"):
        os.environ[CLAIMED] = tempfile.mkdtemp(prefix="hashtide-tests-ports-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(CLAIMED), ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> schedule.LongestFirst | None:
    """The scheduler for `pytest -n N`, unless --dist selects another."""
    if config.getoption("dist") != "load":
        return None
    config.option.loadscopereorder = False
    return schedule.LongestFirst(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run long tests first in a parallel run. Refuse servers in unit tests."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: schedule.rank(item.nodeid))
    for item in items:
        if item.path.is_relative_to(UNIT) and "servers" in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f"{item.nodeid} needs servers: it belongs in tests/integration or tests/contract")


@pytest.fixture(scope="session", autouse=True)
def _ports_of_this_run() -> Iterator[None]:
    """Servers started by this process use ports that no other test of the run uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "free_ports", free_ports)
        yield


@pytest.fixture(scope="session")
def is_secure(request: pytest.FixtureRequest) -> bool:
    """Whether the shared servers require TLS and a login."""
    return bool(request.config.getoption("secure"))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, is_secure: bool) -> Iterator[Stack]:
    """Real Kafka and Elasticsearch on free ports, started once per worker of a run and removed at its end."""
    with owned(tmp_path_factory.mktemp("stack"), secure=is_secure, every_way=is_secure) as stack:
        yield stack


@pytest.fixture(scope="session")
def stack(servers: Stack) -> Addresses:
    """The servers' addresses. Elasticsearch needs no login here, even if commands need one."""
    return servers.addresses


@pytest.fixture(scope="session")
def reached(servers: Stack, stack: Addresses) -> Iterator[dict[str, str]]:
    """The settings with which commands connect to the servers."""
    if servers.secrets is None:
        yield stack.exports
    else:
        with secure.elasticsearch(stack.elasticsearch, Secrets(servers.secrets)) as elasticsearch:
            yield stack.exports | elasticsearch.login()


@pytest.fixture(autouse=True)
def nothing_is_away() -> None:
    """Reset outages, so that those of earlier tests suppress no log line of this one."""
    outages.of.cache_clear()


@pytest.fixture
def environment(reached: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment in which `hashtide` commands connect to the stack, with a separate state folder."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HASHTIDE_")}
    return inherited | reached | {"HASHTIDE_STATE_DIR": str(tmp_path / "state")}


def needs(program: str) -> str:
    """The path of an optional program. If it is missing, skips the test with the reason; under CI, fails it."""
    path = shutil.which(program)
    if path is None:
        (pytest.fail if IN_CI else pytest.skip)(f"{program} is not installed")
    assert path is not None
    return path
