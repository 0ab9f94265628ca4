"""A clean pipeline for each test that asks."""

from pathlib import Path

import pytest

from tests.integration.pipeline import Pipeline


@pytest.fixture
def pipeline(environment: dict[str, str], tmp_path: Path) -> Pipeline:
    """The real stack, with empty topics and indices, set up."""
    pipeline = Pipeline(environment, tmp_path)
    pipeline.empty()
    return pipeline
