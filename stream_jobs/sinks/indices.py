"""The index templates, and how the results are laid out in Elasticsearch: `hashtide setup`, and the worker's check."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.resources import files
from typing import Any, Final

from elastic_transport import TlsError, TransportError
from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from producers import outages
from producers.errors import HashtideError
from stream_jobs.sinks import mappings
from stream_jobs.sinks.client import API_KEY, CA, FINGERPRINT, PASSWORD, USER, Connection, Where, connect

log = logging.getLogger(__name__)

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
    """Put the templates, but for those that a newer version has put; the names of those put. Harmless again and again.

    The index of gaps is made, too: dashboards mark them on every chart, and would complain until the first one came.
    Blocks. Raises IndicesUnready, and as `session` does.
    """
    put = []
    with session(where) as client:
        there = _templates_there(client)
        _refuse_newer_schema(where, there)
        for name, template in templates().items():
            if there.get(name, {}).get("version", 0) > template["version"]:
                log.info("index template %s is of a newer version of Hashtide, and stays as it is", name)
                continue
            client.indices.put_index_template(name=name, **template)
            put.append(name)
        if not client.indices.exists(index="ingest-gaps"):
            client.options(ignore_status=400).indices.create(index="ingest-gaps")  # 400: another was faster
    return put


def extend(where: Where) -> list[str]:
    """Add to the indices that are there the fields that came with newer templates; the names of those changed.

    After `setup`, so that an index which is made meanwhile has them, too. Harmless again and again. Blocks. Raises
    IndicesUnready, and as `session` does.
    """
    extended = []
    with session(where) as client:
        for index, missing in sorted(_missing(where, client).items()):
            client.indices.put_mapping(index=index, properties=missing)
            log.info("index %s has new fields: %s", index, ", ".join(mappings.names(missing)))
            extended.append(index)
    return extended


def check(where: Where) -> None:
    """Raise IndicesUnready where a template or an index would not take what this version writes.

    Newer ones do, as long as they are of the same schema. Blocks. Raises as `session` does.
    """
    with session(where) as client:
        there = _templates_there(client)
        _refuse_newer_schema(where, there)
        for name, template in templates().items():
            if there.get(name, {}).get("version", 0) < template["version"]:
                raise IndicesUnready(
                    f"index template {name} in Elasticsearch at {where} is "
                    f"{'missing' if name not in there else 'of an older version'}: run `hashtide setup` first"
                )
        for index, missing in sorted(_missing(where, client).items()):
            raise IndicesUnready(
                f"index {index} in Elasticsearch at {where} was made by an older version of Hashtide, and would refuse "
                f"documents with {', '.join(mappings.names(missing))}: run `hashtide setup` first"
            )


def _templates_there(client: Elasticsearch) -> dict[str, dict[str, Any]]:
    answer = client.options(ignore_status=404).indices.get_index_template(name="hashtide-*").body  # 404: there is none
    return {item["name"]: item["index_template"] for item in answer.get("index_templates", [])}


def _refuse_newer_schema(where: Where, there: Mapping[str, Mapping[str, Any]]) -> None:
    for name, template in templates().items():
        ours = mappings.schema(template["template"]["mappings"])
        theirs = mappings.schema(there.get(name, {}).get("template", {}).get("mappings", {}))
        if theirs > ours:
            raise IndicesUnready(
                f"index template {name} in Elasticsearch at {where} is of schema {theirs}, and this version of "
                f"Hashtide knows schema {ours}: upgrade it (docs/upgrades.md)"
            )


def _missing(where: Where, client: Elasticsearch) -> dict[str, dict[str, Any]]:
    """For each index that lacks fields of ours, those. Raises IndicesUnready where adding fields would not do."""
    ours = templates()
    patterns = sorted({pattern for template in ours.values() for pattern in template["index_patterns"]})
    found = client.indices.get_mapping(index=patterns, ignore_unavailable=True).body
    lacking: dict[str, dict[str, Any]] = {}
    for index, held in found.items():
        template = mappings.template_of(index, ours)
        if template is None:
            continue
        wanted, there = template["template"]["mappings"], held["mappings"]
        if mappings.schema(there) > mappings.schema(wanted):
            raise IndicesUnready(
                f"index {index} in Elasticsearch at {where} is of schema {mappings.schema(there)}, and this version of "
                f"Hashtide knows schema {mappings.schema(wanted)}: upgrade it (docs/upgrades.md)"
            )
        if clashing := mappings.clashing(wanted["properties"], there.get("properties", {})):
            raise IndicesUnready(
                f"index {index} in Elasticsearch at {where} has {', '.join(clashing)} with another type than Hashtide "
                "writes: it was made without its template. Reindex it under that, or delete it (docs/upgrades.md)"
            )
        if missing := mappings.missing(wanted["properties"], there.get("properties", {})):
            lacking[index] = missing
    return lacking


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

    def give_up(state: RetryCallState) -> Any:
        error = state.outcome.exception() if state.outcome else None
        raise ElasticsearchUnreachable(
            f"no answer from Elasticsearch at {where} for {CONNECT_FOR_S:.0f} s ({error}): "
            "is it running, and is HASHTIDE_ELASTICSEARCH right?"
        )

    with closing(connect(where, REQUEST_TIMEOUT_S)) as client:
        try:
            with outages.of("Elasticsearch").waited_out() as failed:
                Retrying(
                    retry=retry_if_exception(_may_pass),
                    wait=wait_exponential_jitter(multiplier=0.5, max=5),
                    stop=stop_after_delay(CONNECT_FOR_S),
                    before_sleep=lambda _: failed(f"no answer from Elasticsearch at {where}"),
                    retry_error_callback=give_up,
                )(client.cluster.health)
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
