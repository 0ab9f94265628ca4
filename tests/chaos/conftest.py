"""A trial for each scenario, and the seed of the run."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.chaos.trial import Trial, begin

SEED = os.environ.get("HASHTIDE_CHAOS_SEED") or secrets.token_hex(4)


def pytest_report_header() -> str:
    return f"the same again: HASHTIDE_CHAOS_SEED={SEED} make chaos"


@pytest.fixture
def trial(
    environment: dict[str, str], tmp_path: Path, servers: Stack, request: pytest.FixtureRequest
) -> Iterator[Trial]:
    """A trial. Prints at the end what happened in it."""
    trial = begin(environment, tmp_path, servers, f"{SEED}/{request.node.name}")
    yield trial
    print(f"\n    {trial.tell()}")
