"""The index templates, and how the results are laid out in Elasticsearch: `hashtide setup`, and the worker's check."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from typing import Any, Final

from elastic_transport import TlsError, TransportError
from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from producers import outages
from producers.errors import HashtideError
from stream_jobs.sinks.client import API_KEY, CA, FINGERPRINT, PASSWORD, USER, Connection, Where, connect

CONNECT_FOR_S = 60.0
REQUEST_TIMEOUT_S = 30.0
ANSWER_S = 2.0

WHOLE: Final[dict[str, Any]] = {"allow_partial_search_results": False}
"""For every search: 503 where a shard does not answer. By default, 200 without what that shard holds."""


class ElasticsearchUnreachable(HashtideError):
    """Nobody answers as Elasticsearch. The message says where, and what to look at."""


class ElasticsearchFailed(HashtideError):
    """Elasticsearch did not do what it was asked for. The message has its reason."""


class LoginRefused(HashtideError):
    """Elasticsearch does not let us in, or we do not trust it. The message names the settings, and no secret."""

    exit_status = 2


class IndicesUnready(HashtideError):
    """The index templates are not as the jobs need them. The message says what to do."""


def templates() -> dict[str, dict[str, Any]]:
    """The packaged composable index templates (Elasticsearch guide, "Index templates"), by name."""
    folder = files("deploy") / "elasticsearch"
    found = {file.name.removesuffix(".json"): file for file in folder.iterdir() if file.name.endswith(".json")}
    return {f"hashtide-{name}": json.loads(found[name].read_text(encoding="utf-8")) for name in sorted(found)}


def setup(where: Where) -> list[str]:
    """Put the templates; their names. Harmless again and again. Blocks. Raises as `session` does.

    The index of gaps is made, too: dashboards mark them on every chart, and would complain until the first one came.
    """
    with session(where) as client:
        for name, template in templates().items():
            client.indices.put_index_template(name=name, **template)
        if not client.indices.exists(index="ingest-gaps"):
            client.options(ignore_status=400).indices.create(index="ingest-gaps")  # 400: another was faster
    return list(templates())


def check(where: Where) -> None:
    """Raise IndicesUnready where a template is missing or another than ours. Blocks. Raises as `session` does."""
    with session(where) as client:
        there = client.indices.get_index_template(name="hashtide-*").body["index_templates"]
    versions = {item["name"]: item["index_template"].get("version") for item in there}
    for name, template in templates().items():
        if versions.get(name) != template["version"]:
            raise IndicesUnready(
                f"index template {name} in Elasticsearch at {where} is "
                f"{'missing' if name not in versions else 'of another version'}: run `hashtide setup` first"
            )


def answers(where: Where) -> bool:
    """Whether Elasticsearch answers now. Blocks for ANSWER_S at most; retries nothing."""
    with closing(connect(where, ANSWER_S)) as client:
        try:
            client.cluster.health()
        except (TransportError, ApiError):
            return False
        return True


@contextmanager
def session(where: Where) -> Iterator[Elasticsearch]:
    """A client whose server has answered, for commands that ask and end.

    Blocks; retries the first answer for CONNECT_FOR_S, then raises ElasticsearchUnreachable. A login or a certificate
    that is refused raises LoginRefused at once. What fails later, inside, is raised as ElasticsearchFailed.
    """

    outage, attempt = outages.of("Elasticsearch"), object()

    def say(state: RetryCallState) -> None:
        outage.failed(attempt, f"no answer from Elasticsearch at {where}")

    def give_up(state: RetryCallState) -> Any:
        outage.left(attempt)
        error = state.outcome.exception() if state.outcome else None
        raise ElasticsearchUnreachable(
            f"no answer from Elasticsearch at {where} for {CONNECT_FOR_S:.0f} s ({error}): "
            "is it running, and is HASHTIDE_ELASTICSEARCH right?"
        )

    with closing(connect(where, REQUEST_TIMEOUT_S)) as client:
        try:
            Retrying(
                retry=retry_if_exception(_may_pass),
                wait=wait_exponential_jitter(multiplier=0.5, max=5),
                stop=stop_after_delay(CONNECT_FOR_S),
                before_sleep=say,
                retry_error_callback=give_up,
            )(client.cluster.health)
            outage.worked(attempt)
        except (TlsError, AuthenticationException, AuthorizationException) as error:
            raise LoginRefused(why_refused(where, error)) from None
        try:
            yield client
        except (TransportError, ApiError) as error:
            raise ElasticsearchFailed(f"Elasticsearch at {where}: {error}") from error


def _may_pass(error: BaseException) -> bool:
    """A server that starts answers with errors of all kinds; one that refuses us will go on refusing."""
    refused = isinstance(error, TlsError | AuthenticationException | AuthorizationException)
    return isinstance(error, TransportError | ApiError) and not refused


def why_refused(where: Where, error: Exception) -> str:
    """What a TlsError, AuthenticationException or AuthorizationException means; names the settings, and no secret."""
    if isinstance(error, TlsError):
        by = FINGERPRINT if isinstance(where, Connection) and where.fingerprint else CA
        return f"the certificate of Elasticsearch at {where} is not trusted ({error}): is {by} right?"
    login = where.login if isinstance(where, Connection) else ""
    if not login:
        return f"Elasticsearch at {where} asks for a login: set {API_KEY}, or {USER} and {PASSWORD}"
    if isinstance(error, AuthorizationException):
        return f"Elasticsearch at {where} does not let the user of {login} ask for its health: it needs `monitor`"
    return f"Elasticsearch at {where} does not accept the login of {login}"
