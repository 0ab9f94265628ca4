"""The files created by `make secrets`, once for all tests that read them."""

from pathlib import Path

import pytest

from tests.conftest import needs
from tests.unit.deploy.compose import make_secrets


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of secrets."""
    needs("openssl")
    return make_secrets(tmp_path_factory.mktemp("compose") / "secrets")
