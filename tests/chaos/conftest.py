"""A trial for each scenario, and the seed of the run."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.chaos.trial import Trial
from tests.integration.pipeline import Pipeline

SEED = os.environ.get("HASHTIDE_CHAOS_SEED") or secrets.token_hex(4)


def pytest_report_header() -> str:
    return f"the same again: HASHTIDE_CHAOS_SEED={SEED} make chaos"


@pytest.fixture
def trial(
    environment: dict[str, str], tmp_path: Path, servers: Stack, request: pytest.FixtureRequest
) -> Iterator[Trial]:
    """A trial on the real stack, empty, with small batches, so that a failure meets many of them."""
    pipeline = Pipeline(environment | {"HASHTIDE_FETCH_BYTES": "16384"}, tmp_path)
    pipeline.empty()
    trial = Trial(pipeline, servers, f"{SEED}/{request.node.name}")
    yield trial
    print(f"\n    {trial.tell()}")
