"""A test login at Kafka, to find out why it is refused: the clients hide the reason, and retry.

Uses aiokafka's connection: kafka-python 3.0.12 loses the broker's answer if the broker then closes the connection.
"""

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from hashtide.errors import HashtideError
from hashtide.kafka.security import CA, CERTIFICATE, KEY, MECHANISM, PROTOCOL, Security

LOGIN_MS: Final = 5_000
ATTEMPTS: Final = 2
"""Two: a broker that shuts down right after the login closes one connection, and accepts no second."""


class KafkaRefused(HashtideError):
    """Kafka refuses our login, or we do not trust it. The message names the settings, no secret."""

    exit_status = 2


class _Bearer(OAuthAuthenticator):  # type: ignore[misc]  # aiokafka has no types
    """Recognises a refusal. aiokafka 0.14.0 takes the broker's reason for success (RFC 7628, section 3.2.3); then every
    request fails, which would end a worker."""

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        """Raises SaslAuthenticationFailed, without the broker's reason: the broker chooses its text."""
        if payload:
            raise SaslAuthenticationFailed
        step: tuple[bytes, bool] | None = await super().step(payload)
        return step


def _bearer(connection: Any) -> _Bearer:
    return _Bearer(sasl_oauth_token_provider=connection._sasl_oauth_token_provider)


AIOKafkaConnection.authenticator_oauth = _bearer


def log_in(brokers: str, safe: Security) -> None:
    """Log in at each broker in turn until one accepts the login, then disconnect.

    Blocks, for at most LOGIN_MS per broker. Raises KafkaRefused; ConnectionError if no broker answers.
    """
    with ThreadPoolExecutor(1) as executor:  # the caller's thread may already run a loop
        executor.submit(asyncio.run, _log_in(brokers, safe)).result()


async def _log_in(brokers: str, safe: Security) -> None:
    problem: BaseException | None = None
    for broker in brokers.split(","):
        try:
            for _ in range(ATTEMPTS):
                if await _answers_after_login(broker, safe):
                    return
        except (KafkaError, OSError, ValueError) as error:  # ValueError: an invalid SCRAM answer
            if why := _why_refused(broker, safe, error):
                raise KafkaRefused(why) from None
            problem = error
        else:
            raise KafkaRefused(_why_closed(broker))
    raise ConnectionError(f"no answer from Kafka at {brokers}: {problem!r}") from None


async def _answers_after_login(broker: str, safe: Security) -> bool:
    """Whether a broker answers a request once the client believes that it is connected and logged in."""
    host, _, port = broker.rpartition(":")
    connection = await create_conn(host, int(port), request_timeout_ms=LOGIN_MS, **safe.aiokafka())
    try:
        answer = await connection.send(MetadataRequest([]))
    except (KafkaError, OSError):
        return False
    finally:
        connection.close()
    return bool(answer.brokers)  # if empty, it answered another request: it still expects the login


def _why_closed(where: str) -> str:
    return f"Kafka at {where} closes the connection, as if it requires a login: is {PROTOCOL} right?"


def _why_refused(where: str, safe: Security, error: BaseException) -> str:
    """The reason of a refusal; empty for a transient error."""
    seen: BaseException | None = error
    while seen and not isinstance(seen, ssl.SSLError):
        seen = seen.__cause__ or seen.__context__
    if isinstance(seen, ssl.SSLCertVerificationError):
        return f"the certificate of Kafka at {where} is not trusted ({seen.verify_message}): is {CA} right?"
    reason = (seen.reason or "") if isinstance(seen, ssl.SSLError) else ""
    if "ALERT" in reason:
        return f"Kafka at {where} does not accept our certificate ({reason}): are {CERTIFICATE} and {KEY} right?"
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return f"Kafka at {where} does not speak TLS: is {PROTOCOL} right?"
    if isinstance(error, UnsupportedSaslMechanismError | IllegalSaslStateError):
        return f"Kafka at {where} does not support a login by {safe.mechanism}: are {MECHANISM} and {PROTOCOL} right?"
    if isinstance(error, SaslAuthenticationFailed):
        return f"Kafka at {where} does not accept the login of {safe.login}"
    if isinstance(error, ValueError) and safe.mechanism.startswith("SCRAM"):
        return f"Kafka at {where} could not prove that it knows the password of {safe.login}"
    return ""
