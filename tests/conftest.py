"""What tests share: one real stack a run, and topics of their own for each that asks."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.login import Secrets
from deploy.local.stack import Addresses, Stack, owned
from hashtide import outages
from tests.integration import secure

IN_CI = os.environ.get("CI") == "true"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--secure",
        action="store_true",
        help="commands meet Kafka by TLS and SCRAM, and Elasticsearch by TLS and an API key",
    )


@pytest.fixture(scope="session")
def is_secure(request: pytest.FixtureRequest) -> bool:
    """Whether the shared servers want TLS and a login."""
    return bool(request.config.getoption("secure"))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, is_secure: bool) -> Iterator[Stack]:
    """Real Kafka and Elasticsearch on free ports, started once a run and removed at its end."""
    with owned(tmp_path_factory.mktemp("stack"), secure=is_secure, every_way=is_secure) as stack:
        yield stack


@pytest.fixture(scope="session")
def stack(servers: Stack) -> Addresses:
    """Where the servers answer. Elasticsearch does so without a login, whatever commands meet."""
    return servers.addresses


@pytest.fixture(scope="session")
def reached(servers: Stack, stack: Addresses) -> Iterator[dict[str, str]]:
    """The settings by which commands meet the servers."""
    if servers.secrets is None:
        yield stack.exports
    else:
        with secure.elasticsearch(stack.elasticsearch, Secrets(servers.secrets)) as elasticsearch:
            yield stack.exports | elasticsearch.login()


@pytest.fixture(autouse=True)
def nothing_is_away() -> None:
    """What an earlier test's outage keeps quiet is news in this one."""
    outages.of.cache_clear()


@pytest.fixture
def environment(reached: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment in which `hashtide` commands meet the stack, with a state folder of their own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HASHTIDE_")}
    return inherited | reached | {"HASHTIDE_STATE_DIR": str(tmp_path / "state")}


def needs(program: str) -> str:
    """The path of an optional program. Skips the test, with the reason, where it is missing; under CI fails."""
    path = shutil.which(program)
    if path is None:
        (pytest.fail if IN_CI else pytest.skip)(f"{program} is not installed")
    assert path is not None
    return path
