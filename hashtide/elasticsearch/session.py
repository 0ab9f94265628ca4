"""Elasticsearch sessions for commands: a client whose server has answered, and errors that say what to do."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from elastic_transport import TlsError, TransportError
from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch

from hashtide import outages
from hashtide.elasticsearch.client import API_KEY, CA, FINGERPRINT, PASSWORD, USER, Connection, Where, connect
from hashtide.errors import HashtideError
from hashtide.retry import connected

CONNECT_FOR_S = 60.0
REQUEST_TIMEOUT_S = 30.0
ANSWER_S = 2.0

WHOLE: Final[dict[str, Any]] = {"allow_partial_search_results": False}
"""For every search: 503 if a shard does not answer. The default is 200 without that shard's hits."""


class ElasticsearchUnreachable(HashtideError):
    """Elasticsearch is unreachable. The message says where, and what to check."""


class ElasticsearchFailed(HashtideError):
    """Elasticsearch failed a request. The message gives its reason."""


class LoginRefused(HashtideError):
    """Elasticsearch refuses our login, or we do not trust it. The message names the settings, no secret."""

    exit_status = 2


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
    """A client whose server has answered, for short-lived commands.

    Blocks; retries the first request for CONNECT_FOR_S, then raises ElasticsearchUnreachable. Raises LoginRefused at
    once if the login or the certificate is refused. Errors inside the block are raised as ElasticsearchFailed.
    """

    def give_up(error: BaseException) -> ElasticsearchUnreachable:
        return ElasticsearchUnreachable(
            f"no answer from Elasticsearch at {where} for {CONNECT_FOR_S:.0f} s ({error}): "
            "is it running, and is HASHTIDE_ELASTICSEARCH right?"
        )

    with closing(connect(where, REQUEST_TIMEOUT_S)) as client:
        try:
            connected(
                client.cluster.health,
                outages.of("Elasticsearch"),
                patience_s=CONNECT_FOR_S,
                retryable=_is_transient,
                describe=lambda _: f"no answer from Elasticsearch at {where}",
                give_up=give_up,
            )
        except (TlsError, AuthenticationException, AuthorizationException) as error:
            raise LoginRefused(why_refused(where, error)) from None
        try:
            yield client
        except (TransportError, ApiError) as error:
            raise ElasticsearchFailed(f"Elasticsearch at {where}: {error}") from error


def _is_transient(error: BaseException) -> bool:
    """A starting server answers with errors of all kinds; a server that refuses us will keep refusing."""
    refused = isinstance(error, TlsError | AuthenticationException | AuthorizationException)
    return isinstance(error, TransportError | ApiError) and not refused


def why_refused(where: Where, error: Exception) -> str:
    """What a TlsError, AuthenticationException or AuthorizationException means; names the settings, no secret."""
    if isinstance(error, TlsError):
        setting = FINGERPRINT if isinstance(where, Connection) and where.fingerprint else CA
        return f"the certificate of Elasticsearch at {where} is not trusted ({error}): is {setting} right?"
    login = where.login if isinstance(where, Connection) else ""
    if not login:
        return f"Elasticsearch at {where} requires a login: set {API_KEY}, or {USER} and {PASSWORD}"
    if isinstance(error, AuthorizationException):
        return f"Elasticsearch at {where} does not let the user of {login} read its health: grant it `monitor`"
    return f"Elasticsearch at {where} does not accept the login of {login}"
