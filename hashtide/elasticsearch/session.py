"""Sessions of commands with Elasticsearch: a client whose server has answered, and errors that say what to do."""

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
"""For every search: 503 where a shard does not answer. By default, 200 without what that shard holds."""


class ElasticsearchUnreachable(HashtideError):
    """Nobody answers as Elasticsearch. The message says where, and what to look at."""


class ElasticsearchFailed(HashtideError):
    """Elasticsearch did not do what it was asked for. The message has its reason."""


class LoginRefused(HashtideError):
    """Elasticsearch does not let us in, or we do not trust it. The message names the settings, and no secret."""

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
    """A client whose server has answered, for commands that ask and end.

    Blocks; retries the first answer for CONNECT_FOR_S, then raises ElasticsearchUnreachable. A login or a certificate
    that is refused raises LoginRefused at once. What fails later, inside, is raised as ElasticsearchFailed.
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
                retryable=_may_pass,
                describe=lambda _: f"no answer from Elasticsearch at {where}",
                give_up=give_up,
            )
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
