"""A clean pipeline for each test that asks; and a broker that wants a login."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.login import Secrets
from deploy.local.stack import Stack
from tests.integration import secure
from tests.integration.pipeline import Pipeline


@pytest.fixture
def pipeline(environment: dict[str, str], tmp_path: Path) -> Pipeline:
    """The real stack, with empty topics and indices, set up."""
    pipeline = Pipeline(environment, tmp_path)
    pipeline.empty()
    return pipeline


@pytest.fixture(scope="session")
def secure_kafka(servers: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[secure.Kafka]:
    """Kafka with every login that we know: the shared one, or one more beside it where that is open."""
    if servers.secrets is not None:
        yield secure.Kafka(Secrets(servers.secrets), servers.kafka)
    else:
        with secure.kafka(tmp_path_factory.mktemp("secure")) as kafka:
            yield kafka
