"""The index templates, and how the results are laid out in Elasticsearch: `hashtide setup`, and the worker's check."""

import json
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from typing import Any, Final

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from producers.errors import HashtideError

log = logging.getLogger(__name__)

CONNECT_FOR_S = 60.0
ANSWER_S = 2.0

WHOLE: Final[dict[str, Any]] = {"allow_partial_search_results": False}
"""For every search: 503 where a shard does not answer. By default, 200 without what that shard holds."""


class ElasticsearchUnreachable(HashtideError):
    """Nobody answers as Elasticsearch. The message says where, and what to look at."""


class ElasticsearchFailed(HashtideError):
    """Elasticsearch did not do what it was asked for. The message has its reason."""


class IndicesUnready(HashtideError):
    """The index templates are not as the jobs need them. The message says what to do."""


def templates() -> dict[str, dict[str, Any]]:
    """The packaged composable index templates (Elasticsearch guide, "Index templates"), by name."""
    folder = files("deploy") / "elasticsearch"
    found = {file.name.removesuffix(".json"): file for file in folder.iterdir() if file.name.endswith(".json")}
    return {f"hashtide-{name}": json.loads(found[name].read_text(encoding="utf-8")) for name in sorted(found)}


def setup(url: str) -> list[str]:
    """Put the templates; their names. Harmless again and again. Blocks. Raises as `session` does."""
    with session(url) as client:
        for name, template in templates().items():
            client.indices.put_index_template(name=name, **template)
    return list(templates())


def check(url: str) -> None:
    """Raise IndicesUnready where a template is missing or another than ours. Blocks. Raises as `session` does."""
    with session(url) as client:
        there = client.indices.get_index_template(name="hashtide-*").body["index_templates"]
    versions = {item["name"]: item["index_template"].get("version") for item in there}
    for name, template in templates().items():
        if versions.get(name) != template["version"]:
            raise IndicesUnready(
                f"index template {name} in Elasticsearch at {url} is "
                f"{'missing' if name not in versions else 'of another version'}: run `hashtide setup` first"
            )


def answers(url: str) -> bool:
    """Whether Elasticsearch answers now. Blocks for ANSWER_S at most; retries nothing."""
    with closing(Elasticsearch(url, request_timeout=ANSWER_S, max_retries=0)) as client:
        try:
            client.cluster.health()
        except (TransportError, ApiError):
            return False
        return True


@contextmanager
def session(url: str) -> Iterator[Elasticsearch]:
    """A client whose server has answered, for commands that ask and end.

    Blocks; retries the first answer for CONNECT_FOR_S, then raises ElasticsearchUnreachable. What fails later, inside,
    is raised as ElasticsearchFailed.
    """

    def say(state: RetryCallState) -> None:
        log.warning("no answer from Elasticsearch at %s, trying again", url)

    def give_up(state: RetryCallState) -> Any:
        error = state.outcome.exception() if state.outcome else None
        raise ElasticsearchUnreachable(
            f"no answer from Elasticsearch at {url} for {CONNECT_FOR_S:.0f} s ({error}): "
            "is it running, and is HASHTIDE_ELASTICSEARCH right?"
        )

    with closing(Elasticsearch(url, request_timeout=30, max_retries=0)) as client:
        Retrying(
            retry=retry_if_exception_type((TransportError, ApiError)),
            wait=wait_exponential_jitter(multiplier=0.5, max=5),
            stop=stop_after_delay(CONNECT_FOR_S),
            before_sleep=say,
            retry_error_callback=give_up,
        )(client.cluster.health)
        try:
            yield client
        except (TransportError, ApiError) as error:
            raise ElasticsearchFailed(f"Elasticsearch at {url}: {error}") from error
