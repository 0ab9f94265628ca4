"""Creates every Elasticsearch client: its URL, our credentials, and the certificate to trust."""

import logging
import ssl
from base64 import b64encode
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
from elasticsearch import AsyncElasticsearch, Elasticsearch

from hashtide.kafka.security import stays_here
from hashtide.secrets import one_word, read_secret
from hashtide.settings import PipelineSettings, WrongSetting

log = logging.getLogger(__name__)

URL: Final = "HASHTIDE_ELASTICSEARCH"
API_KEY: Final = "HASHTIDE_ELASTICSEARCH_API_KEY_FILE"
USER: Final = "HASHTIDE_ELASTICSEARCH_USER"
PASSWORD: Final = "HASHTIDE_ELASTICSEARCH_PASSWORD_FILE"
CA: Final = "HASHTIDE_ELASTICSEARCH_CA_FILE"
FINGERPRINT: Final = "HASHTIDE_ELASTICSEARCH_FINGERPRINT"


class Connection(msgspec.Struct, frozen=True):
    """URL of Elasticsearch and our credentials. Its repr and str show only the URL, no secret."""

    url: str
    api_key: str = ""
    user: str = ""
    password: str = ""
    ca_file: Path | None = None
    fingerprint: str = ""
    """SHA-256 of the certificate, in hex. If set, it alone decides whether the server is trusted."""

    def __repr__(self) -> str:
        return f"Connection({self.url!r})"

    def __str__(self) -> str:
        return self.url

    def __rich_repr__(self) -> Any:
        yield self.url

    @property
    def authorization(self) -> str:
        """The HTTP header `authorization`, which Kibana accepts, too (RFC 7617, in UTF-8); empty without a login."""
        if self.api_key:
            return f"ApiKey {self.api_key}"
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}" if self.user else ""

    @property
    def login(self) -> str:
        """Names of the settings that hold the login, for an error message; empty without a login."""
        return API_KEY if self.api_key else f"{USER} and {PASSWORD}" if self.user else ""


class LoginSettings(NamedTuple):
    """Names of the three settings of a login: an API key, or a user and a password."""

    api_key: str
    user: str
    password: str

    def read(self, key_file: Path | None, user: str | None, password_file: Path | None) -> tuple[str, str, str]:
        """API key, user and password; each empty if not set. Raises WrongSetting, which shows no secret."""
        if key_file and (user or password_file):
            conflict = f"{self.api_key} conflicts with {self.user} and {self.password}"
            raise WrongSetting(f"{conflict}: set one login or the other")
        if bool(user) != bool(password_file):
            missing = self.password if user else self.user
            raise WrongSetting(f"{self.user} and {self.password} must both be set: {missing} is not set")
        if user and ":" in user:
            raise WrongSetting(f"{self.user}={user!r}: must not contain a colon (RFC 7617)")
        api_key = one_word(self.api_key, read_secret(self.api_key, key_file).strip()) if key_file else ""
        password = read_secret(self.password, password_file).rstrip("\r\n") if password_file else ""
        if password_file and not password:
            raise WrongSetting(f"{self.password}={str(password_file)!r}: is empty")
        return api_key, user or "", password


Where = Connection | str
"""A bare URL: a server without a login, such as the embedded one. From settings, use `connection`."""


def connection(settings: PipelineSettings) -> Connection:
    """The connection that the settings describe. Reads the files of secrets. Raises WrongSetting, without secrets."""
    url, ca_file = settings.elasticsearch, settings.elasticsearch_ca_file
    names = LoginSettings(API_KEY, USER, PASSWORD)
    api_key, user, password = names.read(
        settings.elasticsearch_api_key_file, settings.elasticsearch_user, settings.elasticsearch_password_file
    )
    fingerprint = (settings.elasticsearch_fingerprint or "").replace(":", "").lower()
    if ca_file and fingerprint:
        raise WrongSetting(f"{FINGERPRINT} conflicts with {CA}: set one or the other")
    if fingerprint and not url.startswith("https:"):
        raise WrongSetting(f"{FINGERPRINT} needs https, but {URL} is {url!r}")
    if ca_file:
        _check_certificates(ca_file, url)
    if (api_key or user) and not _private(url):
        log.warning("%s=%s: the login is sent unencrypted; use https", URL, url)
    return Connection(url, api_key, user, password, ca_file, fingerprint)


def arguments(where: Where) -> dict[str, Any]:
    """Keyword arguments of a client, sync or async. The client does not retry: its caller does, in one layer."""
    at = where if isinstance(where, Connection) else Connection(where)
    given: dict[str, Any] = {"hosts": at.url, "max_retries": 0}
    if at.authorization:
        given["headers"] = {"authorization": at.authorization}
    if at.ca_file:
        given["ca_certs"] = str(at.ca_file)
    if at.fingerprint:
        given["ssl_assert_fingerprint"] = at.fingerprint
    return given


def connect(where: Where, timeout_s: float) -> Elasticsearch:
    """A client. Sends no request yet."""
    return Elasticsearch(**arguments(where), request_timeout=timeout_s)


def connect_async(where: Where, timeout_s: float, **given: Any) -> AsyncElasticsearch:
    """A client for asyncio, with further arguments. Sends no request yet."""
    return AsyncElasticsearch(**arguments(where), request_timeout=timeout_s, **given)


def _check_certificates(path: Path, url: str) -> None:
    if not url.startswith("https:"):
        raise WrongSetting(f"{CA} needs https, but {URL} is {url!r}")
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise WrongSetting(f"{CA}={str(path)!r}: must hold certificates in PEM form") from None
    except OSError as error:
        raise WrongSetting(f"{CA}={str(path)!r}: can't be read: {error.strerror}") from None


def _private(url: str) -> bool:
    """Whether nobody else can listen: the connection is encrypted, or stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or stays_here(parts.hostname or "")
