"""A real Elasticsearch with the shipped templates; each test has its own indices in it."""

import uuid
from collections.abc import Iterator

import pytest

from deploy.local.stack import Addresses
from hashtide.elasticsearch import session, templates


@pytest.fixture(scope="session")
def url(stack: Addresses) -> str:
    """Elasticsearch after `hashtide setup`."""
    templates.setup(stack.elasticsearch)
    return stack.elasticsearch


@pytest.fixture
def day() -> str:
    """The suffix of a test's index names, unique to the test."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def clean(url: str, day: str) -> Iterator[None]:
    """Remove the test's indices at its end."""
    yield
    with session.session(url) as client:
        if names := list(client.indices.get(index=f"*-{day}*").body):
            client.indices.delete(index=names)
