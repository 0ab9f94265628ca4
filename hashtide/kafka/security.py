"""How to connect to Kafka: encryption, login and certificates. One value for all Kafka clients."""

import functools
import logging
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
from kafka.net.sasl.oauth import AbstractTokenProvider

from hashtide.secrets import read_secret
from hashtide.settings import Common, WrongSetting

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

from hashtide.kafka.token import TOKEN, token

log = logging.getLogger(__name__)

PROTOCOL: Final = "HASHTIDE_KAFKA_SECURITY_PROTOCOL"
CA: Final = "HASHTIDE_KAFKA_CA_FILE"
CERTIFICATE: Final = "HASHTIDE_KAFKA_CERTIFICATE_FILE"
KEY: Final = "HASHTIDE_KAFKA_CERTIFICATE_KEY_FILE"
MECHANISM: Final = "HASHTIDE_KAFKA_SASL_MECHANISM"
USER: Final = "HASHTIDE_KAFKA_USER"
PASSWORD: Final = "HASHTIDE_KAFKA_PASSWORD_FILE"


class Security(msgspec.Struct, frozen=True, kw_only=True):
    """Protocol and credentials of Kafka. Its repr shows only protocol and mechanism, no secret."""

    protocol: str = "PLAINTEXT"
    """`security.protocol` in Kafka's documentation."""
    tls: ssl.SSLContext | None = None
    mechanism: str = ""
    """Empty without SASL."""
    user: str = ""
    password: str = ""
    token_file: Path | None = None

    def __repr__(self) -> str:
        return f"Security({self.protocol}{f', {self.mechanism}' if self.mechanism else ''})"

    def __rich_repr__(self) -> Any:
        yield self.protocol
        yield self.mechanism

    @property
    def refuses(self) -> bool:
        """Whether a broker could refuse us, or we could refuse a broker."""
        return self.protocol != "PLAINTEXT"

    @property
    def login(self) -> str:
        """Names of the settings that hold the login, for an error message."""
        return TOKEN if self.token_file else f"{USER} and {PASSWORD}"

    def kafka_python(self) -> dict[str, Any]:
        """Keyword arguments of a kafka-python client; none for an open, unencrypted broker."""
        return self._arguments(_Token)

    def aiokafka(self) -> dict[str, Any]:
        """Keyword arguments of an aiokafka client."""
        from hashtide.kafka.async_token import AsyncToken  # imports aiokafka, which most commands do not need

        return self._arguments(AsyncToken)

    def faust(self) -> "CredentialsT | None":
        """`broker_credentials` of a Faust app."""
        from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

        if self.token_file:
            provider = self.aiokafka()["sasl_oauth_token_provider"]
            return OAuthCredentials(oauth_cb=provider, ssl_context=self.tls)
        if self.mechanism:
            return SASLCredentials(
                username=self.user, password=self.password, ssl_context=self.tls, mechanism=self.mechanism
            )
        return SSLCredentials(self.tls) if self.tls else None

    def _arguments(self, provider: Any) -> dict[str, Any]:
        if not self.refuses:
            return {}
        given: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.tls}
        if self.mechanism:
            given["sasl_mechanism"] = self.mechanism
        if self.token_file:
            given["sasl_oauth_token_provider"] = provider(self.token_file)
        elif self.mechanism:
            given |= {"sasl_plain_username": self.user, "sasl_plain_password": self.password}
        return given


class _Token(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python has no types
    """Reads the token from its file at every login: a renewed token replaces the file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def token(self) -> str:
        return token(self._path)


def security(settings: Common) -> Security:
    """The connection that the settings describe. Reads the files. Raises WrongSetting, which shows no secret."""
    protocol = settings.kafka_security_protocol
    tls = _tls(settings) if protocol in ("SSL", "SASL_SSL") else None
    if tls is None:
        _refuse_unused(settings, "SSL or SASL_SSL", (CA, CERTIFICATE, KEY))
    if protocol in ("PLAINTEXT", "SSL"):
        _refuse_unused(settings, "SASL_SSL or SASL_PLAINTEXT", (USER, PASSWORD, TOKEN))
        return Security(protocol=protocol, tls=tls)
    if protocol == "SASL_PLAINTEXT":
        _warn_unencrypted(settings.kafka)
    mechanism = settings.kafka_sasl_mechanism
    if mechanism == "OAUTHBEARER":
        return Security(protocol=protocol, tls=tls, mechanism=mechanism, token_file=_token_file(settings))
    user, password = _login(settings)
    return Security(protocol=protocol, tls=tls, mechanism=mechanism, user=user, password=password)


def stays_here(host: str) -> bool:
    """Whether traffic to this host stays on this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _value(settings: Common, name: str) -> Any:
    return getattr(settings, name.removeprefix("HASHTIDE_").lower())


def _refuse_unused(settings: Common, protocols: str, names: tuple[str, ...]) -> None:
    for name in names:
        if _value(settings, name):
            raise WrongSetting(f"{name} needs {protocols}, but {PROTOCOL} is {settings.kafka_security_protocol}")


def _token_file(settings: Common) -> Path:
    for name in (USER, PASSWORD):
        if _value(settings, name):
            raise WrongSetting(f"{name} conflicts with {MECHANISM}=OAUTHBEARER, which needs {TOKEN}")
    path = settings.kafka_token_file
    if path is None:
        raise WrongSetting(f"{TOKEN} is not set: {MECHANISM}=OAUTHBEARER needs it")
    token(path)
    return path


def _login(settings: Common) -> tuple[str, str]:
    mechanism = settings.kafka_sasl_mechanism
    if settings.kafka_token_file:
        raise WrongSetting(f"{TOKEN} needs OAUTHBEARER, but {MECHANISM} is {mechanism}")
    for name in (USER, PASSWORD):
        if not _value(settings, name):
            raise WrongSetting(f"{name} is not set: {MECHANISM}={mechanism} needs {USER} and {PASSWORD}")
    user, path = settings.kafka_user, settings.kafka_password_file
    assert user and path
    password = read_secret(PASSWORD, path).rstrip("\r\n")
    if not password:
        raise WrongSetting(f"{PASSWORD}={str(path)!r}: is empty")
    # PLAIN separates its fields by NUL (RFC 4616), and neither client escapes names for SCRAM as RFC 5802 requires.
    if any(char in user for char in ",=\0") or "\0" in password:
        raise WrongSetting(f"{USER} must not contain a comma, = or NUL, and the password in {PASSWORD} no NUL")
    return user, password


def _tls(settings: Common) -> ssl.SSLContext:
    ca, certificate, key = settings.kafka_ca_file, settings.kafka_certificate_file, settings.kafka_certificate_key_file
    if bool(certificate) != bool(key):
        missing = KEY if certificate else CERTIFICATE
        raise WrongSetting(f"{CERTIFICATE} and {KEY} must both be set: {missing} is not set")
    for name, path in ((CA, ca), (CERTIFICATE, certificate), (KEY, key)):
        if path:
            read_secret(name, path)
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise WrongSetting(f"{CA}={str(ca)!r}: must hold certificates in PEM form") from None
    if certificate and key:
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except ssl.SSLError as error:
            why = "they do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else "must be in PEM form"
            raise WrongSetting(f"{CERTIFICATE}={str(certificate)!r} and {KEY}={str(key)!r}: {why}") from None
    return context


def _no_password() -> NoReturn:
    """OpenSSL calls this instead of prompting for a password at the terminal."""
    raise WrongSetting(f"{KEY}: must not be encrypted")


@functools.cache  # once per process
def _warn_unencrypted(brokers: str) -> None:
    if not all(stays_here(broker.rpartition(":")[0]) for broker in brokers.split(",")):
        log.warning("%s=SASL_PLAINTEXT: the login is sent to %s unencrypted; use SASL_SSL", PROTOCOL, brokers)
