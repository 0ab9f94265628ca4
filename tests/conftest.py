"""What tests share: one real stack a run, and topics of their own for each that asks."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Addresses, Stack, owned
from producers import outages

IN_CI = os.environ.get("CI") == "true"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Real Kafka and Elasticsearch on free ports, started once a run and removed at its end."""
    with owned(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="session")
def stack(servers: Stack) -> Addresses:
    """Where the servers answer."""
    return servers.addresses


@pytest.fixture(autouse=True)
def nothing_is_away() -> None:
    """What an earlier test's outage keeps quiet is news in this one."""
    outages.of.cache_clear()


@pytest.fixture
def environment(stack: Addresses, tmp_path: Path) -> dict[str, str]:
    """An environment in which `hashtide` commands meet the stack, with a state folder of their own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HASHTIDE_")}
    return inherited | {
        "HASHTIDE_KAFKA": stack.kafka,
        "HASHTIDE_ELASTICSEARCH": stack.elasticsearch,
        "HASHTIDE_STATE_DIR": str(tmp_path / "state"),
    }


def needs(program: str) -> str:
    """The path of an optional program. Skips the test, with the reason, where it is missing; under CI fails."""
    path = shutil.which(program)
    if path is None:
        (pytest.fail if IN_CI else pytest.skip)(f"{program} is not installed")
    assert path is not None
    return path
